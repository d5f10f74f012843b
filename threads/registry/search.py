"""Finding what was said: in all threads, by words, with the filters of a list."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from threads.db.queries import statements
from threads.errors import InvalidValue
from threads.models import Hits, Status
from threads.registry.threads import Listing
from threads.store.filters import Filters, checked_range

PATIENCE = 1.0
"""Seconds that a search takes at most to read what was said since the last one."""


class Searching(Listing):
    """Searches titles and messages."""

    def search(
        self,
        text: str,
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
        limit: int = 20,
        offset: int = 0,
        cursor: str | None = None,
        patience: float | None = PATIENCE,
    ) -> Hits:
        """What was found in titles and messages of the branch in view, the best first.

        Words match where a word begins so, case and accents aside; "in quotes" they stand in a row. Where
        nothing begins so, parts of words match. `tag: agent: owner: is:pinned is:archived before: after:
        role:` in the text narrow it as the filters do, which are those of `list`; without any words, all
        that fits is found. Where over four hundred messages match, the newest threads come first.

        What was said a moment ago is read first, for `patience` seconds, None: to the end; `unindexed` says
        how many threads are left after that. Raises `InvalidValue`, `InvalidCursor`.
        """
        from threads.registry.search_request import (
            Found,  # not every list is searched, and each starts a process
        )

        filters = Filters(
            agent_id=agent_id, owner=owner, tag=tag, status=status, pinned=pinned, archived=archived,
            trashed=trashed, metadata=metadata, since=since, until=until,
        )  # fmt: skip
        limit, offset = checked_range(limit, offset)
        return Found(self, text, filters, after(patience)).page(limit=limit, offset=offset, cursor=cursor)

    def _refresh_for_search(self, stop: Callable[[], bool], owner: str | None = None) -> None:
        sql = statements("search")["due" if owner is None else "due_of_owner"]
        with self._database.read() as connection:
            due = connection.execute(sql, {"owner": owner}).fetchone()
        if due[0]:
            self._refresh_all(stop, self._progress, owner)
        if due[1]:
            from threads.store import projection

            self._database.write(lambda connection: projection.settle(connection, owner))


def after(patience: float | None) -> Callable[[], bool]:
    """Whether so many seconds are over; never, if None. `InvalidValue`."""
    number = isinstance(patience, int | float) and not isinstance(patience, bool) and patience >= 0
    if patience is not None and not number:
        raise InvalidValue("patience", f"seconds from 0 are needed, or None, not {patience!r}")
    deadline = None if patience is None else time.monotonic() + patience
    return lambda: deadline is not None and time.monotonic() > deadline
