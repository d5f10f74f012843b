"""`open`: where database, memory and registry meet.

`Registry` is what a user holds. It hands the memory's decoder to the registry's projections, and
loads the memory (LangGraph, most of a second) only when someone speaks in a thread or a row is
stale: a list of rows that are up to date is plain SQL.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from threads.db.migrations import Progress
from threads.db.open import open_database
from threads.registry.comparison import Comparing
from threads.registry.context import Clock
from threads.registry.creation import Beginning
from threads.registry.retention import Keeping
from threads.registry.runs import Following
from threads.registry.stats import Measuring
from threads.registry.undo import Undoing
from threads.registry.users import Admitting


def open(
    where: str | os.PathLike[str],
    *,
    read_only: bool = False,
    types: Iterable[type | tuple[str, str]] = (),
    reducer: Callable[[list[Any], list[Any]], list[Any]] | None = None,
    clock: Clock = lambda: datetime.now(UTC),
    progress: Progress | None = None,
) -> Registry:
    """An open registry; close it by `with`, `async with` or `.close()`.

    `where` is a path, `":memory:"` or `sqlite:///file.db`. A file is created, migrated, or adopted
    if a stock saver made it; `read_only` touches nothing. `types` are your own classes that graph
    states hold, for the strict allow-list of stored values. `reducer` is that of a `DeltaChannel`
    called `messages` which is not our agents'; without it such messages are unknown. `clock` gives
    the time of what is done by hand. `progress(what, done, total)` is told how long work goes on.

    Raises a `DatabaseError` that names file and remedy; the file is untouched then.
    """
    database = open_database(where, read_only=read_only, progress=progress)
    return Registry(database, types=tuple(types), reducer=reducer, clock=clock, progress=progress)


class Registry(Following, Undoing, Comparing, Keeping, Measuring, Admitting, Beginning):
    """The threads of one database, and the memory of the agents that speak in them.

    Usable from any thread and event loop. A `ThreadStore`, and more.
    """
