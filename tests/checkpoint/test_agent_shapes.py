"""Where flows meet that should not hinder each other, and files that are not what they seem."""

import asyncio
import multiprocessing
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from graphs import (
    AIMessage,
    Plain,
    chat_graph,
    compiled,
    config,
    plain_graph,
    said,
    stock_saver,
    three_turns,
    trimming_graph,
)
from langgraph.func import entrypoint

import threads


@pytest.fixture
def registry(tmp_path: Path):
    with threads.open(tmp_path / "threads.db") as opened:
        yield opened


def locked(registry) -> sqlite3.Connection:
    """Another process's write lock on the registry's file; it is waited for 50 ms only."""
    other = sqlite3.connect(registry._database.where, isolation_level=None, check_same_thread=False)
    registry._database._writer.patience = 50
    other.execute("BEGIN IMMEDIATE")
    return other


def test_a_turn_after_a_cancelled_one_begins_after_its_last_words(registry):
    """What the cancelled turn had handed over is stored, late; the next turn's reading waits for it."""
    graph = plain_graph(registry.checkpointer)

    async def trial() -> None:
        await graph.ainvoke(said("zero"), config("a"))
        other = sqlite3.connect(registry._database.where, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        cancelled = asyncio.create_task(graph.ainvoke(said("one"), config("a")))
        while not registry.checkpointer.is_writing("a"):
            await asyncio.sleep(0)
        cancelled.cancel()
        other.execute("ROLLBACK")
        other.close()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await graph.ainvoke(said("two"), config("a"))

    asyncio.run(trial())
    assert [m.text for m in registry.messages("a")] == ["zero", "re: zero", "one", "two", "re: two"]
    assert registry.verify() == []


def test_a_list_is_answered_while_somebody_else_writes(registry):
    plain_graph(registry.checkpointer).invoke(said("hello"), config("a"))
    other = locked(registry)
    assert registry.list()[0].title == "hello"
    assert registry.messages("a")[0].text == "hello"
    other.close()


def test_a_deleted_threads_last_words_are_not_stored_after_it(registry):
    def node(state):
        registry.delete("a")
        return {"messages": [AIMessage("the secret word")]}

    with pytest.raises(threads.ThreadDeleted):
        compiled(Plain, node, registry.checkpointer).invoke(said("hi"), config("a"), durability="sync")
    registry.checkpointer.flush()
    assert registry.verify() == []
    for beside in Path(registry._database.where).parent.iterdir():
        assert b"secret word" not in beside.read_bytes()


def test_an_unknown_checkpoint_is_said_to_be_unknown(registry):
    graph = plain_graph(registry.checkpointer)
    graph.invoke(said("hello"), config("a"))
    nowhere = {"configurable": {"thread_id": "a", "checkpoint_id": "1f000000-0000-6000-8000-000000000000"}}
    with pytest.raises(threads.CheckpointNotFound):
        graph.invoke(said("more"), nowhere)
    assert registry.get("a").message_count == 2


def test_a_pruned_thread_can_be_forked_into_an_id_that_was_deleted(registry):
    graph = plain_graph(registry.checkpointer)
    three_turns(graph, "a")
    three_turns(graph, "gone")
    registry.delete("gone")
    registry.prune(["a"])
    assert registry.fork("a", new_id="gone").message_count == 6
    registry.delete("gone")
    registry.checkpointer.copy_thread("a", "gone")
    assert registry.get("gone").message_count == 6
    assert registry.verify() == []


def test_a_fork_after_a_pruning_takes_a_subgraphs_memory_along(registry):
    inner = compiled(Plain, lambda s: {"messages": [("assistant", f"inner saw {len(s['messages'])}")]}, True)
    outer = compiled(Plain, inner, registry.checkpointer)
    for number in range(3):
        outer.invoke(said(f"turn {number}"), config("a"))
    forked = registry.fork("a")
    registry.prune(["a"])
    again = registry.fork("a")
    answers = [outer.invoke(said("on"), t.config)["messages"][-1].text for t in (forked, again)]
    assert answers[0] == answers[1]


def test_the_checkpointer_hides_what_is_in_the_trash(registry):
    graph = plain_graph(registry.checkpointer)
    for id in ("a", "b"):
        graph.invoke(said("hello"), config(id))
    registry.trash("a")
    saver = registry.checkpointer
    assert {t.config["configurable"]["thread_id"] for t in saver.list(None)} == {"b"}
    for refused in (
        lambda: list(graph.get_state_history(config("a"))),
        lambda: saver.copy_thread("a", "c"),
        lambda: saver.prune(["a"]),
        lambda: saver.get_delta_channel_history(config=config("a"), channels=["messages"]),
    ):
        with pytest.raises(threads.ThreadTrashed):
            refused()


def test_a_reducer_that_fails_makes_its_thread_unknown_and_no_other(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        three_turns(trimming_graph(registry.checkpointer), "bad")
        three_turns(plain_graph(registry.checkpointer), "good")

    def fails(state, writes):
        raise KeyError("mine")

    with threads.open(path, reducer=fails) as registry:
        assert {t.id: t.message_count for t in registry.list()} == {"bad": None, "good": 6}


def test_results_cannot_be_handed_to_a_registry_that_does_not_store(tmp_path):
    path = tmp_path / "threads.db"
    registry = threads.open(path)
    saver = registry.checkpointer
    plain_graph(saver).invoke(said("hello"), config("a"))
    head = saver.get_tuple(config("a")).config
    registry.close()
    with pytest.raises(threads.DatabaseError, match="closed"):
        saver.put_writes(head, [("messages", "lost")], "task")
    with pytest.raises(threads.DatabaseError, match="closed"):
        asyncio.run(saver.aget_tuple(config("a")))
    with threads.open(path, read_only=True) as looking, pytest.raises(threads.ReadOnly):
        looking.checkpointer.put_writes(head, [("messages", "lost")], "task")


def in_a_forked_child(registry, told) -> None:
    try:
        registry.list()
    except threads.DatabaseError as error:
        told.send(str(error))


@pytest.mark.parametrize("start", [m for m in multiprocessing.get_all_start_methods() if m == "fork"])
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_of_a_fork_is_told_to_open_the_file_itself(registry, start):
    here, there = multiprocessing.get_context(start).Pipe(duplex=False)
    child = multiprocessing.get_context(start).Process(target=in_a_forked_child, args=(registry, there))
    child.start()
    there.close()
    assert "forked" in here.recv()
    child.join()


FOREIGN = {
    "writes of another kind": "CREATE TABLE writes (id INTEGER)",
    "checkpoints of long ago": "CREATE TABLE checkpoints (thread_id TEXT, thread_ts TEXT)",
    "a view": "CREATE TABLE x (a); CREATE VIEW checkpoints AS SELECT a FROM x",
    "a table of our name": "CREATE TABLE threads_thread (body TEXT)",
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_strangers_tables_are_left_alone(tmp_path, kind):
    path = tmp_path / "app.db"
    connection = sqlite3.connect(path)
    connection.executescript(FOREIGN[kind])
    connection.close()
    before = path.read_bytes()
    for how in ({}, {"read_only": True}):
        with pytest.raises(threads.ForeignDatabase, match="file of their own"):
            threads.open(path, **how)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["app.db"]


def test_detach_takes_nothing_from_a_stranger(tmp_path):
    path = tmp_path / "app.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE threads_message_origin (body TEXT); INSERT INTO threads_message_origin VALUES ('post')"
    )
    with pytest.raises(threads.ForeignDatabase):
        threads.detach(path)
    assert connection.execute("SELECT body FROM threads_message_origin").fetchall() == [("post",)]
    connection.close()


def test_messages_kept_as_dicts_or_by_the_functional_api_are_told(registry):
    @entrypoint(checkpointer=registry.checkpointer)
    def chat(text: str, *, previous: list | None = None) -> list:
        return [*(previous or []), {"role": "user", "content": text}, AIMessage("yes")]

    chat.invoke("hello", config("f"))
    chat.invoke("again", config("f"))
    assert (registry.get("f").title, registry.get("f").message_count) == ("hello", 4)
    chat_graph(registry.checkpointer).invoke({"chat": [{"role": "user", "content": "hi"}]}, config("c"))
    assert registry.get("c").message_count == 2


def test_odd_rows_of_others_do_not_hide_the_rest(tmp_path):
    path = tmp_path / "stock.db"
    saver = stock_saver(path)
    three_turns(plain_graph(saver), "a")
    saver.conn.execute("UPDATE checkpoints SET metadata = '[1'")
    saver.conn.execute(
        "INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id) VALUES (x'ff00', '', 'c')"
    )
    saver.conn.commit()
    saver.conn.close()
    with threads.open(path) as registry:
        assert [(t.id, t.message_count) for t in registry.list()] == [("a", 6)]
        assert len(registry.history("a")) == 9


@pytest.mark.parametrize(
    "place", ['["updated_at","desc",1,99999999999999999999]', '["updated_at","desc","x",1]']
)
def test_a_cursor_that_no_list_gave_is_refused(registry, place):
    import base64

    with pytest.raises(threads.InvalidCursor):
        registry.list(cursor=base64.urlsafe_b64encode(place.encode()).decode())


def test_an_enormous_id_makes_no_enormous_message(registry):
    with pytest.raises(threads.ThreadNotFound) as caught:
        registry.get("x" * 1_000_000)
    assert len(str(caught.value)) < 1000


def test_of_several_backups_under_one_name_one_is_made_and_nothing_else_is_touched(tmp_path):
    (tmp_path / "copy.db.part").write_text("mine")
    with threads.open(tmp_path / "threads.db") as registry:
        plain_graph(registry.checkpointer).invoke(said("Hi"), config("a"))

        def attempt(_: int) -> str:
            try:
                return registry.backup(tmp_path / "copy.db").name
            except threads.UsageError as error:
                return "there already" if "is there already" in str(error) else str(error)

        with ThreadPoolExecutor(4) as pool:
            made = sorted(pool.map(attempt, range(4)))
    assert made == ["copy.db", *["there already"] * 3]
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy.db", "copy.db.part"]
    assert (tmp_path / "copy.db.part").read_text() == "mine"
    with threads.open(tmp_path / "copy.db") as copy:
        assert [m.text for m in copy.messages("a")] == ["Hi", "re: Hi"]
        assert copy.verify() == []
