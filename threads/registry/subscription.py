"""`EventSubscription`: the events of a thread, an owner or all, replayed from any point and then live."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, Self

from threads import ids
from threads.db.seals import LARGEST, Seals
from threads.errors import DatabaseError, InvalidCursor, ThreadNotFound
from threads.models import Event
from threads.registry.context import Closeable, RegistryContext
from threads.registry.event_poller import EventPoller, changed_event
from threads.store.event_log import Topic
from threads.store.transaction import Store, Transaction

BATCH_SIZE = {"thread": 500, "all": 500, "owner": 5000}
"""Events that one read returns at most; an owner's are found by looking at all of their events."""
BUFFER_SIZE = 1000
"""Live events that wait for a slow subscriber; with more it reads from the table again."""
WAIT_STEP = 1.0
"""Seconds of one wait: on Windows Ctrl+C is noticed only between two waits."""


class StartPosition(NamedTuple):
    """The number of the last event before those of a subscription."""

    stored: int
    shown: int
    """As the subscriber sees it."""


class PositionCodec:
    """Event positions as a subscriber sees them: plain, or sealed for an owner.

    Plain positions count the events of all threads, so an owner could see how active others are.
    """

    def __init__(self, seals: Seals, owner: str | None) -> None:
        self.owner = owner
        self._seals = seals

    def encode(self, position: int) -> int:
        """Return the position as the subscriber sees it; 0, which stands for no event, stays 0."""
        if self.owner is None or not position:
            return position
        return self._seals.seal_number(("event", self.owner), position)

    def decode(self, shown: int) -> int:
        """Return the stored position; one beyond the end for a number that this owner was never shown."""
        if self.owner is None or not shown:
            return shown
        try:
            return self._seals.open_number(("event", self.owner), shown)
        except InvalidCursor:
            return LARGEST


