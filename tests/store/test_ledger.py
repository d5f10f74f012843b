"""Nothing registers a thread: whoever stores a checkpoint, the list knows at once."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from graphs import (
    AIMessage,
    Plain,
    asking_graph,
    compiled,
    config,
    counter_graph,
    failing_graph,
    in_stock_process,
    plain_graph,
    said,
    stock_saver,
    three_turns,
)
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command

import threads
from agent import build_agent

MANY = 1600
"""More threads than a filter may leave for them to be looked up one by one."""


@pytest.fixture(params=["file", "memory"])
def registry(request: pytest.FixtureRequest, tmp_path: Path):
    where = tmp_path / "threads.db" if request.param == "file" else ":memory:"
    with threads.open(where) as opened:
        yield opened


@pytest.fixture(params=[plain_graph, lambda saver: build_agent(checkpointer=saver)], ids=["plain", "ours"])
def graph(request: pytest.FixtureRequest, registry: threads.Registry) -> Any:
    return request.param(registry.checkpointer)


def row(registry: threads.Registry, thread_id: str = "a") -> tuple[Any, ...]:
    thread = next(thread for thread in registry.list() if thread.id == thread_id)
    return thread.title, thread.message_count, thread.status


def test_after_invoke(registry, graph):
    graph.invoke(said("Hello there"), config("a"))
    assert row(registry) == ("Hello there", 2, "idle")


def test_after_ainvoke(registry, graph):
    asyncio.run(graph.ainvoke(said("Hello there"), config("a")))
    assert row(registry) == ("Hello there", 2, "idle")


def test_after_stream(registry, graph):
    assert list(graph.stream(said("Hello there"), config("a")))
    assert row(registry) == ("Hello there", 2, "idle")


def test_after_astream(registry, graph):
    async def run() -> list[Any]:
        return [part async for part in graph.astream(said("Hello there"), config("a"))]

    assert asyncio.run(run())
    assert row(registry) == ("Hello there", 2, "idle")


def test_after_update_state(registry, graph):
    graph.update_state(config("a"), {"messages": [AIMessage("from outside")]})
    assert registry.list()[0].message_count == 1
    graph.invoke(said("Hello there"), config("a"))
    graph.update_state(config("a"), {"messages": [AIMessage("and **again**")]})
    assert row(registry) == ("Hello there", 4, "idle")
    assert registry.list()[0].last_message == "and again"


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_in_every_durability(registry, graph, durability):
    for number in range(3):
        graph.invoke(said(f"Hello {number}"), config("a"), durability=durability)
    assert row(registry) == ("Hello 0", 6, "idle")
    assert registry.verify() == []


def test_from_two_event_loops_and_without_one(registry, graph):
    asyncio.run(graph.ainvoke(said("one"), config("a")))
    asyncio.run(graph.ainvoke(said("two"), config("a")))
    graph.invoke(said("three"), config("a"))
    assert row(registry) == ("one", 6, "idle")


def test_the_messages_are_those_of_get_state(registry, graph):
    three_turns(graph, "a")
    live = graph.get_state(config("a")).values["messages"]
    assert [(m.id, m.text) for m in registry.messages("a")] == [(m.id, m.text) for m in live]
    assert all(message.created_at is not None for message in registry.messages("a"))


def test_a_graph_without_messages_is_listed_too(registry):
    counter_graph(registry.checkpointer).invoke({"number": 1}, config("n"))
    assert row(registry, "n") == ("New conversation", 0, "idle")


@pytest.mark.slow
def test_a_second_process_with_the_stock_saver_only(tmp_path):
    path = tmp_path / "shared.db"
    with threads.open(path) as registry:
        plain_graph(registry.checkpointer).invoke(said("from here"), config("here"))
        in_stock_process(path, "graph.invoke(said('from there'), config('there'))")
        in_stock_process(path, "graph.invoke(said('more'), config('here'))")
        assert [(t.id, t.title, t.message_count) for t in registry.list()] == [
            ("here", "from here", 4),
            ("there", "from there", 2),
        ]
        assert registry.verify() == []


@pytest.mark.slow
def test_a_stock_delete_leaves_no_ghost_and_the_id_begins_anew(tmp_path):
    path = tmp_path / "shared.db"
    with threads.open(path) as registry:
        plain_graph(registry.checkpointer).invoke(said("old words"), config("a"))
        registry.update("a", title="By hand", tags=["x"], owner="alice")
        in_stock_process(path, "saver.delete_thread('a')")
        assert list(registry.list(archived=None, trashed=None)) == []
        in_stock_process(path, "graph.invoke(said('new words'), config('a'))")
        thread = registry.get("a")
        assert (thread.title, thread.tags, thread.owner, thread.message_count) == ("new words", (), None, 2)
        assert registry.verify() == []


def test_storing_a_checkpoint_again_does_not_make_it_the_head(registry, graph):
    three_turns(graph, "a")
    saver = registry.checkpointer
    old = list(saver.list(config("a")))[-1]
    put = {"configurable": {"thread_id": "a", "checkpoint_ns": "", "checkpoint_id": None}}
    saver.put(put, old.checkpoint, old.metadata, {})
    assert registry.get("a").message_count == 6
    assert len(graph.get_state(config("a")).values["messages"]) == 6


@pytest.mark.slow
def test_the_stock_savers_replace_does_not_make_it_the_head_either(tmp_path):
    path = tmp_path / "shared.db"
    with threads.open(path) as registry:
        three_turns(plain_graph(registry.checkpointer), "a")
        registry.update("a", title="By hand")
        in_stock_process(
            path,
            """
            old = list(saver.list(config("a")))[-1]
            saver.put({"configurable": {"thread_id": "a", "checkpoint_ns": ""}}, old.checkpoint, old.metadata, {})
            """,
        )
        assert (registry.get("a").message_count, registry.get("a").title) == (6, "By hand")
        assert registry.verify() == []


def test_the_head_is_what_was_written_last_whatever_the_clock_says(registry):
    """With the stock saver a turn whose ids are in the past is not in the thread (its head is the largest id)."""
    graph = plain_graph(registry.checkpointer)
    graph.invoke(said("one"), config("a"))
    saver = registry.checkpointer
    head = saver.get_tuple(config("a"))
    late = dict(head.checkpoint, id="00000000-0000-6000-8000-000000000000")
    saver.put(head.config, late, head.metadata, {})
    assert saver.get_tuple(config("a")).checkpoint["id"] == late["id"]
    assert next(saver.list(config("a"))).checkpoint["id"] == late["id"]


def test_a_question_to_a_person_shows_as_interrupted_until_it_is_answered(registry):
    graph = asking_graph(registry.checkpointer)
    graph.invoke(said("do it"), config("a"))
    assert row(registry) == ("do it", 1, "interrupted")
    assert len(registry.list(status="interrupted")) == 1
    graph.invoke(Command(resume="yes"), config("a"))
    assert row(registry) == ("do it", 2, "idle")


def test_a_failed_node_shows_as_error_until_a_turn_succeeds(registry):
    with pytest.raises(RuntimeError):
        failing_graph(registry.checkpointer).invoke(said("do it"), config("a"))
    assert row(registry) == ("do it", 1, "error")
    plain_graph(registry.checkpointer).invoke(said("again"), config("a"))
    assert registry.list()[0].status == "idle"


def test_a_run_in_flight_cannot_bring_a_deleted_thread_back(registry):
    graph = plain_graph(registry.checkpointer)
    graph.invoke(said("old words"), config("a"))

    def delete_then_answer(state):
        registry.delete("a")
        return {"messages": [AIMessage("too late")]}

    late = compiled(Plain, delete_then_answer, registry.checkpointer)
    with pytest.raises(threads.ThreadDeleted):
        late.invoke(said("late words"), config("a"))
    assert list(registry.list(archived=None, trashed=None)) == []
    assert registry.checkpointer.get_tuple(config("a")) is None
    graph.invoke(said("new words"), config("a"))
    assert registry.get("a").message_count == 2


def test_a_stock_run_in_flight_cannot_bring_it_back_either(tmp_path):
    path = tmp_path / "shared.db"
    with threads.open(path) as registry:
        plain_graph(registry.checkpointer).invoke(said("old words"), config("a"))
        saver = stock_saver(path)
        head = saver.get_tuple(config("a"))
        registry.delete("a")
        with pytest.raises(Exception, match="deleted"):
            saver.put(head.config, dict(head.checkpoint, id="1" + head.checkpoint["id"][1:]), {}, {})
        assert not saver.conn.in_transaction
        saver.conn.close()
        assert list(registry.list(trashed=None)) == []


def test_the_trash_refuses_reads_and_writes_until_restored(registry, graph):
    graph.invoke(said("Hello there"), config("a"))
    registry.trash("a")
    for refused in (
        lambda: graph.invoke(said("more"), config("a")),
        lambda: graph.get_state(config("a")),
        lambda: graph.update_state(config("a"), {"messages": [AIMessage("x")]}),
        lambda: registry.messages("a"),
        lambda: registry.history("a"),
        lambda: registry.fork("a"),
    ):
        with pytest.raises(threads.ThreadTrashed):
            refused()
    registry.restore("a")
    graph.invoke(said("more"), config("a"))
    assert row(registry) == ("Hello there", 4, "idle")


def test_what_a_user_owns_is_never_overwritten(registry, graph):
    registry.create(id="a", title="By hand", owner="alice", tags=["x"], metadata={"k": 1})
    graph.invoke(said("Hello there"), config("a"))
    thread = registry.get("a")
    assert (thread.title, thread.owner, thread.tags, dict(thread.metadata)) == (
        "By hand",
        "alice",
        ("x",),
        {"k": 1},
    )
    assert registry.update("a", title=None).title == "Hello there"


def test_the_agents_name_goes_with_the_thread(registry):
    build_agent(checkpointer=registry.checkpointer, name="tutor").invoke(said("Hello"), config("a"))
    assert registry.list(agent_id="tutor")[0].id == "a"
    build_agent(checkpointer=registry.checkpointer, name="other").invoke(said("Hello"), config("a"))
    assert registry.get("a").agent_id == "tutor"


def changed_id(path, thread_id, old, new):
    """Store a copy of a checkpoint under another id, as the last one that was written."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO checkpoints SELECT thread_id, checkpoint_ns, ?, checkpoint_id, type, checkpoint, metadata"
            " FROM checkpoints WHERE thread_id = ? AND checkpoint_id = ?",
            (new, thread_id, old),
        )


