"""Whether an agent remembers at all: one that does not remember cannot leak, and is of no use.

A graph does not remember if nothing of its turns is stored. An application does not remember if in the
second turn neither its model, its nodes nor its reply contain the word of the first. If none of that can be
observed, the check is not conclusive.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from threads.isolation.callbacks import INPUT_SURFACES, AuditCallbackHandler
from threads.isolation.diagnosis import live_instances
from threads.isolation.driver import REPLY, TurnResult
from threads.isolation.object_graph import find_reference
from threads.isolation.observations import Observations
from threads.isolation.scenario import Step, Verb
from threads.isolation.simulation import Simulation

MEMORY_STEPS = (Step(Verb.TELL, 0), Step(Verb.ASK, 0))


@dataclass(frozen=True)
class MemoryCheck:
    """The result of two turns of one user; `mistake` is a code, or None if the agent remembers."""

    turns: tuple[TurnResult, ...]
    mistake: str | None = None
    is_conclusive: bool = True
    """Whether anything was observed that shows whether the agent remembers."""


class _SaverRecorder(AuditCallbackHandler):
    """Records the checkpointers that exist while a turn is running."""

    def __init__(self, recorded: list[list[Any]], *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._recorded = recorded

    def _on_start(self, name: str, surface: str, inputs: Any) -> None:
        self._recorded.append(live_instances(BaseCheckpointSaver))
        super()._on_start(name, surface, inputs)


def check_memory(simulation: Simulation) -> MemoryCheck:
    """Send a word and ask for it, in a simulation without steps, and return what that shows."""
    simulation.perform(MEMORY_STEPS[0])
    first = simulation.turns[-1][1]
    simulation.driver.observations = Observations()
    simulation.perform(MEMORY_STEPS[1])
    second = simulation.turns[-1][1]
    turns = (first, second)
    if first.error or second.error:
        return MemoryCheck(turns)
    if simulation.driver.graph is not None:
        return MemoryCheck(turns, _find_graph_mistake(simulation))
    [word] = [each for each in simulation.allowed_words[0] if each in first.text]
    if simulation.observations.contains(0, word, (REPLY, *INPUT_SURFACES)):
        return MemoryCheck(turns)
    if not second.started:
        return MemoryCheck(turns, is_conclusive=False)
    return MemoryCheck(turns, _find_application_mistake(simulation))


def _find_graph_mistake(simulation: Simulation) -> str | None:
    graph = simulation.driver.graph
    if not graph.checkpointer:
        return "no-checkpointer"
    return None if graph.get_state(simulation.participants[0].config).values else "forgets"


def _find_application_mistake(simulation: Simulation) -> str:
    """Run another turn and look for checkpointers that exist only during it."""
    during: list[list[Any]] = []
    before = live_instances(BaseCheckpointSaver)
    simulation.driver.handler_factory = partial(_SaverRecorder, during)
    simulation.perform(MEMORY_STEPS[1])
    if any(saver not in before for savers in during for saver in savers):
        return "saver-per-call"
    made = simulation.setup.target.value
    has_saver = find_reference(made, lambda value: isinstance(value, BaseCheckpointSaver))
    return "forgets" if has_saver else "no-checkpointer"
