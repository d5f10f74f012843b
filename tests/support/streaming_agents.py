"""Agents as people build them, whose offline models stream: words, reasoning and tool calls, in parts.

Each function builds one, without a checkpointer, so `--agents streaming_agents:NAME` takes it, too.
"""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from deepagents import create_deep_agent
from langchain.agents import create_agent
from langchain.agents.middleware import SummarizationMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.warnings import LangGraphDeprecatedSinceV10
from langgraph_supervisor import create_supervisor
from langgraph_swarm import create_handoff_tool, create_swarm

Answer = str | tuple[str, str, dict[str, Any]]
"""Words, or words before the call of a tool with arguments."""


class StreamingModel(BaseChatModel):
    """Streams what `answer` returns for the messages, word by word."""

    answer: Callable[[Sequence[BaseMessage]], Answer]
    streams: bool = True
    before_word: Callable[[], object] = lambda: time.sleep(float(os.environ.get("WORD_SECONDS", 0)))

    @property
    def _llm_type(self) -> str:
        return "streaming"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._message(messages))])

    def _stream(self, messages: list[BaseMessage], *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        message = self._message(messages)
        for word in re.findall(r"\S+\s*", str(message.content)):
            self.before_word()
            yield ChatGenerationChunk(message=AIMessageChunk(word))
        if message.tool_calls:
            yield ChatGenerationChunk(message=AIMessageChunk("", tool_calls=message.tool_calls))
        yield ChatGenerationChunk(message=AIMessageChunk("", chunk_position="last"))

    def _should_stream(self, **options: Any) -> bool:
        return self.streams and super()._should_stream(**options)

    def _message(self, messages: Sequence[BaseMessage]) -> AIMessage:
        answer = self.answer(messages)
        if isinstance(answer, str):
            return AIMessage(answer)
        text, name, args = answer
        return AIMessage(
            text, tool_calls=[{"name": name, "args": args, "id": f"call-{name}-{len(messages)}"}]
        )


def saying(*answers: Answer) -> Callable[[Sequence[BaseMessage]], Answer]:
    """Answers by how many tool messages follow the last user message."""

    def answer(messages: Sequence[BaseMessage]) -> Answer:
        tools = 0
        for message in reversed(messages):
            if isinstance(message, HumanMessage):
                break
            tools += isinstance(message, ToolMessage)
        return answers[min(tools, len(answers) - 1)]

    return answer


def model(*answers: Answer, streams: bool = True) -> StreamingModel:
    """A model that says these answers, the first to a user, each following one after another tool's answer."""
    return StreamingModel(answer=saying(*answers), streams=streams)


@tool
def weather(city: str) -> str:
    """Tell the weather in a city."""
    get_stream_writer()(f"looking at {city}")
    return f"sunny in {city}"


INNER = model("an inner thought of the tool")


@tool
def ponder(subject: str) -> str:
    """Ask another model."""
    return str(INNER.invoke(subject).text)


def with_tools() -> Any:
    """LangChain's agent with a tool that writes a custom event."""
    return create_agent(model(("Let me look.", "weather", {"city": "Oslo"}), "It is sunny there."), [weather])


def with_model_in_tool() -> Any:
    """LangChain's agent with a tool that calls a model."""
    return create_agent(model(("", "ponder", {"subject": "life"}), "That is the answer."), [ponder])


def deep_agent(*, streams: bool = True) -> Any:
    """A deep agent with a subagent that has a tool itself."""
    researcher = {
        "name": "researcher", "description": "Finds things out.", "system_prompt": "Research.",
        "model": model(("Searching inside.", "weather", {"city": "Rome"}), "The inner finding.", streams=streams),
        "tools": [weather],
    }  # fmt: skip
    task = {"description": "find it", "subagent_type": "researcher"}
    return create_deep_agent(
        model(("I delegate.", "task", task), "The final answer.", streams=streams), [], subagents=[researcher]
    )


def supervisor() -> Any:
    """A supervisor that hands over to an agent with a tool; of that the last message gets to the conversation."""

    def advise(messages: Sequence[BaseMessage]) -> Answer:
        has_looked = any("sunny in" in str(each.text) for each in messages)
        return "Sunny says the expert." if has_looked else ("Inside I look.", "weather", {"city": "Rome"})

    def lead(messages: Sequence[BaseMessage]) -> Answer:
        has_heard = any("the expert" in str(each.text) for each in messages)
        return "All is settled." if has_heard else ("I ask.", "transfer_to_expert", {})

    expert = create_agent(StreamingModel(answer=advise), [weather], name="expert")
    with warnings.catch_warnings():  # it calls create_react_agent, which moved to langchain
        warnings.simplefilter("ignore", LangGraphDeprecatedSinceV10)
        builder = create_supervisor([expert], model=StreamingModel(answer=lead))
    return builder.compile()


def swarm() -> Any:
    """Two agents; the first hands over to the second."""
    alice = create_agent(
        model(("Bob knows that.", "transfer_to_bob", {})),
        [create_handoff_tool(agent_name="bob")],
        name="alice",
    )
    bob = create_agent(
        StreamingModel(
            answer=lambda messages: (
                "It is sunny says Bob."
                if any("sunny in" in str(each.text) for each in messages)
                else ("", "weather", {"city": "Oslo"})
            )
        ),
        [weather],
        name="bob",
    )
    return create_swarm([alice, bob], default_active_agent="alice").compile()


def summarizing() -> Any:
    """LangChain's agent whose middleware summarises, with a model that streams."""
    middleware = SummarizationMiddleware(model("A summary."), trigger=("messages", 3), keep=("messages", 1))
    return create_agent(model("An answer."), [], middleware=[middleware])


def copying() -> Any:
    """A graph whose node makes a message of its own of what the model answered."""

    async def respond(state: MessagesState) -> dict[str, Any]:
        answer = await model("Words of a model.").ainvoke(state["messages"])
        return {"messages": [{"role": "assistant", "content": str(answer.text)}]}

    builder = StateGraph(MessagesState).add_node("respond", respond)
    return builder.add_edge(START, "respond").add_edge("respond", END).compile()


def routed() -> Any:
    """A graph whose first node asks a model for a route, for itself; the second one answers."""
    builder = StateGraph(MessagesState)

    async def route(state: MessagesState) -> dict[str, Any]:
        return {"messages": []} if (await model("the route").ainvoke(state["messages"])).text else {}

    async def respond(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model("Here you are.").ainvoke(state["messages"])]}

    builder.add_node("route", route)
    builder.add_node("respond", respond)
    builder.add_edge(START, "route")
    builder.add_edge("route", "respond")
    builder.add_edge("respond", END)
    return builder.compile()
