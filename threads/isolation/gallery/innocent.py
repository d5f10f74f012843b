"""Agents that keep their users apart, some of them in ways that an audit might take amiss."""

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

from threads.isolation.gallery.parrot import Chat, Parrot, answer, ask, builder, desk, graph, last

DESK = desk()


def plain_messages(checkpointer: Any = None) -> Any:
    """What the tutorial builds."""
    return graph(answer, checkpointer)


class Question(TypedDict, total=False):
    """A state without messages."""

    question: str
    asked: int
    answer: str


def without_messages(checkpointer: Any = None) -> Any:
    """Counts questions, and answers each."""

    def reply(state: Question) -> Question:
        return {"answer": f"You asked: {state['question']}", "asked": state.get("asked", 0) + 1}

    made: StateGraph[Any, Any, Any, Any] = StateGraph(Question)
    made.add_node("reply", reply)
    made.add_edge(START, "reply")
    made.add_edge("reply", END)
    return made.compile(checkpointer=checkpointer)


def only_echoes_its_state(checkpointer: Any = None) -> Any:
    """Says all it was handed, again and again."""

    def echo(state: Chat) -> dict[str, Any]:
        return {
            "messages": [AIMessage("\n".join(str(message.text) for message in state["messages"])[-2000:])]
        }

    return graph(echo, checkpointer)


def store_by_user(checkpointer: Any = None, store: BaseStore | None = None) -> Any:
    """Long-term memory, of each user alone."""

    def remember(state: Chat, config: RunnableConfig, *, store: BaseStore) -> dict[str, Any]:
        mine = ("memories", hashlib.sha256(str(config["configurable"]["user_id"]).encode()).hexdigest())
        store.put(mine, str(state["messages"][-1].id), {"text": last(state)})
        known = "\n".join(str(item.value["text"]) for item in store.search(mine, limit=100))
        return {"messages": [Parrot().invoke([HumanMessage(known)])]}

    return graph(remember, checkpointer, store=store)


def slow(checkpointer: Any = None) -> Any:
    """Takes its time, as models do."""

    def think(state: Chat) -> dict[str, Any]:
        time.sleep(0.1)
        return answer(state)

    return graph(think, checkpointer)


def refuses(checkpointer: Any = None) -> Any:
    """Never says what it knows."""
    return graph(lambda state: {"messages": [AIMessage("I cannot help with that.")]}, checkpointer)


def sometimes_fails(checkpointer: Any = None) -> Any:
    """Every third turn raises, as if the model were overloaded."""
    turns = iter(range(1_000_000))

    def unreliable(state: Chat) -> dict[str, Any]:
        if next(turns) % 3 == 2:
            raise ConnectionError("the model is overloaded")
        return answer(state)

    return graph(unreliable, checkpointer)


def greets_by_common_words(checkpointer: Any = None) -> Any:
    """Says the same words to everybody."""

    def greet(state: Chat) -> dict[str, Any]:
        return {"messages": [AIMessage("Hello Alice, Bob, Anna or whoever you are! My code word is hello.")]}

    return graph(greet, checkpointer)


def trims_its_messages(checkpointer: Any = None) -> Any:
    """Hands the model the last two messages only."""

    def trimmed(state: Chat) -> dict[str, Any]:
        return {"messages": [Parrot().invoke(state["messages"][-2:])]}

    return graph(trimmed, checkpointer)


def only_async(checkpointer: Any = None) -> Any:
    """Cannot be called but in an event loop."""

    async def think(state: Chat) -> dict[str, list[BaseMessage]]:
        return {"messages": [await Parrot().ainvoke(state["messages"])]}

    return graph(think, checkpointer)


def application_with_ids_of_its_own(user: str, text: str) -> str:
    """Ids that cannot collide, made from the whole name."""
    return ask(DESK, hashlib.sha256(user.encode()).hexdigest(), text)


def cache_keyed_by_thread(checkpointer: Any = None) -> Any:
    """A cache whose key holds all that the answer depends on."""

    def key(state: Chat) -> str:
        return "\n".join(f"{message.id} {message.text}" for message in state["messages"])

    return builder(answer, cache_policy=CachePolicy(key_func=key)).compile(
        checkpointer=checkpointer, cache=InMemoryCache()
    )


def cache_of_common_answers(checkpointer: Any = None) -> Any:
    """A cache for all, with nothing of anybody in it."""
    answers: dict[str, str] = {}

    def look_up(state: Chat) -> dict[str, Any]:
        topic = "words" if "word" in last(state) else "the rest"
        return {"messages": [AIMessage(answers.setdefault(topic, f"Of {topic} see the manual."))]}

    return graph(look_up, checkpointer)


def counts_its_calls(checkpointer: Any = None) -> Any:
    """Everybody learns how many came before, and nothing else."""
    calls = iter(range(1_000_000))

    def count(state: Chat) -> dict[str, Any]:
        return {"messages": [AIMessage(f"This is call {next(calls)}."), *answer(state)["messages"]]}

    return graph(count, checkpointer)


def fails_every_other_time(checkpointer: Any = None) -> Any:
    """As often as not."""
    turns = iter(range(1_000_000))

    def unreliable(state: Chat) -> dict[str, Any]:
        if next(turns) % 2:
            raise ConnectionError("the model is overloaded")
        return answer(state)

    return graph(unreliable, checkpointer)


@dataclass
class Asking:
    """What a graph is told beside its state."""

    plan: str
    user_id: str = "nobody"


def keyed_by_its_context(checkpointer: Any = None) -> Any:
    """Keeps what each user says, and finds the user in the context."""
    kept: dict[str, list[str]] = {}

    def remember(state: Chat, runtime: Runtime[Asking]) -> dict[str, Any]:
        mine = kept.setdefault(runtime.context.user_id, [])
        mine.append(last(state))
        return {"messages": [AIMessage(f"{runtime.context.plan}: {' '.join(mine[-20:])}")]}

    made: StateGraph[Any, Any, Any, Any] = StateGraph(Chat, context_schema=Asking)
    made.add_node("remember", remember)
    made.add_edge(START, "remember")
    made.add_edge("remember", END)
    return made.compile(checkpointer=checkpointer)


class Answer:
    """What an application may return."""

    def __init__(self, text: str) -> None:
        self.text = text


async def application_with_objects(user: str, text: str) -> Answer:
    """The text is in an object."""
    return Answer(ask(DESK, f"objects {user}", text))
