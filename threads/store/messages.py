"""The messages of threads as rows: the tables `threads_message` and `threads_branch`.

The rows of a thread are its conversation at the checkpoint `projected_id`, in order and without gaps. Only
the projection changes them (`threads.store.projection`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from threads.db.queries import statements
from threads.models import Message
from threads.search.index import MAX_ORDINAL, rows_of
from threads.store.message_rows import (
    MessageRow,
    ReadRow,
    StoredMessage,
    decode,
    encode,
    id_hash,
    packed_id,
    storable,
    unpacked,
)
from threads.store.message_versions import Identity, OtherBranch

RUNS_AT_ONCE = 64
"""Rows that one query reads to find those of a run, from the newest back."""


class MessageTable:
    """The operations on rows of messages within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    # reading

    def row_ids(self, position: int) -> range:
        """Return the row ids of a thread's messages, which have no gaps."""
        ids = rows_of(position)
        first, last = self._execute("range", ids._asdict()).fetchone()
        return range(ids.first + 1, ids.first + 1) if first is None else range(first, last + 1)

    def read(self, position: int, before: int, limit: int | None = None) -> list[Message] | None:
        """Return the last `limit` messages before a row id, oldest first; None if one of them is opaque."""
        rows = self.read_rows(position, before, limit)
        return None if any(row.is_opaque for row in rows) else list(map(decode, rows))

    def read_rows(self, position: int, before: int, limit: int | None = None) -> list[ReadRow]:
        """Return the last `limit` rows before a row id with their texts, oldest first."""
        values = {"first": rows_of(position).first, "before": before, "limit": -1 if limit is None else limit}
        return [ReadRow(*row) for row in self._execute("list", values)][::-1]

    def find(self, position: int, message_id: str) -> int | None:
        """Return the row id of the first message with this id; None if there is none."""
        values = {**rows_of(position)._asdict(), "id_hash": id_hash(message_id)}
        rows, stored = self._execute("find", values).fetchall(), storable(message_id)
        return next((row["id"] for row in rows if row["message_id"] == stored), None)

    def ids(self, position: int) -> list[str | None]:
        """Return the ids of a thread's messages."""
        return [row[0] for row in self._execute("ids", rows_of(position)._asdict())]

    def find_run(self, position: int, run_id: str, *, is_last: bool = False) -> range | None:
        """Return where the messages of a run are, from its first to its last one; None if it has none.

        `is_last`: it is the thread's last run, so its messages are the last ones.
        """
        ids = rows_of(position)
        before, found = ids.last + 1, list[int]()
        while True:
            values = {"first": ids.first, "before": before, "limit": RUNS_AT_ONCE}
            rows = self._execute("runs", values).fetchall()
            same = [row["id"] for row in rows if unpacked(row["run_id"]) == run_id]
            found += same
            is_over = (found or is_last) and rows[-1:] and rows[-1]["id"] not in same
            if len(rows) < RUNS_AT_ONCE or is_over:
                return range(min(found), max(found) + 1) if found else None
            before = rows[-1]["id"]

    def count_at(self, position: int, checkpoint_id: str) -> int | None:
        """Return how many messages there are up to the last one that was stored with a checkpoint."""
        values = {**rows_of(position)._asdict(), "checkpoint_id": packed_id(checkpoint_id)}
        row = self._execute("last_of_checkpoint", values).fetchone()
        return None if row is None else row["id"] - self.row_ids(position).start + 1

    def digest(self, row_id: int) -> int | None:
        """Return the digest of a message and all before it."""
        row = self._execute("digest", {"id": row_id}).fetchone()
        return None if row is None else row["digest"]

    def origin(self, row_id: int) -> tuple[str | None, int | None]:
        """Return the checkpoint with which a message was stored, and the digest of it and all before it."""
        row = self._execute("origin", {"id": row_id}).fetchone()
        return unpacked(row["checkpoint_id"]), row["digest"]

    def is_aligned(self, position: int) -> bool:
        """Whether each message of a thread has the same row id as its text, and no other text is stored."""
        return bool(self._execute("is_aligned", rows_of(position)._asdict()).fetchone()[0])

    def stored(self, position: int) -> list[tuple[int, MessageRow]]:
        """Return the rows of a thread as they are stored, with their ids."""
        rows = self._execute("stored", rows_of(position)._asdict())
        return [(row["id"], MessageRow(*row[1:])) for row in rows]

    def identities(self, position: int, start: int = 0) -> list[Identity]:
        """Return identity and hash of the id of each message of a thread, from this one on."""
        ids = self.row_ids(position)
        rows = self._execute("identities", {"first": ids.start + start - 1, "last": ids.stop - 1})
        return [Identity(row["identity"], row["id_hash"]) for row in rows]

    # branches

    def branches(self, position: int) -> list[OtherBranch]:
        """Return the other branches of a thread, in the order of writing."""
        return [OtherBranch(*row) for row in self._execute("branches", {"position": position})]

    def replace_branches(self, position: int, branches: Sequence[OtherBranch]) -> None:
        """Store the other branches of a thread, in the order of writing."""
        self._execute("delete_branches", {"position": position})
        rows = [(position, tip, number, *rest) for number, (tip, *rest) in enumerate(branches)]
        self._connection.executemany(statements("messages")["insert_branch"], rows)

    # writing

    def append(self, position: int, messages: Sequence[StoredMessage], text_ids: Sequence[int]) -> None:
        """Store messages after the last one; `text_ids`: their rows in `threads_message_text`."""
        self._insert(self.row_ids(position).stop, messages, text_ids)

    def copy(self, ids: range, position: int) -> None:
        """Copy rows that have the same ids as their texts, to a thread that has none."""
        if ids:
            values = {"first": ids[0], "last": ids[-1], "shift": rows_of(position).first + 1 - ids[0]}
            self._execute("copy", values)

    def truncate(self, start: int, position: int) -> None:
        """Delete the rows of a thread from this id on."""
        self._execute("delete", {"first": start, "last": rows_of(position).last})

    def replace(self, position: int, messages: Sequence[StoredMessage], text_ids: Sequence[int]) -> int:
        """Make the rows of a thread those of `messages`; return how many at the beginning were so already."""
        stored = self.stored(position)
        start = stored[0][0] if stored else rows_of(position).first + 1
        rows = _rows(start, messages, text_ids)
        pairs = zip(stored, rows, strict=False)
        same = next((n for n, (old, new) in enumerate(pairs) if old != new), min(len(stored), len(rows)))
        if same == len(rows) == len(stored):
            return same
        if start + len(rows) > rows_of(position).first + MAX_ORDINAL:
            same, start = 0, rows_of(position).first + 1
        self.truncate(start + same if stored else start, position)
        self._insert(start + same, messages[same:], text_ids[same:])
        return same

    def delete_all(self) -> None:
        """Delete the rows and branches of all threads."""
        self._execute("delete_rows", {})
        self._execute("delete_all_branches", {})

    def _insert(self, start: int, messages: Sequence[StoredMessage], text_ids: Sequence[int]) -> None:
        rows = [(id, *row) for id, row in _rows(start, messages, text_ids)]
        self._connection.executemany(statements("messages")["insert"], rows)

    def _execute(self, name: str, values: Mapping[str, object]) -> sqlite3.Cursor:
        return self._connection.execute(statements("messages")[name], values)


def _rows(
    start: int, messages: Sequence[StoredMessage], text_ids: Sequence[int]
) -> list[tuple[int, MessageRow]]:
    return [
        (id, encode(message)._replace(text_id=None if text_id == id else text_id))
        for id, (message, text_id) in enumerate(zip(messages, text_ids, strict=True), start=start)
    ]
