"""One search: what it means, and the pages of what it finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from threads.db.seals import seals_of
from threads.errors import InvalidValue
from threads.models import Hit, Hits, Message, moment
from threads.search.engine import END, Search, cursor_of, digest_of, place_of
from threads.search.index import PLACES, TITLE
from threads.search.query import Query, parsed
from threads.search.snippets import snippet
from threads.store import projection
from threads.store import threads as thread_table
from threads.store.filters import Filters


class Found:
    """What `text` finds in `registry` among the threads that fit; what is new is read until `stop()`."""

    def __init__(self, registry: Any, text: str, filters: Filters, stop: Callable[[], bool]) -> None:
        self._registry = registry
        self._database = registry._database
        self._stop = stop
        self._query = parsed(text, registry._clock())
        self._digest = digest_of(text, filters)  # what cannot be is refused before anything is read
        self._filters = _narrowed(filters, self._query)

    def page(self, *, limit: int, offset: int, cursor: str | None) -> Hits:
        """A page of it."""
        query, filters = self._query, self._filters
        if filters is None:
            return Hits(())
        if not self._database.read_only:
            self._registry._refresh_for_search(self._stop, filters.owner)
        if not query.terms and not (query.role or query.before or query.after):
            return self._by_filters(filters, limit, offset, cursor)
        return self._by_words(filters, limit, offset, cursor)

    def _by_words(self, filters: Filters, limit: int, offset: int, cursor: str | None) -> Hits:
        owner = filters.owner
        with self._database.read() as connection:
            search = Search(connection, self._query, filters, self._source(connection))
            seals = seals_of(connection)
            mode, below = (
                (search.mode(), END) if cursor is None else place_of(seals, owner, cursor, self._digest)
            )
            skipped = offset + (below if mode == "best" and cursor is not None else 0)
            rows = search.rows(mode, limit=limit + 1, offset=skipped, below=below)
            more, rows = len(rows) > limit, rows[:limit]
            there = thread_table.get_many(connection, [row["id"] >> PLACES for row in rows])
            left = projection.stale_count(connection, owner)
        threads = dict(zip(there, self._registry._threads(list(there.values())), strict=True))
        hits = tuple(_hit(row, threads[row["id"] >> PLACES], self._query) for row in rows)
        place = skipped + limit if mode == "best" else rows[-1]["id"] if rows else 0

        def total() -> int:
            with self._database.read() as connection:
                again = Search(connection, self._query, filters, self._source(connection), search.own)
                return again.count(mode)

        return Hits(hits, cursor_of(seals, owner, mode, place, self._digest) if more else None, total, left)

    def _by_filters(self, filters: Filters, limit: int, offset: int, cursor: str | None) -> Hits:
        page = self._registry.list(**filters._asdict(), limit=limit, offset=offset, cursor=cursor)
        hits = tuple(Hit(thread, None, thread.title) for thread in page)
        return Hits(hits, page.next_cursor, page.counted)

    def _source(self, connection: Any) -> str | None:
        """Where message rows are read from on a file that may not be written; None: from its index."""
        if not self._database.read_only:
            return None
        owner = None if self._filters is None else self._filters.owner
        projection.refresh_here(connection, self._registry._decoder, self._stop, owner)
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
        narrowed = filters._replace(**said)
        narrowed.conditions()
    except InvalidValue as error:
        raise InvalidValue("text", f"{error.field}: {error.reason}") from None
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
