"""`ThreadService`: create, get, list, update, trash, restore and delete threads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from threads import ids
from threads.db.deletion import erase
from threads.db.queries import statements
from threads.db.seals import seals_of
from threads.errors import InvalidValue, KeyReused, ThreadExists, ThreadNotFound
from threads.models import Page, SortBy, SortOrder, Thread
from threads.registry.context import RegistryContext
from threads.registry.projections import ProjectionRefresher
from threads.store import threads as thread_table
from threads.store import validation
from threads.store.filters import PROJECTED, Filters, Order, checked_range
from threads.store.leases import check_free
from threads.store.mapping import json_of


class ThreadService:
    """Threads as rows of our table, with projections that are up to date."""

    def __init__(self, context: RegistryContext, projections: ProjectionRefresher) -> None:
        self._context = context
        self._database = context.database
        self._projections = projections

    def create(
        self,
        id: str | None,
        title: str | None,
        agent_id: str | None,
        owner: str | None,
        metadata: Mapping[str, Any] | None,
        tags: Sequence[str],
        if_exists: str,
    ) -> Thread:
        """Create a thread; see `Registry.create`."""
        if if_exists not in ("raise", "do_nothing"):
            raise InvalidValue("if_exists", f'must be "raise" or "do_nothing", not {if_exists!r}')
        thread_id = ids.new_id() if id is None else ids.check_new(id)
        row = {
            "thread_id": thread_id,
            "title": validation.checked_title(title),
            "agent_id": validation.checked_name("agent_id", agent_id),
            "owner": validation.checked_name("owner", owner),
            "metadata": json_of(validation.checked_metadata(metadata)),
            "now": self._context.now(),
        }
        checked_tags = validation.checked_tags(tags)
        try:
            self._database.write(lambda connection: thread_table.create(connection, row, checked_tags))
        except ThreadExists:
            if if_exists == "raise":
                raise
        return self.get(thread_id)

    def begin_once(self, id: str, key: str, request: str, **fields: Any) -> Thread:
        """Create the thread of a request with an idempotency key; see `Registry.begin_once`."""
        thread_id, digest = ids.check_new(id), hashlib.sha256(request.encode()).digest()
        values = {"thread_id": thread_id, "digest": digest}
        with self._database.read() as connection:
            begun = connection.execute(statements("access")["begun"], values).fetchone()
        if begun is None:
            self.create(thread_id, **fields, if_exists="do_nothing")
            begun = self._database.write(lambda connection: _note_request(connection, values))
        if begun["digest"] is None:
            raise ThreadNotFound(thread_id)
        if begun["digest"] != digest:
            raise KeyReused(thread_id, key)
        return self.get(thread_id)

    def get(self, id: str) -> Thread:
        """Return a thread; see `Registry.get`."""
        with self._database.read() as connection:
            row = thread_table.get(connection, id)
        return self._projections.threads_of([row])[0]

    def list_threads(
        self,
        filters: Filters,
        sort_by: SortBy,
        sort_order: SortOrder,
        limit: int,
        offset: int,
        cursor: str | None,
    ) -> Page[Thread]:
        """Return a page of threads; see `Registry.list`."""
        order = Order(sort_by, sort_order)
        limit, offset = checked_range(limit, offset)
        is_read_only, owner = self._database.read_only, filters.owner
        if sort_by in PROJECTED and not is_read_only:
            self._projections.refresh_all(progress=self._context.progress, owner=owner)
        with self._database.read() as connection:
            if sort_by in PROJECTED and is_read_only:
                from threads.store import projection

                projection.refresh_here(connection, self._context.load_decoder, owner=owner)
            rows = thread_table.select(
                connection, filters, order, limit=limit + 1, offset=offset, cursor=cursor,
                narrow=not is_read_only,
            )  # fmt: skip
            seals = seals_of(connection)
        has_more = len(rows) > limit
        rows = rows[:limit]
        next_cursor = order.cursor(seals, owner, rows[-1]["key"], rows[-1]["position"]) if has_more else None
        return Page(tuple(self._projections.threads_of(rows)), next_cursor, lambda: self._count(filters))

    def update(self, id: str, **fields: Any) -> Thread:
        """Change the fields that are not `UNSET`; see `Registry.update`."""
        changes = thread_table.given(fields)
        self._database.write(lambda connection: thread_table.update(connection, id, changes))
        return self.get(id)

    def trash(self, id: str) -> Thread:
        """Move a thread to the trash; see `Registry.trash`."""
        now = self._context.now()

        def set_trashed(connection: Any) -> None:
            row = thread_table.get(connection, id)
            if row["trashed_at"] is None:
                check_free(connection, row["thread_id"])
                thread_table.set_columns(connection, row["thread_id"], {"trashed_at": now})

        self._database.write(set_trashed)
        return self.get(id)

    def restore(self, id: str) -> Thread:
        """Take a thread out of the trash; see `Registry.restore`."""

        def clear_trashed(connection: Any) -> None:
            thread_id = thread_table.get(connection, id)["thread_id"]
            thread_table.set_columns(connection, thread_id, {"trashed_at": None})

        self._database.write(clear_trashed)
        return self.get(id)

    def delete(self, id: str) -> None:
        """Delete a thread for good; see `Registry.delete`."""
        self._context.flush()
        self._database.write(
            lambda connection: erase(connection, thread_table.get(connection, id)["thread_id"])
        )
        self._context.release_deleted([ids.text_of(id)])

    def ids_with_prefix(self, prefix: str, limit: int) -> list[str]:
        """Return thread ids that begin with `prefix`; see `Registry.ids_with_prefix`."""
        with self._database.read() as connection:
            return thread_table.ids_with_prefix(connection, ids.text_of(prefix), limit)

    def _count(self, filters: Filters) -> int:
        with self._database.read() as connection:
            return thread_table.count(connection, filters, narrow=not self._database.read_only)


def _note_request(connection: Any, values: dict[str, Any]) -> Any:
    """Store the digest of the request that created the thread; return the row that stands now."""
    connection.execute(statements("access")["note_begun"], values)
    return connection.execute(statements("access")["begun"], values).fetchone()
