"""The write queue: group commit on the one writing connection of a database.

A write is a function of the connection. It is queued first; the thread that gets the lock then commits
all that is queued in one transaction (a savepoint each), so that many users cost few fsyncs, and one user
pays no hand-over between threads. A write that fails is rolled back alone. Where a trigger rolled back
the whole transaction with RAISE(ROLLBACK), the other writes are done again, one by one, so writes must be
repeatable. A caller who waits may be cancelled: the write is neither interrupted nor lost.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from threads.background import is_main_thread, log_failure
from threads.db.database import Registration, WriteFn
from threads.db.errors import translated
from threads.errors import DatabaseGone, RegistryDetached

T = TypeVar("T")
LOCK_POLL = (0.0005, 0.004)
"""Seconds between two attempts to get the file's lock: the least and the most."""
MAX_ATTEMPTS = 3
"""How often a commit in the background is attempted before what is queued fails."""


@dataclass(slots=True, eq=False)
class QueuedWrite:
    """A write in the queue, and the future of its result."""

    change: WriteFn[Any]
    future: Future[Any]
    was_interrupted: bool = False
    """Whether Ctrl+C came while it ran; if that comes again, the write raised it itself."""


class Phase(Enum):
    """The state of the writer's transaction: tells after an interrupt whether it was committed."""

    IDLE = 0
    BEGUN = 1
    COMMITTING = 2
    """It is committed if it is no longer open."""


class Writer:
    """Runs writes on `connection` in whole transactions, from any thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        where: str,
        check_files: Callable[[], None] = lambda: None,
        registration: Registration | None = None,
    ) -> None:
        """`check_files`: raise `DatabaseGone` where the file was removed, so that a write would be lost.

        `registration`: the registry that must still be in the file.
        """
        self._connection = connection
        self._registration = registration
        self._where = where
        self._check_files = check_files
        self.patience: int = connection.execute("PRAGMA busy_timeout").fetchone()[0]
        """Milliseconds to wait for the file's lock."""
        connection.execute("PRAGMA busy_timeout=0")  # `_begin` waits instead
        connection.execute("PRAGMA temp_store=MEMORY")  # so a write opens no file, and needs no descriptor
        self._lock = threading.Lock()
        self._queue: deque[QueuedWrite] = deque()
        self._results: list[tuple[QueuedWrite, Any]] = []
        """The writes of this transaction: their futures are resolved once it is committed."""
        self._phase = Phase.IDLE

    def submit(self, change: WriteFn[T]) -> Future[T]:
        """Queue a write; it is committed when any thread calls `drain`."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()  # it cannot be cancelled
        self._queue.append(QueuedWrite(change, future))
        return future

    def write(self, change: WriteFn[T]) -> T:
        """Commit a write and return its result; raises what it raised, then nothing is stored."""
        future = self.submit(change)
        with self._lock:
            if not future.done():
                self._commit_queued()
        return future.result()

    def drain(self) -> None:
        """Commit what is queued by now."""
        with self._lock:
            self._commit_queued()

    def drain_safely(self) -> None:
        """Commit what is queued by now, and never raise: what cannot be committed fails, and is logged."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return self.drain()
            except BaseException as error:  # noqa: BLE001  no caller would see it, and others wait for this thread
                log_failure("what is queued for the file cannot be stored now", error)
                if attempt == MAX_ATTEMPTS:
                    self._fail_all(error)
            time.sleep(LOCK_POLL[1])
        return None

    def run_without_transaction(self, change: WriteFn[T]) -> T:
        """Run what cannot be done in a transaction, while no other write runs here."""
        with self._lock:
            self._commit_queued()
            self._connection.execute(f"PRAGMA busy_timeout={self.patience}")
            try:
                return change(self._connection)
            except sqlite3.Error as error:
                raise self._translate(error) from error
            finally:
                self._connection.execute("PRAGMA busy_timeout=0")

    def close(self) -> None:
        """Commit what is queued and close the connection."""
        with self._lock:
            self._commit_queued()
            self._connection.close()

    def _commit_queued(self) -> None:
        """Commit what is queued; a write leaves the queue once its future is resolved.

        So nothing is lost and nothing is done twice where an interrupt (Ctrl+C) ends this anywhere: the next
        caller continues.
        """
        self._recover()
        try:
            if pending := [each for each in list(self._queue) if not each.future.done()]:
                self._commit(pending)
        except BaseException:
            self._recover()
            raise
        finally:
            while self._queue and self._queue[0].future.done():
                self._queue.popleft()

    def _recover(self) -> None:
        """After an interrupt: roll back what was begun, and resolve the futures of what was committed."""
        was_committing = self._phase is Phase.COMMITTING and self._connection.in_transaction
        if self._phase is Phase.BEGUN or was_committing:
            self._roll_back()
        self._resolve_futures()

    def _commit(self, pending: list[QueuedWrite]) -> None:
        try:
            self._phase = Phase.BEGUN
            self._check_files()
            self._begin()
            if self._registration is not None:
                self._registration.check(self._connection)
            for queued in pending:
                self._run(queued, alone=len(pending) == 1)
                if not self._connection.in_transaction:  # a trigger rolled all of it back
                    self._results = []
                    break
            else:
                self._phase = Phase.COMMITTING
                self._connection.execute("COMMIT")
                self._check_files()  # what went into a removed file is not acknowledged
        except (sqlite3.Error, DatabaseGone, RegistryDetached) as error:
            self._roll_back()
            for queued in _unresolved(pending):
                queued.future.set_exception(self._translate(error))
            return
        self._resolve_futures()
        for queued in _unresolved(pending):  # those whose transaction was rolled back by a trigger
            self._commit([queued])

    def _roll_back(self) -> None:
        self._results = []
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._phase = Phase.IDLE

    def _resolve_futures(self) -> None:
        for queued, result in self._results:
            if not queued.future.done():
                queued.future.set_result(result)
        self._results = []
        self._phase = Phase.IDLE

    def _begin(self) -> None:
        """Begin a transaction, once no other process has one.

        SQLite's own waiting polls ten times a second; among processes that write without a pause it may not
        get the lock within its timeout.
        """
        deadline = time.monotonic() + self.patience / 1000
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(*LOCK_POLL))

    def _run(self, queued: QueuedWrite, *, alone: bool) -> None:
        """Run one write in the transaction that was begun; if it fails, it is rolled back alone."""
        if not alone:
            self._connection.execute("SAVEPOINT queued")
        try:
            result = queued.change(self._connection)
        except BaseException as error:  # it is raised again where the result is wanted
            if isinstance(error, KeyboardInterrupt) and is_main_thread() and not queued.was_interrupted:
                queued.was_interrupted = True
                raise  # it is for the caller who commits here, and the write may be another's
            if self._connection.in_transaction:
                for statement in ("ROLLBACK",) if alone else ("ROLLBACK TO queued", "RELEASE queued"):
                    self._connection.execute(statement)
            queued.future.set_exception(self._translate(error))
            return
        if not alone:
            self._connection.execute("RELEASE queued")
        self._results.append((queued, result))

    def _fail_all(self, error: BaseException) -> None:
        with self._lock:
            for queued in _unresolved(list(self._queue)):
                queued.future.set_exception(error)
            self._commit_queued()

    def _translate(self, error: BaseException) -> BaseException:
        ours = translated(error, self._where)
        if ours is not error:
            ours.__cause__ = error
        return ours


def _unresolved(writes: list[QueuedWrite]) -> list[QueuedWrite]:
    return [queued for queued in writes if not queued.future.done()]
