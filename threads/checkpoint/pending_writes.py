"""Buffer `put_writes` until the next `put` of the same step: one commit in place of two or three.

A task's writes matter only together with the checkpoint that comes of them, or when another task of the
same step fails. LangGraph stores them by `put_writes` a moment before that checkpoint's `put`. So they wait
for it and are stored in its transaction; if it does not come within `PENDING_WRITES`, they are stored
alone. Until then a crash costs what it would have cost a moment earlier: the task is run again. Interrupts,
errors and resume values never wait.
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

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import get_checkpoint_id

from threads.background import start_thread
from threads.checkpoint.conflicts import CheckpointNotYetStored, HeadRead
from threads.checkpoint.lru_cache import BoundedSet
from threads.checkpoint.run_config import thread_and_namespace
from threads.checkpoint.stored_values import CheckpointKey
from threads.db.database import Database
from threads.delays import PENDING_WRITES
from threads.errors import DatabaseError, ThreadsError

WriteFn = Callable[[sqlite3.Connection], None]
"""Stores a task's writes in the caller's transaction. It may be called again in another one."""
PutFn = Callable[[sqlite3.Connection], Sequence[WriteFn]]
"""Stores a checkpoint in the caller's transaction, and returns the buffered writes that it stored along."""
StepKey = tuple[str, str, str, int]
"""Thread id, namespace, checkpoint id, and the run's own reading of it (0: none)."""

MAX_REJECTED = 1000
"""Rejected checkpoints that are remembered, for what their runs still try to store."""
DELETED_THREAD_SECONDS = 60.0
"""After this, writes in a deleted thread are a dead run's: no new thread has begun with them."""


def step_key(config: RunnableConfig) -> StepKey:
    """Return what a step's writes have in common with the checkpoint that follows."""
    thread_id, checkpoint_ns = thread_and_namespace(config)
    checkpoint_id = get_checkpoint_id(config)
    reading = id(checkpoint_id) if isinstance(checkpoint_id, HeadRead) else 0
    return thread_id, checkpoint_ns, str(checkpoint_id), reading


