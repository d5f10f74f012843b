"""Threads: the table `threads_thread`, one row a thread."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from threads import ids
from threads.db.queries import moment, statements, to_json
from threads.db.seals import seals_of
from threads.errors import ThreadExists, ThreadNotFound, ThreadTrashed
from threads.models import Status, Thread
from threads.store import validation
from threads.store.deletion import delete_leftovers, delete_thread
from threads.store.filters import Filters, Order, plan_query, plan_scan
from threads.store.leases import check_free
from threads.store.protocol import Unset


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
            id=str(decode_id(self.thread_id)), title=self.auto_title if title is None else title,
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


@dataclass(frozen=True, slots=True)
class StaleThread:
    """A thread whose projection is to be made again."""

    position: int
    thread_id: str
    head_id: str | None
    created_at: int | None
    updated_at: int | None
    projected_id: str | None
    auto_title: str


class BegunOnce(NamedTuple):
    """What is stored of a request with an idempotency key that began a thread."""

    digest: bytes | None
    """None once the thread was deleted."""


class ThreadTable:
    """The operations on `threads_thread` within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    # reading

    def find(self, thread_id: str) -> ThreadRecord | None:
        """The thread, or None."""
        row = self._connection.execute(_sql("get"), {"thread_id": thread_id}).fetchone()
        return None if row is None else ThreadRecord(*row)

    def get(self, thread_id: str) -> ThreadRecord:
        """The thread; raises `ThreadNotFound` with ids that look like it."""
        text = ids.text_of(thread_id)
        record = self.find(text)
        if record is None:
            raise ThreadNotFound(text, self._similar_ids(text))
        return record

    def get_visible(self, thread_id: str) -> ThreadRecord:
        """The thread; raises `ThreadNotFound`, and `ThreadTrashed` for one in the trash."""
        record = self.get(thread_id)
        if record.trashed_at is not None:
            raise ThreadTrashed(record.thread_id)
        return record

    def get_many(self, positions: Sequence[int]) -> dict[int, ThreadRecord]:
        """The threads at these positions, as far as they exist."""
        rows = self._connection.execute(_sql("get_many"), {"positions": to_json(list(positions))})
        return {row["position"]: ThreadRecord(*row) for row in rows}

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

        `has_indexes`: False on a file that is only read, whose tables may be temporary ones.
        """
        if order.sort_by == "title":
            self._connection.create_function("threads_title_key", 1, _title_key, deterministic=True)
        plan = plan_query(self._connection, filters, order.sort_by) if has_indexes else plan_scan(filters)
        conditions, values = list(plan.conditions), {**plan.values, "limit": limit + 1, "offset": offset}
        place = plan.order_column or f"{'+' if plan.sorts else ''}{order.key}"  # + keeps SQLite from an index
        if cursor is not None:
            conditions.append(statements("threads")["after"].format(key=place, beyond=order.beyond))
            values |= order.place(seals_of(self._connection), filters.owner, cursor)
        query = _sql(
            "list", source=plan.source, where=_where(conditions), place=place, key=order.key,
            order=order.sort_order,
        )  # fmt: skip
        rows = self._connection.execute(query, values).fetchall()
        next_cursor = None
        if len(rows) > limit:
            rows = rows[:limit]
            seals, last = seals_of(self._connection), rows[-1]
            next_cursor = order.cursor(seals, filters.owner, last["key"], last["position"])
        return ThreadPage([ThreadRecord(*row[:-1]) for row in rows], next_cursor)

    def count(self, filters: Filters, *, has_indexes: bool = True) -> int:
        """How many threads fit."""
        plan = plan_query(self._connection, filters, None) if has_indexes else plan_scan(filters)
        query = _sql("count", where=_where(plan.conditions))
        return int(self._connection.execute(query, plan.values).fetchone()[0])

    def list_ids_with_prefix(self, prefix: str, limit: int) -> list[str]:
        """The first ids that begin with `prefix`, sorted."""
        rows = self._connection.execute(_sql("list_ids_with_prefix"), {"start": prefix, "limit": limit})
        return [row[0] for row in rows]

    def list_prunable(self) -> list[str]:
        """The ids of all threads with checkpoints, but for those in the trash."""
        rows = self._connection.execute(_sql("list_prunable"))
        return [row[0] for row in rows if isinstance(row[0], str)]

    def list_stale(self, thread_ids: Sequence[str]) -> list[StaleThread]:
        """Those of these threads whose projection is stale."""
        values = {"ids": to_json([ids.text_of(id) for id in thread_ids])}
        return [StaleThread(*row) for row in self._connection.execute(_sql("list_stale_of"), values)]

    # writing

    def create(self, new: NewThread) -> None:
        """Store a new thread; raises `ThreadExists`."""
        if self.find(new.thread_id) is not None:
            raise ThreadExists(new.thread_id)
        delete_leftovers(self._connection, new.thread_id)  # it must not find a deleted one's subgraphs
        row = {
            "thread_id": new.thread_id, "title": new.title, "agent_id": new.agent_id, "owner": new.owner,
            "metadata": new.metadata_json, "now": new.now,
        }  # fmt: skip
        self._connection.execute(_sql("create"), row)
        self._set_tags(new.thread_id, new.tags)

    def update(self, thread_id: str, changes: Mapping[str, Any]) -> None:
        """Change the fields a user owns; raises `ThreadNotFound`, `InvalidValue`."""
        record = self.get(thread_id)
        columns = {name: CHECKS[name](name, value) for name, value in changes.items() if name in CHECKS}
        if "metadata" in changes:
            columns["metadata"] = merge_metadata(record.metadata, changes["metadata"])
        self.set_columns(record.thread_id, columns)
        if "tags" in changes:
            self._set_tags(record.thread_id, validation.checked_tags(changes["tags"]))

    def set_columns(self, thread_id: str, columns: Mapping[str, Any]) -> None:
        """Store checked values of these columns of a thread that exists."""
        if columns:
            assignments = ", ".join(f"{name} = :{name}" for name in columns)
            query = _sql("update", assignments=assignments)
            self._connection.execute(query, {**columns, "thread_id": thread_id})

    def trash(self, thread_id: str, now: int) -> None:
        """Move the thread to the trash; raises `ThreadNotFound`, `ThreadBusy`."""
        record = self.get(thread_id)
        if record.trashed_at is None:
            check_free(self._connection, record.thread_id)
            self.set_columns(record.thread_id, {"trashed_at": now})

    def restore(self, thread_id: str) -> None:
        """Take the thread out of the trash; raises `ThreadNotFound`."""
        self.set_columns(self.get(thread_id).thread_id, {"trashed_at": None})

    def delete(self, thread_id: str) -> None:
        """Delete the thread with its checkpoints; raises `ThreadNotFound`, `ThreadBusy`."""
        delete_thread(self._connection, self.get(thread_id).thread_id)

    def check_free(self, thread_id: str) -> None:
        """Raise `ThreadBusy` while a run has the thread's lease."""
        check_free(self._connection, thread_id)

    def set_model_title(self, thread_id: str, title: str) -> None:
        """Store a title made by a model, unless one was set by hand."""
        self._connection.execute(_sql("set_model_title"), {"thread_id": thread_id, "title": title})

    def find_begun_once(self, thread_id: str) -> BegunOnce | None:
        """The record of the request that began this thread once, or None."""
        row = self._connection.execute(_sql("get_creation_request"), {"thread_id": thread_id}).fetchone()
        return None if row is None else BegunOnce(row["request_digest"])

    def record_begun_once(self, thread_id: str, digest: bytes) -> BegunOnce:
        """Record the digest of the request that began this thread, unless there is one; the stored one."""
        values = {"thread_id": thread_id, "request_digest": digest}
        self._connection.execute(_sql("insert_creation_request"), values)
        found = self.find_begun_once(thread_id)
        assert found is not None
        return found

    def _set_tags(self, thread_id: str, tags: Iterable[str]) -> None:
        self._connection.execute(_sql("delete_tags"), {"thread_id": thread_id})
        rows = [{"thread_id": thread_id, "tag": tag} for tag in tags]
        self._connection.executemany(_sql("insert_tag"), rows)

    def _similar_ids(self, thread_id: str) -> list[str]:
        """Up to three ids that a caller who wrote `thread_id` may have meant."""
        import difflib

        rows = self._connection.execute(_sql("list_ids_near"), {"start": thread_id[:3]})
        by_folded = {row[0].casefold().strip(): row[0] for row in rows}
        found = difflib.get_close_matches(thread_id.casefold().strip(), list(by_folded), n=3, cutoff=0.7)
        return [by_folded[folded] for folded in found]


