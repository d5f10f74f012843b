"""Agents for the tests of runs: slow ones, ones with tools, ones that ask; and what is seen of runs."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from graphs import Plain, compiled
from langchain_core.language_models import BaseChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import interrupt

import threads
from agent import build_agent
from threads.chat_models.offline import OfflineChatModel


def texts(registry: threads.Registry, id: str) -> list[str]:
    return [message.text for message in registry.messages(id)]


def types(events: Any) -> list[str]:
    return [event.type for event in events]


def told(events: Any, type: str, key: str) -> list[Any]:
    return [event.data[key] for event in events if event.type == type]


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What `condition` returns once it is true."""
    waiting, step = threading.Event(), 0.01
    for _ in range(round(seconds / step)):
        if found := condition():
            return found
        waiting.wait(step)
    raise AssertionError(f"not true within {seconds} s: {inspect.getsource(condition).strip()}")


class Gate:
    """Where a node waits until the test opens it; it tells when the node is there."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def wait(self) -> None:
        self.reached.set()
        assert self.opened.wait(60)

    async def await_(self) -> None:
        self.reached.set()
        while not self.opened.is_set():
            await asyncio.sleep(0.005)


def slow_agent(words: int = 1000, delay: float = 0.02) -> Any:
    """A bundled agent that says `w0 w1 ...` slowly, by an async model: by default for long, to be stopped."""
    return build_agent(Talking(words=words, delay=delay))


class Talking(BaseChatModel):
    """Says many words, slowly."""

    words: int = 1000
    delay: float = 0.02
    word: str = ""
    """What it says, if not each time another."""

    @property
    def _llm_type(self) -> str:
        return "talking"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        text = "".join(f"w{number} " for number in range(self.words))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    def _stream(self, messages: Any, *_: Any, run_manager: Any = None, **__: Any) -> Iterator[Any]:
        for number in range(self.words):
            threading.Event().wait(self.delay)
            chunk = ChatGenerationChunk(message=AIMessageChunk(f"w{number} "))
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(self, messages: Any, *_: Any, run_manager: Any = None, **__: Any) -> Any:
        for number in range(self.words):
            await asyncio.sleep(self.delay)
            chunk = ChatGenerationChunk(message=AIMessageChunk(self.word or f"w{number} "))
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk


def sync_talking_graph(words: int = 200, delay: float = 0.02) -> Any:
    """A plain `def` node that calls its model without asyncio."""
    model = Talking(words=words, delay=delay)
    return compiled(Plain, lambda state: {"messages": [model.invoke(state["messages"])]}, None)


def waiting_graph(gate: Gate, *, is_async: bool = False, state: Any = Plain) -> Any:
    """Waits at the gate, then answers."""

    def node(state: Any) -> Any:
        gate.wait()
        return {"messages": [AIMessage("at last")]}

    async def anode(state: Any) -> Any:
        await gate.await_()
        return {"messages": [AIMessage("at last")]}

    return compiled(state, anode if is_async else node, None)


def calls(name: str, *args: dict[str, Any]) -> AIMessage:
    """A message that calls a tool, once for each of `args`."""
    return AIMessage(
        "", tool_calls=[{"name": name, "args": each, "id": f"call-{n}"} for n, each in enumerate(args)]
    )


class Caller(GenericFakeChatModel):
    """Calls tool `tool` once, then says `done`."""

    tool: str
    messages: Any = None

    def bind_tools(self, tools: Any, **_: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        answered = isinstance(messages[-1], ToolMessage)
        message = AIMessage("done") if answered else calls(self.tool, {"n": 1})
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(self, messages: list[BaseMessage], *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        message = self._generate(messages).generations[0].message
        yield ChatGenerationChunk(message=AIMessageChunk(**message.model_dump(exclude={"type"})))


def tool_agent(*tools: Any) -> Any:
    """Calls the first tool with `n=1`, then says `done`."""
    return build_agent(Caller(tool=tools[0].name), tools=tools)


def plain_tool_graph(*tools: Any) -> Any:
    """The same, as LangGraph's tutorial builds it."""
    model = Caller(tool=tools[0].name)
    builder = StateGraph(Plain)
    builder.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
    builder.add_node("tools", ToolNode(tools))
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", tools_condition)
    builder.add_edge("tools", "model")
    return builder.compile()


def noting(path: Path, word: str) -> None:
    """An effect that outlives the process."""
    with path.open("a") as file:
        file.write(f"{word}\n")


def effects(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def approving_graph(path: Path, questions: int = 1) -> Any:
    """Asks `questions` times in one node, and has an effect then."""

    def node(state: Any) -> Any:
        answers = [interrupt(f"question {number}") for number in range(questions)]
        noting(path, "+".join(answers))
        return {"messages": [AIMessage(f"you said {' and '.join(answers)}")]}

    return compiled(Plain, node, None)


def asking_at_once_graph() -> Any:
    """Two nodes that ask at the same time."""
    builder = StateGraph(Plain)
    for name in ("left", "right"):
        builder.add_node(
            name, lambda state, name=name: {"messages": [AIMessage(f"{name}: {interrupt(name)}")]}
        )
        builder.add_edge(START, name)
        builder.add_edge(name, END)
    return builder.compile()


def failing_once_graph(failures: list[Exception], asked: list[int]) -> Any:
    """Raises what is in `failures`, one at a call, then answers."""

    def node(state: Any, config: RunnableConfig) -> Any:
        asked.append(len(state["messages"]))
        if failures:
            raise failures.pop(0)
        return {"messages": [AIMessage("well again")]}

    return compiled(Plain, node, None)


def counting_agent(path: Path, delay: float = 0.0) -> Any:
    """The bundled agent, noting each call of its model in a file."""

    class Counting(OfflineChatModel):
        def _reply(self, *args: Any) -> AIMessage:
            noting(path, "call")
            return super()._reply(*args)

    return build_agent(Counting(delay=delay))
