"""Connections to SQLite: how they are opened, which pragmas they must have, and read transactions on them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from threads.db.errors import translated
from threads.db.registration import Registration
from threads.errors import DatabaseError

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
