"""Speaking with a target: one turn of one conversation, watched, from any thread or event loop.

What is made for one event loop works in that one only, so coroutines all run in a loop of the audit's own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

from threads.isolation.callbacks import FailedOnPurpose, Watcher, fail, text_of, watching
from threads.isolation.observations import Sightings
from threads.isolation.scenario import Verb
from threads.isolation.target_io import awaited, comes_later, context_of, gathered, input_of, reply_of
from threads.isolation.targets import Target

T = TypeVar("T")
REPLY = "replies"
RETURNED = "what a run returned"
EVENTS = "events"


@dataclass(frozen=True)
class Conversation:
    """Who speaks in which thread."""

    who: int
    user: str
    thread: str

    @property
    def config(self) -> dict[str, Any]:
        """What LangGraph wants; an agent that keeps something by user finds the user there."""
        return {"configurable": {"thread_id": self.thread, "user_id": self.user}}


@dataclass(frozen=True)
class Turn:
    """What came of one turn."""

    who: int
    text: str
    reply: str | None
    error: BaseException | None = None
    began: tuple[str, ...] = ()
    """The nodes, and `model`, that were seen to work in it."""
    points: int = 0
    """How many points there were to fail at."""


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="audit-loop", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            with suppress(SystemExit):  # an agent's: the loop hands it to its turn, and stops
                self._loop.run_forever()
                return

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`; called from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


@dataclass
class Voice:
    """Speaks with a target; `graph` is None where it is an application."""

    target: Target
    graph: Any
    loop: Loop
    sightings: Sightings = field(default_factory=Sightings)
    watch: Callable[..., Watcher] = Watcher
    speaks_plainly: bool = True
    """Whether all that an application returned is text, or a coroutine of it where it says so."""

    def say(self, talk: Conversation, text: str, verb: Verb = "tell", point: int = 0) -> Turn:
        """One turn; what the agent raises is in it. One that is to fail does so after so many points."""
        watcher = self.watch(talk.who, self.sightings, self.meddling(talk, verb), point)
        try:
            output = self.answer(talk, text, verb, watcher)
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever the agent raises is a result here
            return self._failed(talk, text, watcher, error)
        return self._answered(talk, text, watcher, output)

    def meddling(self, talk: Conversation, verb: Verb) -> Callable[[], None] | None:
        """What is done to a turn while it is under way."""
        return fail if verb == "fail" else None

    def answer(self, talk: Conversation, text: str, verb: Verb, watcher: Watcher) -> Any:
        """What the target returns, or raises."""
        if self.target.is_async:
            return self.loop.run(self._asked(talk, text, watcher))
        if self.graph is None:
            with watching(watcher):
                return self._spoken(talk, text)
        return self.graph.invoke(self.input(text), self._config(talk, watcher), **self.context(talk))

    async def asay(self, talk: Conversation, text: str, verb: Verb = "tell") -> Turn:
        """The same in the running loop; what can only block goes to a thread."""
        watcher = self.watch(talk.who, self.sightings, self.meddling(talk, verb))
        try:
            output = await self._asked(talk, text, watcher)
        except (Exception, SystemExit) as error:  # noqa: BLE001
            return self._failed(talk, text, watcher, error)
        return self._answered(talk, text, watcher, output)

    async def _asked(self, talk: Conversation, text: str, watcher: Watcher) -> Any:
        if self.graph is not None:
            config = self._config(talk, watcher)
            return await self.graph.ainvoke(self.input(text), config, **self.context(talk))
        with watching(watcher):
            if self.target.is_async:
                output = await awaited(self.target.made(talk.user, text))
                self.speaks_plainly = self.speaks_plainly and isinstance(output, str)
                return output
            return await asyncio.to_thread(self._spoken, talk, text)

    def _spoken(self, talk: Conversation, text: str) -> Any:
        output = self.target.made(talk.user, text)
        self.speaks_plainly = self.speaks_plainly and isinstance(output, str)
        return self.loop.run(awaited(output)) if comes_later(output) else gathered(output)

    def context(self, talk: Conversation) -> dict[str, Any]:
        """The keyword `context`, where the graph wants one."""
        return context_of(self.graph, talk.user, talk.thread)

    def input(self, text: str) -> Any:
        """What the graph is given for a text."""
        return input_of(self.graph, text, self.target.input)

    def _config(self, talk: Conversation, watcher: Watcher) -> dict[str, Any]:
        return {**talk.config, "callbacks": [watcher]}

    def _failed(self, talk: Conversation, text: str, watcher: Watcher, error: BaseException) -> Turn:
        if not isinstance(error, FailedOnPurpose):
            self.sightings.look(talk.who, REPLY, str(error))
        return Turn(talk.who, text, None, error, tuple(watcher.began))

    def _answered(self, talk: Conversation, text: str, watcher: Watcher, output: Any) -> Turn:
        reply = text_of(output) if self.graph is None else reply_of(output)
        self.sightings.look(talk.who, REPLY, reply)
        if self.graph is not None:
            self.sightings.look(talk.who, RETURNED, text_of(output))
        return Turn(talk.who, text, reply, None, tuple(watcher.began), watcher.points)
