"""Random turns and branch operations on random graphs give what a plain list of turns gives."""

from typing import Any

import pytest
from conversation_shapes import REDUCERS, SHAPES
from faults import LONG
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from langgraph.graph.message import _messages_delta_reducer
from turn_machine import Operations, TurnMachine, World

import threads

HISTORIES = 50_000 if LONG else 2_000
"""Of all shapes, about 15 ms each."""
STEPS = 8
FAULTY_HISTORIES = 400
"""Within how many histories a planted fault is found."""


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db", reducer=_messages_delta_reducer) as registry:
        yield registry


def run_machine(registry, operations, histories, *phases, shapes=SHAPES):
    world = World(registry, operations, shapes)
    try:
        run_state_machine_as_test(
            lambda: TurnMachine(world),
            settings=settings(
                max_examples=histories, stateful_step_count=STEPS, deadline=None, phases=phases,
                suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip
    finally:
        world.close()


@pytest.mark.slow
@pytest.mark.parametrize("reducer", REDUCERS)
def test_branch_operations_agree_with_a_list_of_turns(registry, reducer):
    shapes = {name: shape for name, shape in SHAPES.items() if shape.reducer == reducer}
    run_machine(registry, Operations, HISTORIES * len(shapes) // len(SHAPES), *Phase, shapes=shapes)
    assert registry.verify() == []


class UndoesTwo(Operations):
    def undo(self, id: str) -> threads.Message:
        undone = super().undo(id)
        if any(message.role == "user" for message in self.registry.messages(id)):
            super().undo(id)
        return undone


class RegeneratesOneBefore(Operations):
    def regenerate(self, id: str, message_id: str | None) -> Any:
        return super().regenerate(id, self.neighbour(id, message_id, "assistant", -1))


class EditsNext(Operations):
    def edit(self, id: str, message_id: str, text: str) -> Any:
        return super().edit(id, self.neighbour(id, message_id, "user", 1) or message_id, text)


class ForksAtNext(Operations):
    def fork(self, id: str, at: str | None, new_id: str) -> threads.Thread:
        return super().fork(id, at and self.neighbour(id, at, None, 1), new_id)


class RewindsToOneBefore(Operations):
    def rewind(self, id: str, to: str) -> threads.Thread:
        return super().rewind(id, self.neighbour(id, to, None, -1) or to)


class RetriesOnceMore(Operations):
    def retry(self, id: str) -> Any:
        super().retry(id).result(20)
        return self.runner.regenerate(id)


class ResumesTheTurnBefore(Operations):
    def resume(self, id: str, value: str) -> Any:
        super().resume(id, value).result(20)
        self.registry.undo(id)
        return self.runner.run(self.registry.runs(id)[0].id)


@pytest.mark.slow
@pytest.mark.parametrize("operations", Operations.__subclasses__())
def test_machine_finds_an_operation_that_is_off_by_one(registry, operations):
    with pytest.raises((AssertionError, threads.MessageNotFound)):
        run_machine(registry, operations, FAULTY_HISTORIES, Phase.generate)
