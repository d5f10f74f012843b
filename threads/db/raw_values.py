"""The stored values of one thread as raw bytes, from every table that has a `thread_id`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

TABLES = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"


def thread_values(path: Path, thread_id: str) -> Iterator[bytes]:
    """Yield each text and blob in the rows of a thread, undecoded, read over a connection of its own.

    Tables are found by their column `thread_id`, so one that a later version or another program adds is
    included.
    """
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        for (table,) in connection.execute(TABLES).fetchall():
            quoted = '"' + table.decode().replace('"', '""') + '"'
            columns = {column[1] for column in connection.execute(f"PRAGMA table_info({quoted})")}
            if b"thread_id" in columns:
                rows = connection.execute(f"SELECT * FROM {quoted} WHERE thread_id = ?", (thread_id,))
                yield from (value for row in rows for value in row if isinstance(value, bytes))
