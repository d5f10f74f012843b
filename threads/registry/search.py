"""`SearchService` and `SearchRequest`: full-text search over titles and messages, page by page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from threads.db.queries import moment
from threads.errors import InvalidValue
from threads.models import Hit, Hits, Message, Thread
from threads.registry.context import RegistryContext
from threads.registry.threads import ProjectionRefresher, ThreadService, deadline_after
from threads.search.engine import END, Match, Search, cursor_of, digest_of, place_of
from threads.search.query import Query, parse_query
from threads.search.snippets import snippet
from threads.store.filters import Filters, checked_range
from threads.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What one search looks for, and which page of the hits."""

    query: Query
    filters: Filters
    """Of the arguments and the text together."""
    digest: int
    """Identifies the search, so that a cursor of another one is refused."""
    limit: int
    offset: int
    cursor: str | None
    stop: Callable[[], bool]
    """Whether the time to refresh projections is over."""


class SearchService:
    """Searches the threads of one registry."""

    def __init__(
        self, context: RegistryContext, projections: ProjectionRefresher, threads: ThreadService
    ) -> None:
        self._context = context
        self._database, self._store = context.database, context.store
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
        query = parse_query(text, self._context.clock())
        digest = digest_of(text, filters)  # raises for invalid filters before anything is read
        combined = _combine(filters, query)
        if combined is None:
            return Hits(())
        if not self._database.read_only:
            self._projections.refresh_index(stop, combined.owner)
        request = SearchRequest(query, combined, digest, limit, offset, cursor, stop)
        has_terms = query.terms or query.role or query.before or query.after
        return self._match(request) if has_terms else self._list(request)

    def _match(self, request: SearchRequest) -> Hits:
        """Return a page of the messages and titles that match the terms of the query."""
        query, filters, owner, limit = request.query, request.filters, request.filters.owner, request.limit
        below = END
        with self._store.read() as tx:
            search = Search(tx.connection, query, filters, self._source(tx, request))
            seals = tx.seals
            if request.cursor is None:
                mode, skipped = search.mode(), request.offset
            else:
                mode, below = place_of(seals, owner, request.cursor, request.digest)
                skipped = request.offset + (below if mode == "best" else 0)
            matches = search.matches(mode, limit=limit + 1, offset=skipped, below=below)
            has_more, matches = len(matches) > limit, matches[:limit]
            records = tx.threads.get_many([match.position for match in matches])
            stale = tx.projections.count_stale(owner)
        threads = dict(zip(records, self._projections.threads_of([*records.values()]), strict=True))
        hits = tuple(_hit(match, threads[match.position], query) for match in matches)
        place = skipped + limit if mode == "best" else matches[-1].id if matches else 0

        def count() -> int:
            with self._store.read() as tx:
                source = self._source(tx, request)
                return Search(tx.connection, query, filters, source, search.own).count(mode)

        next_cursor = cursor_of(seals, owner, mode, place, request.digest) if has_more else None
        return Hits(hits, next_cursor, count, stale)

    def _list(self, request: SearchRequest) -> Hits:
        """Return a page of the threads that match the filters, for a query without terms."""
        page = self._threads.list_threads(
            request.filters, "updated_at", "desc", request.limit, request.offset, request.cursor
        )
        hits = tuple(Hit(thread, None, thread.title) for thread in page)
        return Hits(hits, page.next_cursor, page.counted)

    def _source(self, tx: Transaction, request: SearchRequest) -> str | None:
        """Return the source of message rows for a file that cannot be written; None: its own index."""
        if not self._database.read_only:
            return None
        tx.projections.refresh_temporarily(self._context.load_decoder, request.stop, request.filters.owner)
        return tx.projections.message_source()


def _combine(filters: Filters, query: Query) -> Filters | None:
    """Return the filters of the arguments and the text together; None if they contradict each other."""
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


def _hit(match: Match, thread: Thread, query: Query) -> Hit:
    text, spans = snippet(match.text, query)
    if match.role == "title":
        return Hit(thread, None, text, spans, match.rank)
    message = Message(
        id=match.message_id,
        role=match.role,
        text=match.text,
        content=({"type": "text", "text": match.text},),
        created_at=moment(match.written_at),
    )
    return Hit(thread, message, text, spans, match.rank)
