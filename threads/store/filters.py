"""Filters and sort orders of lists of threads, as names of SQL conditions with bound values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, get_args

from threads.db.queries import statements, to_json
from threads.db.seals import Seals
from threads.errors import InvalidCursor, InvalidValue
from threads.models import SortBy, SortOrder, Status
from threads.store.cursors import CursorCodec
from threads.store.validation import checked_flag, checked_metadata, checked_name, checked_tags

MOST_AT_ONCE = 1000
PROJECTED: frozenset[str] = frozenset(("title", "message_count"))
"""Orders by columns of the projection."""


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
        for field, value in self._asdict().items():
            if value is not None:
                name, bound = CONDITIONS[field](field, value)
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
    for field, value, least, most in (("limit", limit, 1, MOST_AT_ONCE), ("offset", offset, 0, 2**53)):
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InvalidValue(field, f"a whole number from {least} to {most} is needed, not {value!r}")
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
    return FLAG_FILTERS[field, checked_flag(field, value)], {}


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
