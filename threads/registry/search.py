"""`SearchService` and `SearchRequest`: full-text search over titles and messages, page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from threads.errors import InvalidValue
from threads.models import Hit, Hits, Message, Role, Thread, moment
from threads.registry.context import RegistryContext
from threads.registry.projections import ProjectionRefresher, deadline_after
from threads.registry.threads import ThreadService
from threads.search.engine import END, Match, Search, cursor_of, digest_of, place_of
from threads.search.index import TITLE
from threads.search.query import Query, parsed
from threads.search.snippets import snippet
from threads.store.filters import Filters, checked_range
from threads.store.transaction import Transaction


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
        with self._store.read() as tx:
            search = Search(tx.connection, query, filters, self._source(tx, owner, stop))
            seals = tx.seals
            mode, below = (
                (search.mode(), END) if cursor is None else place_of(seals, owner, cursor, request.digest)
            )
            skipped = offset + (below if mode == "best" and cursor is not None else 0)
            matches = search.matches(mode, limit=limit + 1, offset=skipped, below=below)
            has_more, matches = len(matches) > limit, matches[:limit]
            records = tx.threads.get_many([match.position for match in matches])
            stale = tx.projections.count_stale(owner)
        threads = dict(zip(records, self._projections.threads_of([*records.values()]), strict=True))
        hits = tuple(_hit(match, threads[match.position], query) for match in matches)
        place = skipped + limit if mode == "best" else matches[-1].id if matches else 0

        def count() -> int:
            with self._store.read() as tx:
                source = self._source(tx, owner, stop)
                return Search(tx.connection, query, filters, source, search.own).count(mode)

        next_cursor = cursor_of(seals, owner, mode, place, request.digest) if has_more else None
        return Hits(hits, next_cursor, count, stale)

    def _list(self, filters: Filters, limit: int, offset: int, cursor: str | None) -> Hits:
        """Return a page of the threads that match the filters, for a query without terms."""
        page = self._threads.list_threads(filters, "updated_at", "desc", limit, offset, cursor)
        hits = tuple(Hit(thread, None, thread.title) for thread in page)
        return Hits(hits, page.next_cursor, page.counted)

    def _source(self, tx: Transaction, owner: str | None, stop: Callable[[], bool]) -> str | None:
        """Return the source of message rows for a file that cannot be written; None: its own index."""
        if not self._database.read_only:
            return None
        tx.projections.refresh_temporarily(self._context.load_decoder, stop, owner)
        return tx.projections.message_source()


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


def _hit(match: Match, thread: Thread, query: Query) -> Hit:
    text, spans = snippet(match.text, query)
    if match.role == TITLE:
        return Hit(thread, None, text, spans, match.rank)
    message = Message(
        id=match.message_id,
        role=cast(Role, match.role),
        text=match.text,
        content=({"type": "text", "text": match.text},),
        created_at=moment(match.created_at),
    )
    return Hit(thread, message, text, spans, match.rank)
