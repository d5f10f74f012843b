"""Agents that leak in places or situations that reviews overlook. The module-level state is meant."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.store.base import BaseStore
from pydantic import PrivateAttr

from isolation_gallery.fake_model import (
    ChatState,
    FakeModel,
    agent_with_memory,
    ask_agent,
    compile_graph,
    last_text,
)

AGENT, HELPER = agent_with_memory(), agent_with_memory()
HISTORY: ContextVar[list[str]] = ContextVar("HISTORY", default=[])  # noqa: B039  that is the mistake
MESSAGES: list[str] = []
MESSAGES_BY_THREAD: dict[str, list[str]] = {}


def _compile_remembering(remember: Callable[[str], str], checkpointer: Any) -> Any:
    return compile_graph(lambda state: {"messages": [AIMessage(remember(last_text(state)))]}, checkpointer)


def default_argument(checkpointer: Any = None) -> Any:
    """A default argument is evaluated once."""

    def remember(text: str, *, history: list[str] = []) -> str:  # noqa: B006  that is the mistake
        history.append(text)
        return "\n".join(history[-20:])

    return _compile_remembering(remember, checkpointer)


class Notebook:
    """Its list belongs to the class, not to the instance."""

    notes: list[str] = []  # noqa: RUF012  that is the mistake

    def write(self, text: str) -> str:
        """Add a note and return the latest notes."""
        self.notes.append(text)
        return "\n".join(self.notes[-20:])


def class_attribute(checkpointer: Any = None) -> Any:
    """A new notebook in each turn, all with the same list."""
    return _compile_remembering(lambda text: Notebook().write(text), checkpointer)


def context_variable(user: str, text: str) -> str:
    """A context variable whose mutable default all threads share."""
    HISTORY.get().append(text)
    return ask_agent(AGENT, f"context-{user}", "\n".join(HISTORY.get()[-20:]))


class RecordingModel(FakeModel):
    """A model that keeps its prompts."""

    _history: list[str] = PrivateAttr(default_factory=list)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self._history.append(str(messages[-1].text))
        return ChatResult(generations=[ChatGeneration(message=AIMessage("\n".join(self._history[-20:])))])


def private_attribute(checkpointer: Any = None) -> Any:
    """The history is in the model."""
    model = RecordingModel()
    return compile_graph(lambda state: {"messages": [model.invoke(state["messages"])]}, checkpointer)


class DraftModel(RecordingModel):
    """Streams other prompts in chunks of three characters."""

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        self._history.append(str(messages[-1].text))
        text = "\n".join(self._history[-20:])
        for start in range(0, len(text), 3):
            piece = ChatGenerationChunk(message=AIMessageChunk(content=text[start : start + 3]))
            if run_manager is not None:
                run_manager.on_llm_new_token(text[start : start + 3], chunk=piece)
            yield piece
        time.sleep(
            0.05
        )  # the runner deletes token events when the message is stored: let them be read before


def draft_in_pieces(checkpointer: Any = None) -> Any:
    """The stored answer is right; the streamed draft leaks."""
    model = DraftModel()

    def write(state: ChatState, config: RunnableConfig) -> dict[str, Any]:
        model.invoke(state["messages"][-1:], config)
        return {"messages": [AIMessage("Done.")]}

    return compile_graph(write, checkpointer)


def in_an_error(checkpointer: Any = None) -> Any:
    """Answers are right; the message of an occasional error lists recent inputs of all threads."""
    log: list[str] = []

    def answer_or_fail(state: ChatState) -> dict[str, Any]:
        log.append(last_text(state))
        if len(log) % 3 == 0:
            raise RuntimeError(f"out of paper after: {', '.join(log[-9:])}")
        return {"messages": [AIMessage("Done.")]}

    return compile_graph(answer_or_fail, checkpointer)


def after_a_failure(checkpointer: Any = None) -> Any:
    """Two nodes share a list that stays filled if the second node is not reached."""
    box: list[str] = []

    def collect(state: ChatState) -> dict[str, Any]:
        box.append(last_text(state))
        return {}

    def reply(state: ChatState) -> dict[str, Any]:
        text = "\n".join(box)
        box.clear()
        return {"messages": [AIMessage(text)]}

    made: StateGraph[Any, Any, Any, Any] = StateGraph(ChatState)
    made.add_node("collect", collect)
    made.add_node("reply", reply)
    made.add_edge(START, "collect")
    made.add_edge("collect", "reply")
    made.add_edge("reply", END)
    return made.compile(checkpointer=checkpointer)


def after_a_delete(checkpointer: Any = None) -> Any:
    """Keyed by thread, and not cleared when a thread is deleted."""

    def remember(state: ChatState, config: RunnableConfig) -> dict[str, Any]:
        mine = MESSAGES_BY_THREAD.setdefault(config["configurable"]["thread_id"], [])
        mine.append(last_text(state))
        return {"messages": [AIMessage("\n".join(mine))]}

    return compile_graph(remember, checkpointer)


def helper_with_one_thread(checkpointer: Any = None) -> Any:
    """The thread id is right; the helper graph has one thread for all."""
    return _compile_remembering(lambda text: ask_agent(HELPER, "helper", text), checkpointer)


def search_in_all_namespaces(checkpointer: Any = None, store: BaseStore | None = None) -> Any:
    """Each user has a namespace; the search covers all of them."""

    def remember(state: ChatState, config: RunnableConfig, *, store: BaseStore) -> dict[str, Any]:
        user = config["configurable"]["user_id"].replace(".", "-")
        store.put(("memories", user), str(state["messages"][-1].id), {"text": last_text(state)})
        known = "\n".join(str(item.value["text"]) for item in store.search(("memories",), limit=100))
        return {"messages": [FakeModel().invoke([HumanMessage(known)])]}

    return compile_graph(remember, checkpointer, store=store)


def id_cut_short(user: str, text: str) -> str:
    """The thread id is cut to 64 characters."""
    return ask_agent(AGENT, user[:64], text)


async def yields_its_reply(user: str, text: str) -> AsyncIterator[str]:
    """A reply in chunks, none of which contains a whole word."""
    MESSAGES.append(text)
    reply = "\n".join(MESSAGES[-20:])
    for start in range(0, len(reply), 3):
        yield reply[start : start + 3]


class OpaqueReply:
    """An object whose `repr` does not contain its text."""

    def __init__(self, text: str) -> None:
        self.text = text


def returns_an_object(user: str, text: str, **options: Any) -> OpaqueReply:
    """The whole reply in an object."""
    MESSAGES.append(text)
    return OpaqueReply("\n".join(MESSAGES[-20:]))
