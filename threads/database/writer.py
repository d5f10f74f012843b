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
from typing import Any, NamedTuple, TypeVar

from threads.database.faults import translated

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


PAUSES = (0.0005, 0.004)
"""Seconds between two tries to get the file's lock: from, to."""


class Frame(NamedTuple):
    """The statements after a piece of work, and in place of that if it failed."""

    keep: str
    undo: tuple[str, ...]


TRANSACTION = Frame("COMMIT", ("ROLLBACK",))
SAVEPOINT = Frame("RELEASE piece", ("ROLLBACK TO piece", "RELEASE piece"))


class Piece(NamedTuple):
    """One piece of work and the promise of its result."""

    work: Work[Any]
    promise: Future[Any]


class Writer:
    """Runs pieces of work on `connection` in whole transactions, from any thread."""

    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        self._connection = connection
        self._where = where
        self.patience: int = connection.execute("PRAGMA busy_timeout").fetchone()[0]
        """Milliseconds that the file's lock is waited for."""
        connection.execute("PRAGMA busy_timeout=0")  # the waiting is done by `_begin`
        self._lock = threading.Lock()
        self._queue: deque[Piece] = deque()

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
        pieces: list[Piece] = []
        while self._queue:
            pieces.append(self._queue.popleft())
        if pieces:
            self._commit(pieces)

    def _commit(self, pieces: list[Piece]) -> None:
        try:
            self._begin()
            results = self._several(pieces) if len(pieces) > 1 else self._do(pieces[0], TRANSACTION)
        except sqlite3.Error as error:
            self._rollback()
            for piece in self._open(pieces):
                piece.promise.set_exception(self._fault(error))
        except BaseException:  # an interrupt in the thread that commits for all: the others do not pay
            self._rollback()
            self._queue.extendleft(reversed(self._open(pieces)))
            raise
        else:
            for piece, result in results:
                piece.promise.set_result(result)
            for piece in self._open(pieces):  # a trigger took the transaction away from these
                self._commit([piece])

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

    def _several(self, pieces: list[Piece]) -> list[tuple[Piece, Any]]:
        """Do the pieces in the transaction that was begun; returns the results of those that are stored."""
        results: list[tuple[Piece, Any]] = []
        for piece in pieces:
            self._connection.execute("SAVEPOINT piece")
            results += self._do(piece, SAVEPOINT)
            if not self._connection.in_transaction:
                return []
        self._connection.execute("COMMIT")
        return results

    def _do(self, piece: Piece, frame: Frame) -> list[tuple[Piece, Any]]:
        """Do one piece; returns its result, nothing if it failed."""
        try:
            result = piece.work(self._connection)
        except Exception as error:  # noqa: BLE001  it is raised again where the result is asked for
            for statement in frame.undo if self._connection.in_transaction else ():
                self._connection.execute(statement)
            piece.promise.set_exception(self._fault(error))
            return []
        self._connection.execute(frame.keep)
        return [(piece, result)]

    def _fault(self, error: Exception) -> BaseException:
        fault = translated(error, self._where)
        if fault is not error:
            fault.__cause__ = error
        return fault

    def _open(self, pieces: list[Piece]) -> list[Piece]:
        return [piece for piece in pieces if not piece.promise.done()]

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