class EventSubscription(Closeable, Iterator[Event], AsyncIterator[Event]):
    """Events in order, for one subscriber: iterate with `for` or `async for`.

    With `follow` it waits for new events, and ends when the thread is deleted, when the registry is closed,
    or by `close()` from any thread. A subscription never slows down the run or other subscribers.
    """

    def __init__(
        self,
        store: Store,
        poller: EventPoller,
        topic: Topic,
        positions: PositionCodec,
        start: StartPosition,
        *,
        follow: bool,
        inner: bool,
        changes: bool = False,
    ) -> None:
        self.topic = topic
        self.wants_changes = changes and follow
        self._inner = inner
        self._store = store
        self._poller = poller
        self._positions = positions
        self._last, self._shown_last = start
        self._follow = follow
        self._ready: deque[Event] = deque()
        self._arrived: deque[Event] = deque()
        self._is_behind = True
        self._is_ended = False
        self._news = threading.Condition()
        self._wake_loop: Any = None
        if follow:
            poller.subscribe(self)

    @property
    def last(self) -> int:
        """The number to continue after: a sequence, or a position when subscribed to more than a thread."""
        return self._shown_last

    def close(self) -> None:
        """End the subscription; a caller that waits for the next event returns."""
        self.end()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()  # needs no thread of its own: it does not block

    def __iter__(self) -> Self:
        return self

    def __aiter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        while (event := self.wait(WAIT_STEP)) is None:
            if self.is_over:
                raise StopIteration
        return event

    def wait(self, seconds: float | None = None) -> Event | None:
        """Return the next event; None at the end, or after `seconds` without one."""
        while True:
            if event := self._next():
                return event
            if self.is_over:
                return None
            with self._news:
                if not self._has_news() and not self._news.wait(seconds):
                    return None

    async def __anext__(self) -> Event:
        import asyncio  # listing threads does not need it

        loop = asyncio.get_running_loop()
        while True:
            must_read = self._is_behind and not self._ready
            event = await asyncio.to_thread(self._next) if must_read else self._next()
            if event:
                return event
            if self.is_over:
                raise StopAsyncIteration
            with self._news:
                if self._has_news():
                    continue
                waiter = loop.create_future()
                self._wake_loop = partial(loop.call_soon_threadsafe, _resolve, waiter)
            await waiter

    def receive(self, events: list[Event]) -> None:
        """Buffer new events; called on the poller thread."""
        with self._news:
            if len(self._arrived) + len(events) > BUFFER_SIZE:
                self._arrived.clear()
                if self.wants_changes:  # some may have been among them
                    self._arrived.append(changed_event("", "many"))
                self._is_behind = True
            else:
                self._arrived.extend(events)
            self._notify()

    def end(self) -> None:
        """End the subscription; called by the poller, or through `close`."""
        self._poller.unsubscribe(self)
        with self._news:
            self._is_ended = True
            self._notify()

    def _next(self) -> Event | None:
        if not self._ready and self._is_behind:
            self._read_missed()
        while not self._ready and self._arrived:
            with self._news:
                arrived = list(self._arrived)
                self._arrived.clear()
            self._ready.extend(
                event for event in arrived if event.type == "changed" or self._number(event) > self._last
            )
        while self._ready:
            event = self._ready.popleft()
            if event.type in ("gap", "changed"):
                return event
            self._last = self._number(event)
            if self._inner or event.in_conversation:
                event = replace(event, position=self._positions.encode(event.position))
                self._shown_last = self._number(event)
                return event
        return None

    def _read_missed(self) -> None:
        """Read the next events from the table."""
        limit = BATCH_SIZE[self.topic[0]]
        self._is_behind = False  # first: an event that arrives meanwhile is either read here or buffered
        try:
            with self._store.read() as tx:
                found = tx.events.list_after(self.topic, self._last, limit)
                self._ready.extend(self._gap(tx))
        except DatabaseError:
            if self._is_ended:  # the registry was closed
                return
            raise
        self._ready.extend(found)
        self._is_behind = self._is_behind or len(found) == limit

    def _gap(self, tx: Transaction) -> Iterator[Event]:
        """Yield a `gap` event if events after the last number were trimmed, or if that number does not exist.

        The latter happens where an older copy of the file was restored.
        """
        kind, name = self.topic
        after, last = self._shown_last, self._last
        if kind == "thread":
            oldest = tx.events.first_sequence(str(name)) or 1
            newest = tx.events.last_sequence(str(name))
            if oldest > last + 1 and oldest > 1:
                yield Event(str(name), oldest - 1, 0, "gap", None, {"after": after, "before": oldest}, None)
            elif last > newest:
                self._last = self._shown_last = newest
                yield Event(str(name), newest, 0, "gap", None, {"after": after, "before": newest}, None)
        elif last > tx.events.last_assigned_position():
            self._last, self._shown_last = _end(tx, self._positions)
            data = {"after": after, "before": self._shown_last}
            yield Event("", 0, self._shown_last, "gap", None, data, None)
        elif last and (oldest := tx.events.find_first_after_gap(name, last) or 0):
            data = {"after": after, "before": self._positions.encode(oldest)}
            yield Event("", 0, after if self._positions.owner else oldest - 1, "gap", None, data, None)

    def _number(self, event: Event) -> int:
        return event.sequence if self.topic[0] == "thread" else event.position

    def _has_news(self) -> bool:
        return bool(self._arrived or self._is_behind or self._is_ended)

    @property
    def is_over(self) -> bool:
        """Whether no more events will come."""
        return (self._is_ended or not self._follow) and not self._is_behind and not self._arrived

    def _notify(self) -> None:
        self._news.notify_all()
        if self._wake_loop is not None:
            wake_loop, self._wake_loop = self._wake_loop, None
            with suppress(RuntimeError):  # the event loop was closed: no coroutine waits there any more
                wake_loop()


def subscribe(
    context: RegistryContext,
    thread_id: str | None,
    after: int | None,
    *,
    owner: str | None = None,
    follow: bool = True,
    inner: bool = False,
    changes: bool = False,
) -> EventSubscription:
    """Subscribe to the events after number `after`; None: to those that come from now on.

    `inner`: also to those that do not belong to the conversation; `changes`: also to changes of the lists.
    With an `owner`, positions are sealed. A number that the owner was never shown, or that the file does not
    have, gives a `gap` event. Raises `ThreadNotFound`, also for another owner's thread.
    """
    with context.store.read() as tx:
        text = None if thread_id is None else ids.text_of(thread_id)
        if text is not None and not tx.events.has_thread(text, owner):
            raise ThreadNotFound(text)
        positions = PositionCodec(tx.seals, owner)
        if text is not None:
            number = tx.events.last_sequence(text) if after is None else after
            start = StartPosition(number, number)
        elif after is None:
            start = _end(tx, positions)
        else:
            start = StartPosition(positions.decode(after), after)
    topic: Topic = ("owner", owner) if owner is not None else ("all", None)
    if text is not None:
        topic = ("thread", text)
    return EventSubscription(
        context.store, context.events, topic, positions, start, follow=follow, inner=inner, changes=changes
    )


def _end(tx: Transaction, positions: PositionCodec) -> StartPosition:
    """Return the end of the log; an owner is shown the last event of their own threads instead."""
    last = tx.events.last_position()
    if positions.owner is None:
        return StartPosition(last, last)
    return StartPosition(last, positions.encode(tx.events.last_position_of(positions.owner)))


def _resolve(waiter: Any) -> None:
    if not waiter.done():
        waiter.set_result(None)
