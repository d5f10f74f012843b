"""Tags and their counts, many threads changed at once, and who has read how far."""

from __future__ import annotations

import builtins
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from threads import ids
from threads.db.migrations import has_table
from threads.db.queries import statements, to_json
from threads.errors import InvalidValue, ThreadBusy
from threads.models import Tag
from threads.store import threads as thread_table
from threads.store import validation
from threads.store.authorization import LOCAL
from threads.store.deletion import erase
from threads.store.filters import Filters
from threads.store.leases import check_free

Outcome = Literal["changed", "unchanged", "missing", "busy"]


def tags(connection: sqlite3.Connection, filters: Filters) -> list[Tag]:
    """The tags of the threads that fit, the most used first."""
    if filters == Filters() and has_table(connection, "threads_tag_count"):
        rows = connection.execute(_sql("tags"))
    else:
        names, values = filters.conditions()
        where = " AND ".join(statements("threads")[name] for name in names) or "1"
        rows = connection.execute(_sql("tags_where").format(where=where), values)
    return [Tag(row["tag"], row["threads"]) for row in rows]


def rename_tag(connection: sqlite3.Connection, old: str, new: str) -> int:
    """Call a tag something else on all threads; how many had it."""
    found = [row[0] for row in connection.execute(_sql("tagged"), {"tag": old})]
    for thread_id in found if old != new else ():
        connection.execute(_sql("remove_tag"), {"thread_id": thread_id, "tag": old})
        connection.execute(_sql("add_tag"), {"thread_id": thread_id, "tag": new})
    return len(found)


def change(connection: sqlite3.Connection, thread_id: str, changes: Mapping[str, Any]) -> Outcome:
    """Change one of many, and tell what came of it."""
    row = thread_table.find(connection, thread_id)
    if row is None:
        return "missing"
    before = connection.total_changes
    try:
        if changes.get("delete"):
            erase(connection, thread_id)
        else:
            thread_table.set_columns(connection, thread_id, _columns(connection, row, changes))
    except ThreadBusy:
        return "busy"
    for name, verb in (("untag", "remove_tag"), ("tag", "add_tag")):
        for tag in changes.get(name, ()):
            connection.execute(_sql(verb), {"thread_id": thread_id, "tag": tag})
    if connection.execute(_sql("count_tags"), {"thread_id": thread_id}).fetchone()[0] > validation.MOST_TAGS:
        raise InvalidValue("tag", f"thread {thread_id!r} would have more than {validation.MOST_TAGS} tags")
    return "changed" if connection.total_changes > before else "unchanged"


def _columns(connection: sqlite3.Connection, row: sqlite3.Row, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that are to be otherwise than they are; `ThreadBusy`."""
    wanted = {name: changes[name] for name in ("owner", "agent_id") if name in changes}
    wanted |= {name: int(changes[name]) for name in ("pinned", "archived") if name in changes}
    if "trashed" in changes and (row["trashed_at"] is not None) != changes["trashed"]:
        check_free(connection, row["thread_id"])
        wanted["trashed_at"] = changes["now"] if changes["trashed"] else None
    if "metadata" in changes:
        wanted["metadata"] = thread_table.merged(row["metadata"], changes["metadata"])
    return {name: value for name, value in wanted.items() if row[name] != value}


def mark_read(connection: sqlite3.Connection, id: str, reader: str, upto: str | None) -> None:
    """Note that `reader` has read the thread up to a message; `ThreadNotFound`, `InvalidValue`."""
    from threads.search.index import rows_of

    position = thread_table.get(connection, id)["position"]
    asked = {"position": position, **rows_of(position)._asdict(), "upto": upto}
    last_read_id = connection.execute(_sql("last_read_id"), asked).fetchone()[0]
    if last_read_id is None and upto is not None:
        raise InvalidValue("upto", f"thread {id!r} has no message {upto!r}")
    if last_read_id is not None:
        connection.execute(
            _sql("mark_read"), {"reader": reader, "position": position, "last_read_id": last_read_id}
        )


def unread(connection: sqlite3.Connection, thread_ids: Sequence[str], reader: str) -> dict[str, int]:
    """How many messages, but for their own, `reader` has not read by thread; missing ones are left out."""
    asked = {"ids": to_json([ids.text_of(id) for id in thread_ids]), "reader": reader, "local": LOCAL.reader}
    return {row["thread_id"]: row["unread"] for row in connection.execute(_sql("unread"), asked)}


def stale_of(connection: sqlite3.Connection, thread_ids: Sequence[str]) -> list[sqlite3.Row]:
    """The rows of those of these threads whose words are older than their head."""
    asked = {"ids": to_json([ids.text_of(id) for id in thread_ids])}
    return connection.execute(_sql("stale_of"), asked).fetchall()


def _sql(name: str) -> str:
    return statements("organise")[name]


class TagTable:
    """The operations on tags within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def list(self, filters: Filters) -> builtins.list[Tag]:
        """The tags of the threads that fit the filters, with their number of threads, most used first."""
        return tags(self._connection, filters)

    def rename(self, old: str, new: str) -> int:
        """Replace a tag on all threads that have it; how many had it."""
        return rename_tag(self._connection, old, new)


class BulkChanges:
    """Changes of one of many threads within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def apply(self, thread_id: str, changes: Mapping[str, Any]) -> Outcome:
        """Apply checked changes to a thread; raises `InvalidValue` where it would have too many tags."""
        return change(self._connection, thread_id, changes)


class ReadMarks:
    """How far users have read threads, within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def set(self, thread_id: str, reader: str, upto: str | None) -> None:
        """Mark the thread as read up to a message, or all; raises `ThreadNotFound`, `InvalidValue`."""
        mark_read(self._connection, thread_id, reader, upto)

    def count_unread(self, thread_ids: Sequence[str], reader: str) -> dict[str, int]:
        """The number of unread messages of others, by thread; threads that do not exist are left out."""
        return unread(self._connection, thread_ids, reader)
