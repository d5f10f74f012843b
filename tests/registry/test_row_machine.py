"""Rows of messages equal a plain decoding of the head after any history."""

import multiprocessing
import os
import random
import sqlite3
from pathlib import Path

import pytest
from faults import LONG
from graphs import config, said
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test
from row_machine import RowMachine, World, compare

import threads
from agent import build_agent
from threads.checkpoint import transcript
from threads.registry import head_view
from threads.store.messages import MessageTable
from threads.store.projection import StoredRows

HISTORIES = 20_000 if LONG else 300
"""About 20 ms each."""
STEPS = 10
FAULTY_HISTORIES = 1_500
"""Within how many histories a planted fault is found."""
KILLS = 40 if LONG else 3
EXPLAINED = ("unanswered", "unreadable")
"""What `verify` may report of these histories: no inconsistency of ours."""


def run_machine(path, histories, *phases):
    world = World(path)
    try:
        run_state_machine_as_test(
            lambda: RowMachine(world),
            settings=settings(
                max_examples=histories, stateful_step_count=STEPS, deadline=None, phases=phases,
                report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip
        return {problem.kind for problem in world.registry.verify()} - {*EXPLAINED}
    finally:
        world.close()


@pytest.mark.slow
def test_rows_equal_a_decoding_of_the_head(tmp_path):
    assert "wrong_messages" not in run_machine(tmp_path / "threads.db", HISTORIES, *Phase)


def keep_one_more(monkeypatch):
    count_at = StoredRows.count_at
    monkeypatch.setattr(
        StoredRows, "count_at", lambda rows, id: min((count_at(rows, id) or -1) + 1, rows.count) or None
    )


def believe_all_digests(monkeypatch):
    digests_of = transcript.digests_of

    class Any(int):
        __eq__ = lambda self, other: True  # noqa: E731
        __ne__ = lambda self, other: False  # noqa: E731
        __hash__ = int.__hash__

    monkeypatch.setattr(transcript, "digests_of", lambda stored, kept: (Any(0), digests_of(stored, kept)[1]))


def believe_all_is_appended(monkeypatch):
    monkeypatch.setattr(transcript, "is_concatenation", lambda state, updates: True)


def lose_versions(monkeypatch):
    find_versions = head_view.find_versions
    monkeypatch.setattr(
        head_view, "find_versions", lambda ours, branches, tip: find_versions(ours, branches[1:], tip)
    )


def truncate_one_less(monkeypatch):
    truncate = MessageTable.truncate
    monkeypatch.setattr(
        MessageTable, "truncate", lambda table, start, position: truncate(table, start + 1, position)
    )


FAULTS = (keep_one_more, believe_all_digests, believe_all_is_appended, lose_versions, truncate_one_less)


@pytest.mark.slow
@pytest.mark.parametrize("plant", FAULTS)
def test_machine_finds_a_fault_in_the_rows(tmp_path, monkeypatch, plant):
    plant(monkeypatch)
    with pytest.raises(
        (AssertionError, IndexError, ValueError, threads.DatabaseError, sqlite3.IntegrityError, Flaky)
    ):
        run_machine(tmp_path / "threads.db", FAULTY_HISTORIES, Phase.generate)


def talk_until_killed(path: Path, seed: int) -> None:
    """Turns, undos and reads, until this process is killed."""
    choose = random.Random(seed)
    registry = threads.open(path)
    graph = build_agent(checkpointer=registry.checkpointer)
    for number in range(10**6):
        id = choose.choice("ab")
        graph.invoke(said(f"message {number} of {seed}"), config(id), durability="sync")
        if choose.random() < 0.3:
            registry.undo(id)
        if choose.random() < 0.8:
            registry.messages(id, limit=3)
        if number == 3:
            (path.parent / f"begun {seed}").touch()


@pytest.mark.crash
@pytest.mark.slow
def test_rows_equal_a_decoding_after_kills(tmp_path):
    path, choose = tmp_path / "threads.db", random.Random(14)
    for seed in range(KILLS):
        process = multiprocessing.get_context("spawn").Process(target=talk_until_killed, args=(path, seed))
        process.start()
        begun = tmp_path / f"begun {seed}"
        while not begun.exists():
            process.join(0.01)
            assert process.exitcode is None
        process.join(choose.random() / 2)
        os.kill(process.pid, 9)
        process.join()
        with threads.open(path) as registry:
            assert registry.verify() == []
            for id in "ab":
                compare(registry, id)
