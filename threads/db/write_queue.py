"""The one writing connection: each piece of work is a transaction, all or nothing.

Work is a function of the connection. It is queued first; whoever gets the lock then commits
everything that is queued in one transaction (a savepoint each), so fifty users cost few fsyncs,
and one user pays no hand-over between threads. A piece that fails is rolled back alone. Where a
trigger refused a piece with RAISE(ROLLBACK) the whole transaction is gone: the others are done
again, one by one, so work must be repeatable. The caller who waits may be cancelled or leave: the
work is neither abandoned half way nor lost.
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
from threads.db.errors import translated
from threads.db.registration import Registration
from threads.errors import DatabaseGone, RegistryDetached

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


PAUSES = (0.0005, 0.004)
"""Seconds between two tries to get the file's lock: from, to."""


MOST_TRIES = 3
"""How often what is queued is tried to commit in the background before it is given up."""


@dataclass(slots=True, eq=False)
class Piece:
    """One piece of work and the promise of its result."""

    work: Work[Any]
    promise: Future[Any]
    was_interrupted: bool = False
    """Whether Ctrl+C was pressed while it was done; where that comes again, it is its own doing."""


class Phase(Enum):
    """Where the writer is: after an interrupt this tells whether its transaction was committed."""

    IDLE = 0
    BEGUN = 1
    ENDING = 2
    """It is committed if it is no longer open."""


class Writer:
    """Runs pieces of work on `connection` in whole transactions, from any thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        where: str,
        check_files: Callable[[], None] = lambda: None,
        registration: Registration | None = None,
    ) -> None:
        """`check_files`: raise `DatabaseGone` where what is written would be lost with its file.

        `registration`: the registry that must still be in the file.
        """
        self._connection = connection
        self._registration = registration
        self._where = where
        self._check_files = check_files
        self.patience: int = connection.execute("PRAGMA busy_timeout").fetchone()[0]
        """Milliseconds that the file's lock is waited for."""
        connection.execute("PRAGMA busy_timeout=0")  # the waiting is done by `_begin`
        connection.execute("PRAGMA temp_store=MEMORY")  # so a write opens no file, and lacks no descriptor
        self._lock = threading.Lock()
        self._queue: deque[Piece] = deque()
        self._stored: list[tuple[Piece, Any]] = []
        """What is done in this transaction: once it is committed, these promises are kept."""
        self._phase = Phase.IDLE

    def submit(self, work: Work[T]) -> Future[T]:
        """Queue `work`; it is done when someone calls `drain`."""
        promise: Future[T] = Future()
        promise.set_running_or_notify_cancel()  # it cannot be cancelled: it is done in any case
        self._queue.append(Piece(work, promise))
        return promise

    def write(self, work: Work[T]) -> T:
        """Do `work` in a transaction and return its result; raises what it raised, then nothing is stored."""
        promise = self.submit(work)
        with self._lock:
            if not promise.done():
                self._commit_queued()
        return promise.result()

    def drain(self) -> None:
        """Commit what is queued by now."""
        with self._lock:
            self._commit_queued()

    def drain_surely(self) -> None:
        """Commit what is queued by now, and never raise: what cannot be committed fails, and is logged."""
        for tries in range(1, MOST_TRIES + 1):
            try:
                return self.drain()
            except BaseException as error:  # noqa: BLE001  no caller would see it, and others wait for this thread
                log_failure("what is queued for the file cannot be stored now", error)
                if tries == MOST_TRIES:
                    self._give_up(error)
            time.sleep(PAUSES[1])
        return None

    def outside(self, work: Work[T]) -> T:
        """Do what cannot be done in a transaction, while nobody else writes here."""
        with self._lock:
            self._commit_queued()
            self._connection.execute(f"PRAGMA busy_timeout={self.patience}")
            try:
                return work(self._connection)
            except sqlite3.Error as error:
                raise self._fault(error) from error
            finally:
                self._connection.execute("PRAGMA busy_timeout=0")

    def close(self) -> None:
        """Commit what is queued and close the connection."""
        with self._lock:
            self._commit_queued()
            self._connection.close()

    def _commit_queued(self) -> None:
        """Commit what is queued; a piece leaves the queue when its promise is kept, and not before.

        So nothing is lost, and nothing done twice, where an interrupt (Ctrl+C) ends this anywhere: whoever
        comes next goes on.
        """
        self._settle()
        try:
            if pieces := [piece for piece in list(self._queue) if not piece.promise.done()]:
                self._commit(pieces)
        except BaseException:
            self._settle()
            raise
        finally:
            while self._queue and self._queue[0].promise.done():
                self._queue.popleft()

    def _settle(self) -> None:
        """Take back what was begun, and keep the promises of what was committed, after an interrupt."""
        if self._phase is Phase.BEGUN or (self._phase is Phase.ENDING and self._connection.in_transaction):
            self._undo()
        self._keep_promises()

    def _commit(self, pieces: list[Piece]) -> None:
        try:
            self._phase = Phase.BEGUN
            self._check_files()
            self._begin()
            if self._registration is not None:
                self._registration.check(self._connection)
            for piece in pieces:
                self._do(piece, alone=len(pieces) == 1)
                if not self._connection.in_transaction:  # a trigger took it away, with all that was done
                    self._stored = []
                    break
            else:
                self._phase = Phase.ENDING
                self._connection.execute("COMMIT")
                self._check_files()  # what went into a file that was gone by then is not acknowledged
        except (sqlite3.Error, DatabaseGone, RegistryDetached) as error:
            self._undo()
            for piece in self._open(pieces):
                piece.promise.set_exception(self._fault(error))
            return
        self._keep_promises()
        for piece in self._open(pieces):  # those whose transaction was taken away
            self._commit([piece])

    def _undo(self) -> None:
        self._stored = []
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._phase = Phase.IDLE

    def _keep_promises(self) -> None:
        for piece, result in self._stored:
            if not piece.promise.done():
                piece.promise.set_result(result)
        self._stored = []
        self._phase = Phase.IDLE

    def _begin(self) -> None:
        """Begin a transaction, once no other process has one.

        SQLite's own waiting asks ten times a second; among processes that write without a pause it may
        not come to it for as long as it is patient.
        """
        deadline = time.monotonic() + self.patience / 1000
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(*PAUSES))

    def _do(self, piece: Piece, *, alone: bool) -> None:
        """Do one piece in the transaction that was begun; if it fails, nothing of it is there."""
        if not alone:
            self._connection.execute("SAVEPOINT piece")
        try:
            result = piece.work(self._connection)
        except BaseException as error:  # it is raised again where the result is asked for
            if isinstance(error, KeyboardInterrupt) and is_main_thread() and not piece.was_interrupted:
                piece.was_interrupted = True
                raise  # it is for who commits here, and the piece may be another's
            if self._connection.in_transaction:
                for statement in ("ROLLBACK",) if alone else ("ROLLBACK TO piece", "RELEASE piece"):
                    self._connection.execute(statement)
            piece.promise.set_exception(self._fault(error))
            return
        if not alone:
            self._connection.execute("RELEASE piece")
        self._stored.append((piece, result))

    def _give_up(self, error: BaseException) -> None:
        with self._lock:
            for piece in self._open(list(self._queue)):
                piece.promise.set_exception(error)
            self._commit_queued()

    def _fault(self, error: BaseException) -> BaseException:
        fault = translated(error, self._where)
        if fault is not error:
            fault.__cause__ = error
        return fault

    def _open(self, pieces: list[Piece]) -> list[Piece]:
        return [piece for piece in pieces if not piece.promise.done()]
