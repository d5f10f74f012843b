"""Rules for threads that grow old: checked, stored, and which threads each of them means.

A thread is taken by one rule only: the gravest action first. Pinned threads, and those that a rule says
to `keep`, are taken by none.
"""

from __future__ import annotations

import builtins
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any, get_args

from threads import ids
from threads.db.queries import statements, to_json
from threads.errors import InvalidValue
from threads.models import Action, Rule
from threads.store import threads as thread_table
from threads.store import validation

GRAVITY: tuple[Action, ...] = ("keep", "delete", "trash", "archive", "prune")
SPANS = ("inactive", "age", "trashed")
LONGEST_SPAN = timedelta(days=36_500)


def checked_rule(rule: Rule) -> Rule:
    """The rule as it is stored, if it can be; `InvalidValue`.

    All but `keep` need a length of time, so that none takes all there is.
    """
    name = validation.checked_name("name", rule.name)
    if name is None:
        raise InvalidValue("name", "it is needed")
    if rule.action not in get_args(Action):
        raise InvalidValue("action", f"{rule.action!r} is none of {', '.join(get_args(Action))}")
    for field in SPANS:
        span = getattr(rule, field)
        if span is not None and not (isinstance(span, timedelta) and timedelta(0) <= span <= LONGEST_SPAN):
            raise InvalidValue(field, f"a timedelta of up to 100 years is needed, not {span!r}")
    if rule.action != "keep" and all(getattr(rule, field) is None for field in SPANS):
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


def rules(connection: sqlite3.Connection) -> list[Rule]:
    """The stored rules by name."""
    return [_rule_of(row) for row in connection.execute(_sql("rules"))]


def set_rule(connection: sqlite3.Connection, rule: Rule) -> None:
    """Store a rule; one of the same name is replaced. `ThreadNotFound`."""
    if rule.thread_id is not None:
        thread_table.get(connection, rule.thread_id)
    stored = asdict(rule) | {"abandoned": int(rule.abandoned)}
    connection.execute(
        _sql("set_rule"), stored | {field: _milliseconds(getattr(rule, field)) for field in SPANS}
    )


def remove_rule(connection: sqlite3.Connection, name: str) -> bool:
    """Drop a rule; whether it was there."""
    return connection.execute(_sql("remove_rule"), {"name": name}).rowcount > 0


def due(
    connection: sqlite3.Connection, now: int, among: Sequence[str] | None = None
) -> Iterator[tuple[Rule, list[str]]]:
    """The rules that have something to do, and the threads that each of them takes; `among` these alone."""
    taken: set[str] = set()
    for rule in sorted(rules(connection), key=lambda rule: GRAVITY.index(rule.action)):
        found = [id for id in _fitting(connection, rule, now, among) if id not in taken]
        taken.update(found)
        if found and rule.action != "keep":
            yield rule, found


def still_due(connection: sqlite3.Connection, rule: Rule, now: int, found: Sequence[str]) -> list[str]:
    """Those of the threads that were found which the rule takes now: much may have happened since."""
    return next((ids for each, ids in due(connection, now, found) if each == rule), [])


def _fitting(connection: sqlite3.Connection, rule: Rule, now: int, among: Sequence[str] | None) -> list[str]:
    values: dict[str, Any] = {"now": now}
    names = [] if rule.action == "keep" else ["rule_for_all", f"undone_{rule.action}"]
    if among is not None:
        names.append("rule_among")
        values["among"] = to_json(list(among))
    for field in ("thread_id", "tag", "agent_id", "owner", *SPANS):
        value = getattr(rule, field)
        if value is not None:
            names.append(f"rule_{field}")
            values[field] = _milliseconds(value) if field in SPANS else value
    if rule.abandoned:
        names.append("rule_abandoned")
    where = " AND ".join(f"({_sql(name)})" for name in names) or "1"
    return [row[0] for row in connection.execute(_sql("fits_rule").format(where=where), values)]


def _rule_of(row: sqlite3.Row) -> Rule:
    spans = {field: None if row[field] is None else timedelta(milliseconds=row[field]) for field in SPANS}
    return Rule(**{**dict(row), **spans, "abandoned": bool(row["abandoned"])})


def _milliseconds(span: timedelta | None) -> int | None:
    return None if span is None else round(span.total_seconds() * 1000)


def _sql(name: str) -> str:
    return statements("organise")[name]


class RetentionRules:
    """The retention rules and what is due by them, within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def list(self) -> builtins.list[Rule]:
        """The rules by name."""
        return rules(self._connection)

    def set(self, rule: Rule) -> None:
        """Store a checked rule; one of the same name is replaced. Raises `ThreadNotFound`."""
        set_rule(self._connection, rule)

    def remove(self, name: str) -> bool:
        """Delete a rule; whether it existed."""
        return remove_rule(self._connection, name)

    def list_due(self, now: int) -> builtins.list[tuple[Rule, builtins.list[str]]]:
        """The rules that apply to threads now, each with their ids."""
        return [*due(self._connection, now)]

    def recheck(self, rule: Rule, now: int, thread_ids: Sequence[str]) -> builtins.list[str]:
        """Those of these threads to which the rule still applies."""
        return still_due(self._connection, rule, now, thread_ids)
