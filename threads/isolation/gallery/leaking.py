"""One mistake each: agents and applications in which users meet each other's words.

What is at the level of this module is the point of it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.caches import InMemoryCache as ModelCache
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.cache.memory import InMemoryCache
from langgraph.config import get_stream_writer
from langgraph.store.base import BaseStore
from langgraph.types import CachePolicy

from threads.isolation.gallery.parrot import Chat, Parrot, answer, ask, builder, desk, graph, last, said

DESK = desk()
SESSIONS: dict[str, str] = {}
SEATS: list[str] = []
HEARD: list[str] = []
NOTES: dict[str, str] = {}
REPLIES: dict[str, str] = {}
DOING: list[str] = []
CURRENT = ""


def constant_thread_id(user: str, text: str) -> str:
    """`thread_id` was copied from a tutorial and never changed."""
    return ask(DESK, "1", text)


def id_from_first_name(user: str, text: str) -> str:
    """There are two Annas."""
    return ask(DESK, f"support-{user.split()[0].split('.')[0].lower()}", text)


def none_id(user: str, text: str) -> str:
    """Nobody put the session in, and `.get` does not mind."""
    return ask(DESK, SESSIONS.get(user), text)


def swapped_ids(user: str, text: str) -> str:
    """The newest user sits in front, and everybody else moves up a seat."""
    if user not in SEATS:
        SEATS.insert(0, user)
    return ask(DESK, f"seat-{SEATS.index(user)}", text)


async def global_current_thread(user: str, text: str) -> str:
    """Right as long as users come one after the other."""
    global CURRENT
    CURRENT = f"thread of {user}"
    await asyncio.sleep(0)  # looks up the user's plan, say
    state = await DESK.ainvoke(said(text), {"configurable": {"thread_id": CURRENT}})
    return str(state["messages"][-1].text)


def module_level_list(checkpointer: Any = None) -> Any:
    """The history is in the module, beside the state."""

    def remember(state: Chat) -> dict[str, Any]:
        HEARD.append(last(state))
        return {"messages": [Parrot().invoke([HumanMessage("\n".join(HEARD[-50:]))])]}

    return graph(remember, checkpointer)


def closure_memory(checkpointer: Any = None) -> Any:
    """The history is in the function that builds the agent."""
    heard: list[str] = []

    def remember(state: Chat) -> dict[str, Any]:
        heard.append(last(state))
        return {"messages": [Parrot().invoke([HumanMessage("\n".join(heard[-50:]))])]}

    return graph(remember, checkpointer)


def progress_of_everybody(checkpointer: Any = None) -> Any:
    """Answers are right; what it streams beside them tells what it did lately, for whomever."""

    def work(state: Chat) -> dict[str, Any]:
        DOING.append(f"working on {last(state)!r}")
        get_stream_writer()({"progress": DOING[-20:]})
        return answer(state)

    return graph(work, checkpointer)


def tool_with_shared_state(checkpointer: Any = None) -> Any:
    """A note-taking tool with one notebook for all."""
    notebook: list[str] = []

    @tool
    def note(text: str) -> str:
        """Write something down; returns the latest notes."""
        notebook.append(text)
        return "\n".join(notebook[-50:])

    def take_note(state: Chat, config: RunnableConfig) -> dict[str, Any]:
        return {"messages": [AIMessage(f"Noted:\n{note.invoke({'text': last(state)}, config)}")]}

    return graph(take_note, checkpointer)


def shared_store_namespace(checkpointer: Any = None, store: BaseStore | None = None) -> Any:
    """Long-term memory, of everybody together."""

    def remember(state: Chat, *, store: BaseStore) -> dict[str, Any]:
        store.put(("memories",), str(state["messages"][-1].id), {"text": last(state)})
        known = "\n".join(str(item.value["text"]) for item in store.search(("memories",), limit=100))
        return {"messages": [Parrot().invoke([HumanMessage(known)])]}

    return graph(remember, checkpointer, store=store)


def node_cached_by_its_input(checkpointer: Any = None) -> Any:
    """The key of the cache is the question; the answer depends on the thread."""
    policy = CachePolicy(key_func=last)
    return builder(answer, cache_policy=policy).compile(checkpointer=checkpointer, cache=InMemoryCache())


def replies_cached_by_text(user: str, text: str) -> str:
    """The same, made by hand around the agent."""
    if text not in REPLIES:
        REPLIES[text] = ask(DESK, f"cached-{user}", text)
    return REPLIES[text]


class Account(Parrot):
    """Looks up the notes of the thread it works in, and is cached by its prompt."""

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        thread = str(run_manager.metadata["thread_id"]) if run_manager else ""
        NOTES[thread] = NOTES.get(thread, "") + str(messages[-1].text)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(f"I noted: {NOTES[thread]}"))])


ACCOUNT = Account(cache=ModelCache())


def model_cached_by_its_prompt(checkpointer: Any = None) -> Any:
    """The model's answer depends on more than its prompt."""

    def look_up(state: Chat, config: RunnableConfig) -> dict[str, Any]:
        return {"messages": [ACCOUNT.invoke([HumanMessage(last(state))], config)]}

    return graph(look_up, checkpointer)