def given(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that were given, without those left `UNSET`."""
    return {name: value for name, value in changes.items() if not isinstance(value, Unset)}


def merge_metadata(stored: Mapping[str, Any], changes: object) -> str:
    """The stored metadata with these changes, as JSON; None removes a key. Raises `InvalidValue`."""
    both = {**stored, **validation.checked_metadata(changes)}
    remaining = {key: value for key, value in both.items() if value is not None}
    return to_json(validation.checked_metadata(remaining))


def decode_id(id: Any) -> str | None:
    """An id as text: another program may have stored bytes."""
    return id.decode(errors="replace") if isinstance(id, bytes) else id


def _title_key(title: bytes) -> str:
    """What titles are sorted by: without case and diacritics, so that "Ärger" stands beside "Arger"."""
    from threads.search.tokenizer import fold

    return fold(title.decode(errors="replace"))


def _where(conditions: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _sql(name: str, **parts: str) -> str:
    sql = statements("threads")
    return sql[name].format(columns=sql["columns"], **parts) if "{" in sql[name] else sql[name]


def _flag(field: str, value: object) -> int:
    return int(validation.checked_flag(field, value))


CHECKS: dict[str, Callable[[str, object], Any]] = {
    "title": lambda _, value: validation.checked_title(value),
    "agent_id": validation.checked_name,
    "owner": validation.checked_name,
    "pinned": _flag,
    "archived": _flag,
}
