"""Agents for trials of a learner's functions: one records its calls, the others are broken on purpose.

A function that proves isolation must fail when there is none. So it is run again with an agent that
forgets, one with a single thread for all, some that remember and do not answer or answer wrongly, and one
that answers correctly and leaks: in both directions and in one, because a proof may read one thread only;
as messages of their own and inside of others, because a proof may only count. They never use the model of
`THREADS_MODEL`, so their answers are known.
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
from checker.wrong_word_model import TerseModel, WrongWordModel


def config(thread_id: object) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread_id}}


def user_input(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def thread_id_of(given: Any) -> Any:
    """Return the thread id in a config, or None. LangGraph accepts it outside of `configurable`, too."""
    given = given or {}
    return (given.get("configurable") or {}).get("thread_id", given.get("thread_id"))


def user_texts(given: Any) -> list[str]:
    """Return the texts of the user messages in the input of a graph."""
    messages = given.get("messages", []) if isinstance(given, dict) else []
    messages = messages if isinstance(messages, list) else [messages]
    return [each.text for each in convert_to_messages(messages) if isinstance(each, HumanMessage)]


def stored_texts(agent: Any, thread_id: object) -> list[str]:
    """Return the texts of all messages in the state of this thread."""
    return [message.text for message in agent.get_state(config(thread_id)).values.get("messages", [])]


@dataclass(frozen=True)
class AgentCall:
    """One call of an agent: the thread, the user messages and the stack of the caller."""

    thread_id: Any
    texts: tuple[str, ...]
    call: StackSummary = field(compare=False, repr=False)

    @property
    def text(self) -> str:
        return " ".join(self.texts)


class RecordingAgent:
    """An agent that records its calls and passes them on. The other agents change what is passed on."""

    def __init__(self, agent: Any) -> None:
        self.agent = agent
        self.calls: list[AgentCall] = []
        self.replies: list[str] = []
        self.state_reads = 0
        """The number of calls of `get_state`."""

    def invoke(self, given: Any, config: Any = None, **more: Any) -> Any:
        self.note(given, config)
        result = self.agent.invoke(self.transform_input(given), self.route(config), **more)
        self.replies.append(result["messages"][-1].text)
        self.on_answer(given, config)
        return result

    async def ainvoke(self, given: Any, config: Any = None, **more: Any) -> Any:
        return await asyncio.to_thread(self.invoke, given, config, **more)

    def stream(self, given: Any, config: Any = None, **more: Any) -> Any:
        self.note(given, config)
        yield from self.agent.stream(self.transform_input(given), self.route(config), **more)
        self.on_answer(given, config)

    def get_state(self, config: Any, **more: Any) -> Any:
        self.state_reads += 1
        return self.agent.get_state(self.route(config), **more)

    def note(self, given: Any, config: Any) -> None:
        call = StackSummary.extract(walk_stack(None), lookup_lines=False)
        self.calls.append(AgentCall(thread_id_of(config), tuple(user_texts(given)), call))

    def route(self, config: Any) -> Any:
        return config

    def transform_input(self, given: Any) -> Any:
        return given

    def on_answer(self, given: Any, config: Any) -> None:
        """Called after each answer."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.agent, name)


class ForgettingAgent(RecordingAgent):
    """Uses a new thread for each call, as without a checkpointer, in the threads that it `reaches`."""

    def __init__(self, agent: Any, reaches: Callable[[Any], bool] = lambda thread_id: True) -> None:
        super().__init__(agent)
        self.reaches = reaches

    def route(self, config: Any) -> Any:
        if not self.reaches(thread_id_of(config)):
            return config
        return {"configurable": {"thread_id": f"forgotten-{uuid.uuid4()}"}}


class SharedThreadAgent(RecordingAgent):
    """Uses one thread for all calls."""

    def route(self, config: Any) -> Any:
        return {"configurable": {"thread_id": "everybody"}}


class SilentAgent(RecordingAgent):
    """Stores all messages and never answers with their words."""

    def __init__(self, agent: Any) -> None:
        model = FakeListChatModel(responses=["I cannot say."])
        super().__init__(build_agent(model, checkpointer=agent.checkpointer))


