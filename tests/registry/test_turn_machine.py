"""Random turns and branch operations on random graphs give what a plain list of turns gives."""

import pytest
from faults import LONG
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from turn_machine import Operations, TurnMachine, World

import threads

HISTORIES = 50_000 if LONG else 1_000
STEPS = 8


@pytest.fixture
def registry(tmp_path):
    from langgraph.graph.message import _messages_delta_reducer

    with threads.open(tmp_path / "threads.db", reducer=_messages_delta_reducer) as registry:
        yield registry


def run_machine(registry, operations=Operations, histories=HISTORIES):
    world = World(registry, operations)
    try:
        run_state_machine_as_test(
            lambda: TurnMachine(world),
            settings=settings(max_examples=histories, stateful_step_count=STEPS, deadline=None,
                              suppress_health_check=list(HealthCheck)),
        )  # fmt: skip
    finally:
        world.close()


def test_branch_operations_agree_with_a_list_of_turns(registry):
    run_machine(registry)
