"""`Database`, what every database offers: reading in consistent snapshots, writing in whole transactions.

Also its connections to SQLite: how they are opened, the pragmas they must have, and the read transactions on
them, which detect that the registry was detached, or detached and created again.
"""

from __future__ import annotations

import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from threads.db.errors import translated
from threads.errors import DatabaseError, RegistryDetached

T = TypeVar("T")
WriteFn = Callable[[sqlite3.Connection], T]
"""A write: what is changed in one transaction, and the result for the caller."""


class Database(ABC):
    """A database that is read in consistent snapshots and written in whole transactions."""

    where: str
    """The path, or `:memory:`, for messages to people."""
    read_only: bool

    def __init__(self) -> None:
        self._process = os.getpid()

    @abstractmethod
    def check_open(self) -> None:
        """Raise `DatabaseError` if it was closed, or opened by a process this one was forked from."""

    @abstractmethod
    def wait_for_writes(self) -> None:
        """Wait until all submitted writes are committed."""

    @abstractmethod
    def check_writable(self) -> None:
        """Raise what `write` would raise at once: it was closed, or was opened for reading."""

    @abstractmethod
    def read(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection that sees one consistent state until the block ends; nothing may be written on it."""

    @abstractmethod
    def write(self, change: WriteFn[T]) -> T:
        """The result of `change(connection)`, run in one transaction: all of it is stored, or nothing."""

    @abstractmethod
    def submit(self, change: WriteFn[T], *, soon: bool = True) -> Future[T]:
        """As `write`, without waiting: the write is committed in any case.

        If not `soon`, it is committed together with the next write, or by `flush_now`.
        """

    @abstractmethod
    def flush_now(self) -> None:
        """Have the submitted writes committed now, without waiting."""

    @abstractmethod
    def purge_deleted_text(self, *, due_only: bool = False, stop: Callable[[], bool] | None = None) -> bool:
        """Remove deleted text from the search index and the write-ahead log; whether all is removed.

        A large index takes longer than `PURGE_SECONDS`, or until `stop()`; a reader may block the log.
        `due_only`: only what the last call left.
        """

    @abstractmethod
    def compact(self) -> None:
        """Run VACUUM: return free pages to the file system."""

    @abstractmethod
    def close(self) -> None:
        """Commit what was submitted and close the file; closing twice is harmless."""

    def is_foreign(self) -> bool:
        """Whether this process was forked from the one that opened it, whose locks it may hold for ever."""
        return os.getpid() != self._process

    def check_process(self) -> None:
        """Raise `DatabaseError` in a process that was forked from the one that opened it."""
        if self.is_foreign():
            raise DatabaseError(
                f"{self.where} was opened before this process was forked", "open it again here"
            )


class Registration:
    """The registry of an open file, identified by the time of its first migration."""

    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        self._where = where
        self._migrated_at = _migrated_at(connection)
        self._schema = _schema_version(connection)

    def check(self, connection: sqlite3.Connection) -> None:
        """Raise `RegistryDetached` if the registry does not exist any more, or is another one.

        What this process caches (heads, positions, leases) belongs to the registry that it opened. Called in
        each transaction; the tables are read only after a change of the schema.
        """
        if (schema := _schema_version(connection)) != self._schema:
            if _migrated_at(connection) != self._migrated_at:
                raise RegistryDetached(self._where)
            self._schema = schema


def _schema_version(connection: sqlite3.Connection) -> int:
    """SQLite's own count of the changes of tables, indexes and triggers."""
    return int(connection.execute("PRAGMA schema_version").fetchone()[0])


def _migrated_at(connection: sqlite3.Connection) -> int | None:
    if not has_table(connection, "threads_migration"):
        return None
    row = connection.execute("SELECT applied_at FROM threads_migration WHERE version = 1").fetchone()
    return None if row is None else int(row[0])


REQUIRED_PRAGMAS = {"foreign_keys": 1, "secure_delete": 1, "synchronous": 2}
"""The pragmas of a writing connection and the values they must have (2 is FULL)."""
FIRST_READ = "SELECT 1 FROM sqlite_master LIMIT 1"
"""With this SQLite opens the write-ahead log and its index, which must exist or be created."""


def connect(target: str | Path, *, uri: bool = False, timeout: float = 10.0) -> sqlite3.Connection:
    """A connection without Python's own transaction handling, usable from any thread; rows by name."""
    connection = sqlite3.connect(
        target, uri=uri, timeout=timeout, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    # text of another program that is no UTF-8 must not hide the rows beside it
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    return connection


def make_durable(connection: sqlite3.Connection, where: str) -> None:
    """Set what our promises rest on; `DatabaseError` where SQLite does not take it."""
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode not in ("wal", "memory"):
        raise DatabaseError(f"{where} cannot use a write-ahead log (journal_mode is {mode})")
    for pragma, value in REQUIRED_PRAGMAS.items():
        connection.execute(f"PRAGMA {pragma}={value}")
        found = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
        if found != value:
            raise DatabaseError(f"{where}: SQLite keeps {pragma} at {found}, {value} is needed")


@contextmanager
def snapshot(
    connection: sqlite3.Connection, where: str, registration: Registration | None = None
) -> Iterator[sqlite3.Connection]:
    """A read transaction on `connection`; SQLite's errors are raised as ours."""
    try:
        try:
            connection.execute("BEGIN")
            if registration is not None:
                registration.check(connection)
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise translated(error, where) from error


def has_table(connection: sqlite3.Connection, name: str) -> bool:
    """Whether the file itself (not the connection's temporary part) has this table."""
    found = connection.execute("SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?", (name,))
    return found.fetchone() is not None
