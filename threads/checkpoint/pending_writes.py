"""Results that go with the next checkpoint: one commit in place of two or three.

A task's results matter only together with the checkpoint that comes of them, or when another task
of the same step fails. LangGraph stores them by `put_writes` a moment before that checkpoint's
`put`. So they wait for it and are stored in its transaction; if it does not come within `PENDING_WRITES`
they are stored alone. Until then a crash costs what it would have cost a moment earlier: the task is
run again. Questions to a person, errors and answers to questions never wait.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

from threads.background import start_thread
from threads.checkpoint.conflicts import TooEarly
from threads.checkpoint.recent_checkpoints import Places
from threads.db.database import Database
from threads.delays import PENDING_WRITES
from threads.errors import DatabaseError, ThreadsError

Work = Callable[[sqlite3.Connection], None]
Key = tuple[str, str, str, int]
"""Thread id, namespace, checkpoint id, and which turn's reading of it."""

MOST_REFUSED = 1000
"""Refused checkpoints that are remembered, for what their runs still want to store."""
TOO_LONG = 60.0
"""Seconds after which results in a deleted thread are a dead run's: no new thread has begun with them."""


class LateResults:
    """Keeps pieces of work until they are stored with their checkpoint, or alone when none comes.

    What waits is looked at inside the transaction that stores it and forgotten at its commit, before another
    transaction begins. While a checkpoint is on its way, however long its commit takes, nothing that goes
    with it is stored alone: so each result is stored once, and none before a checkpoint that was refused.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._waiting: dict[Key, list[Work]] = {}
        self._refused = Places(MOST_REFUSED)
        self._coming: Counter[Key] = Counter()
        """What was submitted and takes along what waits here, and is not committed yet."""
        self._early: dict[Key, float] = {}
        self._arrived = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def add(self, key: Key, work: Work) -> None:
        """Keep `work` for the checkpoint that follows the one in `key`, unless that was refused."""
        with self._lock:
            if self.is_refused(key):
                return
            self._waiting[key] = [*self._waiting.get(key, ()), work]  # lists are shared, never changed
            self._run_soon()

    def is_refused(self, key: Key) -> bool:
        """Whether the checkpoint that these results belong to was refused: then nobody wants them."""
        return key[:3] in self._refused

    def store(self, key: Key, connection: sqlite3.Connection) -> list[Work]:
        """Store what waits for the checkpoint that follows, in the caller's transaction; returns it."""
        waiting = list(self._waiting.get(key, ()))
        for work in waiting:
            work(connection)
        return waiting

    def submit(
        self, key: Key, work: Callable[[sqlite3.Connection], Sequence[Work]], *, soon: bool = True
    ) -> Future[Sequence[Work]]:
        """Submit `work`, which stores what waits under `key` along with its own, and returns that."""
        with self._lock:
            self._coming[key] += 1
        try:
            promise = self._database.submit(work, soon=soon)
        except BaseException:
            self._came(key)
            raise
        promise.add_done_callback(partial(self._came, key))
        return promise

    def _came(self, key: Key, promise: Future[Sequence[Work]] | None = None) -> None:
        with self._lock:
            self._coming[key] -= 1
            if not self._coming[key]:
                del self._coming[key]
        if promise is not None:
            self._forget_stored(key, promise)

    def _forget_stored(self, key: Key, promise: Future[Sequence[Work]]) -> None:
        self.forget(key, promise.result() if promise.exception() is None else ())

    def forget(self, key: Key, stored: Sequence[Work]) -> None:
        """These are stored; what came since still waits."""
        if stored:
            with self._lock:
                self._early.pop(key, None)
                left = [work for work in self._waiting.pop(key, []) if work not in stored]
                if left:
                    self._waiting[key] = left
        elif self._waiting:  # perhaps for the checkpoint that was stored just now
            self._arrived.set()

    def _alone(self, key: Key, connection: sqlite3.Connection) -> Sequence[Work]:
        """Store what waits, unless its checkpoint is on its way: that takes it along, or is refused."""
        return [] if key in self._coming else self.store(key, connection)

    def refuse(self, key: Key, checkpoint_id: str, then: Work) -> None:
        """The checkpoint that follows was refused: neither its step's results nor its own are wanted.

        What is stored of them already is taken back by `then`, soon, for this transaction will not last.
        """
        refused = (*key[:2], checkpoint_id)
        with self._lock:
            self._waiting = {
                other: work for other, work in self._waiting.items() if other != key and other[:3] != refused
            }
            self._refused.add(refused)
            self._waiting[*refused, 0] = [then]
            self._run_soon()

    def flush(self, thread_id: str | None = None, *, must: bool = False) -> None:
        """Store all that waits, or only a thread's: who reads one does not pay for the others'.

        What is refused (its thread went on, or away) was nobody's any more. While the database cannot
        store (it is locked, or full) it goes on waiting: the checkpoint that comes of it must not be
        stored without it. `must` raises then.
        """
        with self._lock:
            found = [(key, works) for key, works in self._waiting.items() if thread_id in (None, key[0])]
        self._store_alone(found, must=must)

    def _store_alone(self, found: Sequence[tuple[Key, list[Work]]], *, must: bool = False) -> None:
        for key, waiting in found:
            try:
                promise = self._database.submit(partial(self._alone, key), soon=False)
                promise.add_done_callback(partial(self._forget_stored, key))
                self._database.wait_for_writes()
                promise.result()
            except DatabaseError:
                if must:
                    raise
                self._arrived.set()
                return
            except TooEarly:
                if time.monotonic() - self._early.setdefault(key, time.monotonic()) >= TOO_LONG:
                    self.forget(key, waiting)
            except ThreadsError as error:
                logging.getLogger(__name__).info("results of a step are not stored: %s", error)
                self.forget(key, waiting)

    def close(self) -> None:
        """Store all that waits, and wait no more."""
        with self._lock:
            self._closed = True
        self._arrived.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _run_soon(self) -> None:
        self._arrived.set()
        if self._thread is None and not self._closed:
            try:
                self._thread = start_thread(self._run, "threads-late-results", lambda: self._closed)
            except RuntimeError as error:  # no thread can be started now; who reads or closes stores it
                logging.getLogger(__name__).warning("results of a step wait for their checkpoint: %s", error)

    def _run(self) -> None:
        while not self._closed:
            self._arrived.wait()
            with self._lock:
                found = list(self._waiting.items())
            time.sleep(PENDING_WRITES)
            self._arrived.clear()
            with self._lock:  # what arrived meanwhile has its own time
                left = [
                    (key, works)
                    for key, works in found
                    if self._waiting.get(key) is works and key not in self._coming
                ]
                if len(self._waiting) > len(left):
                    self._arrived.set()
            self._store_alone(left)
