"""Where a message came in is found by its row, as a comparison of all conversations of its branch finds it."""

from __future__ import annotations

from typing import Any

import pytest
from faults import LONG
from graphs import config, plain_graph, said
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from langgraph.graph.message import _messages_delta_reducer
from turn_machine import Operations, TurnMachine, World

import threads
from agent import build_agent
from threads.checkpoint.branch_steps import find_question, trace_branch
from threads.checkpoint.stored_origins import MessageOrigins
from threads.registry.head_view import HeadView

HISTORIES = 10_000 if LONG else 200
QUESTIONS = ("first_checkpoint", "is_by_node", "input_checkpoint", "base")


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db", reducer=_messages_delta_reducer) as registry:
        yield registry


def answer(origins: Any, question: str, position: int) -> Any:
    try:
        return getattr(origins, question)(position)
    except threads.MessageNotFound as error:
        return str(error)


def compare(registry: threads.Registry, id: str) -> tuple[int, int]:
    """Compare all answers about a thread's messages; return how many were asked, and how many rows gave."""
    context = registry._context
    with context.store.read() as tx:
        thread = tx.threads.get(id)
        head = HeadView(context, tx, thread)
        at = (context.decoder, tx.connection, id, thread.head_id)
        trace = trace_branch(*at)
        messages = head.read(0, len(head))
        decoded = context.decoder.messages(*at[1:]) if thread.head_id else []
        assert [each.id for each in messages] == [each.id for each in decoded]
        assert [each.content for each in messages] == [each.content for each in decoded]
        asked = by_rows = 0
        for position in range(len(head)):
            for question in QUESTIONS:
                origins = MessageOrigins(*at, head)
                assert answer(origins, question, position) == answer(trace, question, position), question
                asked, by_rows = asked + 1, by_rows + (origins.trace is None)
        try:
            expected = find_question(trace, messages)
        except threads.MessageNotFound:
            return asked, by_rows
        assert MessageOrigins(*at, head).find_question(len(head)) == expected
    return asked, by_rows


@pytest.mark.slow
def test_rows_and_conversations_give_the_same_origins(registry):
    counts = []

    class Compared(TurnMachine):
        def show(self, *args: Any) -> None:
            super().show(*args)
            counts.append(compare(self.registry, self.id))

    world = World(registry, Operations)
    try:
        run_state_machine_as_test(
            lambda: Compared(world),
            settings=settings(
                max_examples=HISTORIES, stateful_step_count=8, deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip
    finally:
        world.close()
    asked, by_rows = (sum(each) for each in zip(*counts, strict=True))
    assert by_rows > asked / 2


GRAPHS = {"plain": plain_graph, "agent": lambda saver: build_agent(checkpointer=saver)}


@pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)
def test_rows_know_the_origins_of_turns_edits_and_regenerations(registry, build):
    graph = build(registry.checkpointer)
    for number in "123":
        graph.invoke(said(f"q{number}"), config("a"))
    assert len(set(compare(registry, "a"))) == 1
    with threads.Runner(registry, build(None)) as runner:
        for number in "45":
            runner.start("a", f"q{number}").result(20)
        runner.edit("a", registry.messages("a")[-2].id, "Q5").result(20)
        assert len(set(compare(registry, "a"))) == 1
        runner.regenerate("a").result(20)
        assert len(set(compare(registry, "a"))) == 1
        registry.undo("a")
        assert len(set(compare(registry, "a"))) == 1
        runner.start("a", "q6").result(20)
        assert len(set(compare(registry, "a"))) == 1
        registry.rewind("a", to=registry.messages("a")[3].id)
        assert len(set(compare(registry, "a"))) == 1
