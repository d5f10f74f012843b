"""Read marks: how far users have read threads, in the table `threads_read_mark`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from threads import ids
from threads.db.queries import statements, to_json
from threads.errors import InvalidValue
from threads.search.index import rows_of
from threads.store.authorization import LOCAL
from threads.store.threads import ThreadTable


class ReadMarks:
    """The operations on read marks within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def set(self, thread_id: str, reader: str, upto: str | None) -> None:
        """Mark the thread as read up to a message, or all; raises `ThreadNotFound`, `InvalidValue`."""
        position = ThreadTable(self._connection).get(thread_id).position
        values = {"position": position, "upto": upto, **rows_of(position)._asdict()}
        last_read_id = self._connection.execute(statements("read_marks")["find_row"], values).fetchone()[0]
        if last_read_id is None and upto is not None:
            raise InvalidValue("upto", f"thread {thread_id!r} has no message {upto!r}")
        if last_read_id is not None:
            mark = {"reader": reader, "position": position, "last_read_id": last_read_id}
            self._connection.execute(statements("read_marks")["set"], mark)

    def count_unread(self, thread_ids: Sequence[str], reader: str) -> dict[str, int | None]:
        """The number of unread messages of others, by thread; threads that do not exist are left out.

        None where the messages are unknown.
        """
        values = {
            "ids": to_json([ids.text_of(id) for id in thread_ids]), "reader": reader, "local": LOCAL.reader,
        }  # fmt: skip
        rows = self._connection.execute(statements("read_marks")["count_unread"], values)
        return {row["thread_id"]: row["unread"] for row in rows}