class PendingWrites:
    """Buffer of writes until they are stored with their checkpoint, or alone if none comes.

    The buffer is read inside the transaction that stores it and emptied at its commit, before another
    transaction begins. While a checkpoint is on its way, however long its commit takes, nothing that goes
    with it is stored alone: so each write is stored once, and none before a checkpoint that was rejected.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._buffered: dict[StepKey, list[WriteFn]] = {}
        self._rejected: BoundedSet[CheckpointKey] = BoundedSet(MAX_REJECTED)
        self._submitted: Counter[StepKey] = Counter()
        """Puts that are submitted and not committed yet: they store what is buffered under the key."""
        self._not_yet_stored: dict[StepKey, float] = {}
        """When writes first met `CheckpointNotYetStored`, in seconds of the monotonic clock."""
        self._arrived = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def add(self, key: StepKey, write: WriteFn) -> None:
        """Buffer `write` for the checkpoint that follows the one in `key`, unless that was rejected."""
        with self._lock:
            if self.is_rejected(key):
                return
            self._buffered[key] = [*self._buffered.get(key, ()), write]  # lists are shared, never changed
            self._start_timer()

    def is_rejected(self, key: StepKey) -> bool:
        """Whether the checkpoint that these writes belong to was rejected."""
        return key[:3] in self._rejected

    def store(self, key: StepKey, connection: sqlite3.Connection) -> list[WriteFn]:
        """Store what is buffered under `key` in the caller's transaction, and return it."""
        buffered = list(self._buffered.get(key, ()))
        for write in buffered:
            write(connection)
        return buffered

    def store_with(self, key: StepKey, write: WriteFn, connection: sqlite3.Connection) -> Sequence[WriteFn]:
        """Store what is buffered under `key` and then `write` in one transaction; return the former."""
        try:
            buffered = self.store(key, connection)
            write(connection)
        except CheckpointNotYetStored:
            self.add(key, write)
            return ()
        return buffered

    def submit(self, key: StepKey, put: PutFn, *, soon: bool = True) -> Future[Sequence[WriteFn]]:
        """Submit `put`, which stores what is buffered under `key` along with its own, and returns it."""
        with self._lock:
            self._submitted[key] += 1
        try:
            future = self._database.submit(put, soon=soon)
        except BaseException:
            self._count_down(key)
            raise
        future.add_done_callback(partial(self._on_put_done, key))
        return future

    def _on_put_done(self, key: StepKey, future: Future[Sequence[WriteFn]]) -> None:
        self._count_down(key)
        self._remove_stored(key, future)

    def _count_down(self, key: StepKey) -> None:
        with self._lock:
            self._submitted[key] -= 1
            if not self._submitted[key]:
                del self._submitted[key]

    def _remove_stored(self, key: StepKey, future: Future[Sequence[WriteFn]]) -> None:
        self._remove(key, future.result() if future.exception() is None else ())

    def _remove(self, key: StepKey, stored: Sequence[WriteFn]) -> None:
        """Remove what is stored; what was added since stays buffered."""
        if stored:
            with self._lock:
                self._not_yet_stored.pop(key, None)
                left = [write for write in self._buffered.pop(key, []) if write not in stored]
                if left:
                    self._buffered[key] = left
        elif self._buffered:  # perhaps for the checkpoint that was stored just now
            self._arrived.set()

    def _store_alone(self, key: StepKey, connection: sqlite3.Connection) -> Sequence[WriteFn]:
        """Store what is buffered, unless its checkpoint is on its way: that stores it, or is rejected."""
        return [] if key in self._submitted else self.store(key, connection)

    def reject(self, key: StepKey, checkpoint_id: str, cleanup: WriteFn) -> None:
        """Drop the writes of the step in `key`, whose checkpoint was rejected, and those at that checkpoint.

        `cleanup` deletes what is stored of them already; it runs soon, since this transaction is rolled back.
        """
        rejected = (*key[:2], checkpoint_id)
        with self._lock:
            self._buffered = {
                other: writes
                for other, writes in self._buffered.items()
                if other != key and other[:3] != rejected
            }
            self._rejected.add(rejected)
            self._buffered[*rejected, 0] = [cleanup]
            self._start_timer()

    def flush(self, thread_id: str | None = None, *, must: bool = False) -> None:
        """Store all that is buffered, or only a thread's.

        Writes that are rejected now (their thread has moved, or was deleted) are dropped. While the
        database cannot store (it is locked, or full) they stay buffered: the checkpoint that comes of them
        must not be stored without them. With `must`, `DatabaseError` is raised then.
        """
        with self._lock:
            found = [(key, writes) for key, writes in self._buffered.items() if thread_id in (None, key[0])]
        self._store_each_alone(found, must=must)

    def _store_each_alone(
        self, found: Sequence[tuple[StepKey, list[WriteFn]]], *, must: bool = False
    ) -> None:
        for key, buffered in found:
            try:
                future = self._database.submit(partial(self._store_alone, key), soon=False)
                future.add_done_callback(partial(self._remove_stored, key))
                self._database.wait_for_writes()
                future.result()
            except DatabaseError:
                if must:
                    raise
                self._arrived.set()
                return
            except CheckpointNotYetStored:
                since = self._not_yet_stored.setdefault(key, time.monotonic())
                if time.monotonic() - since >= DELETED_THREAD_SECONDS:
                    self._remove(key, buffered)
            except ThreadsError as error:
                logging.getLogger(__name__).info("pending writes rejected: %s", error)
                self._remove(key, buffered)

    def close(self) -> None:
        """Store all that is buffered, and end the thread."""
        with self._lock:
            self._closed = True
        self._arrived.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _start_timer(self) -> None:
        self._arrived.set()
        if self._thread is None and not self._closed:
            try:
                self._thread = start_thread(self._run, "threads-pending-writes", lambda: self._closed)
            except RuntimeError as error:  # the next read or `close` stores them
                logging.getLogger(__name__).warning("pending writes wait for the next read: %s", error)

    def _run(self) -> None:
        while not self._closed:
            self._arrived.wait()
            with self._lock:
                found = list(self._buffered.items())
            time.sleep(PENDING_WRITES)
            self._arrived.clear()
            with self._lock:  # what arrived meanwhile has its own time
                left = [
                    (key, writes)
                    for key, writes in found
                    if self._buffered.get(key) is writes and key not in self._submitted
                ]
                if len(self._buffered) > len(left):
                    self._arrived.set()
            self._store_each_alone(left)
