"""Finding messages and titles: from a query and filters to rows, in pages that hold each hit once.

Where up to `RANKED` messages match, the best come first; where more do, the newest, for to rank a
million is slow and tells nobody anything. The rank is made from a text alone, so a page that follows
is in the same order, whatever was said meanwhile. Filters are part of the question, never applied to a page.
On a file that may not be written, and whose own index is behind, the rows are read through instead.

A search with an owner depends on the threads of that owner alone: their matches are counted, and the
index over the messages of all is asked only for owners of so many messages that to read them through
takes longer. Otherwise the time that it takes would tell which words others use.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from zlib import crc32

from threads.db.queries import statements
from threads.db.seals import Seals
from threads.errors import InvalidCursor
from threads.models import milliseconds
from threads.search.index import PLACES
from threads.search.query import Query, Term, asked_of, parts_of
from threads.store.filters import Filters, fixed
from threads.store.mapping import json_of
from threads.store.query_planner import narrowed

Mode = Literal["best", "newest", "parts", "messages", "nothing"]
"""Ranked; by words, newest first; by parts of words; without words, all that fits; what nothing can fit."""
Known = dict[Mode, list[int]]
"""The ids of an owner's matches, as far as they were looked for."""
RANKED = 400
FEW_THREADS = 300
FEW_MESSAGES = 3000
FEW_IDS = 300
FEW_WITH_PART = 1000
OWN_THREADS = 10_000
OWN_MESSAGES = 10_000
"""An owner's threads and messages up to which they are read through."""
OWN_AT_ONCE = 200
"""Threads of an owner of more that are read through together."""
WALKED = 20_000
"""Matches of all that are looked at for those of an owner of more, before his own messages are."""
TERMS_TRIED = 3
END = 2**63 - 1
ELSEWHERE = "it belongs to a search for something else"
IDS = {"from_words": "threads_words.rowid", "from_parts": "threads_parts.rowid"}
"""What a hit's id is called where it comes from an index."""


@dataclass(frozen=True, slots=True)
class Match:
    """A message, or a title, in which all terms of a search were found."""

    id: int
    message_id: str | None
    role: str
    """`TITLE` for a title."""
    text: str
    created_at: int | None
    """Milliseconds since 1970."""
    rank: float

    @property
    def position(self) -> int:
        """The position of its thread."""
        return self.id >> PLACES


