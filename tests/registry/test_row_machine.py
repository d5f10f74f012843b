"""Rows of messages equal a plain decoding of the head after any history."""

import pytest
from faults import LONG
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from row_machine import RowMachine, World

HISTORIES = 20_000 if LONG else 300
STEPS = 10


def run_machine(path, histories, *phases):
    world = World(path)
    try:
        run_state_machine_as_test(
            lambda: RowMachine(world),
            settings=settings(
                max_examples=histories, stateful_step_count=STEPS, deadline=None, phases=phases, report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip
        assert world.registry.verify() == []
    finally:
        world.close()


@pytest.mark.slow
def test_rows_equal_a_decoding_of_the_head(tmp_path):
    run_machine(tmp_path / "threads.db", HISTORIES, *Phase)
