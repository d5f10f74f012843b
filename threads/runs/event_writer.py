"""Events on their way to the log: batched for a moment, stored for all runs in one transaction.

What belongs to a checkpoint or to the end of a run does not wait here: that transaction takes it along
(`take`), behind what the run reported before.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from threads.background import log_failure
from threads.delays import EVENT_BATCHING
from threads.errors import LeaseLost
from threads.registry.event_poller import EventPoller
from threads.store.event_log import NewEvent
from threads.store.transaction import Store, Transaction


class EventWriter:
    """Stores the events of one runner, from any thread."""

    def __init__(self, store: Store, poller: EventPoller, loop: asyncio.AbstractEventLoop) -> None:
        self._store = store
        self._poller = poller
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting: list[NewEvent] = []
        self._is_scheduled = False

    def add(self, event: NewEvent) -> None:
        """Store an event soon. A token is appended to the one before it of the same message."""
        with self._lock:
            last = self._waiting[-1] if self._waiting else None
            if last is not None and _continues(last, event):
                data = {**event.data, "text": last.data["text"] + event.data["text"]}
                self._waiting[-1] = last._replace(data=data)
            else:
                self._waiting.append(event)
            if self._is_scheduled:
                return
            self._is_scheduled = True
        self._loop.call_soon_threadsafe(self._loop.call_later, EVENT_BATCHING, self._flush)

    def take(self, run_id: str, attempt: int) -> list[NewEvent]:
        """Remove and return the waiting events of an attempt; the caller stores them."""
        with self._lock:
            taken = [each for each in self._waiting if (each.run_id, each.attempt) == (run_id, attempt)]
            if taken:
                self._waiting = [
                    each for each in self._waiting if (each.run_id, each.attempt) != (run_id, attempt)
                ]
        return taken

    async def write_event(self, event: NewEvent) -> None:
        """Commit an event, and before it those of its attempt that wait; `LeaseLost`."""
        run_id, attempt = str(event.run_id), event.attempt
        events = [*self.take(run_id, attempt), event]

        def insert_if_leased(tx: Transaction) -> None:
            if not tx.runs.has_lease(run_id, attempt):
                raise LeaseLost(event.thread_id)
            insert_events(tx, events)

        await self.write(insert_if_leased)

    async def write(self, change: Callable[[Transaction], Any]) -> Any:
        """Return the result of `change`, done in one transaction, and wake the subscribers."""
        return await asyncio.shield(asyncio.wrap_future(self._submit(change)))

    def _submit(self, change: Callable[[Transaction], Any]) -> Future[Any]:
        future = self._store.submit(change)
        future.add_done_callback(lambda _: self._poller.wake())
        return future

    def _flush(self) -> None:
        with self._lock:
            self._is_scheduled = False
            waiting, self._waiting = self._waiting, []
        if waiting:
            self._submit(partial(_insert_leased, waiting)).add_done_callback(_log_failure)


def insert_events(tx: Transaction, events: Sequence[NewEvent]) -> None:
    """Store events; a message replaces its tokens, and the first token of a run is dated."""
    first_tokens = {each.run_id: each.at for each in reversed(events) if each.type == "token"}
    whole = {each.message_id for each in events if each.type == "message"}
    tx.events.append([each for each in events if each.type != "token" or each.message_id not in whole])
    for run_id, at in first_tokens.items():
        tx.runs.record_first_token(str(run_id), at)


def _insert_leased(waiting: list[NewEvent], tx: Transaction) -> None:
    """Store the events of the attempts that still have their lease."""
    attempts = {(str(each.run_id), each.attempt) for each in waiting}
    leased = {attempt for attempt in attempts if tx.runs.has_lease(*attempt)}
    insert_events(tx, [each for each in waiting if (str(each.run_id), each.attempt) in leased])


def _continues(last: NewEvent, event: NewEvent) -> bool:
    return (
        last.type == event.type == "token"
        and last.message_id == event.message_id
        and (last.run_id, last.attempt) == (event.run_id, event.attempt)
    )


def _log_failure(future: Future[Any]) -> None:
    if error := future.exception():
        log_failure("events of runs could not be stored", error)
