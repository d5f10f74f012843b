"""Agents and applications that leak between threads, by one mistake each. The module-level state is meant."""

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

from isolation_gallery.fake_model import (
    ChatState,
    FakeModel,
    agent_with_memory,
    answer,
    ask_agent,
    build_graph,
    compile_graph,
    last_text,
    user_input,
)

AGENT = agent_with_memory()
SESSIONS: dict[str, str] = {}
SEATS: list[str] = []
HISTORY: list[str] = []
NOTES: dict[str, str] = {}
REPLIES: dict[str, str] = {}
PROGRESS: list[str] = []
CURRENT = ""


def constant_thread_id(user: str, text: str) -> str:
    """The constant `thread_id` was copied from a tutorial."""
    return ask_agent(AGENT, "1", text)


def id_from_first_name(user: str, text: str) -> str:
    """Two users called Anna share a thread."""
    return ask_agent(AGENT, f"support-{user.split()[0].split('.')[0].lower()}", text)


def none_id(user: str, text: str) -> str:
    """The session was never stored, and `.get` returns None."""
    return ask_agent(AGENT, SESSIONS.get(user), text)


def swapped_ids(user: str, text: str) -> str:
    """The newest user gets the first seat, and all others move by one."""
    if user not in SEATS:
        SEATS.insert(0, user)
    return ask_agent(AGENT, f"seat-{SEATS.index(user)}", text)


async def global_current_thread(user: str, text: str) -> str:
    """Correct only while turns do not overlap."""
    global CURRENT
    CURRENT = f"thread of {user}"
    await asyncio.sleep(0)  # stands for a lookup of the user's plan
    state = await AGENT.ainvoke(user_input(text), {"configurable": {"thread_id": CURRENT}})
    return str(state["messages"][-1].text)


def module_level_list(checkpointer: Any = None) -> Any:
    """The history is in the module instead of the state."""

    def remember(state: ChatState) -> dict[str, Any]:
        HISTORY.append(last_text(state))
        return {"messages": [FakeModel().invoke([HumanMessage("\n".join(HISTORY[-50:]))])]}

    return compile_graph(remember, checkpointer)


def closure_memory(checkpointer: Any = None) -> Any:
    """The history is in the closure of the function that builds the agent."""
    history: list[str] = []

    def remember(state: ChatState) -> dict[str, Any]:
        history.append(last_text(state))
        return {"messages": [FakeModel().invoke([HumanMessage("\n".join(history[-50:]))])]}

    return compile_graph(remember, checkpointer)


def progress_of_all_threads(checkpointer: Any = None) -> Any:
    """Answers are right; the streamed progress lists the latest work of all threads."""

    def answer_with_progress(state: ChatState) -> dict[str, Any]:
        PROGRESS.append(f"working on {last_text(state)!r}")
        get_stream_writer()({"progress": PROGRESS[-20:]})
        return answer(state)

    return compile_graph(answer_with_progress, checkpointer)


def tool_with_shared_state(checkpointer: Any = None) -> Any:
    """A note-taking tool with one notebook for all threads."""
    notebook: list[str] = []

    @tool
    def note(text: str) -> str:
        """Write a note and return the latest notes."""
        notebook.append(text)
        return "\n".join(notebook[-50:])

    def take_note(state: ChatState, config: RunnableConfig) -> dict[str, Any]:
        return {"messages": [AIMessage(f"Noted:\n{note.invoke({'text': last_text(state)}, config)}")]}

    return compile_graph(take_note, checkpointer)


def shared_store_namespace(checkpointer: Any = None, store: BaseStore | None = None) -> Any:
    """Long-term memory in one namespace for all users."""

    def remember(state: ChatState, *, store: BaseStore) -> dict[str, Any]:
        store.put(("memories",), str(state["messages"][-1].id), {"text": last_text(state)})
        known = "\n".join(str(item.value["text"]) for item in store.search(("memories",), limit=100))
        return {"messages": [FakeModel().invoke([HumanMessage(known)])]}

    return compile_graph(remember, checkpointer, store=store)


def node_cached_by_its_input(checkpointer: Any = None) -> Any:
    """The cache key is the question; the answer depends on the thread."""
    policy = CachePolicy(key_func=last_text)
    return build_graph(answer, cache_policy=policy).compile(checkpointer=checkpointer, cache=InMemoryCache())


def replies_cached_by_text(user: str, text: str) -> str:
    """The same mistake in a cache around the agent."""
    if text not in REPLIES:
        REPLIES[text] = ask_agent(AGENT, f"cached-{user}", text)
    return REPLIES[text]


class NotesModel(FakeModel):
    """Reads the notes of its thread, and is cached by its prompt."""

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


NOTES_MODEL = NotesModel(cache=ModelCache())


def model_cached_by_its_prompt(checkpointer: Any = None) -> Any:
    """The answer of the model depends on more than its prompt."""

    def look_up(state: ChatState, config: RunnableConfig) -> dict[str, Any]:
        return {"messages": [NOTES_MODEL.invoke([HumanMessage(last_text(state))], config)]}

    return compile_graph(look_up, checkpointer)
