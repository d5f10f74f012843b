"""Listening: the events of a thread, or of all, from any point on, replayed and then live."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, Self

from threads import ids
from threads.db.database import Database
from threads.db.seals import LARGEST, Seals, seals_of
from threads.errors import DatabaseError, InvalidCursor, ThreadNotFound
from threads.models import Event
from threads.registry.event_poller import Tail, Topic
from threads.store import event_log

READ_AT_ONCE = {"thread": 500, "all": 500, "owner": 5000}
"""Events; to find the next ones of an owner, all that he has are looked at."""
HELD = 1000
"""Events that wait for a slow listener; then he reads from the table what he missed."""
INTERRUPTIBLE = 1.0
"""Seconds of waiting at a time: Windows notices Ctrl+C only in between."""


class StartPosition(NamedTuple):
    """The number of the last event before those of a stream."""

    last: int
    shown: int
    """As the subscriber sees it."""


class Positions:
    """Positions of events as a subscriber sees them: as they are, or sealed for an owner.

    As they are they count the events of all threads, so an owner would see how much others do.
    """

    def __init__(self, seals: Seals, owner: str | None) -> None:
        self.owner = owner
        self._seals = seals

    def shown(self, position: int) -> int:
        """The position as the subscriber sees it; 0, which stands for no event, stays 0."""
        if self.owner is None or not position:
            return position
        return self._seals.seal_number(("event", self.owner), position)

    def opened(self, shown: int) -> int:
        """The position that was shown so; beyond the end for a number that this owner was never shown."""
        if self.owner is None or not shown:
            return shown
        try:
            return self._seals.open_number(("event", self.owner), shown)
        except InvalidCursor:
            return LARGEST


class Events(Iterator[Event], AsyncIterator[Event]):
    """Events in their order, for one listener: iterate it by `for` or by `async for`.

    Following, it waits for what is to come, and ends when the thread is deleted or the registry is
    closed, or by `close()` from anywhere. Leaving it costs nobody anything.
    """

    def __init__(
        self,
        database: Database,
        tail: Tail,
        topic: Topic,
        positions: Positions,
        start: StartPosition,
        *,
        follow: bool,
    ) -> None:
        self.topic = topic
        self._database = database
        self._tail = tail
        self._positions = positions
        self._last, self._shown_last = start
        self._follow = follow
        self._ready: deque[Event] = deque()
        self._arrived: deque[Event] = deque()
        self._behind = True
        self._ended = False
        self._news = threading.Condition()
        self._waiter: Any = None
        if follow:
            tail.subscribe(self)

    @property
    def last(self) -> int:
        """The number to go on after: a sequence, or a position where it listens to all threads."""
        return self._shown_last

    def close(self) -> None:
        """Hear no more; who waits for the next event is let go."""
        self.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __aiter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        while (event := self.wait(INTERRUPTIBLE)) is None:
            if self.is_over:
                raise StopIteration
        return event

    def wait(self, seconds: float | None = None) -> Event | None:
        """The next event; None at the end, or after `seconds` without one."""
        while True:
            if event := self._next():
                return event
            if self.is_over:
                return None
            with self._news:
                if not self._has_news() and not self._news.wait(seconds):
                    return None

    async def __anext__(self) -> Event:
        import asyncio  # not for those who only list

        loop = asyncio.get_running_loop()
        while True:
            event = await asyncio.to_thread(self._next) if self._behind and not self._ready else self._next()
            if event:
                return event
            if self.is_over:
                raise StopAsyncIteration
            with self._news:
                if self._has_news():
                    continue
                waiter = loop.create_future()
                self._waiter = partial(loop.call_soon_threadsafe, _resolve, waiter)
            await waiter

    def take(self, happened: list[Event]) -> None:
        """These are new; called by the tail."""
        with self._news:
            if len(self._arrived) + len(happened) > HELD:
                self._arrived.clear()
                self._behind = True
            else:
                self._arrived.extend(happened)
            self._tell()

    def end(self) -> None:
        """There will be no more."""
        self._tail.unsubscribe(self)
        with self._news:
            self._ended = True
            self._tell()

    def _next(self) -> Event | None:
        if not self._ready and self._behind:
            self._catch_up()
        while not self._ready and self._arrived:
            with self._news:
                arrived = list(self._arrived)
                self._arrived.clear()
            self._ready.extend(event for event in arrived if self._number(event) > self._last)
        if not self._ready:
            return None
        event = self._ready.popleft()
        if event.type == "gap":
            return event
        self._last = self._number(event)
        event = replace(event, position=self._positions.shown(event.position))
        self._shown_last = self._number(event)
        return event

    def _catch_up(self) -> None:
        limit = READ_AT_ONCE[self.topic[0]]
        self._behind = False  # first: what arrives meanwhile is either read here or kept
        try:
            with self._database.read() as connection:
                found = event_log.read(connection, self.topic, self._last, limit)
                self._ready.extend(self._gap(connection))
        except DatabaseError:
            if self._ended:  # the registry was closed
                return
            raise
        self._ready.extend(found)
        self._behind = self._behind or len(found) == limit

    def _gap(self, connection: sqlite3.Connection) -> Iterator[Event]:
        """Says that events after the last number are no longer kept, or that the file has no such number.

        The latter is so where an older copy of it was restored.
        """
        kind, name = self.topic
        after, last = self._shown_last, self._last
        if kind == "thread":
            oldest = event_log.first_sequence(connection, str(name)) or 1
            end = event_log.last_sequence(connection, str(name))
            if oldest > last + 1 and oldest > 1:
                yield Event(str(name), oldest - 1, 0, "gap", None, {"after": after, "before": oldest}, None)
            elif last > end:
                self._last = self._shown_last = end
                yield Event(str(name), end, 0, "gap", None, {"after": after, "before": end}, None)
        elif last > event_log.end_of_log(connection):
            self._last, self._shown_last = _end(connection, self._positions)
            told = {"after": after, "before": self._shown_last}
            yield Event("", 0, self._shown_last, "gap", None, told, None)
        elif last and (oldest := event_log.first_kept(connection, name, last) or 0):
            told = {"after": after, "before": self._positions.shown(oldest)}
            yield Event("", 0, after if self._positions.owner else oldest - 1, "gap", None, told, None)

    def _number(self, event: Event) -> int:
        return event.sequence if self.topic[0] == "thread" else event.position

    def _has_news(self) -> bool:
        return bool(self._arrived or self._behind or self._ended)

    @property
    def is_over(self) -> bool:
        """Whether there will be no more events."""
        return (self._ended or not self._follow) and not self._behind and not self._arrived

    def _tell(self) -> None:
        self._news.notify_all()
        if self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            with suppress(RuntimeError):  # its loop was closed: nobody waits there any more
                waiter()


def listen(
    database: Database,
    tail: Tail,
    thread_id: str | None,
    after: int | None,
    *,
    owner: str | None = None,
    follow: bool = True,
) -> Events:
    """The events after number `after`; None means: those to come.

    With an `owner`, positions are sealed, and a number that this owner was never shown gives a `gap`, as one
    does that the file does not have. Raises `ThreadNotFound`, also for a thread of another owner.
    """
    with database.read() as connection:
        text = None if thread_id is None else ids.text_of(thread_id)
        if text is not None and not event_log.has_thread(connection, text, owner):
            raise ThreadNotFound(text)
        positions = Positions(seals_of(connection), owner)
        if text is not None:
            number = event_log.last_sequence(connection, text) if after is None else after
            start = StartPosition(number, number)
        elif after is None:
            start = _end(connection, positions)
        else:
            start = StartPosition(positions.opened(after), after)
    topic: Topic = ("owner", owner) if owner is not None else ("all", None)
    if text is not None:
        topic = ("thread", text)
    return Events(database, tail, topic, positions, start, follow=follow)


def _end(connection: sqlite3.Connection, positions: Positions) -> StartPosition:
    """The end of the log; an owner is shown the last event of his own instead."""
    last = event_log.last_position(connection)
    if positions.owner is None:
        return StartPosition(last, last)
    return StartPosition(last, positions.shown(event_log.last_of_owner(connection, positions.owner)))


def _resolve(waiter: Any) -> None:
    if not waiter.done():
        waiter.set_result(None)
