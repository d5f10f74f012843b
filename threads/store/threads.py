"""The registry's table: one row a thread, read and changed on a connection that is handed in."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from threads import ids
from threads.db.deletion import sweep
from threads.db.queries import statements
from threads.db.seals import seals_of
from threads.errors import ThreadExists, ThreadNotFound
from threads.store import validation
from threads.store.filters import Filters, Order
from threads.store.mapping import json_of
from threads.store.protocol import Unset
from threads.store.query_planner import Narrowed, narrowed


def find(connection: sqlite3.Connection, thread_id: str) -> sqlite3.Row | None:
    """The thread's row, or None."""
    row: sqlite3.Row | None = connection.execute(_sql("get"), {"thread_id": thread_id}).fetchone()
    return row


def get(connection: sqlite3.Connection, thread_id: str) -> sqlite3.Row:
    """The thread's row, or `ThreadNotFound` with ids that look like it."""
    text = ids.text_of(thread_id)
    row = find(connection, text)
    if row is None:
        raise ThreadNotFound(text, near(connection, text))
    return row


def get_many(connection: sqlite3.Connection, positions: Sequence[int]) -> dict[int, sqlite3.Row]:
    """The rows at these positions, as far as they are still there."""
    rows = connection.execute(_sql("get_many"), {"positions": json_of(list(positions))})
    return {row["position"]: row for row in rows}


def select(
    connection: sqlite3.Connection,
    filters: Filters,
    order: Order,
    *,
    limit: int,
    offset: int,
    cursor: str | None,
    narrow: bool = False,
) -> list[sqlite3.Row]:
    """The rows of a page, in order, each with its `key` in that order.

    `narrow`: the connection has the indexes to look few threads up by.
    """
    way = narrowed(connection, filters, order.sort_by) if narrow else _plain(filters)
    place = way.place or f"{'+' if way.is_few else ''}{order.key}"  # put in order, or found in order
    conditions, values = list(way.conditions), {**way.values, "limit": limit, "offset": offset}
    if cursor is not None:
        conditions.append(statements("threads")["after"].format(key=place, beyond=order.beyond))
        values |= order.place(seals_of(connection), filters.owner, cursor)
    where, key = _where(conditions), order.key
    query = _sql("list", source=way.source, where=where, place=place, key=key, order=order.sort_order)
    return connection.execute(query, values).fetchall()


def count(connection: sqlite3.Connection, filters: Filters, *, narrow: bool = False) -> int:
    """How many threads fit."""
    way = narrowed(connection, filters, None) if narrow else _plain(filters)
    query = statements("threads")["count"].format(where=_where(way.conditions))
    return int(connection.execute(query, way.values).fetchone()[0])


def create(connection: sqlite3.Connection, row: Mapping[str, Any], tags: Iterable[str]) -> None:
    """Store a new thread's row; `ThreadExists` if the id is taken."""
    if find(connection, row["thread_id"]) is not None:
        raise ThreadExists(row["thread_id"])
    sweep(connection, row["thread_id"])  # it must not find a deleted one's subgraphs
    connection.execute(_sql("create"), row)
    _set_tags(connection, row["thread_id"], tags)


def update(connection: sqlite3.Connection, thread_id: str, changes: Mapping[str, Any]) -> None:
    """Change the fields a user owns; `ThreadNotFound`, `InvalidValue`."""
    row = get(connection, thread_id)
    columns = {name: CHECKS[name](name, value) for name, value in changes.items() if name in CHECKS}
    if "metadata" in changes:
        columns["metadata"] = merged(row["metadata"], changes["metadata"])
    set_columns(connection, row["thread_id"], columns)
    if "tags" in changes:
        _set_tags(connection, row["thread_id"], validation.checked_tags(changes["tags"]))


def set_columns(connection: sqlite3.Connection, thread_id: str, columns: Mapping[str, Any]) -> None:
    """Store these columns of a thread that is there."""
    if columns:
        assignments = ", ".join(f"{name} = :{name}" for name in columns)
        connection.execute(_sql("update", assignments=assignments), {**columns, "thread_id": thread_id})


def given(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that were given, without those left `UNSET`."""
    return {name: value for name, value in changes.items() if not isinstance(value, Unset)}


def ids_with_prefix(connection: sqlite3.Connection, prefix: str, limit: int) -> list[str]:
    """The ids that begin with `prefix`, in their order."""
    rows = connection.execute(_sql("ids_with_prefix"), {"start": prefix, "limit": limit})
    return [row[0] for row in rows]


def near(connection: sqlite3.Connection, thread_id: str) -> list[str]:
    """Up to three ids that someone who wrote `thread_id` may have meant."""
    import difflib

    rows = connection.execute(_sql("ids_near"), {"start": thread_id[:3]})
    by_folded = {row[0].casefold().strip(): row[0] for row in rows}
    found = difflib.get_close_matches(thread_id.casefold().strip(), list(by_folded), n=3, cutoff=0.7)
    return [by_folded[folded] for folded in found]


def merged(stored: str, changes: object) -> str:
    """The stored metadata with these changes, as it is stored; None removes a key."""
    both = {**json.loads(stored), **validation.checked_metadata(changes)}
    kept = {key: value for key, value in both.items() if value is not None}
    return json_of(validation.checked_metadata(kept))


def _set_tags(connection: sqlite3.Connection, thread_id: str, tags: Iterable[str]) -> None:
    connection.execute(_sql("untag"), {"thread_id": thread_id})
    rows = [{"thread_id": thread_id, "tag": tag} for tag in tags]
    connection.executemany(_sql("tag"), rows)


def _plain(filters: Filters) -> Narrowed:
    """All threads, looked at one by one."""
    names, values = filters.conditions()
    return Narrowed([statements("threads")[name] for name in names], values)


def _where(conditions: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _sql(name: str, **parts: str) -> str:
    sql = statements("threads")
    return sql[name].format(columns=sql["columns"], **parts) if "{" in sql[name] else sql[name]


def _flag(field: str, value: object) -> int:
    return int(validation.checked_flag(field, value))


CHECKS = {
    "title": lambda _, value: validation.checked_title(value),
    "agent_id": validation.checked_name,
    "owner": validation.checked_name,
    "pinned": _flag,
    "archived": _flag,
}
