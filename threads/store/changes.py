"""Changes of the lists of threads, in the table `threads_change`, whichever process made them."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from threads.db.queries import statements


class ListChange(NamedTuple):
    """A thread whose row in a list is to be read again."""

    serial: int
    thread_id: str
    owner: str | None
    """Whose list changed; None: only the admins'."""
    change: str
    """`updated`, `read` (a read mark) or `removed` (deleted, or given to another owner)."""
    reader: str | None
    """The user whose read mark changed."""

    def concerns(self, owner: str) -> bool:
        """Whether this owner's list, or what they have read, changed."""
        return self.owner == owner and self.reader in (None, owner)


class ChangeTable:
    """The operations on list changes within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def list_after(self, serial: int, limit: int) -> list[ListChange]:
        """The changes after this one, at most `limit` rows, each kind of a thread once."""
        values = {"after": serial, "limit": limit}
        rows = self._connection.execute(statements("changes")["list_after"], values)
        return [ListChange(*row) for row in rows]

    def last_serial(self) -> int:
        """The number of the last change; 0 if there was none."""
        return int(self._connection.execute(statements("changes")["last_serial"]).fetchone()[0])