@dataclass(frozen=True, slots=True)
class Search:
    """A query and filters, put to one state of the database.

    `source`: where message rows come from on a file that may not be written; None: from the index.
    """

    connection: sqlite3.Connection
    query: Query
    filters: Filters
    source: str | None = None
    own: Known = field(default_factory=dict)
    """The ids of the owner's matches, as far as they were looked for; good for another look at the same."""
    known: dict[Any, Any] = field(default_factory=dict)

    def mode(self) -> Mode:
        """How this is looked for."""
        if not self.query.terms:
            return "messages"
        if self.query.words is not None:
            found = self._count_for_mode()
            mode: Mode = "best" if found <= RANKED else "newest"
            if found and self._has_rows(mode):
                return mode
        if self.query.parts is None or (self.query.short and not self._any(self.query.short)):
            return "nothing"
        return "parts"

    def _count_for_mode(self) -> int:
        """How many messages match, counted no further than one more than are ranked."""
        if self._own_positions() is not None:
            return len(self._own_matches("best"))
        return RANKED + 1 if self.source else len(self._newest_ids(END))

    def _has_rows(self, mode: Mode) -> bool:
        """Whether there is a hit; not ranked."""
        if mode == "newest":
            return bool(self.rows(mode, limit=1, offset=0, below=END))
        source, conditions, values = self._source(mode)
        return bool(self._run("any_hit", mode, source, conditions, values))

    def rows(self, mode: Mode, *, limit: int, offset: int, below: int) -> list[sqlite3.Row]:
        """A page of hits; `below`: the id of the hit before it, where the newest come first."""
        if mode == "nothing":
            return []
        page = {"limit": limit, "offset": offset, "before_id": below}
        if mode == "newest" and self.source is None and self._own_positions() is None:
            ids = self._newest_ids(below)
            rows = self._run("hits", mode, "from_ids", [], {**page, "ids": json_of(ids)})
            if len(ids) <= RANKED or len(rows) == limit:
                return rows
        source, conditions, values = self._source(mode)
        if mode != "best":
            conditions.append("below")
        return self._run("hits", mode, source, conditions, {**page, **values})

    def matches(self, mode: Mode, *, limit: int, offset: int = 0, below: int = END) -> list[Match]:
        """A page of matches; `below`: the id of the match before it, where the newest come first."""
        return [Match(*row) for row in self.rows(mode, limit=limit, offset=offset, below=below)]

    def count(self, mode: Mode) -> int:
        """How many hits there are."""
        if mode == "nothing":
            return 0
        source, conditions, values = self._source(mode)
        return int(self._run("hit_count", mode, source, conditions, values)[0][0])

    def _source(self, mode: Mode) -> tuple[str, list[str], dict[str, Any]]:
        """Where hits are taken from, what makes a row one, and the values that this asks for."""
        own = self._own_positions()
        if own is not None:
            return self._own_source(mode, own)
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

    def _own_source(self, mode: Mode, own: list[int]) -> tuple[str, list[str], dict[str, Any]]:
        if mode == "messages":
            source = ("from_threads", []) if self.source is None else (self.source, ["in_threads"])
            return *source, {"positions": json_of(own)}
        source = ("from_ids", []) if self.source is None else (self.source, ["in_ids"])
        return *source, {"ids": json_of(self._own_matches(mode))}

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
        if self.source is not None or self.filters.owner is not None:
            return True
        return bool(self._ids(asked_of(terms), END, 1))

    def _newest_ids(self, below: int) -> list[int]:
        """The ids of the newest matches, one more than are ranked; looked for once."""
        if below not in self.known:
            ids = self._rarest_ids(below)
            if ids is None and self.filters.owner is not None:
                self.known[below] = self._newest_owned(below)
            elif ids is None:
                self.known[below] = self._ids(self.query.words, below, RANKED + 1)
            else:
                self.known[below] = ids if self.filters.owner is None else self._owned(ids)
        found: list[int] = self.known[below]
        return found

    def _own_positions(self) -> list[int] | None:
        """The positions of the owner's threads, if these can be read through; None without an owner."""
        if self.filters.owner is None:
            return None
        if "own" not in self.known:
            asked = {"owner": self.filters.owner, "most_threads": OWN_THREADS + 1}
            rows = self.connection.execute(statements("search")["own"], asked).fetchall()
            is_few = len(rows) <= OWN_THREADS and sum(row["weight"] for row in rows) <= OWN_MESSAGES
            self.known["own"] = [row["position"] for row in rows] if is_few else None
        own: list[int] | None = self.known["own"]
        return own

    def _own_matches(self, mode: Mode) -> list[int]:
        """The ids of the owner's messages and titles that match, all of them read; looked for once."""
        if mode not in self.own:
            fits = self.query.in_parts if mode == "parts" else self.query.in_words
            self.own[mode] = self._read_through(self._own_positions() or [], fits)
        return self.own[mode]

    def _read_through(self, positions: list[int], fits: Callable[[str], bool]) -> list[int]:
        sql = statements("search")
        text = (
            sql["own_texts"] if self.source is None else sql["own_texts_of"].format(source=sql[self.source])
        )
        rows = self.connection.execute(text, {"positions": json_of(positions)})
        return [row["id"] for row in rows if fits(row["text"])]

    def _owned(self, ids: list[int]) -> list[int]:
        """Those of these ids that are of the owner's threads."""
        asked = {"ids": json_of(ids), "owner": self.filters.owner}
        return [row[0] for row in self.connection.execute(statements("search")["owned"], asked)]

    def _newest_owned(self, below: int) -> list[int]:
        """The newest matches of an owner of many messages, one more than are ranked.

        Looked for among those of all, and where these are many more, in the owner's own messages.
        """
        asked = {
            "asked": self.query.words, "before_id": below, "limit": WALKED, "owner": self.filters.owner,
        }  # fmt: skip
        rows = self.connection.execute(statements("search")["newest_owned"], asked).fetchall()
        found = sorted((row["id"] for row in rows if row["is_owned"]), reverse=True)
        if len(rows) == WALKED and len(found) <= RANKED:
            for ids in self._older_owned(min(row["id"] for row in rows)):
                found += ids
                if len(found) > RANKED:
                    break
        return found[: RANKED + 1]

    def _older_owned(self, below: int) -> Iterator[list[int]]:
        """The owner's matches before an id, the newest first, some threads at a time."""
        asked = {"owner": self.filters.owner, "most_threads": -1}
        rows = self.connection.execute(statements("search")["own"], asked).fetchall()
        positions = sorted((row["position"] for row in rows), reverse=True)
        for first in range(0, len(positions), OWN_AT_ONCE):
            ids = self._read_through(positions[first : first + OWN_AT_ONCE], self.query.in_words)
            yield sorted((id for id in ids if id < below), reverse=True)

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


def cursor_of(seals: Seals, owner: str | None, mode: Mode, place: int, digest: int) -> str:
    """The cursor of what comes after this place: a hit's id, or a count where the best come first."""
    return seals.seal(("search", owner), json_of([mode, fixed(place), fixed(digest)]))


def place_of(seals: Seals, owner: str | None, cursor: str, digest: int) -> tuple[Mode, int]:
    """The place a cursor stands for; `InvalidCursor`."""
    mode, place, asked = json.loads(seals.open(("search", owner), cursor))
    if int(asked) != digest:
        raise InvalidCursor(ELSEWHERE)
    return mode, int(place)
