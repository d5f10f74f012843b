"""Query planning: look up the threads of a filter that leaves few, scan the list where it leaves many.

SQLite cannot know which of the two holds, so it is probed first: counting up to `SCAN_THRESHOLD` rows
costs next to nothing. The rows of `threads_attribute` are in the order of activity, so such a list is
read without touching any other thread. Where no filter leaves few, a page is filled soon by scanning.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from threads.db.queries import statements, to_json
from threads.store.filters import FILTERS, Filters, fits_sqlite

SCAN_THRESHOLD = 1500
"""Threads from which on scanning in order is preferred to looking up and sorting."""
IN_ACTIVITY_ORDER = ("owner", "agent_id", "status", "pinned", "archived", "trashed")
"""Filters whose indexes are in the order of activity."""
BOUNDS = {"since": "bound_since", "until": "bound_until"}
"""The SQL conditions that bound the order of activity by time."""
MAX_ATTRIBUTE_LENGTH = 200
"""Characters of a metadata value that is looked up; longer ones are not in `threads_attribute`."""


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """How the threads that fit the filters are found."""

    conditions: list[str]
    """SQL conditions that together say what the filters say."""
    values: dict[str, Any]
    source: str = "threads_thread"
    order_column: str | None = None
    """The column of the source to sort by; None: the order's own expression on the thread."""
    sorts: bool = False
    """Whether the threads are few, to be looked up and sorted, instead of scanned in order."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """A statement that finds the positions of threads by one filter, which it replaces."""

    positions: str
    values: dict[str, Any] = field(default_factory=dict)
    replaces: str | None = None
    is_indexed: bool = False
    """Whether the threads have an index of their own for it, in the order of activity."""

    @property
    def is_attribute(self) -> bool:
        """Whether it reads `threads_attribute`."""
        return "attribute_key" in self.values


def plan_query(connection: sqlite3.Connection, filters: Filters, sort_by: str | None) -> QueryPlan:
    """The cheapest plan for the threads that fit; `sort_by`: the order they are wanted in, None for any."""
    sql = statements("filters")
    names, values = filters.conditions()
    lookups = list(_lookups(filters))
    best = _cheapest(connection, lookups, in_order=sort_by == "updated_at")
    if best is None and sort_by in ("updated_at", None):
        best = next((each for each in lookups if each.is_attribute), None)
    if sort_by == "updated_at" and [each for each in lookups if each.is_indexed] == [best]:
        best = None  # SQLite finds it
    remaining = [name for name in names if best is None or name != best.replaces]
    conditions = [statements("threads")[name] for name in remaining]
    values |= best.values if best else {}
    if best and best.is_attribute and sort_by == "updated_at":
        column = "threads_attribute.activity"
        conditions = [sql["has_attribute"], *_activity_bounds(filters, column), *conditions]
        return QueryPlan(conditions, values, sql["from_attribute"], column)
    if best:
        conditions = [f"threads_thread.position IN ({best.positions})", *conditions]
        return QueryPlan(conditions, values, sorts=True)
    bounds = _activity_bounds(filters, "activity") if sort_by == "updated_at" else []
    return QueryPlan([*bounds, *conditions], values)


def plan_scan(filters: Filters) -> QueryPlan:
    """The plan without any index: all threads are scanned."""
    names, values = filters.conditions()
    return QueryPlan([statements("threads")[name] for name in names], values)


def _cheapest(connection: sqlite3.Connection, lookups: Sequence[Lookup], *, in_order: bool) -> Lookup | None:
    """The lookup that finds the fewest threads, if these are few; not probed where there is no other."""
    if len(lookups) == 1 and in_order and (lookups[0].is_attribute or lookups[0].is_indexed):
        return lookups[0]
    best, fewest = None, SCAN_THRESHOLD + 1
    for each in lookups:
        probe = statements("filters")["count_up_to"].format(positions=each.positions)
        found = connection.execute(probe, {**each.values, "limit": fewest}).fetchone()[0]
        if found < fewest:
            best, fewest = each, found
    return best


def _lookups(filters: Filters) -> Iterator[Lookup]:
    sql, threads = statements("filters"), statements("threads")
    for name, key, value, is_whole in _attributes(filters):
        values = {"attribute_key": key, "attribute_value": value}
        yield Lookup(sql["by_attribute"], values, name if is_whole else None)
    times = [name for name in ("since", "until") if getattr(filters, name) is not None]
    if times:
        where = " AND ".join(threads[FILTERS[name]] for name in times)
        all_values = filters.conditions()[1]
        yield Lookup(sql["by_time"].format(where=where), {name: all_values[name] for name in times})
    for name in IN_ACTIVITY_ORDER:
        given = getattr(filters, name)
        if given not in (None, False, "idle"):
            single = Filters(**{"archived": None, "trashed": None, name: given})
            [condition], values = single.conditions()
            yield Lookup(sql["by_column"].format(where=threads[condition]), values, is_indexed=True)


def _attributes(filters: Filters) -> Iterator[tuple[str, str, str, bool]]:
    """The tags and metadata that can be looked up: filter, key, value, whether it is the whole filter."""
    tags = (filters.tag,) if isinstance(filters.tag, str) else tuple(filters.tag or ())
    for tag in tags:
        yield "filter_tags", "#", tag.strip(), len(tags) == 1
    metadata = filters.metadata or {}
    for key, value in metadata.items():
        if isinstance(value, str | int) and len(str(value)) <= MAX_ATTRIBUTE_LENGTH and fits_sqlite(value):
            stored = f"'{value}" if isinstance(value, str) else to_json(value)
            yield "filter_metadata", f".{key}", stored, len(metadata) == 1


def _activity_bounds(filters: Filters, column: str) -> list[str]:
    """Conditions that bound the order of activity by the times asked for."""
    names = [name for name in ("since", "until") if getattr(filters, name) is not None]
    return [statements("filters")[BOUNDS[name]].format(activity=column) for name in names]
