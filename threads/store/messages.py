"""The messages of threads as rows: the tables `threads_message` and `threads_branch`.

The rows of a thread are its conversation at the checkpoint `projected_id`, in order and without gaps. Only
the projection changes them (`threads.store.projection`).
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from threads.db.queries import statements
from threads.models import Message
from threads.search.index import MAX_ORDINAL, rows_of
from threads.store.message_rows import (
    SYSTEM,
    MessageRow,
    ReadRow,
    StoredMessage,
    decode,
    encode,
    id_hash,
    identity,
    packed_id,
    role_index,
    storable,
    unpacked,
)

NO_ID = 0
"""Stands in a branch for the hash of an id where a message has none."""
RUNS_AT_ONCE = 64
"""Rows that are read at once to find those of a run, from the newest back."""


class OtherBranch(NamedTuple):
    """A branch beside the current one."""

    tip: str
    messages: bytes
    """As `packed` returns them."""


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

    def find_run(self, position: int, run_id: str) -> range | None:
        """Return where the messages of a run are, from its first to its last one; None if it has none."""
        ids = rows_of(position)
        before, found = ids.last + 1, list[int]()
        while True:
            values = {"first": ids.first, "before": before, "limit": RUNS_AT_ONCE}
            rows = self._execute("runs", values).fetchall()
            same = [row["id"] for row in rows if unpacked(row["run_id"]) == run_id]
            found += same
            if len(rows) < RUNS_AT_ONCE or (found and rows[-1]["id"] not in same):
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

    def identities(self, position: int) -> list[tuple[int, int | None]]:
        """Return identity and hash of the id of each message of a thread."""
        rows = self._execute("identities", rows_of(position)._asdict())
        return [(row["identity"], row["id_hash"]) for row in rows]

    # branches

    def branch(self, position: int, tip: str) -> OtherBranch:
        """Return the messages in view as a branch that ends at checkpoint `tip`."""
        return OtherBranch(tip, packed(self.identities(position)))

    def branches(self, position: int) -> list[OtherBranch]:
        """Return the other branches of a thread, in the order of writing."""
        return [OtherBranch(*row) for row in self._execute("branches", {"position": position})]

    def replace_branches(self, position: int, branches: Sequence[OtherBranch]) -> None:
        """Store the other branches of a thread, in the order of writing."""
        self._execute("delete_branches", {"position": position})
        rows = [(position, each.tip, number, each.messages) for number, each in enumerate(branches)]
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


def branch_of(tip: str, messages: Iterable[Message]) -> OtherBranch:
    """Return messages as a branch that ends at checkpoint `tip`."""
    return OtherBranch(tip, packed((identity(each), id_hash(each.id)) for each in messages))


def packed(messages: Iterable[tuple[int, int | None]]) -> bytes:
    """Return messages as they are stored of a branch: their identities, 8 bytes each, and then the hashes of
    their ids, 4 bytes each. System messages are left out: they have no versions.
    """
    found = [each for each in messages if role_index(each[0]) != SYSTEM]
    hashes = (NO_ID if hash is None else hash for _, hash in found)
    return b"".join(identity.to_bytes(8) for identity, _ in found) + b"".join(
        hash.to_bytes(4) for hash in hashes
    )


def find_versions(
    ours: bytes, branches: Sequence[OtherBranch], tip: str
) -> dict[int, tuple[int, tuple[str, ...]]]:
    """Return which version a message is, from 1, and its versions, by position among those in `ours`.

    `ours`: the messages of the branch that ends at `tip`; `branches`: the others, in the order of writing.
    Versions of a message are what the branches have in its place that agree with ours before it. They are in
    the order of writing, and each is named by its newest tip. The beginning of a branch may have been
    trimmed: a summary that it has in place of its first messages makes no version of these.
    """
    own = _Line(ours)
    lines = [(each.tip, line, own.forks_at(line)) for each in branches for line in (_Line(each.messages),)]
    found = {}
    for position in sorted({at for _, line, at in lines if line.has_version_of(own, at)}):
        tips: dict[bytes, str] = {}
        for branch_tip, line, at in lines:
            if at > position >= line.offset(own):
                tips[own[position]] = branch_tip
            elif at == position and line.has_version_of(own, at):
                tips[line[position - line.offset(own)]] = branch_tip
        tips[own[position]] = tip
        found[position] = (list(tips).index(own[position]) + 1, tuple(tips.values()))
    return found


class _Line:
    """The messages of a branch, as `packed` returns them."""

    def __init__(self, messages: bytes) -> None:
        self.count = len(messages) // 12
        self.identities = messages[: 8 * self.count]
        self.hashes = [hash for (hash,) in struct.iter_unpack(">I", messages[8 * self.count :])]

    def __getitem__(self, position: int) -> bytes:
        return self.identities[8 * position : 8 * position + 8]

    def offset(self, own: _Line) -> int:
        """How many messages `own` has before the first one here; less than 0 if it has fewer."""
        first, own_first = self.hashes[:1], own.hashes[:1]
        if first and first != [NO_ID] and first[0] in own.hashes:
            return own.hashes.index(first[0])
        if own_first and own_first != [NO_ID] and own_first[0] in self.hashes:
            return -self.hashes.index(own_first[0])
        return 0

    def forks_at(self, other: _Line) -> int:
        """Return the first position here at which the other branch does not have the same message."""
        offset = other.offset(self)
        start = max(offset, 0)
        here, there = self.identities[8 * start :], other.identities[8 * (start - offset) :]
        low, high = 0, min(len(here), len(there)) // 8
        while low < high:  # the length of what both begin with
            middle = (low + high + 1) // 2
            low, high = (middle, high) if here[: 8 * middle] == there[: 8 * middle] else (low, middle - 1)
        return start + low

    def has_version_of(self, own: _Line, position: int) -> bool:
        """Whether a message of the same role is here in the place of the one at this position of `own`."""
        place = position - self.offset(own)
        return position < own.count and 0 <= place < self.count and self[place][0] == own[position][0]


def _rows(
    start: int, messages: Sequence[StoredMessage], text_ids: Sequence[int]
) -> list[tuple[int, MessageRow]]:
    return [
        (id, encode(message)._replace(text_id=None if text_id == id else text_id))
        for id, (message, text_id) in enumerate(zip(messages, text_ids, strict=True), start=start)
    ]
