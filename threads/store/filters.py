"""What a list shows, in which order, and how it goes on: filters, orders and cursors as SQL.

A cursor is the place of the last item in the list's order, so a page neither skips nor repeats a
thread while others are active. The place counts the activity of all users, so a cursor is sealed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, get_args

from threads.db.queries import statements
from threads.db.seals import Seals
from threads.errors import InvalidCursor, InvalidValue
from threads.models import SortBy, SortOrder, Status
from threads.store.mapping import json_of
from threads.store.validation import checked_flag, checked_metadata, checked_name, checked_tags

MOST_AT_ONCE = 1000
PROJECTED: frozenset[str] = frozenset(("title", "message_count"))
"""Orders that look at what a projection says."""


class Filters(NamedTuple):
    """Which threads: each that is not None narrows the list.

    `tag`: one, or several that must all be there. `metadata`: keys and the values they must have.
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
        """The names of the SQL conditions that are asked for, and their values; `InvalidValue`."""
        names: list[str] = []
        values: dict[str, Any] = {}
        for field, value in self._asdict().items():
            if value is not None:
                name, bound = CONDITIONS[field](field, value)
                names.append(name)
                values |= bound
        return names, values


class Order:
    """One of the orders of a list, and where to go on in it; `InvalidValue`."""

    def __init__(self, sort_by: SortBy, sort_order: SortOrder) -> None:
        self.sort_by = _one_of("sort_by", sort_by, get_args(SortBy))
        self.sort_order = _one_of("sort_order", sort_order, get_args(SortOrder))

    @property
    def key(self) -> str:
        """The SQL expression it goes by."""
        return statements("threads")[f"sort_{self.sort_by}"]

    @property
    def beyond(self) -> str:
        """How keys further on compare with this one."""
        return "<" if self.sort_order == "desc" else ">"

    def cursor(self, seals: Seals, owner: str | None, key: Any, position: int) -> str:
        """The cursor of what comes after this place in a list of this owner's threads."""
        shown = key if isinstance(key, str) else fixed(key)
        return seals.seal(("list", owner), json_of([self.sort_by, self.sort_order, shown, fixed(position)]))

    def place(self, seals: Seals, owner: str | None, cursor: str) -> dict[str, Any]:
        """The place a cursor stands for, as bound values; `InvalidCursor`."""
        sort_by, sort_order, key, position = json.loads(seals.open(("list", owner), cursor))
        if (sort_by, sort_order) != (self.sort_by, self.sort_order):
            raise InvalidCursor(f"it belongs to a list by {sort_by} {sort_order}")
        is_text = self.sort_by in ("title", "thread_id")
        return {"after_key": key if is_text else int(key), "after_position": int(position)}


def fixed(number: int) -> str:
    """A number of 64 bits in always as many characters: the length of a sealed value can be seen."""
    return f"{number:020d}"


def _one_of(field: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise InvalidValue(field, f"{value!r} is none of {', '.join(allowed)}")
    return value


def fits(value: object) -> bool:
    """Whether SQLite can hold this number; text always fits."""
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def checked_range(limit: object, offset: object) -> tuple[int, int]:
    """A page's size and start, within bounds; `InvalidValue`."""
    for field, value, least, most in (("limit", limit, 1, MOST_AT_ONCE), ("offset", offset, 0, 2**53)):
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InvalidValue(field, f"a whole number from {least} to {most} is needed, not {value!r}")
    assert isinstance(limit, int) and isinstance(offset, int)
    return limit, offset


def _name(field: str, value: Any) -> tuple[str, dict[str, Any]]:
    return f"filter_{field}", {field: checked_name(field, value)}


def _tag(field: str, value: Any) -> tuple[str, dict[str, Any]]:
    return "filter_tags", {"tags": json_of(checked_tags([value] if isinstance(value, str) else value))}


def _status(field: str, value: Any) -> tuple[str, dict[str, Any]]:
    names = {"idle": "filter_idle", "busy": "filter_busy"}
    return names.get(_one_of(field, value, get_args(Status)), "filter_not_idle"), {field: value}


def _flag(field: str, value: Any) -> tuple[str, dict[str, Any]]:
    return f"filter_{'' if checked_flag(field, value) else 'not_'}{field}", {}


def _metadata(field: str, value: Any) -> tuple[str, dict[str, Any]]:
    return "filter_metadata", {field: json_of(checked_metadata(value))}


def _moment(field: str, value: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidValue(field, f"a datetime with a time zone is needed, not {value!r}")
    return f"filter_{field}", {field: round(value.timestamp() * 1000)}


CONDITIONS = {
    "agent_id": _name, "owner": _name, "tag": _tag, "status": _status, "pinned": _flag, "archived": _flag,
    "trashed": _flag, "metadata": _metadata, "since": _moment, "until": _moment,
}  # fmt: skip
