"""Filters, sort orders and query plans of lists of threads, as names of SQL conditions with bound values.

A filter that leaves few threads looks them up; one that leaves many scans the list. SQLite cannot know which
of the two holds, so it is probed first: counting up to `SCAN_THRESHOLD` rows costs next to nothing. The rows
of `threads_attribute` are in the order of activity, so such a list is read without touching any other thread.
Where no filter leaves few, a page is filled soon by scanning.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, get_args

from threads.db.queries import statements, to_json
from threads.db.seals import Seals
from threads.errors import InvalidCursor, InvalidValue
from threads.models import SortBy, SortOrder, Status
from threads.store.cursors import CursorCodec
from threads.store.validation import checked_metadata, checked_name, checked_tags

MOST_AT_ONCE = 1000
PROJECTED: frozenset[str] = frozenset(("title", "message_count"))
"""Orders by columns of the projection."""
SCAN_THRESHOLD = 1500
"""Threads from which on scanning in order is preferred to looking up and sorting."""
IN_ACTIVITY_ORDER = ("owner", "agent_id", "status", "pinned", "archived", "trashed")
"""Filters whose indexes are in the order of activity."""
BOUNDS = {"since": "bound_since", "until": "bound_until"}
"""The SQL conditions that bound the order of activity by time."""
MAX_ATTRIBUTE_LENGTH = 200
"""Characters of a metadata value that is looked up; longer ones are not in `threads_attribute`."""
SORT_KEYS = {
    "updated_at": "sort_updated_at", "created_at": "sort_created_at", "title": "sort_title",
    "message_count": "sort_message_count", "thread_id": "sort_thread_id",
}  # fmt: skip
"""The SQL expressions to sort by."""


class Filters(NamedTuple):
    """Which threads: each field that is not None narrows the list.

    `tag`: one, or several that a thread must all have. `metadata`: keys and the values they must have.
    `since` is included, `until` is not; both look at `updated_at`.
    """

    agent_id: str | None = None
    owner: str | None = None
    tag: str | Sequence[str] | None = None
    status: Status | None = None
    pinned: bool | None = None
    archived: bool | None = False
    trashed: bool | None = False
    metadata: Mapping[str, Any] | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> tuple[list[str], dict[str, Any]]:
        """The names of the SQL conditions, and their values; raises `InvalidValue`."""
        names: list[str] = []
        values: dict[str, Any] = {}
        for given, value in self._asdict().items():
            if value is not None:
                name, bound = CONDITIONS[given](given, value)
                names.append(name)
                values |= bound
        return names, values


class Order:
    """A sort order, and the cursors in it; raises `InvalidValue`."""

    def __init__(self, sort_by: SortBy, sort_order: SortOrder) -> None:
        self.sort_by = _one_of("sort_by", sort_by, get_args(SortBy))
        self.sort_order = _one_of("sort_order", sort_order, get_args(SortOrder))

    @property
    def key(self) -> str:
        """The SQL expression to sort by."""
        return statements("threads")[SORT_KEYS[self.sort_by]]

    @property
    def beyond(self) -> str:
        """How the keys of later items compare with an item's."""
        return "<" if self.sort_order == "desc" else ">"

    def cursor(self, seals: Seals, owner: str | None, key: Any, position: int) -> str:
        """The cursor for what comes after this item in a list of the owner's threads."""
        return CursorCodec(seals, "list", owner).encode(self.sort_by, self.sort_order, key, position)

    def place(self, seals: Seals, owner: str | None, cursor: str) -> dict[str, Any]:
        """The place of a cursor, as bound values; raises `InvalidCursor`."""
        sort_by, sort_order, key, position = CursorCodec(seals, "list", owner).decode(cursor)
        if (sort_by, sort_order) != (self.sort_by, self.sort_order):
            raise InvalidCursor(f"it belongs to a list by {sort_by} {sort_order}")
        is_text = self.sort_by in ("title", "thread_id")
        return {"after_key": key if is_text else int(key), "after_position": int(position)}


def _one_of(field: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise InvalidValue(field, f"{value!r} is none of {', '.join(allowed)}")
    return value


def fits_sqlite(value: object) -> bool:
    """Whether SQLite can store this number; text always fits."""
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def checked_range(limit: object, offset: object) -> tuple[int, int]:
    """A page's size and start, within bounds; raises `InvalidValue`."""
    for name, value, least, most in (("limit", limit, 1, MOST_AT_ONCE), ("offset", offset, 0, 2**53)):
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InvalidValue(name, f"a whole number from {least} to {most} is needed, not {value!r}")
    assert isinstance(limit, int) and isinstance(offset, int)
    return limit, offset


def _name(field: str, value: Any) -> tuple[str, dict[str, Any]]:
    return FILTERS[field], {field: checked_name(field, value)}


def _tag(field: str, value: Any) -> tuple[str, dict[str, Any]]:
    return "filter_tags", {"tags": to_json(checked_tags([value] if isinstance(value, str) else value))}


def _status(field: str, value: Any) -> tuple[str, dict[str, Any]]:
    names = {"idle": "filter_idle", "busy": "filter_busy"}
    return names.get(_one_of(field, value, get_args(Status)), "filter_not_idle"), {field: value}


def _flag(field: str, value: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(value, bool):
        raise InvalidValue(field, f"True or False is needed, not {value!r}")
    return FLAG_FILTERS[field, value], {}


def _metadata(field: str, value: Any) -> tuple[str, dict[str, Any]]:
    return "filter_metadata", {field: to_json(checked_metadata(value))}


def _moment(field: str, value: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidValue(field, f"a datetime with a time zone is needed, not {value!r}")
    return FILTERS[field], {field: round(value.timestamp() * 1000)}


FILTERS = {
    "agent_id": "filter_agent_id", "owner": "filter_owner", "since": "filter_since", "until": "filter_until",
}  # fmt: skip
"""The SQL conditions of the filters by value."""
FLAG_FILTERS = {
    ("pinned", True): "filter_pinned", ("pinned", False): "filter_not_pinned",
    ("archived", True): "filter_archived", ("archived", False): "filter_not_archived",
    ("trashed", True): "filter_trashed", ("trashed", False): "filter_not_trashed",
}  # fmt: skip
"""The SQL conditions of the filters by flag."""
CONDITIONS = {
    "agent_id": _name, "owner": _name, "tag": _tag, "status": _status, "pinned": _flag, "archived": _flag,
    "trashed": _flag, "metadata": _metadata, "since": _moment, "until": _moment,
}  # fmt: skip
"""The function that turns the value of a filter into an SQL condition and bound values."""


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
