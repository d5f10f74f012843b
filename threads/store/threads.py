"""The registry's table: one row a thread, read and changed on a connection that is handed in."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from threads import ids
from threads.db.queries import statements, to_json
from threads.db.seals import seals_of
from threads.errors import ThreadExists, ThreadNotFound, ThreadTrashed
from threads.models import Checkpoint, Status, Thread, moment
from threads.store import validation
from threads.store.deletion import erase, sweep
from threads.store.filters import Filters, Order
from threads.store.leases import check_free
from threads.store.mapping import checkpoint_of, text_of
from threads.store.protocol import Unset
from threads.store.query_planner import plan_query, plan_scan


@dataclass(frozen=True, slots=True)
class StaleThread:
    """A thread whose projection is to be made again."""

    position: int
    thread_id: str
    head_id: str | None
    created_at: int | None
    updated_at: int | None


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
    rows = connection.execute(_sql("get_many"), {"positions": to_json(list(positions))})
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
    plan = plan_query(connection, filters, order.sort_by) if narrow else plan_scan(filters)
    column = (
        plan.order_column or f"{'+' if plan.sorts else ''}{order.key}"
    )  # the + keeps SQLite from an index
    conditions, values = list(plan.conditions), {**plan.values, "limit": limit, "offset": offset}
    if cursor is not None:
        conditions.append(statements("threads")["after"].format(key=column, beyond=order.beyond))
        values |= order.place(seals_of(connection), filters.owner, cursor)
    where, key = _where(conditions), order.key
    query = _sql("list", source=plan.source, where=where, place=column, key=key, order=order.sort_order)
    return connection.execute(query, values).fetchall()


def count(connection: sqlite3.Connection, filters: Filters, *, narrow: bool = False) -> int:
    """How many threads fit."""
    plan = plan_query(connection, filters, None) if narrow else plan_scan(filters)
    query = statements("threads")["count"].format(where=_where(plan.conditions))
    return int(connection.execute(query, plan.values).fetchone()[0])


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
    return to_json(validation.checked_metadata(kept))


def _set_tags(connection: sqlite3.Connection, thread_id: str, tags: Iterable[str]) -> None:
    connection.execute(_sql("untag"), {"thread_id": thread_id})
    rows = [{"thread_id": thread_id, "tag": tag} for tag in tags]
    connection.executemany(_sql("tag"), rows)


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


@dataclass(frozen=True, slots=True)
class ThreadRecord:
    """A row of `threads_thread`, its columns in their order."""

    position: int
    thread_id: str
    activity: int
    head_id: str | None
    created_at: int | None
    updated_at: int | None
    title: str | None
    model_title: str | None
    agent_id: str | None
    owner: str | None
    metadata_json: str
    pinned: int
    archived: int
    trashed_at: int | None
    projected_id: str | None
    auto_title: str
    preview: str | None
    message_count: int | None
    status: Status
    tags_json: str

    @property
    def is_stale(self) -> bool:
        """Whether its projection is older than its head."""
        return self.head_id != self.projected_id

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags, sorted."""
        return tuple(json.loads(self.tags_json))

    @property
    def metadata(self) -> dict[str, Any]:
        """What a user stored with it."""
        found: dict[str, Any] = json.loads(self.metadata_json)
        return found

    def thread(self) -> Thread:
        """The public model of this thread."""
        title = self.title if self.title is not None else self.model_title
        return Thread(
            id=str(text_of(self.thread_id)), title=self.auto_title if title is None else title,
            agent_id=self.agent_id, owner=self.owner, status=self.status,
            created_at=moment(self.created_at), updated_at=moment(self.updated_at),
            message_count=self.message_count, last_message=self.preview, metadata=self.metadata,
            tags=self.tags, pinned=bool(self.pinned), archived=bool(self.archived),
            trashed_at=moment(self.trashed_at),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewThread:
    """A thread that is to be stored."""

    thread_id: str
    title: str | None
    agent_id: str | None
    owner: str | None
    metadata_json: str
    tags: Sequence[str]
    now: int


class ThreadPage(NamedTuple):
    """A page of a list, and the cursor of the next one."""

    records: list[ThreadRecord]
    next_cursor: str | None


class ThreadTable:
    """The operations on `threads_thread` within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def find(self, thread_id: str) -> ThreadRecord | None:
        """The thread, or None."""
        row = find(self._connection, thread_id)
        return None if row is None else ThreadRecord(*row)

    def get(self, thread_id: str) -> ThreadRecord:
        """The thread; raises `ThreadNotFound` with ids that look like it."""
        return ThreadRecord(*get(self._connection, thread_id))

    def get_visible(self, thread_id: str) -> ThreadRecord:
        """The thread; raises `ThreadNotFound`, and `ThreadTrashed` for one in the trash."""
        record = self.get(thread_id)
        if record.trashed_at is not None:
            raise ThreadTrashed(record.thread_id)
        return record

    def get_many(self, positions: Sequence[int]) -> dict[int, ThreadRecord]:
        """The threads at these positions, as far as they exist."""
        return {key: ThreadRecord(*row) for key, row in get_many(self._connection, positions).items()}

    def list_page(
        self,
        filters: Filters,
        order: Order,
        *,
        limit: int,
        offset: int = 0,
        cursor: str | None = None,
        has_indexes: bool = True,
    ) -> ThreadPage:
        """A page of the threads that fit; raises `InvalidCursor`.

        `has_indexes`: False on a file that has no registry of its own, or whose connection cannot write.
        """
        rows = select(
            self._connection, filters, order, limit=limit + 1, offset=offset, cursor=cursor,
            narrow=has_indexes,
        )  # fmt: skip
        next_cursor = None
        if len(rows) > limit:
            rows = rows[:limit]
            seals, last = seals_of(self._connection), rows[-1]
            next_cursor = order.cursor(seals, filters.owner, last["key"], last["position"])
        return ThreadPage([ThreadRecord(*row[:-1]) for row in rows], next_cursor)

    def count(self, filters: Filters, *, has_indexes: bool = True) -> int:
        """How many threads fit."""
        return count(self._connection, filters, narrow=has_indexes)

    def list_ids_with_prefix(self, prefix: str, limit: int) -> list[str]:
        """The first ids that begin with `prefix`, sorted."""
        return ids_with_prefix(self._connection, prefix, limit)

    def list_prunable(self) -> list[str]:
        """The ids of all threads with checkpoints, but for those in the trash."""
        rows = self._connection.execute(statements("pruning")["threads"])
        return [row[0] for row in rows if isinstance(row[0], str)]

    def list_stale(self, thread_ids: Sequence[str]) -> list[StaleThread]:
        """Those of these threads whose projection is stale."""
        values = {"ids": to_json([ids.text_of(id) for id in thread_ids])}
        rows = self._connection.execute(statements("organise")["stale_of"], values)
        return [StaleThread(*row) for row in rows]

    def create(self, new: NewThread) -> None:
        """Store a new thread; raises `ThreadExists`."""
        row = {
            "thread_id": new.thread_id, "title": new.title, "agent_id": new.agent_id, "owner": new.owner,
            "metadata": new.metadata_json, "now": new.now,
        }  # fmt: skip
        create(self._connection, row, new.tags)

    def update(self, thread_id: str, changes: Mapping[str, Any]) -> None:
        """Change the fields a user owns; raises `ThreadNotFound`, `InvalidValue`."""
        update(self._connection, thread_id, changes)

    def trash(self, thread_id: str, now: int) -> None:
        """Move the thread to the trash; raises `ThreadNotFound`, `ThreadBusy`."""
        record = self.get(thread_id)
        if record.trashed_at is None:
            check_free(self._connection, record.thread_id)
            set_columns(self._connection, record.thread_id, {"trashed_at": now})

    def restore(self, thread_id: str) -> None:
        """Take the thread out of the trash; raises `ThreadNotFound`."""
        set_columns(self._connection, self.get(thread_id).thread_id, {"trashed_at": None})

    def delete(self, thread_id: str) -> None:
        """Delete the thread with its checkpoints; raises `ThreadNotFound`, `ThreadBusy`."""
        erase(self._connection, self.get(thread_id).thread_id)

    def check_free(self, thread_id: str) -> None:
        """Raise `ThreadBusy` while a run has the thread's lease."""
        check_free(self._connection, thread_id)

    def set_model_title(self, thread_id: str, title: str) -> None:
        """Store a title made by a model, unless one was set by hand."""
        values = {"thread_id": thread_id, "title": title}
        self._connection.execute(statements("runs")["entitle"], values)

    def find_begun_once(self, thread_id: str) -> BegunOnce | None:
        """The record of the request that began this thread once, or None."""
        values = {"thread_id": thread_id}
        row = self._connection.execute(statements("access")["begun"], values).fetchone()
        return None if row is None else BegunOnce(row["digest"])

    def record_begun_once(self, thread_id: str, digest: bytes) -> BegunOnce:
        """Record the digest of the request that began this thread, unless there is one; the stored one."""
        values = {"thread_id": thread_id, "digest": digest}
        self._connection.execute(statements("access")["note_begun"], values)
        found = self.find_begun_once(thread_id)
        assert found is not None
        return found


class BegunOnce(NamedTuple):
    """What is stored of a request with an idempotency key that began a thread."""

    digest: bytes | None
    """None once the thread was deleted."""


class CheckpointTable:
    """What is read of the saver's own table, within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def exists(self, thread_id: str, checkpoint_id: str) -> bool:
        """Whether the thread has this checkpoint."""
        values = {"thread_id": thread_id, "checkpoint_id": checkpoint_id}
        sql = statements("checkpoints")["checkpoint_metadata"]
        return self._connection.execute(sql, values).fetchone() is not None

    def has_branches(self, thread_id: str) -> bool:
        """Whether the thread has several lines of checkpoints."""
        rows = self._connection.execute(statements("rewinding")["tips"], {"thread_id": thread_id})
        return len(rows.fetchall()) > 1

    def list_history(self, thread_id: str) -> list[Checkpoint]:
        """The thread's checkpoints, the one written last first."""
        rows = self._connection.execute(statements("checkpoints")["history"], {"thread_id": thread_id})
        return [checkpoint_of(row) for row in rows]
