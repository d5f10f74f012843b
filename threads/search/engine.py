"""Searching messages and titles: from a query and filters to pages of matches, each in one page only.

Up to `RANK_LIMIT` matches are ranked; of more the newest come first, because ranking a million takes
long. The rank depends on the text alone, so the next page is in the same order whatever is stored
meanwhile. Filters are part of the SQL, never applied to a page. On a file that may not be written, and
whose index is stale, all rows are scanned.

A search with an owner depends on that owner's threads alone: their messages are scanned, and the index
over all messages is used only for owners of so many messages that scanning them takes longer. Otherwise
the duration of a search would tell which words others use.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from zlib import crc32

from threads.db.queries import milliseconds, statements, to_json
from threads.db.seals import Seals
from threads.errors import InvalidCursor
from threads.models import Role
from threads.search.index import ORDINAL_BITS
from threads.search.query import Query, Term, trigram_match, word_match
from threads.store.cursors import CursorCodec
from threads.store.filters import Filters, plan_query

Mode = Literal["best", "newest", "substrings", "messages", "nothing"]
"""How a search is done: by words, ranked; by words, newest first; by substrings, newest first; without terms,
all messages that fit the filters; nothing can match."""
Ids = dict[Mode, list[int]]
"""The ids of an owner's matches, as far as they were looked up."""
RANK_LIMIT = 400
MAX_SCANNED_THREADS = 300
"""Threads that filters leave, and their messages, up to which these are scanned instead of the index."""
MAX_SCANNED_MESSAGES = 3000
MAX_RARE_WORD_IDS = 300
"""Matches of the longest term up to which these are scanned for the others."""
MAX_RARE_TRIGRAM_IDS = 1000
MAX_OWNER_THREADS = 10_000
"""An owner's threads, and their messages, up to which these are scanned."""
MAX_OWNER_MESSAGES = 10_000
OWNER_BATCH = 200
"""Threads of an owner of more that are scanned at a time."""
MAX_FOREIGN_MATCHES = 20_000
"""Matches of all that are filtered for those of an owner of more, before the owner's messages are scanned."""
TRIGRAM_TERMS = 3
"""Terms that are tried for a rare trigram."""
END = 2**63 - 1
"""Greater than any id: before the first page."""
ROW_IDS = {"from_words": "threads_fts_words.rowid", "from_trigrams": "threads_fts_trigrams.rowid"}
"""The row id in statements whose source is an index."""
Source = Literal[
    "from_words", "from_trigrams", "from_ids", "from_threads", "from_all", "from_file", "from_temporary"
]
"""A statement of `search.sql` that yields rows."""


@dataclass(frozen=True, slots=True)
class Match:
    """A message, or a title, that matches a search."""

    id: int
    message_id: str | None
    role: Role | Literal["title"]
    text: str
    written_at: int | None
    """Milliseconds since 1970."""
    rank: float

    @property
    def position(self) -> int:
        """The position of its thread."""
        return self.id >> ORDINAL_BITS


