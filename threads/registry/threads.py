"""`ThreadService`: create, get, list, update, trash, restore and delete threads."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from threads import ids
from threads.db.migrations import Progress
from threads.db.queries import to_json
from threads.errors import InvalidValue, KeyReused, ThreadExists, ThreadNotFound
from threads.models import Page, SortBy, SortOrder, Thread
from threads.registry.context import RegistryContext
from threads.store import validation
from threads.store.filters import PROJECTED, Filters, Order, checked_range
from threads.store.threads import NewThread, ThreadRecord, given

PATIENCE = 1.0
"""Seconds that a search or statistics spend at most on refreshing projections first."""


MAX_RETRIED = 10_000
"""Heads with unknown messages that are remembered, so that they are not decoded at each read."""


class ProjectionRefresher:
    """Refreshes stale projections of one registry; loads the decoder only when one is stale."""

    def __init__(self, context: RegistryContext) -> None:
        self._context = context
        self._database, self._store = context.database, context.store

    def threads_of(self, records: Sequence[ThreadRecord]) -> list[Thread]:
        """Return the threads of these records, with projections that are up to date."""
        stale = [record for record in records if record.is_stale or self._may_be_known(record)]
        if not stale:
            return [record.thread() for record in records]
        fresh = self._store.refresh_projections(stale, self._context.decoder)
        return [
            (fresh[record.position].apply_to(record) if record.position in fresh else record).thread()
            for record in records
        ]

    def _may_be_known(self, record: ThreadRecord) -> bool:
        """Whether a reader without the graph found the messages unknown, and this one has not tried yet."""
        retried = self._context.retried_heads
        if record.message_count is not None or not self._context.has_reducer or record.head_id in retried:
            return False
        if len(retried) >= MAX_RETRIED:
            retried.clear()
        retried.add(record.head_id)
        return record.head_id is not None

    def refresh_all(
        self,
        stop: Callable[[], bool] = lambda: False,
        progress: Progress | None = None,
        owner: str | None = None,
    ) -> None:
        """Store the projections of all stale threads, or of the owner's only, until `stop()`.

        Without an owner the text of deleted threads is overwritten too, where that is still due.
        """
        decoder = self._context.load_decoder
        self._store.refresh_stale_projections(decoder, progress=progress, stop=stop, owner=owner)
        if owner is None:
            self._database.purge_deleted_text(due_only=True, stop=stop)

    def refresh_index(self, stop: Callable[[], bool], owner: str | None = None) -> None:
        """Bring the search index and the statistics up to date, until `stop()`."""
        with self._store.read() as tx:
            backlog = tx.projections.index_backlog(owner)
        if backlog.has_stale_threads:
            self.refresh_all(stop, self._context.progress, owner)
        if backlog.has_changed_titles:
            self._store.write(lambda tx: tx.projections.index_titles(owner))

    def refresh_threads(self, ids: Sequence[str]) -> None:
        """Store the projections of these threads now, where they are stale and the file can be written."""
        with self._store.read() as tx:
            stale = tx.threads.list_stale(ids)
        if stale and not self._database.read_only:
            self._store.refresh_projections(stale, self._context.decoder)
            self._database.wait_for_writes()

    def invalidate_unknown(self) -> None:
        """Make threads stale whose messages could not be decoded: the reducer may now be known."""
        if self._context.has_reducer and not self._database.read_only:
            self._store.write(lambda tx: tx.projections.invalidate_unknown())


def deadline_after(patience: float | None) -> Callable[[], bool]:
    """Return a function that is true once `patience` seconds have passed; never if None.

    Raises `InvalidValue` for anything but a number of at least 0.
    """
    is_number = isinstance(patience, int | float) and not isinstance(patience, bool) and patience >= 0
    if patience is not None and not is_number:
        raise InvalidValue("patience", f"must be seconds of at least 0, or None, not {patience!r}")
    deadline = None if patience is None else time.monotonic() + patience
    return lambda: deadline is not None and time.monotonic() > deadline


class ThreadService:
    """Threads as rows of our table, with projections that are up to date."""

    def __init__(self, context: RegistryContext, projections: ProjectionRefresher) -> None:
        self._context = context
        self._database, self._store = context.database, context.store
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
        new = NewThread(
            thread_id=thread_id,
            title=validation.checked_title(title),
            agent_id=validation.checked_name("agent_id", agent_id),
            owner=validation.checked_name("owner", owner),
            metadata_json=to_json(validation.checked_metadata(metadata)),
            tags=validation.checked_tags(tags),
            now=self._context.now(),
        )
        try:
            self._store.write(lambda tx: tx.threads.create(new))
        except ThreadExists:
            if if_exists == "raise":
                raise
        return self.get(thread_id)

    def begin_once(self, id: str, key: str, request: str, **fields: Any) -> Thread:
        """Create the thread of a request with an idempotency key; see `Registry.begin_once`."""
        thread_id, digest = ids.check_new(id), hashlib.sha256(request.encode()).digest()
        with self._store.read() as tx:
            begun = tx.threads.find_begun_once(thread_id)
        if begun is None:
            self.create(thread_id, **fields, if_exists="do_nothing")
            begun = self._store.write(lambda tx: tx.threads.record_begun_once(thread_id, digest))
        if begun.digest is None:
            raise ThreadNotFound(thread_id)
        if begun.digest != digest:
            raise KeyReused(thread_id, key)
        return self.get(thread_id)

    def get(self, id: str) -> Thread:
        """Return a thread; see `Registry.get`."""
        with self._store.read() as tx:
            record = tx.threads.get(id)
        return self._projections.threads_of([record])[0]

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
        with self._store.read() as tx:
            if sort_by in PROJECTED and is_read_only:
                tx.projections.refresh_temporarily(self._context.load_decoder, owner=owner)
            records, next_cursor = tx.threads.list_page(
                filters, order, limit=limit, offset=offset, cursor=cursor, has_indexes=not is_read_only
            )
        threads = self._projections.threads_of(records)
        return Page(tuple(threads), next_cursor, lambda: self._count(filters))

    def update(self, id: str, **fields: Any) -> Thread:
        """Change the fields that are not `UNSET`; see `Registry.update`."""
        changes = given(fields)
        self._store.write(lambda tx: tx.threads.update(id, changes))
        return self.get(id)

    def trash(self, id: str) -> Thread:
        """Move a thread to the trash; see `Registry.trash`."""
        now = self._context.now()
        self._store.write(lambda tx: tx.threads.trash(id, now))
        return self.get(id)

    def restore(self, id: str) -> Thread:
        """Take a thread out of the trash; see `Registry.restore`."""
        self._store.write(lambda tx: tx.threads.restore(id))
        return self.get(id)

    def delete(self, id: str) -> None:
        """Delete a thread for good; see `Registry.delete`."""
        self._context.flush()
        self._store.write(lambda tx: tx.threads.delete(id))
        self._context.release_deleted([ids.text_of(id)])

    def ids_with_prefix(self, prefix: str, limit: int) -> list[str]:
        """Return thread ids that begin with `prefix`; see `Registry.ids_with_prefix`."""
        with self._store.read() as tx:
            return tx.threads.list_ids_with_prefix(ids.text_of(prefix), limit)

    def _count(self, filters: Filters) -> int:
        with self._store.read() as tx:
            return tx.threads.count(filters, has_indexes=not self._database.read_only)
