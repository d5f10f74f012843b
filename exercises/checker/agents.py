"""Agents to try a learner's functions with: one that is overheard, and three that are broken on purpose.

A function that proves isolation has to fail when there is none. So it is run again with an agent that
forgets, with one that has a single memory for all, and with one that answers rightly and leaks all the same.
They answer with the offline model, whatever `THREADS_MODEL` says: it is known what they say.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, convert_to_messages
from langgraph.checkpoint.memory import InMemorySaver

from agent import build_agent


def config(thread_id: object) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread_id}}


def said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def thread_of(given: Any) -> Any:
    """The thread id in a config; None if there is none."""
    return ((given or {}).get("configurable") or {}).get("thread_id")


def user_texts(given: Any) -> list[str]:
    """What the user says in an input for a graph."""
    messages = given.get("messages", []) if isinstance(given, dict) else []
    messages = messages if isinstance(messages, list) else [messages]
    return [each.text for each in convert_to_messages(messages) if isinstance(each, HumanMessage)]


def remembered(agent: Any, thread_id: object) -> list[str]:
    """The texts of all messages the agent holds for this thread."""
    return [message.text for message in agent.get_state(config(thread_id)).values.get("messages", [])]


@dataclass(frozen=True)
class Said:
    """One call of the agent: in which thread, and what the user said."""

    thread_id: Any
    text: str


class Wrapped:
    """An agent that notes what is said to it and passes it on; the other agents change what is passed on."""

    def __init__(self, agent: Any) -> None:
        self.agent = agent
        self.said: list[Said] = []

    def invoke(self, given: Any, config: Any = None, **more: Any) -> Any:
        self.note(given, config)
        result = self.agent.invoke(given, self.routed(config), **more)
        self.after(given, config)
        return result

    async def ainvoke(self, given: Any, config: Any = None, **more: Any) -> Any:
        return await asyncio.to_thread(self.invoke, given, config, **more)

    def stream(self, given: Any, config: Any = None, **more: Any) -> Any:
        self.note(given, config)
        yield from self.agent.stream(given, self.routed(config), **more)
        self.after(given, config)

    def get_state(self, config: Any, **more: Any) -> Any:
        return self.agent.get_state(self.routed(config), **more)

    def note(self, given: Any, config: Any) -> None:
        self.said.append(Said(thread_of(config), " ".join(user_texts(given))))

    def routed(self, config: Any) -> Any:
        return config

    def after(self, given: Any, config: Any) -> None:
        """Called when the agent has answered."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.agent, name)


class Forgetful(Wrapped):
    """Each call begins anew, as without a checkpointer."""

    def routed(self, config: Any) -> Any:
        return {"configurable": {"thread_id": f"forgotten-{uuid.uuid4()}"}}


class OneForAll(Wrapped):
    """One memory, whoever speaks."""

    def routed(self, config: Any) -> Any:
        return {"configurable": {"thread_id": "everybody"}}


class Leaking(Wrapped):
    """Answers rightly; but what is said in one thread is also written into the memory of the others."""

    def after(self, given: Any, config: Any) -> None:
        here = thread_of(config)
        text = " ".join(user_texts(given))
        for other in {each.thread_id for each in self.said} - {here}:
            target = {"configurable": {"thread_id": other}}
            self.agent.update_state(target, {"messages": [AIMessage(f"(overheard) {text}")]})


def broken(kind: Callable[[Any], Wrapped], agent: Any) -> Wrapped:
    """A broken agent with the memory of `agent`, so that a registry on it sees what happens."""
    memory = getattr(agent, "checkpointer", None) or InMemorySaver()
    return kind(build_agent("offline", checkpointer=memory))


def noticed(work: Callable[[], Any]) -> tuple[bool, Any]:
    """Whether `work` raised something, as a test has to when it fails; and what it returned otherwise."""
    try:
        return False, work()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if type(error).__name__ == "NotSolved":
            raise
        return True, error
