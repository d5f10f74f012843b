"""Turns at once in this process: who stored what last, and who was refused and may store nothing more.

All graphs of one run of LangGraph, subgraphs too, share one `RunControl`: by it a turn is told apart
also where its checkpoint ids cannot tell (with durability "exit" those that subgraphs run under are
never stored). What is remembered here only ever permits something, or forbids it to a turn of this
process; what other processes store is told by the database.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, NamedTuple

from langchain_core.runnables import RunnableConfig

from threads.checkpoint.conflicts import RUNTIME
from threads.checkpoint.recent_checkpoints import Place

MOST = 10_000
"""Things that are remembered; a turn asks for the last few of its own."""


def who(config: RunnableConfig) -> object | None:
    """The turn that this config belongs to; None outside LangGraph's runs."""
    return getattr(config["configurable"].get(RUNTIME), "control", None)


class Stored(NamedTuple):
    """A subgraph's checkpoint that a turn stored."""

    by: object
    root: str
    """The root's checkpoint whose step it ran in."""


class Rivals:
    """What turns stored in places that others write to as well; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stored: OrderedDict[Place, Stored] = OrderedDict()
        self._refused: OrderedDict[tuple[str, int], object] = OrderedDict()

    def begins(self, thread_id: str, config: RunnableConfig) -> None:
        """A turn reads the head: whatever ran with this control before is over."""
        if self._refused and (turn := who(config)) is not None:
            with self._lock:
                self._refused.pop((thread_id, id(turn)), None)

    def refuse(self, thread_id: str, config: RunnableConfig) -> None:
        """This turn stores nothing more in the thread."""
        if (turn := who(config)) is not None:
            self._keep(self._refused, (thread_id, id(turn)), turn)  # kept, so that no other gets its id

    def is_refused(self, thread_id: str, config: RunnableConfig) -> bool:
        """Whether this turn was refused in the thread."""
        return bool(self._refused) and (thread_id, id(who(config))) in self._refused

    def stores(self, place: Place, root: str, config: RunnableConfig) -> None:
        """A subgraph's checkpoint is about to be stored by this turn."""
        if (turn := who(config)) is not None:
            self._keep(self._stored, place, Stored(turn, root))

    def stored(self, place: Place, config: RunnableConfig) -> Stored | None:
        """A subgraph's checkpoint, if this turn stored it."""
        stored = self._stored.get(place)
        return stored if stored is not None and stored.by is who(config) else None

    def spaces(self, thread_id: str, config: RunnableConfig) -> set[str]:
        """The namespaces of the thread in which this turn stored something."""
        turn = who(config)
        with self._lock:
            return {at[1] for at, stored in self._stored.items() if at[0] == thread_id and stored.by is turn}

    def _keep(self, things: OrderedDict[Any, Any], key: Any, value: object) -> None:
        with self._lock:
            things[key] = value
            if len(things) > MOST:
                things.popitem(last=False)
