"""Listening: the events of a thread, or of all, from any point on, replayed and then live."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self

from threads import ids
from threads.bootstrap.tail import Tail, Topic
from threads.database.connections import Database
from threads.errors import DatabaseError, ThreadNotFound
from threads.models import Event
from threads.registry import events

READ_AT_ONCE = 500
HELD = 1000
"""Events that wait for a slow listener; then he reads from the table what he missed."""
INTERRUPTIBLE = 1.0
"""Seconds of waiting at a time: Windows notices Ctrl+C only in between."""


class Events(Iterator[Event], AsyncIterator[Event]):
    """Events in their order, for one listener: iterate it by `for` or by `async for`.

    Following, it waits for what is to come, and ends when the thread is deleted or the registry is
    closed, or by `close()` from anywhere. Leaving it costs nobody anything.
    """

    def __init__(self, database: Database, tail: Tail, topic: Topic, after: int, *, follow: bool) -> None:
        self.topic = topic
        self._database = database
        self._tail = tail
        self._last = after
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
        return self._last

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
        self._last = self._number(event)
        return event

    def _catch_up(self) -> None:
        self._behind = False  # first: what arrives meanwhile is either read here or kept
        try:
            with self._database.read() as connection:
                found = events.read(connection, self.topic, self._last, READ_AT_ONCE)
                self._ready.extend(self._gap(connection))
        except DatabaseError:
            if self._ended:  # the registry was closed
                return
            raise
        self._ready.extend(found)
        self._behind = self._behind or len(found) == READ_AT_ONCE

    def _gap(self, connection: sqlite3.Connection) -> Iterator[Event]:
        """Says that events between two numbers are no longer kept."""
        kind, name = self.topic
        if kind == "thread":
            oldest = events.first_sequence(connection, str(name)) or 1
            if oldest > self._last + 1 and oldest > 1:
                told = {"after": self._last, "before": oldest}
                yield Event(str(name), oldest - 1, 0, "gap", None, told, None)
        elif self._last and (oldest := events.first_kept(connection, name, self._last) or 0):
            yield Event("", 0, oldest - 1, "gap", None, {"after": self._last, "before": oldest}, None)

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
    """The events after number `after`; None means: those to come. Raises `ThreadNotFound`."""
    with database.read() as connection:
        text = None if thread_id is None else ids.text_of(thread_id)
        if text is not None and not events.has_thread(connection, text):
            raise ThreadNotFound(text)
        if after is None:
            after = (
                events.last_position(connection) if text is None else events.last_sequence(connection, text)
            )
    topic: Topic = ("thread", text) if text is not None else ("owner", owner) if owner else ("all", None)
    return Events(database, tail, topic, after, follow=follow)


def _resolve(waiter: Any) -> None:
    if not waiter.done():
        waiter.set_result(None)