@dataclass(frozen=True, slots=True)
class RowQuery:
    """Where matches are read from, the conditions, and their values."""

    source: str
    conditions: list[str]
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Search:
    """A query and filters on one connection, that is on one state of the database.

    `source`: where message rows are read from on a file that may not be written; None: from the index.
    """

    connection: sqlite3.Connection
    query: Query
    filters: Filters
    source: str | None = None
    own: Ids = field(default_factory=dict)
    """May be given to another search for the same."""
    cache: dict[Any, Any] = field(default_factory=dict)

    def mode(self) -> Mode:
        """How this search is done."""
        if not self.query.terms:
            return "messages"
        if self.query.word_match is not None:
            found = self._count_for_mode()
            mode: Mode = "best" if found <= RANK_LIMIT else "newest"
            if found and self._has_matches(mode):
                return mode
        short = self.query.short_terms
        if self.query.trigram_match is None or (short and not self._occur(short)):
            return "nothing"
        return "substrings"

    def matches(self, mode: Mode, *, limit: int, offset: int = 0, below: int = END) -> list[Match]:
        """A page of matches; `below`: the id of the match before it, where the newest come first."""
        if mode == "nothing":
            return []
        page = {"limit": limit, "offset": offset, "before_id": below}
        if mode == "newest" and self.source is None and self._owner_positions() is None:
            ids = self._newest_ids(below)
            rows = self._run("matches", mode, RowQuery("from_ids", [], {**page, "ids": to_json(ids)}))
            if len(ids) <= RANK_LIMIT or len(rows) == limit:
                return [Match(*row) for row in rows]
        found = self._row_query(mode)
        conditions = found.conditions if mode == "best" else [*found.conditions, "before_id"]
        rows = self._run("matches", mode, RowQuery(found.source, conditions, {**page, **found.values}))
        return [Match(*row) for row in rows]

    def count(self, mode: Mode) -> int:
        """How many rows match."""
        if mode == "nothing":
            return 0
        return int(self._run("match_count", mode, self._row_query(mode))[0][0])

    def _count_for_mode(self) -> int:
        """How many messages match, but at most one more than are ranked."""
        if self._owner_positions() is not None:
            return len(self._owner_matches("best"))
        return RANK_LIMIT + 1 if self.source else len(self._newest_ids(END))

    def _has_matches(self, mode: Mode) -> bool:
        if mode == "newest":
            return bool(self.matches(mode, limit=1))
        return bool(self._run("any_match", mode, self._row_query(mode)))

    def _row_query(self, mode: Mode) -> RowQuery:
        """Choose where matches are read from."""
        positions = self._owner_positions()
        if positions is not None:
            return self._owner_row_query(mode, positions)
        if mode == "messages":
            return RowQuery(self.source or "from_all", [], {})
        if self.source is not None:
            return RowQuery(self.source, ["match_text"], {})
        if mode == "best" and len(self._newest_ids(END)) <= RANK_LIMIT:
            return RowQuery("from_ids", [], {"ids": to_json(self._newest_ids(END))})
        scanned = self._scanned_positions()
        if scanned is not None:
            return RowQuery("from_threads", ["match_text"], {"positions": to_json(scanned)})
        if mode == "substrings":
            ids = self._rare_trigram_ids()
            if ids is not None:
                return RowQuery("from_ids", ["match_text"], {"ids": to_json(ids)})
            values = {"trigrams": self.query.trigram_match}
            return RowQuery("from_trigrams", ["match_trigrams", "match_text"], values)
        return RowQuery("from_words", ["match_words"], {"words": self.query.word_match})

    def _owner_row_query(self, mode: Mode, positions: list[int]) -> RowQuery:
        if mode == "messages":
            values = {"positions": to_json(positions)}
            if self.source is None:
                return RowQuery("from_threads", [], values)
            return RowQuery(self.source, ["in_threads"], values)
        values = {"ids": to_json(self._owner_matches(mode))}
        if self.source is None:
            return RowQuery("from_ids", [], values)
        return RowQuery(self.source, ["in_ids"], values)

    def _run(self, name: str, mode: Mode, rows: RowQuery) -> list[sqlite3.Row]:
        """Run the statement `name` of `search.sql` over these rows."""
        sql, filter_sql = statements("search"), statements("threads")
        filter_names, values = self.filters.conditions()
        query = self.query
        narrow = {
            "role": ("of_role", query.role),
            "before": ("written_before", milliseconds(query.before)),
            "after": ("written_after", milliseconds(query.after)),
        }
        values |= {field: value for field, (_, value) in narrow.items()}
        names = [*rows.conditions, *(each for each, value in narrow.values() if value is not None)]
        if self.source is None:
            names.append("not_deleted")
        if "match_text" in names:  # the slow one last
            names = [*(each for each in names if each != "match_text"), "match_text"]
        where = [*(filter_sql[each] for each in filter_names), *(sql[each] for each in names)]
        row_id = ROW_IDS.get(rows.source, "threads_message_text.id")
        text = sql[name].format(
            source=sql[rows.source],
            where=(" AND ".join(where) or "1").replace("{id}", row_id),
            order=sql["order_best" if mode == "best" else "order_newest"].replace("{id}", row_id),
            rank=sql["rank"] if mode == "best" else "0.0",
        )
        is_match = query.matches_substrings if mode == "substrings" else query.matches_words
        self.connection.create_function("threads_rank", 2, query.rank)
        self.connection.create_function("threads_matches", 2, lambda text, _: is_match(text))
        return self.connection.execute(text, {**values, **rows.values}).fetchall()

    def _occur(self, terms: tuple[Term, ...]) -> bool:
        """Whether these terms match anything as words."""
        if self.source is not None or self.filters.owner is not None:
            return True
        return bool(self._ids(word_match(terms), END, 1))

    def _newest_ids(self, below: int) -> list[int]:
        """The ids of the newest matches, up to one more than are ranked; cached."""
        if below not in self.cache:
            ids = self._rare_word_ids(below)
            if ids is None and self.filters.owner is not None:
                self.cache[below] = self._newest_of_owner(below)
            elif ids is None:
                self.cache[below] = self._ids(self.query.word_match, below, RANK_LIMIT + 1)
            else:
                self.cache[below] = ids if self.filters.owner is None else self._filter_owned(ids)
        found: list[int] = self.cache[below]
        return found

    def _owner_positions(self) -> list[int] | None:
        """The positions of the owner's threads, if these can be scanned; None without an owner."""
        if self.filters.owner is None:
            return None
        if "owner" not in self.cache:
            values = {"owner": self.filters.owner, "max_threads": MAX_OWNER_THREADS + 1}
            rows = self.connection.execute(statements("search")["threads_of_owner"], values).fetchall()
            messages = sum(row["weight"] for row in rows)
            can_scan = len(rows) <= MAX_OWNER_THREADS and messages <= MAX_OWNER_MESSAGES
            self.cache["owner"] = [row["position"] for row in rows] if can_scan else None
        positions: list[int] | None = self.cache["owner"]
        return positions

    def _owner_matches(self, mode: Mode) -> list[int]:
        """The ids of the owner's messages and titles that match, by scanning them all; cached."""
        if mode not in self.own:
            is_match = self.query.matches_substrings if mode == "substrings" else self.query.matches_words
            self.own[mode] = self._scan(self._owner_positions() or [], is_match)
        return self.own[mode]

    def _scan(self, positions: list[int], is_match: Callable[[str], bool]) -> list[int]:
        """The ids of the rows of these threads that match."""
        sql = statements("search")
        if self.source is None:
            text = sql["texts_of_threads"]
        else:
            text = sql["texts_of_threads_from"].format(source=sql[self.source])
        rows = self.connection.execute(text, {"positions": to_json(positions)})
        return [row["id"] for row in rows if is_match(row["text"])]

    def _filter_owned(self, ids: list[int]) -> list[int]:
        """Those of these ids that are of the owner's threads."""
        values = {"ids": to_json(ids), "owner": self.filters.owner}
        return [row[0] for row in self.connection.execute(statements("search")["filter_owned"], values)]

    def _newest_of_owner(self, below: int) -> list[int]:
        """The newest matches of an owner of many messages, up to one more than are ranked.

        Taken from the matches of all, and where these are many more, by scanning the owner's messages.
        """
        values = {
            "match": self.query.word_match, "before_id": below, "limit": MAX_FOREIGN_MATCHES,
            "owner": self.filters.owner,
        }  # fmt: skip
        rows = self.connection.execute(statements("search")["newest_with_owner"], values).fetchall()
        found = sorted((row["id"] for row in rows if row["is_owned"]), reverse=True)
        if len(rows) == MAX_FOREIGN_MATCHES and len(found) <= RANK_LIMIT:
            for ids in self._older_of_owner(min(row["id"] for row in rows)):
                found += ids
                if len(found) > RANK_LIMIT:
                    break
        return found[: RANK_LIMIT + 1]

    def _older_of_owner(self, below: int) -> Iterator[list[int]]:
        """The owner's matches before an id, newest first, in batches of threads."""
        values = {"owner": self.filters.owner, "max_threads": -1}
        rows = self.connection.execute(statements("search")["threads_of_owner"], values).fetchall()
        positions = sorted((row["position"] for row in rows), reverse=True)
        for first in range(0, len(positions), OWNER_BATCH):
            ids = self._scan(positions[first : first + OWNER_BATCH], self.query.matches_words)
            yield sorted((id for id in ids if id < below), reverse=True)

    def _rare_word_ids(self, below: int) -> list[int] | None:
        """The matches by way of the longest term, where few texts match it; else None.

        A prefix of a common word is an index scan over all its texts, so the few are read instead.
        """
        terms = [term for term in self.query.terms if term.words]
        if len(terms) == 1:
            return None
        longest = max(terms, key=lambda term: term.length)
        for exact in (True, longest.exact):
            ids = self._ids(word_match([replace(longest, exact=exact)]), below, MAX_RARE_WORD_IDS + 1)
            if len(ids) > MAX_RARE_WORD_IDS:
                return None
        rows = self.connection.execute(statements("search")["texts_of_rows"], {"ids": to_json(ids)})
        return [row["id"] for row in rows if self.query.matches_words(row["text"])]

    def _rare_trigram_ids(self) -> list[int] | None:
        """Texts that may match, by way of a term that few texts contain; None if there is no such term.

        All trigrams at once are an index scan over all texts with the commonest of them.
        """
        terms = [term for term in self.query.terms if term.substring]
        for term in sorted(terms, key=lambda term: -len(term.substring))[:TRIGRAM_TERMS]:
            ids = self._ids(trigram_match([term], 2), END, MAX_RARE_TRIGRAM_IDS + 1, index="trigrams")
            if len(ids) <= MAX_RARE_TRIGRAM_IDS:
                return ids
        return None

    def _ids(
        self, match: str | None, below: int, limit: int, *, index: Literal["words", "trigrams"] = "words"
    ) -> list[int]:
        """The ids of the newest matches in an index."""
        name = {"words": "newest_by_words", "trigrams": "newest_by_trigrams"}[index]
        values = {"match": match, "before_id": below, "limit": limit}
        return [row[0] for row in self.connection.execute(statements("search")[name], values)]

    def _scanned_positions(self) -> list[int] | None:
        """The threads that the filters leave, where they are few and short; else None."""
        plan = plan_query(self.connection, self.filters, "title")
        sql = statements("search")["threads_by_filter"]
        text = sql.format(where=f"WHERE {' AND '.join(plan.conditions) or '1'}")
        limits = {"max_messages": MAX_SCANNED_MESSAGES, "max_threads": MAX_SCANNED_THREADS + 1}
        rows = self.connection.execute(text, {**plan.values, **limits}).fetchall()
        too_many = len(rows) > MAX_SCANNED_THREADS
        if too_many or sum(row["weight"] for row in rows) > MAX_SCANNED_MESSAGES:
            return None
        return [row["position"] for row in rows]


def digest_of(text: str, filters: Filters) -> int:
    """A number that distinguishes the cursors of one search from those of another; raises `InvalidValue`.

    The text counts as typed, so that `after:30d` is the same search a moment later; of `since` and `until`
    only whether they are given.
    """
    names, values = filters.conditions()
    stable = {name: value for name, value in values.items() if name not in ("since", "until")}
    return crc32(to_json([text.encode(errors="replace").decode(), names, stable]).encode())


def cursor_of(seals: Seals, owner: str | None, mode: Mode, place: int, digest: int) -> str:
    """The cursor for what comes after a place: the id of a match, or a count where the best come first."""
    return CursorCodec(seals, "search", owner).encode(mode, place, digest)


def place_of(seals: Seals, owner: str | None, cursor: str, digest: int) -> tuple[Mode, int]:
    """Mode and place of a cursor; raises `InvalidCursor`, also for a cursor of another search."""
    mode: Any
    mode, place, found = CursorCodec(seals, "search", owner).decode(cursor)
    if int(found) != digest:
        raise InvalidCursor("it belongs to a search for something else")
    return mode, int(place)
