"""The message rows of each thread (`threads_message_text`), and the full-text indexes over them.

The rows follow the messages of the current branch, with those that its graph has removed from the state:
what is unchanged is left alone, so one more turn in a thread of a thousand messages writes two rows. The
indexes (FTS5) hold no texts of their own, and deleting from them takes the text that went in; so rows and
indexes are changed here only, together.

Deleted text stays in the index's pages until they are rewritten (`threads.db.purge`);
`threads_index_purge` says that this is due.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from threads.db.queries import statements

ORDINAL_BITS = 20
"""Bits of a row's id for the message's place in its thread; those above are the thread's position."""
MAX_ORDINAL = (1 << ORDINAL_BITS) - 1
DAY = 86_400_000
"""Milliseconds."""
TITLE = "title"
"""The role of a title's row, which is the first of its thread."""


class IndexedMessage(NamedTuple):
    """What is stored of a message."""

    message_id: str | None
    role: str
    text: str
    is_counted: bool = False
    """Whether it is part of the thread's message count."""
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def key(self) -> str | tuple[str, str]:
        """What identifies it: its id; of one without, role and text."""
        return self.message_id or (self.role, self.text)


class ThreadRows(NamedTuple):
    """The range of row ids of a thread; the first is its title's."""

    first: int
    last: int


def rows_of(position: int) -> ThreadRows:
    """The ids of the thread at this position."""
    first = position << ORDINAL_BITS
    return ThreadRows(first, first + MAX_ORDINAL)


def sync(
    connection: sqlite3.Connection,
    position: int,
    messages: Sequence[IndexedMessage],
    times: Mapping[str, int],
    now: int | None,
) -> list[int]:
    """Make the thread's rows those of `messages`; return the id of the row of each.

    `times`: when messages were written, by id, in milliseconds; `now` for the other new ones.
    """
    first, last = rows_of(position)
    stored = _select(connection, position)
    matched, removed = _match(stored, messages)
    new_count = matched.count(None)
    end = max((row["id"] for row in matched if row is not None), default=first)
    if end + new_count > last:  # a sliding window that has moved on for a million messages
        matched, removed, end, new_count = [None] * len(messages), stored, first, len(messages)
    _delete(connection, removed)
    if removed:  # new rows may get their ids, and no user has read those
        connection.execute(_sql("limit_read_marks"), {"position": position, "first": first})
    new_ids = iter(range(end + 1, end + new_count + 1))
    ids, has_changed = [], bool(removed)
    for row, message in zip(matched, messages, strict=True):
        ids.append(next(new_ids) if row is None else row["id"])
        if row is None:
            _insert(connection, ids[-1], message, times.get(message.message_id or "", now))
        elif IndexedMessage(*row[1:]) != message:
            _update(connection, row, message)
        else:
            continue
        has_changed = True
    if has_changed:
        _sum_usage(connection, position)
    return ids


