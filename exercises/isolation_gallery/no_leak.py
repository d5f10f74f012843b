"""Agents that do not leak, some of which an audit might wrongly report."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any, TypedDict

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.cache.memory import InMemoryCache
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
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
)

AGENT = agent_with_memory()


def plain_messages(checkpointer: Any = None) -> Any:
    """The agent of the LangGraph tutorial."""
    return compile_graph(answer, checkpointer)


class QuestionState(TypedDict, total=False):
    """A state without messages."""

    question: str
    question_count: int
    answer: str


def without_messages(checkpointer: Any = None) -> Any:
    """Counts and answers questions."""

    def reply(state: QuestionState) -> QuestionState:
        return {
            "answer": f"You asked: {state['question']}",
            "question_count": state.get("question_count", 0) + 1,
        }

    made: StateGraph[Any, Any, Any, Any] = StateGraph(QuestionState)
    made.add_node("reply", reply)
    made.add_edge(START, "reply")
    made.add_edge("reply", END)
    return made.compile(checkpointer=checkpointer)


def only_echoes_its_state(checkpointer: Any = None) -> Any:
    """Repeats all messages of its state."""

    def echo(state: ChatState) -> dict[str, Any]:
        return {
            "messages": [AIMessage("\n".join(str(message.text) for message in state["messages"])[-2000:])]
        }

    return compile_graph(echo, checkpointer)


def store_by_user(checkpointer: Any = None, store: BaseStore | None = None) -> Any:
    """Long-term memory in a namespace for each user."""

    def remember(state: ChatState, config: RunnableConfig, *, store: BaseStore) -> dict[str, Any]:
        namespace = ("memories", hashlib.sha256(str(config["configurable"]["user_id"]).encode()).hexdigest())
        store.put(namespace, str(state["messages"][-1].id), {"text": last_text(state)})
        known = "\n".join(str(item.value["text"]) for item in store.search(namespace, limit=100))
        return {"messages": [FakeModel().invoke([HumanMessage(known)])]}

    return compile_graph(remember, checkpointer, store=store)


def slow(checkpointer: Any = None) -> Any:
    """Takes 0.1 seconds for each answer."""

    def think(state: ChatState) -> dict[str, Any]:
        time.sleep(0.1)
        return answer(state)

    return compile_graph(think, checkpointer)


def refuses(checkpointer: Any = None) -> Any:
    """Never repeats a message."""
    return compile_graph(lambda state: {"messages": [AIMessage("I cannot help with that.")]}, checkpointer)


def sometimes_fails(checkpointer: Any = None) -> Any:
    """Every third turn raises."""
    turns = iter(range(1_000_000))

    def unreliable(state: ChatState) -> dict[str, Any]:
        if next(turns) % 3 == 2:
            raise ConnectionError("the model is overloaded")
        return answer(state)

    return compile_graph(unreliable, checkpointer)


def greets_by_common_words(checkpointer: Any = None) -> Any:
    """Gives the same answer to all users."""

    def greet(state: ChatState) -> dict[str, Any]:
        return {"messages": [AIMessage("Hello Alice, Bob, Anna or another user! My code word is hello.")]}

    return compile_graph(greet, checkpointer)


def trims_its_messages(checkpointer: Any = None) -> Any:
    """Passes only the last two messages to the model."""

    def trimmed(state: ChatState) -> dict[str, Any]:
        return {"messages": [FakeModel().invoke(state["messages"][-2:])]}

    return compile_graph(trimmed, checkpointer)


def only_async(checkpointer: Any = None) -> Any:
    """Has only an async node."""

    async def think(state: ChatState) -> dict[str, list[BaseMessage]]:
        return {"messages": [await FakeModel().ainvoke(state["messages"])]}

    return compile_graph(think, checkpointer)


def application_with_ids_of_its_own(user: str, text: str) -> str:
    """Thread ids are digests of the whole user name."""
    return ask_agent(AGENT, hashlib.sha256(user.encode()).hexdigest(), text)


def cache_keyed_by_thread(checkpointer: Any = None) -> Any:
    """A cache whose key contains everything the answer depends on."""

    def key(state: ChatState) -> str:
        return "\n".join(f"{message.id} {message.text}" for message in state["messages"])

    return build_graph(answer, cache_policy=CachePolicy(key_func=key)).compile(
        checkpointer=checkpointer, cache=InMemoryCache()
    )


def cache_of_common_answers(checkpointer: Any = None) -> Any:
    """A cache for all threads without any text of users."""
    answers: dict[str, str] = {}

    def look_up(state: ChatState) -> dict[str, Any]:
        topic = "words" if "word" in last_text(state) else "the rest"
        return {"messages": [AIMessage(answers.setdefault(topic, f"Of {topic} see the manual."))]}

    return compile_graph(look_up, checkpointer)


def counts_its_calls(checkpointer: Any = None) -> Any:
    """All users see the number of calls, and nothing else."""
    calls = iter(range(1_000_000))

    def count(state: ChatState) -> dict[str, Any]:
        return {"messages": [AIMessage(f"This is call {next(calls)}."), *answer(state)["messages"]]}

    return compile_graph(count, checkpointer)


def fails_every_other_time(checkpointer: Any = None) -> Any:
    """Every second turn raises."""
    turns = iter(range(1_000_000))

    def unreliable(state: ChatState) -> dict[str, Any]:
        if next(turns) % 2:
            raise ConnectionError("the model is overloaded")
        return answer(state)

    return compile_graph(unreliable, checkpointer)


@dataclass
class RunContext:
    """The context of a run."""

    plan: str
    user_id: str = "unknown"


def keyed_by_its_context(checkpointer: Any = None) -> Any:
    """Keeps the messages of each user, who is identified by the context."""
    messages_by_user: dict[str, list[str]] = {}

    def remember(state: ChatState, runtime: Runtime[RunContext]) -> dict[str, Any]:
        mine = messages_by_user.setdefault(runtime.context.user_id, [])
        mine.append(last_text(state))
        return {"messages": [AIMessage(f"{runtime.context.plan}: {' '.join(mine[-20:])}")]}

    made: StateGraph[Any, Any, Any, Any] = StateGraph(ChatState, context_schema=RunContext)
    made.add_node("remember", remember)
    made.add_edge(START, "remember")
    made.add_edge("remember", END)
    return made.compile(checkpointer=checkpointer)


class Answer:
    """An object that an application returns."""

    def __init__(self, text: str) -> None:
        self.text = text


async def application_with_objects(user: str, text: str) -> Answer:
    """Returns an object with the text."""
    return Answer(ask_agent(AGENT, f"objects {user}", text))
