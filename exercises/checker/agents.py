"""Agents to try a learner's functions with: one that is overheard, and others that are broken on purpose.

A function that proves isolation has to fail when there is none. So it is run again with an agent that
forgets, with one that has a single memory for all, with some that remember and do not answer, or answer
wrongly, and with one that answers rightly and leaks all the same: both ways, and one way only, for a proof
may look at one side; beside the thread's own messages, and inside of them, for a proof may only count.
They never ask the model that `THREADS_MODEL` names: it is known what they say.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from traceback import StackSummary, walk_stack
from typing import Any

from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, convert_to_messages
from langgraph.checkpoint.memory import InMemorySaver

from agent import build_agent
from checker.misquoting import MisquotingModel, TerseModel


def config(thread_id: object) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread_id}}


def said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def thread_of(given: Any) -> Any:
    """The thread id in a config; None if there is none. LangGraph takes it without `configurable`, too."""
    given = given or {}
    return (given.get("configurable") or {}).get("thread_id", given.get("thread_id"))


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
    """One call of the agent: in which thread, what the user said, and who called."""

    thread_id: Any
    texts: tuple[str, ...]
    call: StackSummary = field(compare=False, repr=False)

    @property
    def text(self) -> str:
        return " ".join(self.texts)


class Wrapped:
    """An agent that notes what is said to it and passes it on; the other agents change what is passed on."""

    def __init__(self, agent: Any) -> None:
        self.agent = agent
        self.said: list[Said] = []
        self.replies: list[str] = []
        self.looks = 0
        """How often somebody looked into the memory."""

    def invoke(self, given: Any, config: Any = None, **more: Any) -> Any:
        self.note(given, config)
        result = self.agent.invoke(self.heard(given), self.routed(config), **more)
        self.replies.append(result["messages"][-1].text)
        self.after(given, config)
        return result

    async def ainvoke(self, given: Any, config: Any = None, **more: Any) -> Any:
        return await asyncio.to_thread(self.invoke, given, config, **more)

    def stream(self, given: Any, config: Any = None, **more: Any) -> Any:
        self.note(given, config)
        yield from self.agent.stream(self.heard(given), self.routed(config), **more)
        self.after(given, config)

    def get_state(self, config: Any, **more: Any) -> Any:
        self.looks += 1
        return self.agent.get_state(self.routed(config), **more)

    def note(self, given: Any, config: Any) -> None:
        call = StackSummary.extract(walk_stack(None), lookup_lines=False)
        self.said.append(Said(thread_of(config), tuple(user_texts(given)), call))

    def routed(self, config: Any) -> Any:
        return config

    def heard(self, given: Any) -> Any:
        return given

    def after(self, given: Any, config: Any) -> None:
        """Called when the agent has answered."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.agent, name)


class Forgetful(Wrapped):
    """Each call begins anew, as without a checkpointer; in the threads that it `reaches`."""

    def __init__(self, agent: Any, reaches: Callable[[Any], bool] = lambda thread_id: True) -> None:
        super().__init__(agent)
        self.reaches = reaches

    def routed(self, config: Any) -> Any:
        if not self.reaches(thread_of(config)):
            return config
        return {"configurable": {"thread_id": f"forgotten-{uuid.uuid4()}"}}


class OneForAll(Wrapped):
    """One memory, whoever speaks."""

    def routed(self, config: Any) -> Any:
        return {"configurable": {"thread_id": "everybody"}}


class Silent(Wrapped):
    """Remembers every word and answers with none of them."""

    def __init__(self, agent: Any) -> None:
        model = FakeListChatModel(responses=["I cannot say."])
        super().__init__(build_agent(model, checkpointer=agent.checkpointer))


class SilentTo(Wrapped):
    """Silent in the threads that it `reaches`, and right in the others."""

    def __init__(self, agent: Any, reaches: Callable[[Any], bool]) -> None:
        super().__init__(agent)
        self.reaches, self.silent = reaches, Silent(agent)

    def invoke(self, given: Any, config: Any = None, **more: Any) -> Any:
        if not self.reaches(thread_of(config)):
            return super().invoke(given, config, **more)
        self.note(given, config)
        return self.silent.invoke(given, config, **more)

    def stream(self, given: Any, config: Any = None, **more: Any) -> Any:
        if not self.reaches(thread_of(config)):
            return super().stream(given, config, **more)
        self.note(given, config)
        return self.silent.stream(given, config, **more)


class Deaf(Silent):
    """Remembers that something was said, not what; and answers nothing."""

    def heard(self, given: Any) -> Any:
        return said("(something was said)")


class Misquoting(Wrapped):
    """Remembers, and names something else when it is asked."""

    def __init__(self, agent: Any, *, from_the_start: bool = False) -> None:
        self.model = MisquotingModel(from_the_start=from_the_start)
        super().__init__(build_agent(self.model, checkpointer=agent.checkpointer))


class Terse(Wrapped):
    """Not broken: it answers rightly, and ends its replies without punctuation."""

    def __init__(self, agent: Any) -> None:
        super().__init__(build_agent(TerseModel(), checkpointer=agent.checkpointer))


class Leaking(Wrapped):
    """Answers rightly; but the threads it `reaches` also get to hold what is said in the others.

    As messages of their own; or inside of the thread's `latest` answer, so that their number stays the same;
    or inside of its `first` message, when a question has been answered in it, so that the answer is right.
    """

    def __init__(
        self, agent: Any, reaches: Callable[[Any], bool] = lambda thread_id: True, *, inside: str = ""
    ) -> None:
        super().__init__(agent)
        self.reaches = reaches
        self.inside = inside
        self.leaked: set[tuple[Any, Said]] = set()
        self.is_looked_at = False
        """Whether somebody looked into a thread after something had leaked into it."""

    def get_state(self, config: Any, **more: Any) -> Any:
        self.is_looked_at |= thread_of(config) in {thread_id for thread_id, _ in self.leaked}
        return super().get_state(config, **more)

    def after(self, given: Any, config: Any) -> None:
        spoken = [each.thread_id for each in self.said]
        for thread_id in filter(self.reaches, set(spoken)):
            if self.inside == "first" and spoken.count(thread_id) < 2:
                continue
            for each in dict.fromkeys(self.said):
                if each.thread_id != thread_id and (thread_id, each) not in self.leaked:
                    self.leaked.add((thread_id, each))
                    self.leak(thread_id, f"(overheard) {each.text}")

    def leak(self, thread_id: Any, text: str) -> None:
        target = {"configurable": {"thread_id": thread_id}}
        overheard: BaseMessage = AIMessage(text)
        if self.inside:
            held = self.agent.get_state(target).values["messages"]
            message = held[0 if self.inside == "first" else -1]
            overheard = message.model_copy(update={"content": f"{message.text} {text}"})
        self.agent.update_state(target, {"messages": [overheard]})


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
