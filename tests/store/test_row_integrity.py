"""Wrong rows of messages are found by `verify` and mended by `repair`, and a deletion takes them along."""

import multiprocessing
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from graphs import Plain, compiled, config, plain_graph, said, stock_saver, three_turns
from langchain_core.messages import RemoveMessage
from older_schema import take_back
from row_machine import compare

import threads
from agent import build_agent
from threads.db import migrations
from threads.db.queries import milliseconds

SAID, CALLED = b"xylophone", b"glockenspiel"
"""In the text of a message, which is searched, and in other parts of it."""
HARM = {
    "lost row": "DELETE FROM threads_message WHERE id = (SELECT max(id) FROM threads_message)",
    "gap": "DELETE FROM threads_message WHERE id = (SELECT min(id) + 2 FROM threads_message)",
    "lost first row": "DELETE FROM threads_message WHERE id = (SELECT min(id) FROM threads_message)",
    "no rows": "DELETE FROM threads_message",
    "row too many": "INSERT INTO threads_message (id, identity) SELECT max(id) + 1, 7 FROM threads_message",
    "content": 'UPDATE threads_message SET details = \'{"tool_call_id":"x"}\'',
    "no JSON": "UPDATE threads_message SET details = 'x'",
    "text of another message": "UPDATE threads_message SET text_id = (SELECT max(id) FROM threads_message)",
    "identity": "UPDATE threads_message SET identity = 7",
    "hash of an id": "UPDATE threads_message SET id_hash = 7",
    "digest": "UPDATE threads_message SET digest = 7",
    "branch too many": "INSERT INTO threads_branch SELECT position, 'x', 0, 0, x'' FROM threads_thread",
    "count of branches": "UPDATE threads_thread SET branch_count = 3",
}


@pytest.fixture
def path(tmp_path):
    """A file with three turns, one of which has two versions, that was read and closed."""
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        graph = plain_graph(registry.checkpointer)
        three_turns(graph, "a")
        registry.undo("a")
        graph.invoke(said("another end"), config("a"))
        assert registry.messages("a")[-2].version == 2
        assert registry.verify() == []
    return path


