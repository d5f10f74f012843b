"""Finding messages and titles: from a query and filters to rows, in pages that hold each hit once.

Where up to `RANKED` messages match, the best come first; where more do, the newest, for to rank a
million is slow and tells nobody anything. The rank is made from a text alone, so a page that follows
is in the same order, whatever was said meanwhile. Filters are part of the question, never applied to a page.
On a file that may not be written, and whose own index is behind, the rows are read through instead.
"""

from __future__ import annotations

import base64
import binascii
import json
import sqlite3
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args
from zlib import crc32

from threads.database.statements import statements
from threads.errors import InvalidCursor
from threads.models import milliseconds
from threads.registry.filters import Filters, fits
from threads.registry.narrowing import narrowed
from threads.registry.query import Query, Term, asked_of, parts_of
from threads.registry.rows import json_of

Mode = Literal["best", "newest", "parts", "messages", "nothing"]
"""Ranked; by words, newest first; by parts of words; without words, all that fits; what nothing can fit."""
RANKED = 400
FEW_THREADS = 300
FEW_MESSAGES = 3000
FEW_IDS = 300
FEW_WITH_PART = 1000
TERMS_TRIED = 3
END = 2**63 - 1
ELSEWHERE = "it belongs to a search for something else"
IDS = {"from_words": "threads_words.rowid", "from_parts": "threads_parts.rowid"}
"""What a hit's id is called where it comes from an index."""


