"""Finding what was said: in all threads, by words, with the filters of a list."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from threads.bootstrap.listing import Listing
from threads.database.said import PLACES, TITLE
from threads.database.statements import statements
from threads.errors import InvalidValue
from threads.models import Hit, Hits, Message, Status, moment
from threads.registry import projection, table
from threads.registry.filters import Filters, checked_range
from threads.registry.query import Query, parsed
from threads.registry.search import END, Search, cursor_of, place_of
from threads.registry.snippets import snippet

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
        that fits is found. Where over a thousand messages match, the newest threads come first.

        What was said a moment ago is read first, for `patience` seconds, None: to the end; `unindexed` says
        how many threads are left after that. Raises `InvalidValue`, `InvalidCursor`.
        """
        query = parsed(text, self._clock())
        limit, offset = checked_range(limit, offset)
        filters = Filters(
            agent_id=agent_id, owner=owner, tag=tag, status=status, pinned=pinned, archived=archived,
            trashed=trashed, metadata=metadata, since=since, until=until,
        )  # fmt: skip
        filters.conditions()  # refused before anything is read
        narrowed = _narrowed(filters, query)
        stop = after(patience)
        if not self._database.read_only:
            self._refresh_for_search(stop)
        if narrowed is None:
            return Hits(())
        if not query.terms and not (query.role or query.before or query.after):
            return self._by_filters(narrowed, limit, offset, cursor)
        return self._found(query, narrowed, limit, offset, cursor, stop)

    def _found(
        self,
        query: Query,
        filters: Filters,
        limit: int,
        offset: int,
        cursor: str | None,
        stop: Callable[[], bool],
    ) -> Hits:
        with self._database.read() as connection:
            search = Search(connection, query, filters, self._source(connection, stop))
            mode, below = (search.mode(), END) if cursor is None else place_of(cursor)
            skipped = offset + (below if mode == "best" and cursor is not None else 0)
            rows = search.rows(mode, limit=limit + 1, offset=skipped, below=below)
            more, rows = len(rows) > limit, rows[:limit]
            there = table.get_many(connection, [row["id"] >> PLACES for row in rows])
            left = connection.execute(statements("threads")["stale_count"]).fetchone()[0]
        threads = dict(zip(there, self._threads(list(there.values())), strict=True))
        hits = tuple(_hit(row, threads[row["id"] >> PLACES], query) for row in rows)
        place = skipped + limit if mode == "best" else rows[-1]["id"] if rows else 0

        def total() -> int:
            with self._database.read() as connection:
                return Search(connection, query, filters, self._source(connection, stop)).count(mode)

        return Hits(hits, cursor_of(mode, place) if more else None, total, left)

    def _by_filters(self, filters: Filters, limit: int, offset: int, cursor: str | None) -> Hits:
        asked = {name: getattr(filters, name) for name in Filters.__dataclass_fields__}
        page = self.list(**asked, limit=limit, offset=offset, cursor=cursor)
        hits = tuple(Hit(thread, None, thread.title) for thread in page)
        return Hits(hits, page.next_cursor, page.counted)

    def _refresh_for_search(self, stop: Callable[[], bool]) -> None:
        with self._database.read() as connection:
            due = connection.execute(statements("search")["due"]).fetchone()
        if due[0]:
            self._refresh_all(stop, self._progress)
        if due[1]:
            self._database.write(projection.settle)

    def _source(self, connection: Any, stop: Callable[[], bool]) -> str | None:
        """Where message rows are read from on a file that may not be written; None: from its index."""
        if not self._database.read_only:
            return None
        projection.refresh_here(connection, self._decoder, stop)
        return projection.source_here(connection)


def _narrowed(filters: Filters, query: Query) -> Filters | None:
    """The filters and what the text says too; None where both cannot be so at once."""
    said = dict(query.filters)
    if "tag" in said:
        given = (filters.tag,) if isinstance(filters.tag, str) else tuple(filters.tag or ())
        said["tag"] = (*given, *said["tag"])
    for name in ("agent_id", "owner", "pinned"):
        given = getattr(filters, name)
        if name in said and given is not None and given != said[name]:
            return None
    try:
        narrowed = replace(filters, **said)
        narrowed.conditions()
    except InvalidValue as error:
        raise InvalidValue("text", str(error)) from None
    return narrowed


def _hit(row: Any, thread: Any, query: Query) -> Hit:
    text, matches = snippet(row["text"], query)
    if row["role"] == TITLE:
        return Hit(thread, None, text, matches, row["rank"])
    message = Message(
        id=row["message_id"],
        role=row["role"],
        text=row["text"],
        content=({"type": "text", "text": row["text"]},),
        created_at=moment(row["said_at"]),
    )
    return Hit(thread, message, text, matches, row["rank"])


def after(patience: float | None) -> Callable[[], bool]:
    """Whether so many seconds are over; never, if None."""
    deadline = None if patience is None else time.monotonic() + patience
    return lambda: deadline is not None and time.monotonic() > deadline
