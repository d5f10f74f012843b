"""Events on their way to the table: gathered for a moment, stored for all runs in one transaction.

What belongs to a checkpoint or to the end of a run does not wait here: it is taken along by that
transaction (`take`), behind what the run said before.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from threads.background import log_failure
from threads.db.database import Database
from threads.errors import LeaseLost
from threads.registry.event_poller import EventPoller
from threads.store import event_log, runs
from threads.store.event_log import Happened

GATHERED = 0.015
"""Seconds that events wait for others."""


class Recorder:
    """Stores the events of one runner, from any thread."""

    def __init__(self, database: Database, tail: EventPoller, loop: asyncio.AbstractEventLoop) -> None:
        self._database = database
        self._tail = tail
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting: list[Happened] = []
        self._is_due = False

    def add(self, happened: Happened) -> None:
        """Store this soon. A token goes on where the last one of its message ended."""
        with self._lock:
            last = self._waiting[-1] if self._waiting else None
            if last is not None and _goes_on(last, happened):
                words = {**happened.data, "text": last.data["text"] + happened.data["text"]}
                self._waiting[-1] = last._replace(data=words)
            else:
                self._waiting.append(happened)
            if self._is_due:
                return
            self._is_due = True
        self._loop.call_soon_threadsafe(self._loop.call_later, GATHERED, self._flush)

    def take(self, run_id: str, attempt: int) -> list[Happened]:
        """What waits of an attempt; the caller stores it."""
        with self._lock:
            mine = [each for each in self._waiting if (each.run_id, each.attempt) == (run_id, attempt)]
            if mine:
                self._waiting = [
                    each for each in self._waiting if (each.run_id, each.attempt) != (run_id, attempt)
                ]
        return mine

    async def store(self, happened: Happened) -> None:
        """Store this, and what waits of its run, and return when it is safe; `LeaseLost`."""
        work = storing([*self.take(str(happened.run_id), happened.attempt), happened])

        def fenced(connection: sqlite3.Connection) -> None:
            if not runs.is_held(connection, str(happened.run_id), happened.attempt):
                raise LeaseLost(happened.thread_id)
            work(connection)

        await self.write(fenced)

    async def write(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """Do `work` in a transaction, and tell those who listen."""
        promise = self._submit(work)
        return await asyncio.shield(asyncio.wrap_future(promise))

    def _submit(self, work: Callable[[sqlite3.Connection], Any]) -> Future[Any]:
        promise = self._database.submit(work)
        promise.add_done_callback(lambda _: self._tail.wake())
        return promise

    def _flush(self) -> None:
        with self._lock:
            self._is_due = False
            waiting, self._waiting = self._waiting, []
        if waiting:
            self._submit(partial(_store_held, waiting)).add_done_callback(_tell_lost)


def _tell_lost(promise: Future[Any]) -> None:
    if error := promise.exception():
        log_failure("events of runs could not be stored", error)


def storing(happened: list[Happened]) -> Callable[[sqlite3.Connection], None]:
    """The work that stores these events; done again it is done once, as all that a `Database` is given."""
    first = {each.run_id: each.at for each in reversed(happened) if each.type == "token"}
    whole = {each.message_id for each in happened if each.type == "message"}
    happened = [each for each in happened if each.type != "token" or each.message_id not in whole]

    def work(connection: sqlite3.Connection) -> None:
        event_log.record(connection, happened)
        for run_id, at in first.items():
            runs.first_token(connection, str(run_id), at)

    return work


def _store_held(waiting: list[Happened], connection: sqlite3.Connection) -> None:
    """What a run says after it lost its lease is nobody's any more."""
    said = {(str(each.run_id), each.attempt) for each in waiting}
    held = {run for run in said if runs.is_held(connection, *run)}
    storing([each for each in waiting if (str(each.run_id), each.attempt) in held])(connection)


def _goes_on(last: Happened, happened: Happened) -> bool:
    return (
        last.type == happened.type == "token"
        and last.message_id == happened.message_id
        and (last.run_id, last.attempt) == (happened.run_id, happened.attempt)
    )
