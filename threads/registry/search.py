"""`SearchService` and `SearchRequest`: full-text search over titles and messages, page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from threads.db.seals import seals_of
from threads.errors import InvalidValue
from threads.models import Hit, Hits, Message, Thread, moment
from threads.registry.context import RegistryContext
from threads.registry.projections import ProjectionRefresher, deadline_after
from threads.registry.threads import ThreadService
from threads.search.engine import END, Search, cursor_of, digest_of, place_of
from threads.search.index import PLACES, TITLE
from threads.search.query import Query, parsed
from threads.search.snippets import snippet
from threads.store import projection
from threads.store import threads as thread_table
from threads.store.filters import Filters, checked_range


class SearchService:
    """Searches the threads of one registry."""

    def __init__(
        self, context: RegistryContext, projections: ProjectionRefresher, threads: ThreadService
    ) -> None:
        self._context = context
        self._database = context.database
        self._projections = projections
        self._threads = threads

    def search(
        self,
        text: str,
        filters: Filters,
        limit: int,
        offset: int,
        cursor: str | None,
        patience: float | None,
    ) -> Hits:
        """Return a page of hits; see `Registry.search`."""
        limit, offset = checked_range(limit, offset)
        stop = deadline_after(patience)
        request = SearchRequest(parsed(text, self._context.clock()), text, filters)
        if request.filters is None:
            return Hits(())
        if not self._database.read_only:
            self._projections.refresh_index(stop, request.filters.owner)
        if not request.has_terms:
            return self._list(request.filters, limit, offset, cursor)
        return self._match(request, request.filters, limit, offset, cursor, stop)

    def _match(
        self,
        request: SearchRequest,
        filters: Filters,
        limit: int,
        offset: int,
        cursor: str | None,
        stop: Callable[[], bool],
    ) -> Hits:
        """Return a page of the messages and titles that match the query's terms."""
        owner, query = filters.owner, request.query
        with self._database.read() as connection:
            search = Search(connection, query, filters, self._source(connection, owner, stop))
            seals = seals_of(connection)
            mode, below = (
                (search.mode(), END) if cursor is None else place_of(seals, owner, cursor, request.digest)
            )
            skipped = offset + (below if mode == "best" and cursor is not None else 0)
            rows = search.rows(mode, limit=limit + 1, offset=skipped, below=below)
            has_more, rows = len(rows) > limit, rows[:limit]
            thread_rows = thread_table.get_many(connection, [row["id"] >> PLACES for row in rows])
            stale = projection.stale_count(connection, owner)
        threads = self._projections.threads_of(list(thread_rows.values()))
        by_position = dict(zip(thread_rows, threads, strict=True))
        hits = tuple(_hit(row, by_position[row["id"] >> PLACES], query) for row in rows)
        place = skipped + limit if mode == "best" else rows[-1]["id"] if rows else 0

        def count() -> int:
            with self._database.read() as connection:
                source = self._source(connection, owner, stop)
                return Search(connection, query, filters, source, search.own).count(mode)

        next_cursor = cursor_of(seals, owner, mode, place, request.digest) if has_more else None
        return Hits(hits, next_cursor, count, stale)

    def _list(self, filters: Filters, limit: int, offset: int, cursor: str | None) -> Hits:
        """Return a page of the threads that match the filters, for a query without terms."""
        page = self._threads.list_threads(filters, "updated_at", "desc", limit, offset, cursor)
        hits = tuple(Hit(thread, None, thread.title) for thread in page)
        return Hits(hits, page.next_cursor, page.counted)

    def _source(self, connection: Any, owner: str | None, stop: Callable[[], bool]) -> str | None:
        """Return the source of message rows for a file that cannot be written; None: its own index."""
        if not self._database.read_only:
            return None
        projection.refresh_here(connection, self._context.load_decoder, stop, owner)
        return projection.source_here(connection)


class SearchRequest:
    """What one search looks for: the parsed query, and the filters of the arguments and the text together.

    Raises `InvalidValue` for filters that cannot be, before anything is read.
    """

    def __init__(self, query: Query, text: str, filters: Filters) -> None:
        self.query = query
        self.digest = digest_of(text, filters)
        """Identifies the search, so that a cursor of another one is refused."""
        self.filters = _combined(filters, query)
        """None where arguments and text contradict each other: nothing can match."""

    @property
    def has_terms(self) -> bool:
        """Whether messages must be searched; otherwise the filters alone decide."""
        return bool(self.query.terms or self.query.role or self.query.before or self.query.after)


def _combined(filters: Filters, query: Query) -> Filters | None:
    from_text = dict(query.filters)
    if "tag" in from_text:
        given = (filters.tag,) if isinstance(filters.tag, str) else tuple(filters.tag or ())
        from_text["tag"] = (*given, *from_text["tag"])
    for name in ("agent_id", "owner", "pinned"):
        given = getattr(filters, name)
        if name in from_text and given is not None and given != from_text[name]:
            return None
    try:
        combined = filters._replace(**from_text)
        combined.conditions()
    except InvalidValue as error:
        raise InvalidValue("text", f"{error.field}: {error.reason}") from None
    return combined


def _hit(row: Any, thread: Thread, query: Query) -> Hit:
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
