"""`ProjectionRefresher`: keeps titles, counts, previews and the search index up to date with their heads.

A projection is stale while it was made from another checkpoint than the thread's head. It is refreshed when
it is read, and while the registry is idle.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from threads.db.migrations import Progress
from threads.errors import InvalidValue
from threads.models import Thread
from threads.registry.context import RegistryContext
from threads.store.threads import ThreadRecord

PATIENCE = 1.0
"""Seconds that a search or statistics spend at most on refreshing projections first."""


class ProjectionRefresher:
    """Refreshes stale projections of one registry; loads the decoder only when one is stale."""

    def __init__(self, context: RegistryContext) -> None:
        self._context = context
        self._database, self._store = context.database, context.store

    def threads_of(self, records: Sequence[ThreadRecord]) -> list[Thread]:
        """Return the threads of these records, with projections that are up to date."""
        stale = [record for record in records if record.is_stale]
        if not stale:
            return [record.thread() for record in records]
        fresh = self._store.refresh_projections(stale, self._context.decoder)
        return [
            (fresh[record.position].apply_to(record) if record.position in fresh else record).thread()
            for record in records
        ]

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
