"""Tags: the table `threads_tag`, and the number of threads by tag."""

from __future__ import annotations

import builtins
import sqlite3

from threads.db.database import has_table
from threads.db.queries import statements
from threads.models import Tag
from threads.store.filters import Filters


class TagTable:
    """The operations on tags within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def list(self, filters: Filters) -> builtins.list[Tag]:
        """The tags of the threads that fit the filters, with their number of threads, most used first."""
        sql = statements("tags")
        if filters == Filters() and has_table(self._connection, "threads_tag_count"):
            rows = self._connection.execute(sql["list"])
        else:
            names, values = filters.conditions()
            where = " AND ".join(statements("threads")[name] for name in names) or "1"
            rows = self._connection.execute(sql["list_filtered"].format(where=where), values)
        return [Tag(row["tag"], row["threads"]) for row in rows]

    def rename(self, old: str, new: str) -> int:
        """Replace a tag on all threads that have it; how many had it."""
        rows = self._connection.execute(statements("tags")["list_threads"], {"tag": old})
        thread_ids = [row[0] for row in rows]
        for thread_id in thread_ids if old != new else ():
            self.remove(thread_id, old)
            self.add(thread_id, new)
        return len(thread_ids)

    def add(self, thread_id: str, tag: str) -> None:
        """Add a tag to a thread, if it does not have it."""
        self._connection.execute(statements("tags")["add"], {"thread_id": thread_id, "tag": tag})

    def remove(self, thread_id: str, tag: str) -> None:
        """Remove a tag from a thread, if it has it."""
        self._connection.execute(statements("tags")["remove"], {"thread_id": thread_id, "tag": tag})

    def count(self, thread_id: str) -> int:
        """How many tags a thread has."""
        rows = self._connection.execute(statements("tags")["count"], {"thread_id": thread_id})
        return int(rows.fetchone()[0])
