"""A database in memory: one connection behind a lock, because SQLite shares none between connections well."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from threads.db.database import Database, WriteFn, snapshot
from threads.db.write_queue import Writer
from threads.errors import DatabaseError

T = TypeVar("T")


class MemoryDatabase(Database):
    """A database that exists in this object only: one connection, used by one caller at a time."""

    read_only = False
    where = ":memory:"

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._connection = connection
        self._writer = Writer(connection, self.where)
        self._lock = threading.RLock()
        self._depth = 0
        self._closed = False

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        with self._entered():
            if self._connection.in_transaction:  # a nested read sees the same state
                yield self._connection
                return
            with snapshot(self._connection, self.where):
                yield self._connection

    def write(self, change: WriteFn[T]) -> T:
        with self._entered():
            return self._writer.write(change)

    def submit(self, change: WriteFn[T], *, soon: bool = True) -> Future[T]:
        with self._entered():
            future = self._writer.submit(change)
            self._writer.drain()
            return future

    @contextmanager
    def _entered(self) -> Iterator[None]:
        """Lock the connection; a transaction that an interrupt (Ctrl+C) left open is rolled back first."""
        self.check_process()
        with self._lock:
            self.check_open()
            outer = self._depth
            if not outer and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            try:
                self._depth = outer + 1
                yield
            finally:
                self._depth = outer

    def purge_deleted_text(self, *, due_only: bool = False, stop: Callable[[], bool] | None = None) -> bool:
        return True  # there is no file

    def compact(self) -> None:
        with self._entered():
            self._writer.run_without_transaction(lambda writer: writer.execute("VACUUM") and None)

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                self._writer.close()

    def flush_now(self) -> None:
        pass  # submitted writes are committed at once

    def wait_for_writes(self) -> None:
        pass  # submitted writes are committed at once

    def check_writable(self) -> None:
        self.check_open()

    def check_open(self) -> None:
        self.check_process()
        if self._closed:
            raise DatabaseError("this in-memory registry was closed", "its content is lost")
