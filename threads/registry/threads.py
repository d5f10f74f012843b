"""The threads themselves: made, found, listed, changed, put away and erased."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from threads import ids
from threads.db.seals import seals_of
from threads.errors import InvalidValue, ThreadExists
from threads.models import Page, SortBy, SortOrder, Status, Thread
from threads.registry.context import Opened
from threads.store import threads as thread_table
from threads.store import validation
from threads.store.deletion import erase
from threads.store.filters import PROJECTED, Filters, Order, checked_range
from threads.store.leases import check_free
from threads.store.mapping import is_stale, json_of, thread_of
from threads.store.protocol import UNSET, Unset


class Listing(Opened):
    """A `ThreadStore` over the registry's table, its words always up to date."""

    def create(
        self,
        *,
        id: str | None = None,
        title: str | None = None,
        agent_id: str | None = None,
        owner: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
        if_exists: Literal["raise", "do_nothing"] = "raise",
    ) -> Thread:
        """A new thread; its id is a UUIDv7 unless given.

        If the id is taken: `ThreadExists`, or with `if_exists="do_nothing"` the stored thread as it is.
        """
        if if_exists not in ("raise", "do_nothing"):
            raise InvalidValue("if_exists", f'"raise" or "do_nothing" is needed, not {if_exists!r}')
        thread_id = ids.new_id() if id is None else ids.check_new(id)
        row = {
            "thread_id": thread_id,
            "title": validation.checked_title(title),
            "agent_id": validation.checked_name("agent_id", agent_id),
            "owner": validation.checked_name("owner", owner),
            "metadata": json_of(validation.checked_metadata(metadata)),
            "now": self._now(),
        }
        checked_tags = validation.checked_tags(tags)
        try:
            self._database.write(lambda connection: thread_table.create(connection, row, checked_tags))
        except ThreadExists:
            if if_exists == "raise":
                raise
        return self.get(thread_id)

    def get(self, id: str) -> Thread:
        """The thread, also from the trash; `ThreadNotFound` names ids that look like it."""
        with self._database.read() as connection:
            row = thread_table.get(connection, id)
        return self._threads([row])[0]

    def list(
        self,
        *,
        agent_id: str | None = None,
        owner: str | None = None,
        tag: str | Sequence[str] | None = None,
        status: Status | None = None,
        pinned: bool | None = None,
        archived: bool | None = False,
        trashed: bool | None = False,
        metadata: Mapping[str, Any] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        sort_by: SortBy = "updated_at",
        sort_order: SortOrder = "desc",
        limit: int = 20,
        offset: int = 0,
        cursor: str | None = None,
    ) -> Page[Thread]:
        """The threads that fit all filters, newest activity first; None leaves a filter out.

        Archived and trashed threads are left out unless asked for. `tag` is one or several that must
        all be there, `metadata` keys and their values; `since` is included and `until` is not, both by
        `updated_at`. Go on with `cursor`, which neither skips nor repeats a thread while others are
        active, or with `offset`. Raises `InvalidValue`, `InvalidCursor`.
        """
        filters = Filters(
            agent_id=agent_id, owner=owner, tag=tag, status=status, pinned=pinned, archived=archived,
            trashed=trashed, metadata=metadata, since=since, until=until,
        )  # fmt: skip
        order = Order(sort_by, sort_order)
        limit, offset = checked_range(limit, offset)
        if sort_by in PROJECTED and not self._database.read_only:
            self._refresh_all(progress=self._progress, owner=owner)
        with self._database.read() as connection:
            if sort_by in PROJECTED and self._database.read_only:
                from threads.store import projection

                projection.refresh_here(connection, self._decoder, owner=owner)
            narrow = not self._database.read_only
            rows = thread_table.select(
                connection, filters, order, limit=limit + 1, offset=offset, cursor=cursor, narrow=narrow
            )
            seals = seals_of(connection)
        more = len(rows) > limit
        rows = rows[:limit]
        next_cursor = order.cursor(seals, owner, rows[-1]["key"], rows[-1]["position"]) if more else None
        return Page(tuple(self._threads(rows)), next_cursor, lambda: self._count(filters))

    def update(
        self,
        id: str,
        *,
        title: str | Unset | None = UNSET,
        metadata: Mapping[str, Any] | Unset = UNSET,
        tags: Sequence[str] | Unset = UNSET,
        pinned: bool | Unset = UNSET,
        archived: bool | Unset = UNSET,
        owner: str | Unset | None = UNSET,
        agent_id: str | Unset | None = UNSET,
    ) -> Thread:
        """The changed thread; what is not given stays.

        Metadata merges by key, and None removes a key; tags are replaced. `title=None` brings the
        automatic title back. Raises `ThreadNotFound`, `InvalidValue`; then nothing is changed.
        """
        changes = thread_table.given(
            {
                "title": title, "metadata": metadata, "tags": tags, "pinned": pinned,
                "archived": archived, "owner": owner, "agent_id": agent_id,
            }
        )  # fmt: skip
        self._database.write(lambda connection: thread_table.update(connection, id, changes))
        return self.get(id)

    def trash(self, id: str) -> Thread:
        """Out of sight: not listed, and the checkpointer refuses it, until `restore`; `ThreadNotFound`."""
        now = self._now()

        def work(connection: Any) -> None:
            row = thread_table.get(connection, id)
            if row["trashed_at"] is None:
                check_free(connection, row["thread_id"])
                thread_table.set_columns(connection, row["thread_id"], {"trashed_at": now})

        self._database.write(work)
        return self.get(id)

    def restore(self, id: str) -> Thread:
        """Back from the trash; `ThreadNotFound`."""

        def work(connection: Any) -> None:
            thread_table.set_columns(
                connection, thread_table.get(connection, id)["thread_id"], {"trashed_at": None}
            )

        self._database.write(work)
        return self.get(id)

    def delete(self, id: str) -> None:
        """Erased for good, with every byte of its memory; `ThreadNotFound`.

        A run that is still going on cannot bring it back: what it wants to store is refused.
        """
        self._flush()
        self._database.write(
            lambda connection: erase(connection, thread_table.get(connection, id)["thread_id"])
        )
        self._forget([ids.text_of(id)])

    def ids_with_prefix(self, prefix: str, *, limit: int = 3) -> builtins.list[str]:
        """The ids that begin with `prefix`, in their order; at most `limit`."""
        with self._database.read() as connection:
            return thread_table.ids_with_prefix(connection, ids.text_of(prefix), limit)

    def _forget(self, erased: Iterable[str]) -> None:
        """Let go of what else is held of threads that were erased."""
        for id in erased:
            if self._loaded_checkpointer is not None:
                self._loaded_checkpointer.forget(id)
        self._database.scrub()

    def _threads(self, rows: Sequence[Any]) -> builtins.list[Thread]:
        """The threads of these rows, their words up to date."""
        stale = [row for row in rows if is_stale(row)]
        if not stale:
            return [thread_of(row) for row in rows]
        from threads.store import projection

        fresh = projection.refresh(self._database, stale, self._decoder())
        return [thread_of({**dict(row), **fresh.get(row["position"], {})}) for row in rows]

    def _count(self, filters: Filters) -> int:
        with self._database.read() as connection:
            return thread_table.count(connection, filters, narrow=not self._database.read_only)