class PartlySilentAgent(RecordingAgent):
    """Is silent in the threads that it `reaches`, and correct in the others."""

    def __init__(self, agent: Any, reaches: Callable[[Any], bool]) -> None:
        super().__init__(agent)
        self.reaches, self.silent = reaches, SilentAgent(agent)

    def invoke(self, given: Any, config: Any = None, **more: Any) -> Any:
        if not self.reaches(thread_id_of(config)):
            return super().invoke(given, config, **more)
        self.note(given, config)
        return self.silent.invoke(given, config, **more)

    def stream(self, given: Any, config: Any = None, **more: Any) -> Any:
        if not self.reaches(thread_id_of(config)):
            return super().stream(given, config, **more)
        self.note(given, config)
        return self.silent.stream(given, config, **more)


class DeafAgent(SilentAgent):
    """Stores that there was a message without its text, and is silent."""

    def transform_input(self, given: Any) -> Any:
        return user_input("(something was said)")


class WrongWordAgent(RecordingAgent):
    """Stores all messages, and answers questions with a wrong word."""

    def __init__(self, agent: Any, *, from_the_start: bool = False) -> None:
        self.model = WrongWordModel(from_the_start=from_the_start)
        super().__init__(build_agent(self.model, checkpointer=agent.checkpointer))


class TerseAgent(RecordingAgent):
    """Answers correctly, without punctuation at the end. It is not broken."""

    def __init__(self, agent: Any) -> None:
        super().__init__(build_agent(TerseModel(), checkpointer=agent.checkpointer))


class LeakingAgent(RecordingAgent):
    """Answers correctly, and stores messages of other threads in the threads that it `reaches`.

    They are messages of their own, or inside of the `latest` answer, so that the number of messages stays
    the same, or inside of the `first` message, once a question was answered, so that the answer is
    correct.
    """

    def __init__(
        self, agent: Any, reaches: Callable[[Any], bool] = lambda thread_id: True, *, inside: str = ""
    ) -> None:
        super().__init__(agent)
        self.reaches = reaches
        self.inside = inside
        self.leaked: set[tuple[Any, AgentCall]] = set()
        self.was_read_after_leak = False
        """Whether the state of a thread was read after something leaked into it."""

    def get_state(self, config: Any, **more: Any) -> Any:
        self.was_read_after_leak |= thread_id_of(config) in {thread_id for thread_id, _ in self.leaked}
        return super().get_state(config, **more)

    def on_answer(self, given: Any, config: Any) -> None:
        used = [each.thread_id for each in self.calls]
        for thread_id in filter(self.reaches, set(used)):
            if self.inside == "first" and used.count(thread_id) < 2:
                continue
            for each in dict.fromkeys(self.calls):
                if each.thread_id != thread_id and (thread_id, each) not in self.leaked:
                    self.leaked.add((thread_id, each))
                    self.leak(thread_id, f"(overheard) {each.text}")

    def leak(self, thread_id: Any, text: str) -> None:
        target = {"configurable": {"thread_id": thread_id}}
        recorder: BaseMessage = AIMessage(text)
        if self.inside:
            messages = self.agent.get_state(target).values["messages"]
            message = messages[0 if self.inside == "first" else -1]
            recorder = message.model_copy(update={"content": f"{message.text} {text}"})
        self.agent.update_state(target, {"messages": [recorder]})


def make_broken_agent(kind: Callable[[Any], RecordingAgent], agent: Any) -> RecordingAgent:
    """Return an agent of this kind with the checkpointer of `agent`, so its registry sees the threads."""
    checkpointer = getattr(agent, "checkpointer", None) or InMemorySaver()
    return kind(build_agent("offline", checkpointer=checkpointer))


def run_and_catch(function: Callable[[], Any]) -> tuple[bool, Any]:
    """Call a function; return whether it raised, as a failing test does, and its exception or result."""
    try:
        return False, function()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if type(error).__name__ == "NotSolved":
            raise
        return True, error
