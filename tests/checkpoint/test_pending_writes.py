"""Results that wait for their checkpoint: stored once, with it, however long its commit takes."""

import asyncio
import logging
import threading
import time
from contextlib import closing, contextmanager

import pytest
from faults import foreign_lock
from graphs import Plain, config, plain_graph, said, stock_saver
from langchain_core.messages import AIMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from run_helpers import until

import threads
from agent import build_agent
from threads.delays import PENDING_WRITES


@contextmanager
def counted(registry):
    """How often each row of `writes` is stored by this registry, by its key."""
    stored = []
    writer = registry._database._writer
    with writer._lock:
        writer._connection.create_function("note_stored", 1, stored.append)
        for name in ("INSERT", "UPDATE"):
            writer._connection.execute(
                f"CREATE TEMP TRIGGER note_{name} BEFORE {name} ON main.writes BEGIN SELECT note_stored("
                "NEW.thread_id || NEW.checkpoint_id || NEW.task_id || NEW.idx || NEW.channel); END"
            )
    yield stored


def held_back(path, work):
    """Do `work`, with its commits held back by another program for a while after each began to wait."""
    done = threading.Event()

    def hold():
        while not done.is_set():
            with foreign_lock(path):
                done.wait(PENDING_WRITES * 4)
            done.wait(PENDING_WRITES / 4)

    holding = threading.Thread(target=hold)
    holding.start()
    try:
        work()
    finally:
        done.set()
        holding.join()


GRAPHS = {"add_messages": plain_graph, "delta": lambda saver: build_agent(checkpointer=saver)}


def run(registry, build):
    with threads.Runner(registry, build(None)) as runner:
        for number in range(3):
            runner.start("a", f"turn {number}", if_not_exists="create").result(60)


WAYS = {
    "invoke": lambda registry, build: [
        build(registry.checkpointer).invoke(said(f"turn {number}"), config("a")) for number in range(3)
    ],
    "ainvoke": lambda registry, build: [
        asyncio.run(build(registry.checkpointer).ainvoke(said(f"turn {number}"), config("a")))
        for number in range(3)
    ],
    "run": run,
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("graph", GRAPHS)
def test_results_are_stored_once_and_silently_where_a_commit_takes_long(tmp_path, way, graph, caplog):
    path = tmp_path / "t.db"
    with threads.open(path) as registry, counted(registry) as stored, caplog.at_level(logging.INFO):
        held_back(path, lambda: WAYS[way](registry, GRAPHS[graph]))
        registry.checkpointer.flush()
        assert len(registry.messages("a")) == 6
        assert registry.verify() == []
    assert len(stored) > 3
    assert sorted(stored) == sorted(set(stored))
    assert [record.getMessage() for record in caplog.records if record.name.startswith("threads")] == []


def test_results_beside_a_question_are_stored_once(tmp_path):
    builder = StateGraph(Plain)
    builder.add_node("tells", lambda state: {"messages": [AIMessage("told")]})
    builder.add_node("asks", lambda state: {"messages": [AIMessage(interrupt("sure?"))]})
    for node in ("tells", "asks"):
        builder.add_edge(START, node)
        builder.add_edge(node, END)
    with threads.open(tmp_path / "t.db") as registry, counted(registry) as stored:
        builder.compile(checkpointer=registry.checkpointer).invoke(said("hello"), config("a"))
        until(lambda: not registry.checkpointer._pending._buffered)
        assert [question.value for question in registry.interrupts("a")] == ["sure?"]
    assert len(stored) > 2
    assert sorted(stored) == sorted(set(stored))


def test_results_that_come_just_before_closing_are_stored(tmp_path):
    """The timer waits for the first of them at that time, and does not store the others."""
    path, count = tmp_path / "threads.db", 0
    with threads.open(path) as registry:
        plain_graph(registry.checkpointer).invoke(said("hi"), config("a"))
        head = registry.checkpointer.get_tuple(config("a")).config
        begun = time.monotonic()
        while time.monotonic() - begun < 3 * PENDING_WRITES:
            registry.checkpointer.put_writes(head, [("messages", f"word {count}")], f"task {count}")
            count += 1
        registry.checkpointer.close()
    with closing(stock_saver(path).conn) as connection:
        pending = SqliteSaver(connection).get_tuple(config("a")).pending_writes
    assert {value for _, _, value in pending} == {f"word {number}" for number in range(count)}