def execute(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_wrong_rows_are_found_and_mended(path, harm):
    execute(path, harm)
    with threads.open(path) as registry:
        assert [(each.kind, each.thread_id) for each in registry.verify()] == [("wrong_messages", "a")]
        assert [each.kind for each in registry.repair()] == ["wrong_messages"]
        assert registry.verify() == []
        assert len(compare(registry, "a")) == 6
        assert registry.verify() == []


def test_verify_takes_rows_of_pruned_steps_for_right(path):
    with threads.open(path) as registry:
        times = [each.created_at for each in registry.messages("a")]
        registry.prune()
        assert registry.verify() == []
        assert [each.created_at for each in registry.messages("a")] == times


def raw(path: Path) -> bytes:
    files = (path.with_name(path.name + end) for end in ("", "-wal", "-shm"))
    return b"".join(each.read_bytes() for each in files if each.exists())


def look_up(state: dict) -> dict:
    """A node that leaves text in tool calls and tool messages."""
    call = {"name": "look", "args": {"query": CALLED.decode()}, "id": CALLED.decode()}
    return {
        "messages": [
            {"role": "assistant", "content": "", "tool_calls": [call], "name": CALLED.decode()},
            {"role": "tool", "content": SAID.decode(), "tool_call_id": call["id"]},
        ]
    }


@pytest.mark.parametrize("how", ["delete", "trash and delete", "prune"])
def test_no_byte_of_deleted_rows_stays_in_the_file(tmp_path, how):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        graph = compiled(Plain, look_up, registry.checkpointer)
        graph.invoke(said("tell me"), config("a"))
        plain_graph(registry.checkpointer).invoke(said("stays"), config("b"))
        registry.list()
        ids = [each.id for each in registry.messages("a")]
        assert SAID in raw(path)
        assert CALLED in raw(path)
        if how == "prune":
            removals = [RemoveMessage(id) for id in ids[1:]]
            graph.update_state(config("a"), {"messages": removals}, as_node="model")
            assert len(registry.messages("a")) == 1
            registry.prune()
            registry.compact()
        else:
            if how == "trash and delete":
                registry.trash("a")
            registry.delete("a")
    assert CALLED not in raw(path)
    assert how == "prune" or SAID not in raw(
        path
    )  # a removed message stays in the index until it is rewritten


def test_deletion_by_another_program_takes_the_rows_along(path):
    saver = stock_saver(path)
    saver.delete_thread("a")
    saver.conn.close()
    with closing(sqlite3.connect(path)) as connection:
        for table in ("threads_message", "threads_branch"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0
    with threads.open(path) as registry:
        assert registry.verify() == []


def test_detach_leaves_a_file_as_the_stock_saver_knows_it(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrations.detach(connection)
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'threads%'")
        ]
    assert names == []
    with threads.open(path) as registry:  # and adopted again
        assert len(compare(registry, "a")) == 6
        assert registry.verify() == []


def test_backup_has_the_rows(path, tmp_path):
    with threads.open(path) as registry:
        registry.backup(tmp_path / "backup.db")
        messages = list(registry.messages("a"))
    with threads.open(tmp_path / "backup.db", read_only=True) as registry:
        assert list(registry.messages("a")) == messages
        assert registry.verify() == []


@pytest.mark.parametrize("version", [0, 3, None], ids=["no registry", "version 3", "this version"])
def test_read_only_answers_without_rows_and_stores_none(path, version):
    with threads.open(path) as registry:
        expected = list(registry.messages("a"))
        build_agent(checkpointer=registry.checkpointer).invoke(said("Hi"), config("stale"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if version == 0:
            migrations.detach(connection)
        elif version is not None:
            take_back(connection, version)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()
    with threads.open(path, read_only=True) as registry:
        found = list(registry.messages("a"))
        assert [each.text for each in found] == [each.text for each in expected]
        assert [each.versions for each in found] == [each.versions for each in expected]
        assert found[-2:] == expected[-2:]
        assert len(registry.messages("stale")) == 2
        assert registry.messages("a", limit=2).next_cursor == found[-2].id
        assert registry.verify() == []
    assert path.read_bytes() == before


def stock_file(path: Path, count: int) -> None:
    saver = stock_saver(path)
    graph = plain_graph(saver)
    for number in range(count):
        graph.invoke(said(f"message of {number}"), config(f"t{number}"))
    saver.conn.close()


def read_until_killed(path: Path, upto: int) -> None:
    """Begin to fill the rows of a file, and end without a word after `upto` threads."""

    def progress(what: str, done: int, total: int) -> None:
        if what == "reading messages" and done >= upto:
            os._exit(9)

    registry = threads.open(path, progress=progress)
    registry.search("message")
    os._exit(0)


@pytest.mark.crash
@pytest.mark.slow
def test_filling_of_rows_continues_after_a_kill(tmp_path):
    path = tmp_path / "stock.db"
    stock_file(path, 250)
    process = multiprocessing.get_context("spawn").Process(target=read_until_killed, args=(path, 100))
    process.start()
    process.join(120)
    assert process.exitcode == 9
    reports: list[tuple[str, int, int]] = []
    with threads.open(path, progress=lambda *report: reports.append(report)) as registry:
        with registry._context.store.read() as tx:
            assert tx.projections.count_stale() == 150
        registry.search("message")
        assert [report for report in reports if report[0] == "reading messages"][-1][1:] == (150, 150)
        assert registry.verify() == []
        assert len(compare(registry, "t249")) == 2


def open_and_read(path: Path, texts: list[str]) -> None:
    with threads.open(path) as registry:
        assert [each.text for each in registry.messages("a")] == texts


@pytest.mark.crash
@pytest.mark.slow
def test_two_processes_bring_an_older_file_up_to_date(path):
    with threads.open(path) as registry:
        texts = [each.text for each in registry.messages("a")]
    with closing(sqlite3.connect(path)) as connection:
        take_back(connection, 3)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=open_and_read, args=(path, texts)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    with threads.open(path) as registry:
        assert registry.verify() == []
        compare(registry, "a")


@pytest.mark.parametrize("read", ["list", "messages"])
def test_search_rows_have_the_times_of_their_messages(tmp_path, read):
    path = tmp_path / "threads.db"
    saver = stock_saver(path)
    three_turns(plain_graph(saver), "a")
    saver.conn.close()
    with threads.open(path) as registry:
        found = registry.messages("a") if read == "messages" else registry.list()
        assert len(found) > 0
        times = [milliseconds(each.created_at) for each in registry.messages("a")]
        registry.search("message")  # waits until all is stored
        with closing(sqlite3.connect(path)) as connection:
            query = "SELECT written_at FROM threads_message_text WHERE role <> 'title' ORDER BY id"
            assert [time for (time,) in connection.execute(query)] == times
