"""Where a filter leaves few threads, they are looked up; where it leaves many, the list is gone through.

SQLite cannot know which of the two it is, so it is asked first: up to `FEW` rows are counted, which costs
next to nothing. What is kept by tag and by metadata stands in the order of activity, so such a list is
gone through without looking at any other thread, however many there are. Where no filter leaves few,
a page fills soon.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from threads.db.queries import statements
from threads.store.filters import Filters, fits
from threads.store.mapping import json_of

FEW = 1500
IN_ORDER = ("owner", "agent_id", "status", "pinned", "archived", "trashed")
"""Filters whose indexes are in the order of activity."""
LONGEST_FACT = 200
"""Characters of a metadata value that is looked up."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """How to find what the filters leave."""

    conditions: list[str]
    """Conditions that say all that the filters say."""
    values: dict[str, Any]
    source: str = "threads_thread"
    place: str | None = None
    """Where the order of the source stands; None: in the thread itself."""
    is_few: bool = False
    """Whether few are left: to be put in order, not found in order."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the ways to threads: a query for their positions, and the filter that it makes needless."""

    positions: str
    values: dict[str, Any] = field(default_factory=dict)
    instead_of: str | None = None
    is_indexed: bool = False
    """Whether the threads have an index of their own for it, in the order of activity."""

    @property
    def is_fact(self) -> bool:
        return "fact_key" in self.values


def narrowed(connection: sqlite3.Connection, filters: Filters, sort_by: str | None) -> Narrowed:
    """The shortest way to the threads that fit; `sort_by`: the order they are wanted in, None for any."""
    sql = statements("organise")
    names, values = filters.conditions()
    candidates = list(_candidates(filters))
    best = _best(connection, candidates, in_order=sort_by == "updated_at")
    if best is None and sort_by in ("updated_at", None):
        best = next((each for each in candidates if each.is_fact), None)
    if sort_by == "updated_at" and [each for each in candidates if each.is_indexed] == [best]:
        best = None  # SQLite finds it
    asked = [name for name in names if best is None or name != best.instead_of]
    conditions = [statements("threads")[name] for name in asked]
    values |= best.values if best else {}
    if best and best.is_fact and sort_by == "updated_at":
        place = "threads_attribute.activity"
        conditions = [sql["is_fact"], *_bounds(filters, place), *conditions]
        return Narrowed(conditions, values, sql["from_fact"], place)
    if best:
        conditions = [f"threads_thread.position IN ({best.positions})", *conditions]
        return Narrowed(conditions, values, is_few=True)
    bounds = _bounds(filters, "activity") if sort_by == "updated_at" else []
    return Narrowed([*bounds, *conditions], values)


def _best(
    connection: sqlite3.Connection, candidates: Sequence[Candidate], *, in_order: bool
) -> Candidate | None:
    """The way to the fewest threads, if they are few; not counted where there is no other."""
    if len(candidates) == 1 and in_order and (candidates[0].is_fact or candidates[0].is_indexed):
        return candidates[0]
    best, least = None, FEW + 1
    for each in candidates:
        probe = statements("organise")["probe"].format(sub=each.positions)
        found = connection.execute(probe, {**each.values, "few": least}).fetchone()[0]
        if found < least:
            best, least = each, found
    return best


def _candidates(filters: Filters) -> Iterator[Candidate]:
    """Queries for the positions that a filter leaves."""
    sql, threads = statements("organise"), statements("threads")
    for name, key, value, alone in _facts(filters):
        asked = {"fact_key": key, "fact_value": value}
        yield Candidate(sql["narrow_fact"], asked, f"filter_{name}" if alone else None)
    times = [name for name in ("since", "until") if getattr(filters, name) is not None]
    if times:
        where = " AND ".join(threads[f"filter_{name}"] for name in times)
        yield Candidate(sql["narrow_time"].format(where=where), _values(filters, times))
    for name in IN_ORDER:
        given = getattr(filters, name)
        if given not in (None, False, "idle"):
            single = Filters(**{"archived": None, "trashed": None, name: given})
            [condition], values = single.conditions()
            yield Candidate(sql["narrow_other"].format(where=threads[condition]), values, is_indexed=True)


def _facts(filters: Filters) -> Iterator[tuple[str, str, str, bool]]:
    """What is kept of tags and metadata asked for: filter, key, value, whether it is all of the filter."""
    tags = (filters.tag,) if isinstance(filters.tag, str) else tuple(filters.tag or ())
    for tag in tags:
        yield "tags", "#", tag.strip(), len(tags) == 1
    metadata = filters.metadata or {}
    for key, value in metadata.items():
        if isinstance(value, str | int) and len(str(value)) <= LONGEST_FACT and fits(value):
            fact = f"'{value}" if isinstance(value, str) else json_of(value)
            yield "metadata", f".{key}", fact, len(metadata) == 1


def _values(filters: Filters, names: list[str]) -> dict[str, Any]:
    return {name: value for name, value in filters.conditions()[1].items() if name in names}


def _bounds(filters: Filters, activity: str) -> list[str]:
    """Where in the order of activity the times asked for can be at all."""
    asked = [name for name in ("since", "until") if getattr(filters, name) is not None]
    return [statements("organise")[f"bound_{name}"].format(activity=activity) for name in asked]
