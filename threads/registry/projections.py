"""`ProjectionRefresher`: keeps titles, counts, previews and the search index up to date with their heads.

A projection is stale while it was made from another checkpoint than the thread's head. It is refreshed when
it is read, and while the registry is idle.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from threads.db.migrations import Progress
from threads.db.queries import statements
from threads.errors import InvalidValue
from threads.models import Thread
from threads.registry.context import RegistryContext
from threads.store import bulk as bulk_table
from threads.store.mapping import is_stale, thread_of

PATIENCE = 1.0
"""Seconds that a search or statistics spend at most on refreshing projections first."""


class ProjectionRefresher:
    """Refreshes stale projections of one registry; imports their code only when one is stale."""

    def __init__(self, context: RegistryContext) -> None:
        self._context = context
        self._database = context.database

    def threads_of(self, rows: Sequence[Any]) -> list[Thread]:
        """Return the threads of these rows, with projections that are up to date."""
        stale = [row for row in rows if is_stale(row)]
        if not stale:
            return [thread_of(row) for row in rows]
        from threads.store import projection

        fresh = projection.refresh(self._database, stale, self._context.decoder)
        return [thread_of({**dict(row), **fresh.get(row["position"], {})}) for row in rows]

    def refresh_all(
        self,
        stop: Callable[[], bool] = lambda: False,
        progress: Progress | None = None,
        owner: str | None = None,
    ) -> None:
        """Store the projections of all stale threads, or of the owner's only, until `stop()`.

        Without an owner the text of deleted threads is overwritten too, where that is still due.
        """
        from threads.store import projection

        projection.refresh_all(
            self._database, self._context.load_decoder, progress=progress, stop=stop, owner=owner
        )
        if owner is None:
            self._database.scrub(due_only=True, stop=stop)

    def refresh_index(self, stop: Callable[[], bool], owner: str | None = None) -> None:
        """Bring the search index and the statistics up to date, until `stop()`."""
        sql = statements("search")["due" if owner is None else "due_of_owner"]
        with self._database.read() as connection:
            due = connection.execute(sql, {"owner": owner}).fetchone()
        if due[0]:
            self.refresh_all(stop, self._context.progress, owner)
        if due[1]:
            from threads.store import projection

            self._database.write(lambda connection: projection.settle(connection, owner))

    def refresh_threads(self, ids: Sequence[str]) -> None:
        """Store the projections of these threads now, where they are stale and the file can be written."""
        with self._database.read() as connection:
            stale = bulk_table.stale_of(connection, ids)
        if stale and not self._database.read_only:
            from threads.store import projection

            projection.refresh(self._database, stale, self._context.decoder)
            self._database.settle()

    def invalidate_unknown(self) -> None:
        """Make threads stale whose messages could not be decoded: the reducer may now be known."""
        if self._context.has_reducer and not self._database.read_only:
            from threads.store import projection

            self._database.write(projection.doubt_unknown)


def deadline_after(patience: float | None) -> Callable[[], bool]:
    """Return a function that is true once `patience` seconds have passed; never if None.

    Raises `InvalidValue` for anything but a number of at least 0.
    """
    is_number = isinstance(patience, int | float) and not isinstance(patience, bool) and patience >= 0
    if patience is not None and not is_number:
        raise InvalidValue("patience", f"must be seconds of at least 0, or None, not {patience!r}")
    deadline = None if patience is None else time.monotonic() + patience
    return lambda: deadline is not None and time.monotonic() > deadline