def append(
    connection: sqlite3.Connection,
    position: int,
    messages: Sequence[IndexedMessage],
    times: Sequence[int | None],
) -> list[int] | None:
    """Add rows to the thread's; return their ids, None if there is no room for them.

    `times`: when each was written, in milliseconds.
    """
    ids = rows_of(position)
    end = connection.execute(_sql("last_row"), ids._asdict()).fetchone()[0] or ids.first
    if end + len(messages) > ids.last:
        return None
    for id, message, time in zip(itertools.count(end + 1), messages, times, strict=False):
        _insert(connection, id, message, time)
    days = [(time or 0) // DAY for time in times]
    first_day = connection.execute(_sql("first_day"), {"position": position}).fetchone()[0]
    if first_day is None or any(day < first_day for day in days):
        _sum_usage(connection, position)
    else:
        for day, message in zip(days, messages, strict=True):
            usage = (message.is_counted, message.input_tokens, message.output_tokens)
            connection.execute(_sql("add_daily_usage"), (position, day, *usage))
    return list(range(end + 1, end + len(messages) + 1))


def copy(connection: sqlite3.Connection, ids: range, position: int) -> None:
    """Copy rows of another thread to this one, which has none."""
    if ids:
        values = {"first": ids[0], "last": ids[-1]}
        new_id = rows_of(position).first + 1
        for *columns, time in connection.execute(_sql("whole_rows"), values).fetchall():
            _insert(connection, new_id, IndexedMessage(*columns), time)
            new_id += 1
        _sum_usage(connection, position)


def remove(connection: sqlite3.Connection, position: int, ids: Sequence[int]) -> None:
    """Delete rows of the thread."""
    values = {"ids": json.dumps([*ids])}
    _delete(connection, connection.execute(_sql("texts_of"), values).fetchall())
    connection.execute(_sql("limit_read_marks"), {"position": position, "first": rows_of(position).first})
    _sum_usage(connection, position)


def _sum_usage(connection: sqlite3.Connection, position: int) -> None:
    thread = {"position": position, **rows_of(position)._asdict()}
    for name in ("clear_daily_usage", "update_daily_usage"):
        connection.execute(_sql(name), thread)


def list_messages(connection: sqlite3.Connection, position: int) -> list[IndexedMessage]:
    """The messages that have rows, in the order of these."""
    return [IndexedMessage(*row[1:]) for row in _select(connection, position)]


def new_messages(
    stored: Sequence[IndexedMessage], messages: Sequence[IndexedMessage]
) -> list[IndexedMessage]:
    """Those of `messages` that are not among the stored ones."""
    ids = {each.message_id for each in stored}
    return [message for message in messages if message.message_id not in ids]


def matches(connection: sqlite3.Connection, position: int, messages: Sequence[IndexedMessage]) -> bool:
    """Whether the thread's rows are those of `messages`, in any order."""
    return Counter(list_messages(connection, position)) == Counter(messages)


def apply_changes(connection: sqlite3.Connection, owner: str | None = None) -> None:
    """Update the index for titles that changed and threads that were deleted.

    `owner`: only at the positions of this owner's threads.
    """
    name = "changes" if owner is None else "changes_of_owner"
    _apply(connection, connection.execute(_sql(name), {"owner": owner}).fetchall())


def apply_changes_at(connection: sqlite3.Connection, position: int) -> None:
    """The same at one position: a new thread may have that of a deleted one, which is still indexed."""
    _apply(connection, connection.execute(_sql("changes_at"), {"position": position}).fetchall())


def _apply(connection: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> None:
    for row in rows:
        first, last = rows_of(row["position"])
        ids = {"first": first, "last": last if row["is_deleted"] else first}
        outdated = connection.execute(_sql("texts_in_range"), ids).fetchall()
        _delete(connection, outdated)
        if row["is_deleted"] and outdated:
            connection.execute(_sql("require_purge"))
        if row["title"] is not None:
            _insert(connection, first, IndexedMessage(None, TITLE, row["title"]), row["created_at"])
    if rows:
        positions = json.dumps([row["position"] for row in rows])
        connection.execute(_sql("delete_changes"), {"positions": positions})


def rebuild(connection: sqlite3.Connection) -> None:
    """Empty rows and indexes, to be filled again as the threads are read. Read marks stay at their count."""
    for name in (
        "renumber_read_marks", "delete_rows", "empty_words", "empty_trigrams", "invalidate_projections",
        "require_titles",
    ):  # fmt: skip
        connection.execute(_sql(name))


def _match(
    rows: Sequence[sqlite3.Row], messages: Sequence[IndexedMessage]
) -> tuple[list[sqlite3.Row | None], list[sqlite3.Row]]:
    """The row of each message, None for those that have none; and the rows without a message.

    A message keeps its row, whatever was removed or inserted before it: a read mark is the id of a row.
    """
    waiting: defaultdict[str | tuple[str, str], deque[sqlite3.Row]] = defaultdict(deque)
    for row in rows:
        waiting[row["message_id"] or (row["role"], row["text"])].append(row)
    matched = [same.popleft() if (same := waiting[message.key]) else None for message in messages]
    return matched, [row for left in waiting.values() for row in left]


def _select(connection: sqlite3.Connection, position: int) -> list[sqlite3.Row]:
    """The rows of a thread in their order, without its title."""
    return connection.execute(_sql("messages"), rows_of(position)._asdict()).fetchall()


def _insert(connection: sqlite3.Connection, id: int, message: IndexedMessage, written_at: int | None) -> None:
    connection.execute(_sql("insert_row"), {"id": id, "written_at": written_at, **message._asdict()})
    _index(connection, ("insert_words", "insert_trigrams"), id, message.text)


def _update(connection: sqlite3.Connection, row: sqlite3.Row, message: IndexedMessage) -> None:
    connection.execute(_sql("update_row"), {"id": row["id"], **message._asdict()})
    if row["text"] != message.text:
        _index(connection, ("delete_words", "delete_trigrams"), row["id"], row["text"])
        _index(connection, ("insert_words", "insert_trigrams"), row["id"], message.text)


def _delete(connection: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> None:
    for row in rows:
        _index(connection, ("delete_words", "delete_trigrams"), row["id"], row["text"])
        connection.execute(_sql("delete_row"), {"id": row["id"]})


def _index(connection: sqlite3.Connection, names: tuple[str, str], id: int, text: str) -> None:
    from threads.search.tokenizer import fts_text, trigram_text  # a list with nothing stale needs none of it

    for name, form in zip(names, (fts_text(text), trigram_text(text)), strict=True):
        if form:
            connection.execute(_sql(name), {"id": id, "text": form})


def _sql(name: str) -> str:
    return statements("index")[name]
