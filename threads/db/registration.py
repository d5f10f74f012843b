"""Detects that the registry of an open file was detached, or detached and created again."""

from __future__ import annotations

import sqlite3

from threads.db.migrations import has_table
from threads.errors import RegistryDetached


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
