"""Mistakes that hide: one each, in a place or a moment where nobody looks.

What is at the level of this module is the point of it.
"""

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

from threads.isolation.gallery.parrot import Chat, Parrot, ask, desk, graph, last

DESK, HELPER = desk(), desk()
HEARD: ContextVar[list[str]] = ContextVar("HEARD", default=[])  # noqa: B039  that is the mistake
SAID: list[str] = []
OF_THREADS: dict[str, list[str]] = {}


def _remembering(remember: Callable[[str], str], checkpointer: Any) -> Any:
    return graph(lambda state: {"messages": [AIMessage(remember(last(state)))]}, checkpointer)


def default_argument(checkpointer: Any = None) -> Any:
    """Python makes a default once."""

    def remember(text: str, *, heard: list[str] = []) -> str:  # noqa: B006  that is the mistake
        heard.append(text)
        return "\n".join(heard[-20:])

    return _remembering(remember, checkpointer)


class Notebook:
    """Its list is the class's, not the object's."""

    notes: list[str] = []  # noqa: RUF012  that is the mistake

    def write(self, text: str) -> str:
        """The latest notes."""
        self.notes.append(text)
        return "\n".join(self.notes[-20:])


def class_attribute(checkpointer: Any = None) -> Any:
    """A new notebook in each turn, with the same list in it."""
    return _remembering(lambda text: Notebook().write(text), checkpointer)


def context_variable(user: str, text: str) -> str:
    """A context variable with a default that everybody appends to."""
    HEARD.get().append(text)
    return ask(DESK, f"context-{user}", "\n".join(HEARD.get()[-20:]))


class Diary(Parrot):
    """A model that keeps what it is handed."""

    _heard: list[str] = PrivateAttr(default_factory=list)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self._heard.append(str(messages[-1].text))
        return ChatResult(generations=[ChatGeneration(message=AIMessage("\n".join(self._heard[-20:])))])


def private_attribute(checkpointer: Any = None) -> Any:
    """The memory is in the model itself."""
    model = Diary()
    return graph(lambda state: {"messages": [model.invoke(state["messages"])]}, checkpointer)


class Pieces(Diary):
    """What it says in the end is right, what it says on the way is not; and it comes in pieces."""

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        self._heard.append(str(messages[-1].text))
        text = "\n".join(self._heard[-20:])
        for start in range(0, len(text), 3):
            piece = ChatGenerationChunk(message=AIMessageChunk(content=text[start : start + 3]))
            if run_manager is not None:
                run_manager.on_llm_new_token(text[start : start + 3], chunk=piece)
            yield piece
        time.sleep(0.05)  # what is gone at once is heard by nobody


def draft_in_pieces(checkpointer: Any = None) -> Any:
    """Only who listens while it speaks hears it."""
    model = Pieces()

    def write(state: Chat, config: RunnableConfig) -> dict[str, Any]:
        model.invoke(state["messages"][-1:], config)
        return {"messages": [AIMessage("Done.")]}

    return graph(write, checkpointer)


def in_an_error(checkpointer: Any = None) -> Any:
    """Answers are right; now and then it fails, and its error tells what it did lately."""
    log: list[str] = []

    def work(state: Chat) -> dict[str, Any]:
        log.append(last(state))
        if len(log) % 3 == 0:
            raise RuntimeError(f"out of paper after: {', '.join(log[-9:])}")
        return {"messages": [AIMessage("Done.")]}

    return graph(work, checkpointer)


def after_a_failure(checkpointer: Any = None) -> Any:
    """Two nodes and a box between them, that is not emptied where the second is not reached."""
    box: list[str] = []

    def collect(state: Chat) -> dict[str, Any]:
        box.append(last(state))
        return {}

    def reply(state: Chat) -> dict[str, Any]:
        text = "\n".join(box)
        box.clear()
        return {"messages": [AIMessage(text)]}

    made: StateGraph[Any, Any, Any, Any] = StateGraph(Chat)
    made.add_node("collect", collect)
    made.add_node("reply", reply)
    made.add_edge(START, "collect")
    made.add_edge("collect", "reply")
    made.add_edge("reply", END)
    return made.compile(checkpointer=checkpointer)


def after_a_delete(checkpointer: Any = None) -> Any:
    """Keyed by the thread, and never told that a thread is deleted."""

    def remember(state: Chat, config: RunnableConfig) -> dict[str, Any]:
        mine = OF_THREADS.setdefault(config["configurable"]["thread_id"], [])
        mine.append(last(state))
        return {"messages": [AIMessage("\n".join(mine))]}

    return graph(remember, checkpointer)


def helper_with_one_thread(checkpointer: Any = None) -> Any:
    """The conversation's own id is right; the graph that it asks has one thread for all."""
    return _remembering(lambda text: ask(HELPER, "helper", text), checkpointer)


def search_in_all_namespaces(checkpointer: Any = None, store: BaseStore | None = None) -> Any:
    """Each user has a namespace; the search is in all of them."""

    def remember(state: Chat, config: RunnableConfig, *, store: BaseStore) -> dict[str, Any]:
        user = config["configurable"]["user_id"].replace(".", "-")
        store.put(("memories", user), str(state["messages"][-1].id), {"text": last(state)})
        known = "\n".join(str(item.value["text"]) for item in store.search(("memories",), limit=100))
        return {"messages": [Parrot().invoke([HumanMessage(known)])]}

    return graph(remember, checkpointer, store=store)


def id_cut_short(user: str, text: str) -> str:
    """The column has room for 64 characters."""
    return ask(DESK, user[:64], text)


async def yields_its_reply(user: str, text: str) -> AsyncIterator[str]:
    """A reply in pieces, in which no word is whole."""
    SAID.append(text)
    reply = "\n".join(SAID[-20:])
    for start in range(0, len(reply), 3):
        yield reply[start : start + 3]


class Reply:
    """An object of which `repr` tells nothing."""

    def __init__(self, text: str) -> None:
        self.text = text


def returns_an_object(user: str, text: str, **options: Any) -> Reply:
    """The same in one piece."""
    SAID.append(text)
    return Reply("\n".join(SAID[-20:]))