def test_after_the_head_is_deleted_the_one_written_before_it_is_the_head(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        three_turns(plain_graph(registry.checkpointer), "a")
        newest = registry.history("a")[0].id
    changed_id(path, "a", newest, "0-has-the-least-id")
    changed_id(path, "a", newest, "1-is-the-head")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM checkpoints WHERE checkpoint_id = '1-is-the-head'")
    with threads.open(path) as registry:
        assert registry.history("a")[0].id == "0-has-the-least-id"
        assert registry.verify() == []


def test_a_head_that_is_stored_again_with_other_messages_is_read_anew(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        plain_graph(registry.checkpointer).invoke(said("the first words"), config("a"))
        assert registry.list()[0].title == "the first words" and registry.search("first").total == 2
        with closing(stock_saver(path).conn) as connection:
            saver = SqliteSaver(connection)
            head = saver.get_tuple(config("a"))
            assert head is not None
            head.checkpoint["channel_values"]["messages"] = [HumanMessage("others instead", id="x")]
            saver.put(head.parent_config, head.checkpoint, head.metadata, {})
        [thread] = registry.list()
        assert (thread.title, thread.message_count) == ("others instead", 1)
        assert registry.search("instead").total == 1
        assert registry.search("first").total == 1  # the question, which its first checkpoint still holds


def test_a_stock_delete_takes_the_events_and_their_words_along(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry, threads.Runner(registry, plain_graph(None)) as runner:
        runner.start("a", "zanzibar", if_not_exists="create").result(30)
        runner.start("b", "stays", if_not_exists="create").result(30)
    saver = stock_saver(path)
    saver.delete_thread("a")
    with closing(saver.conn) as connection:
        assert {row[0] for row in connection.execute("SELECT DISTINCT thread_id FROM threads_event")} == {"b"}
    with threads.open(path) as registry:
        registry.compact()
    assert all(b"zanzibar" not in each.read_bytes() for each in path.parent.iterdir())


def test_since_lists_threads_that_were_written_while_the_clock_was_back(tmp_path):
    path = tmp_path / "threads.db"

    def set_time(moment):
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(
                "UPDATE threads_thread SET updated_at = ? WHERE thread_id = 'ahead'",
                (moment.timestamp() * 1000,),
            )

    with threads.open(path) as registry:
        graph, now = plain_graph(registry.checkpointer), datetime.now(UTC)
        for id in ("ahead", "back"):
            registry.create(id=id, tags=["x"])
        graph.invoke(said("hi"), config("ahead"))
        set_time(now + timedelta(days=1))
        graph.invoke(said("hi"), config("back"))
        set_time(now)
        for number in range(MANY):  # so many that the list is gone through, not looked up
            registry.create(id=f"n{number}", tags=["x"])
        graph.invoke(said("hi"), config("ahead"))
        hour_ago, found = now - timedelta(hours=1), set()
        for offset in (0, 1000):
            found |= {each.id for each in registry.list(tag="x", since=hour_ago, limit=1000, offset=offset)}
        assert len(found) == MANY + 2
