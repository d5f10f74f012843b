"""Whether an agent remembers at all: one that keeps nothing leaks nothing, and is of no use.

A graph forgets if nothing of its turns is stored. An application forgets if in the second turn neither
its model and nodes nor its reply have what was said in the first; where nothing of that can be seen, it is
not accused.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from threads.isolation.callbacks import HANDED, Watcher
from threads.isolation.diagnosis import savers_alive
from threads.isolation.driver import REPLY, Turn
from threads.isolation.object_graph import held
from threads.isolation.observations import Sightings
from threads.isolation.scenario import Step
from threads.isolation.simulation import World

STEPS = (Step("tell", 0), Step("ask", 0))


@dataclass(frozen=True)
class Remembering:
    """What two turns of one user showed; `mistake` is a code, or None where nothing is wrong."""

    turns: tuple[Turn, ...]
    mistake: str | None = None
    is_seen: bool = True
    """Whether it could be told at all."""


class _SaverWatcher(Watcher):
    """Notes the checkpointers that are there while a turn is under way."""

    def __init__(self, found: list[list[Any]], *given: Any, **rest: Any) -> None:
        super().__init__(*given, **rest)
        self._found = found

    def _begin(self, what: str, surface: str, handed: Any) -> None:
        self._found.append(savers_alive(BaseCheckpointSaver))
        super()._begin(what, surface, handed)


def remembering(world: World) -> Remembering:
    """What came of telling a word and asking for it, in a world in which nobody has spoken yet."""
    world.do(STEPS[0])
    first = world.turns[-1][1]
    world.voice.sightings = Sightings()
    world.do(STEPS[1])
    second = world.turns[-1][1]
    turns = (first, second)
    if first.error or second.error:
        return Remembering(turns)
    if world.voice.graph is not None:
        return Remembering(turns, _forgotten_by_graph(world))
    [word] = [each for each in world.allowed[0] if each in first.text]
    if world.sightings.has(0, word, (REPLY, *HANDED)):
        return Remembering(turns)
    if not second.began:
        return Remembering(turns, is_seen=False)
    return Remembering(turns, _forgotten_by_application(world))


def _forgotten_by_graph(world: World) -> str | None:
    graph = world.voice.graph
    if not graph.checkpointer:
        return "no-checkpointer"
    return None if graph.get_state(world.talks[0].config).values else "forgets"


def _forgotten_by_application(world: World) -> str:
    """Asks once more, and looks at the checkpointers that come and go."""
    found: list[list[Any]] = []
    before = savers_alive(BaseCheckpointSaver)
    world.voice.watch = partial(_SaverWatcher, found)
    world.do(STEPS[1])
    if any(saver not in before for savers in found for saver in savers):
        return "saver-per-call"
    made = world.stage.target.made
    has_one = held(made, lambda value: isinstance(value, BaseCheckpointSaver))
    return "forgets" if has_one else "no-checkpointer"
