"""Retention: rules for old threads, and the threads that each of them applies to.

At most one rule applies to a thread, the gravest action first. Pinned threads, and those that a rule says to
`keep`, are exempt.
"""

from __future__ import annotations

import builtins
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any, get_args

from threads import ids
from threads.db.queries import statements, to_json
from threads.errors import InvalidValue
from threads.models import Action, Rule
from threads.store import validation
from threads.store.threads import ThreadTable

PRECEDENCE: tuple[Action, ...] = ("keep", "delete", "trash", "archive", "prune")
PERIODS = ("inactive", "age", "trashed")
IF_CAN: dict[Action, str] = {
    "prune": "if_can_prune", "archive": "if_can_archive", "trash": "if_can_trash", "delete": "if_can_delete",
}  # fmt: skip
"""The conditions of threads in which an action has something to do."""
IF_FIELD = {
    "thread_id": "if_thread_id", "tag": "if_tag", "agent_id": "if_agent_id", "owner": "if_owner",
    "inactive": "if_inactive", "age": "if_age", "trashed": "if_trashed",
}  # fmt: skip
"""The conditions of the fields of a rule."""
MAX_PERIOD = timedelta(days=36_500)


def checked_rule(rule: Rule) -> Rule:
    """The rule as it is stored; raises `InvalidValue`.

    All actions but `keep` need a period, so that no rule applies to all threads.
    """
    name = validation.checked_name("name", rule.name)
    if name is None:
        raise InvalidValue("name", "it is required")
    if rule.action not in get_args(Action):
        raise InvalidValue("action", f"{rule.action!r} is none of {', '.join(get_args(Action))}")
    for field in PERIODS:
        period = getattr(rule, field)
        if period is not None and not (
            isinstance(period, timedelta) and timedelta(0) <= period <= MAX_PERIOD
        ):
            raise InvalidValue(field, f"a timedelta of up to 100 years is needed, not {period!r}")
    if rule.action != "keep" and all(getattr(rule, field) is None for field in PERIODS):
        raise InvalidValue("inactive", "say how old: inactive, age or trashed")
    if rule.trashed is not None and rule.action != "delete":
        raise InvalidValue("trashed", "what is in the trash can be deleted only")
    if rule.thread_id is not None:
        rule = replace(rule, thread_id=ids.text_of(rule.thread_id))
    if rule.tag is not None:
        rule = replace(rule, tag=validation.checked_tags([rule.tag])[0])
    for field in ("agent_id", "owner"):
        validation.checked_name(field, getattr(rule, field))
    validation.checked_flag("abandoned", rule.abandoned)
    return rule


class RetentionRules:
    """The retention rules and what is due by them, within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def list(self) -> builtins.list[Rule]:
        """The rules by name."""
        return [_rule_of(row) for row in self._connection.execute(_sql("list"))]

    def set(self, rule: Rule) -> None:
        """Store a checked rule; one of the same name is replaced. Raises `ThreadNotFound`."""
        if rule.thread_id is not None:
            ThreadTable(self._connection).get(rule.thread_id)
        periods = {field: _milliseconds(getattr(rule, field)) for field in PERIODS}
        self._connection.execute(_sql("set"), asdict(rule) | {"abandoned": int(rule.abandoned)} | periods)

    def remove(self, name: str) -> bool:
        """Delete a rule; whether it existed."""
        return self._connection.execute(_sql("remove"), {"name": name}).rowcount > 0

    def list_due(
        self, now: int, among: Sequence[str] | None = None
    ) -> builtins.list[tuple[Rule, builtins.list[str]]]:
        """The rules that apply to threads now, each with their ids; `among`: of these threads only."""
        due: builtins.list[tuple[Rule, builtins.list[str]]] = []
        taken: builtins.set[str] = builtins.set()
        for rule in sorted(self.list(), key=lambda rule: PRECEDENCE.index(rule.action)):
            thread_ids = [id for id in self._threads(rule, now, among) if id not in taken]
            taken.update(thread_ids)
            if thread_ids and rule.action != "keep":
                due.append((rule, thread_ids))
        return due

    def recheck(self, rule: Rule, now: int, thread_ids: Sequence[str]) -> builtins.list[str]:
        """Those of these threads to which the rule still applies."""
        return next((found for each, found in self.list_due(now, thread_ids) if each == rule), [])

    def _threads(self, rule: Rule, now: int, among: Sequence[str] | None) -> builtins.list[str]:
        """The threads that fit a rule, whatever other rules say."""
        values: dict[str, Any] = {"now": now}
        names = [] if rule.action == "keep" else ["if_not_exempt", IF_CAN[rule.action]]
        if among is not None:
            names.append("if_among")
            values["among"] = to_json([*among])
        for field, name in IF_FIELD.items():
            value = getattr(rule, field)
            if value is not None:
                names.append(name)
                values[field] = _milliseconds(value) if field in PERIODS else value
        if rule.abandoned:
            names.append("if_abandoned")
        where = " AND ".join(f"({_sql(name)})" for name in names) or "1"
        rows = self._connection.execute(_sql("list_threads").format(where=where), values)
        return [row[0] for row in rows]


def _rule_of(row: sqlite3.Row) -> Rule:
    periods = {field: None if row[field] is None else timedelta(milliseconds=row[field]) for field in PERIODS}
    return Rule(**{**dict(row), **periods, "abandoned": bool(row["abandoned"])})


def _milliseconds(period: timedelta | None) -> int | None:
    return None if period is None else round(period.total_seconds() * 1000)


def _sql(name: str) -> str:
    return statements("retention")[name]
