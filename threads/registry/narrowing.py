"""Where a filter leaves few threads, they are looked up; where it leaves many, the list is gone through.

SQLite cannot know which of the two it is, so it is asked first: up to `FEW` rows are counted, which costs
next to nothing. Beyond that, every page fills soon on the way through the list.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from threads.database.statements import statements
from threads.registry.filters import Filters
from threads.registry.rows import json_of

FEW = 1500
IN_ORDER = ("owner", "agent_id", "status", "pinned", "archived", "trashed")
"""Filters whose indexes are in the order of activity."""
LONGEST_FACT = 200
"""Characters of a metadata value that is looked up."""


def narrowed(
    connection: sqlite3.Connection, filters: Filters, sort_by: str
) -> tuple[list[str], dict[str, Any], bool]:
    """More conditions that say the same, their values, and whether few threads are left to put in order."""
    for sub, values in _candidates(filters, by_activity=sort_by == "updated_at"):
        probe = statements("organise")["probe"].format(sub=sub)
        if connection.execute(probe, {**values, "few": FEW + 1}).fetchone()[0] <= FEW:
            return [f"position IN ({sub})"], values, True
    if sort_by == "updated_at":
        return _bounds(filters), {}, False
    return [], {}, False


def _candidates(filters: Filters, *, by_activity: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Queries for the positions that a filter leaves, those first that may leave the fewest."""
    sql, threads = statements("organise"), statements("threads")
    tags = (filters.tag,) if isinstance(filters.tag, str) else tuple(filters.tag or ())
    for tag in tags:
        yield sql["narrow_tag"], {"narrow_tag": tag.strip()}
    for key, value in (filters.metadata or {}).items():
        if isinstance(value, str | int) and len(str(value)) <= LONGEST_FACT:
            fact = value if isinstance(value, str) else json_of(value)
            yield sql["narrow_fact"], {"narrow_key": key, "narrow_value": fact}
    if filters.since is not None or filters.until is not None:
        asked = [name for name in ("since", "until") if getattr(filters, name) is not None]
        where = " AND ".join(threads[f"filter_{name}"] for name in asked)
        yield sql["narrow_time"].format(where=where), _values(filters, asked)
    for name in () if by_activity else IN_ORDER:
        if getattr(filters, name) not in (None, False, "idle"):
            [condition], values = Filters(
                **{"archived": None, "trashed": None, name: getattr(filters, name)}
            ).conditions()
            yield sql["narrow_other"].format(where=threads[condition]), values


def _values(filters: Filters, names: list[str]) -> dict[str, Any]:
    return {name: value for name, value in filters.conditions()[1].items() if name in names}


def _bounds(filters: Filters) -> list[str]:
    """Where in the order of activity the times asked for can be at all."""
    asked = [name for name in ("since", "until") if getattr(filters, name) is not None]
    return [statements("organise")[f"bound_{name}"] for name in asked]
