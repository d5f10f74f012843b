"""Statistics: threads, messages, tokens and runs by day, agent, owner or tag.

Sums are updated while threads are read (`threads_daily_usage`, `threads_usage_sum`), for a day and for 32
days, so that a year is a few rows. For two of agent, owner and tag at once, the days of the threads that fit
are added up.
"""

from __future__ import annotations

import builtins
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, get_args

from threads.db.queries import statements
from threads.errors import InvalidValue
from threads.models import Measured, Stat
from threads.store.validation import checked_name

EPOCH = date(1970, 1, 1)
SPAN = 32
"""Days of one sum, beside those of single days."""
DIMENSIONS = {"agent": "agent_id", "owner": "owner", "tag": "tag"}
CONDITIONS = {"agent": "of_agent_id", "owner": "of_owner", "tag": "of_tag"}
"""The SQL conditions of threads, by dimension."""


class UnknownThread(NamedTuple):
    """A thread whose messages are unknown."""

    key: str | None
    first_day: int
    last_day: int


class StatisticsTable:
    """The sums of usage, within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def list(
        self, by: Measured | None, narrow: Mapping[str, Any], days: tuple[int, int]
    ) -> builtins.list[Stat]:
        """The sums by `by`, from one day to the one before another, days since 1970.

        `narrow`: values of `agent_id`, `owner`, `tag`; None leaves one out.
        """
        sql = statements("statistics")
        values = {name: narrow[field] for name, field in DIMENSIONS.items() if narrow[field] is not None}
        dimension = by if by in DIMENSIONS else next(iter(values), "all")
        conditions = ["dimension = :dimension", "day >= :first", "day < :last"]
        if dimension in values:
            conditions.append(f"value = :{dimension}")
        index = sql["index_by_value"] if dimension in values else ""
        others = values.keys() - {dimension}
        if others:
            where = " AND ".join(sql[CONDITIONS[name]] for name in sorted(others))
            source = sql["from_threads"].format(where=where)
        else:
            source = sql["from_days" if by == "day" else "from_spans"].format(index=index)
        key = "day" if by == "day" else "value" if by in DIMENSIONS else "NULL"
        query = sql["list"].format(key=key, source=source, where=" AND ".join(conditions))
        whole, rest = -(-days[0] // SPAN) * SPAN, days[1] // SPAN * SPAN
        bound = {
            **narrow, **values, "dimension": dimension, "first": days[0], "last": days[1],
            "whole": min(whole, rest), "rest": rest,
        }  # fmt: skip
        found = [_stat_of(row, by) for row in self._connection.execute(query, bound)]
        found = _with_unknown(found, self._list_unknown(by, values), by, days)
        if by == "day":
            return sorted(found, key=lambda stat: stat.key or "")
        return sorted(
            found, key=lambda stat: (-1 if stat.messages is None else -stat.messages, stat.key or "")
        )

    def _list_unknown(self, by: Measured | None, narrow: Mapping[str, Any]) -> builtins.list[UnknownThread]:
        """The threads whose messages are unknown, with their key."""
        sql = statements("statistics")
        keys = {"agent": "t.agent_id", "owner": "t.owner", "tag": "g.tag"}
        query = sql["unknown"].format(
            key=keys.get(str(by), "NULL"),
            join=sql["unknown_tags"] if by == "tag" else "",
            where=" AND ".join(["1", *(sql[CONDITIONS[name]] for name in sorted(narrow))]),
        )
        bound = {**narrow, **{DIMENSIONS[name]: value for name, value in narrow.items()}}
        return [UnknownThread(*row) for row in self._connection.execute(query, bound)]


def check_arguments(by: object, narrow: Mapping[str, Any]) -> None:
    """Raise `InvalidValue` for an unknown dimension or an impossible value."""
    if by is not None and by not in get_args(Measured):
        raise InvalidValue("by", f"{by!r} is none of {', '.join(get_args(Measured))}")
    for field, value in narrow.items():
        checked_name(field, value)


def day_of(field: str, moment: date | None, otherwise: int) -> int:
    """The UTC day of a date or a time, in days since 1970; raises `InvalidValue`.

    A datetime without a zone is refused: near midnight its UTC day depends on the zone.
    """
    if moment is None:
        return otherwise
    day = moment
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        try:
            day = moment.astimezone(UTC).date()
        except OverflowError:  # in the first or the last hours of the calendar
            day = moment.date()
    elif not isinstance(moment, date) or isinstance(moment, datetime):
        raise InvalidValue(field, f"a date (UTC) or a datetime with a time zone is needed, not {moment!r}")
    return (day - EPOCH).days


def _with_unknown(
    stats: Sequence[Stat], unknown: Sequence[UnknownThread], by: Measured | None, days: tuple[int, int]
) -> builtins.list[Stat]:
    """The sums, without the numbers that threads with unknown messages may be part of."""
    found = {stat.key: stat for stat in stats}
    for thread in unknown:
        first, last = max(thread.first_day, days[0]), min(thread.last_day, days[1] - 1)
        if first > last:
            continue
        keys = {thread.key or None}
        if by == "day":  # it may have messages of any day, of these at least
            keys = {_day_key(first), _day_key(last)}
            keys |= found.keys() & {_day_key(day) for day in range(first, last + 1)}
        for key in keys:
            stat = found.get(key) or Stat(key, 0, None, None, None, 0, 0, None)
            is_created = thread.first_day == first and (by != "day" or key == _day_key(first))
            found[key] = replace(
                stat, threads=stat.threads + is_created, messages=None, input_tokens=None, output_tokens=None
            )
    return list(found.values())


def _day_key(day: int) -> str:
    return (EPOCH + timedelta(days=day)).isoformat()


def _stat_of(row: sqlite3.Row, by: Measured | None) -> Stat:
    key = _day_key(row["key"]) if by == "day" else row["key"] or None
    return Stat(
        key=key,
        threads=row["threads"],
        messages=row["messages"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        runs=row["runs"],
        failures=row["failures"],
        latency=row["milliseconds"] / 1000 / row["runs"] if row["runs"] else None,
    )
