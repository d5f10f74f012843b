"""Statistics: threads, messages, tokens and runs by day, agent, owner or tag.

Sums are updated while threads are read (`threads_daily_usage`, `threads_usage_sum`), for a day and for 32
days, so that a year is a few rows. For two of agent, owner and tag at once, the days of the threads that fit
are added up.
"""

from __future__ import annotations

import builtins
import sqlite3
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args

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
        return found if by == "day" else sorted(found, key=lambda stat: (-stat.messages, stat.key or ""))


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


def _stat_of(row: sqlite3.Row, by: Measured | None) -> Stat:
    key = (EPOCH + timedelta(days=row["key"])).isoformat() if by == "day" else row["key"] or None
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