@dataclass(frozen=True, slots=True)
class Search:
    """A query and filters, put to one state of the database.

    `source`: where message rows come from on a file that may not be written; None: from the index.
    """

    connection: sqlite3.Connection
    query: Query
    filters: Filters
    source: str | None = None
    known: dict[int, list[int]] = field(default_factory=dict)

    def mode(self) -> Mode:
        """How this is looked for."""
        if not self.query.terms:
            return "messages"
        if self.query.words is not None:
            found = RANKED + 1 if self.source else len(self._newest_ids(END))
            mode: Mode = "best" if found <= RANKED else "newest"
            if found and self._has_rows(mode):
                return mode
        if self.query.parts is None or (self.query.short and not self._any(self.query.short)):
            return "nothing"
        return "parts"

    def _has_rows(self, mode: Mode) -> bool:
        """Whether there is a hit; not ranked."""
        if mode == "newest":
            return bool(self.rows(mode, limit=1, offset=0, below=END))
        source, conditions, values = self._source(mode)
        return bool(self._run("any_hit", mode, source, conditions, values))

    def check(self, mode: Mode) -> None:
        """Raise `InvalidCursor` for a way of looking that this query cannot be looked for."""
        asked = {"messages": not self.query.terms, "parts": self.query.parts is not None}
        if mode == "nothing" or not asked.get(mode, self.query.words is not None):
            raise InvalidCursor(ELSEWHERE)

    def rows(self, mode: Mode, *, limit: int, offset: int, below: int) -> list[sqlite3.Row]:
        """A page of hits; `below`: the id of the hit before it, where the newest come first."""
        if mode == "nothing":
            return []
        page = {"limit": limit, "offset": offset, "before_id": below}
        if mode == "newest" and self.source is None:
            ids = self._newest_ids(below)
            rows = self._run("hits", mode, "from_ids", [], {**page, "ids": json_of(ids)})
            if len(ids) <= RANKED or len(rows) == limit:
                return rows
        source, conditions, values = self._source(mode)
        if mode != "best":
            conditions.append("below")
        return self._run("hits", mode, source, conditions, {**page, **values})

    def count(self, mode: Mode) -> int:
        """How many hits there are."""
        if mode == "nothing":
            return 0
        source, conditions, values = self._source(mode)
        return int(self._run("hit_count", mode, source, conditions, values)[0][0])

    def _source(self, mode: Mode) -> tuple[str, list[str], dict[str, Any]]:
        """Where hits are taken from, what makes a row one, and the values that this asks for."""
        if mode == "messages":
            return self.source or "from_all", [], {}
        if self.source is not None:
            return self.source, ["match_text"], {}
        if mode == "best" and len(self._newest_ids(END)) <= RANKED:
            return "from_ids", [], {"ids": json_of(self._newest_ids(END))}
        few = self._few()
        if few is not None:
            return "from_threads", ["match_text"], {"positions": json_of(few)}
        if mode == "parts":
            ids = self._ids_with_rarest_part()
            if ids is not None:
                return "from_ids", ["match_text"], {"ids": json_of(ids)}
            return "from_parts", ["match_parts", "match_text"], {"parts": self.query.parts}
        return "from_words", ["match_words"], {"words": self.query.words}

    def _run(
        self, name: str, mode: Mode, source: str, conditions: list[str], values: dict[str, Any]
    ) -> list[sqlite3.Row]:
        sql, threads = statements("search"), statements("threads")
        names, bound = self.filters.conditions()
        query = self.query
        asked = {
            "role": ("of_role", query.role),
            "before": ("said_before", milliseconds(query.before)),
            "after": ("said_after", milliseconds(query.after)),
        }
        bound |= {field: value for field, (_, value) in asked.items()}
        conditions = [*conditions, *(each for each, value in asked.values() if value is not None)]
        if self.source is None:
            conditions.append("in_sight")
        wanted = [
            *map(threads.__getitem__, names),
            *(sql[each] for each in conditions if each != "match_text"),
        ]
        wanted += [sql["match_text"]] if "match_text" in conditions else []
        id = IDS.get(source, "threads_said.id")
        text = sql[name].format(
            source=sql[source],
            where=(" AND ".join(wanted) or "1").replace("{id}", id),
            order=sql["order_best" if mode == "best" else "order_newest"].replace("{id}", id),
            rank=sql["rank"] if mode == "best" else "0.0",
        )
        self.connection.create_function("threads_rank", 2, query.rank)
        fits = query.in_parts if mode == "parts" else query.in_words
        self.connection.create_function("threads_matches", 2, lambda text, _: fits(text))
        return self.connection.execute(text, {**bound, **values}).fetchall()

    def _any(self, terms: tuple[Term, ...]) -> bool:
        """Whether these are words of anything at all."""
        if self.source is not None:
            return True
        return bool(self._ids(asked_of(terms), END, 1))

    def _newest_ids(self, below: int) -> list[int]:
        """The ids of the newest matches, one more than are ranked; looked for once."""
        if below not in self.known:
            ids = self._rarest_ids(below)
            self.known[below] = self._ids(self.query.words, below, RANKED + 1) if ids is None else ids
        return self.known[below]

    def _rarest_ids(self, below: int) -> list[int] | None:
        """The matches by way of the longest term, where few texts have it; else None.

        The beginning of a common word is a walk through all that have it, so the rest is read instead.
        """
        terms = [term for term in self.query.terms if term.words]
        if len(terms) == 1:
            return None
        longest = max(terms, key=lambda term: term.length)
        for exact in (True, longest.exact):
            ids = self._ids(asked_of([replace(longest, exact=exact)]), below, FEW_IDS + 1)
            if len(ids) > FEW_IDS:
                return None
        rows = self.connection.execute(statements("search")["texts"], {"ids": json_of(ids)})
        return [row["id"] for row in rows if self.query.in_words(row["text"])]

    def _ids_with_rarest_part(self) -> list[int] | None:
        """Texts that may have all parts, by way of a part that few texts have; None if there is no such.

        To ask for all parts at once is a walk through all texts that have the commonest of them.
        """
        terms = sorted((term for term in self.query.terms if term.part), key=lambda term: -len(term.part))
        for term in terms[:TERMS_TRIED]:
            ids = self._ids(parts_of([term], 2), END, FEW_WITH_PART + 1, index="parts")
            if len(ids) <= FEW_WITH_PART:
                return ids
        return None

    def _ids(
        self, asked: str | None, below: int, limit: int, *, index: Literal["words", "parts"] = "words"
    ) -> list[int]:
        values = {"asked": asked, "before_id": below, "limit": limit}
        rows = self.connection.execute(statements("search")[f"newest_by_{index}"], values)
        return [row[0] for row in rows]

    def _few(self) -> list[int] | None:
        """The threads that the filters leave, where they are few and short; else None."""
        way = narrowed(self.connection, self.filters, "title")
        text = statements("search")["few"].format(where=f"WHERE {' AND '.join(way.conditions) or '1'}")
        asked = {**way.values, "most": FEW_MESSAGES, "most_threads": FEW_THREADS + 1}
        rows = self.connection.execute(text, asked).fetchall()
        if len(rows) > FEW_THREADS or sum(row["weight"] for row in rows) > FEW_MESSAGES:
            return None
        return [row["position"] for row in rows]


def digest_of(text: str, filters: Filters) -> int:
    """A number that tells the cursors of one search from those of another.

    What was typed counts, so that `after:30d` is the same search a moment later; of `since` and `until` only
    whether they are given.
    """
    names, values = filters.conditions()
    known = {name: value for name, value in values.items() if name not in ("since", "until")}
    return crc32(json_of([text.encode(errors="replace").decode(), names, known]).encode())


def cursor_of(mode: Mode, place: int, digest: int) -> str:
    """The cursor of what comes after this place: a hit's id, or a count where the best come first."""
    return base64.urlsafe_b64encode(json_of(["search", mode, place, digest]).encode()).decode()


def place_of(cursor: str, digest: int) -> tuple[Mode, int]:
    """The place a cursor stands for; `InvalidCursor`."""
    try:
        search, mode, place, asked = json.loads(base64.b64decode(cursor, b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError, UnicodeError):
        raise InvalidCursor("it is not one of ours") from None
    good = type(place) is int and place >= 0 and fits(2 * place) and isinstance(mode, str)
    if search != "search" or not good or mode not in get_args(Mode):
        raise InvalidCursor("it is not one of a search")
    if asked != digest:
        raise InvalidCursor(ELSEWHERE)
    return mode, place
