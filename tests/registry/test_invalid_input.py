"""Invalid ids, paths and files are refused with an error that names the cause, and nothing is changed."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from graphs import Plain, compiled, config, plain_graph, said, three_turns

import threads

MIXED_UP = [1, True, 1.5, 0, False, None]
REFUSED = ["", "a\nb", "a\0b", "\x1b[31m", "a\u2028b", "\ud800", "x" * 256]


@pytest.fixture
def registry(tmp_path: Path):
    with threads.open(tmp_path / "threads.db") as opened:
        yield opened


@pytest.mark.parametrize("id", MIXED_UP + REFUSED, ids=lambda id: repr(id)[:20])
def test_invalid_thread_id_is_refused_before_any_node_runs(registry, id):
    ran = []
    graph = compiled(Plain, lambda state: ran.append(state) or {"messages": []}, registry.checkpointer)
    with pytest.raises(threads.InvalidThreadId, match="cannot be used: it"):
        graph.invoke(said("x"), config(id))
    with pytest.raises(threads.InvalidThreadId):
        asyncio.run(graph.ainvoke(said("x"), config(id)))
    assert ran == []
    assert registry.list().total == 0


@pytest.mark.parametrize("id", [*MIXED_UP, b"a", {"id": "a"}, ["a"]], ids=repr)
def test_checkpointer_refuses_thread_id_that_is_not_text(registry, id):
    saver = registry.checkpointer
    at = {"configurable": {"thread_id": id, "checkpoint_ns": "", "checkpoint_id": "c"}}
    for refused in (
        lambda: saver.get_tuple(at),
        lambda: list(saver.list(at)),
        lambda: saver.put(at, {"id": "c"}, {}, {}),
        lambda: saver.put_writes(at, [("messages", "x")], "task"),
        lambda: saver.delete_thread(id),
    ):
        with pytest.raises(threads.InvalidThreadId):
            refused()
    assert registry.list().total == 0


def test_similar_ids_are_distinct_threads(registry):
    graph = plain_graph(registry.checkpointer)
    ids = ["a", "a ", " a", "A", "å", "a\u030a", "a\u200f", "1", "None", "True", "%", "a_", "a%", "👩‍👩‍👧"]
    for id in ids:
        graph.invoke(said(f"I am {id!r}"), config(id))
    assert {t.id: t.message_count for t in registry.list(limit=50)} == dict.fromkeys(ids, 2)
    for id in ids:
        assert graph.get_state(config(id)).values["messages"][0].text == f"I am {id!r}"


def test_uuid_is_used_as_its_text(registry):
    id = uuid.uuid4()
    plain_graph(registry.checkpointer).invoke(said("x"), config(id))
    assert registry.get(str(id)).message_count == 2
    assert registry.get(id).id == str(id)


def test_unknown_id_suggests_similar_ids(registry):
    registry.create(id="alice_session")
    with pytest.raises(threads.ThreadNotFound, match="did you mean 'alice_session'"):
        registry.messages("Alice_Session")
    with pytest.raises(threads.ThreadNotFound) as caught:
        registry.get("zzz")
    assert str(caught.value) == "there is no thread 'zzz'"


def test_fork_of_missing_checkpoint_is_refused_and_stores_nothing(registry):
    registry.create(id="empty")
    three_turns(plain_graph(registry.checkpointer), "a")
    for id, at in (("empty", None), ("a", "no such checkpoint")):
        with pytest.raises(threads.CheckpointNotFound):
            registry.fork(id, at=at)
    with pytest.raises(threads.ThreadExists):
        registry.fork("a", new_id="empty")
    assert registry.list().total == 2


def refused_files(folder: Path) -> dict[str, Path]:
    text = folder / "text.db"
    text.write_text("Dear diary, this is not a database. " * 100)
    newer = folder / "newer.db"
    threads.open(newer).close()
    with sqlite3.connect(newer) as connection:
        connection.execute("INSERT INTO threads_migration VALUES (99, 'from the future', 0)")
    connection.close()
    damaged = folder / "damaged.db"
    threads.open(damaged).close()
    damaged.write_bytes(damaged.read_bytes()[:100] + b"\xff" * 8000)
    return {"text": text, "newer": newer, "damaged": damaged}


@pytest.mark.parametrize("kind", ["text", "newer", "damaged"])
@pytest.mark.parametrize("read_only", [False, True])
def test_foreign_file_is_refused_and_unchanged(tmp_path, kind, read_only):
    path = refused_files(tmp_path)[kind]
    before = path.read_bytes(), sorted(os.listdir(tmp_path))
    with pytest.raises(threads.DatabaseError, match=path.name):
        threads.open(path, read_only=read_only).list()
    assert (path.read_bytes(), sorted(os.listdir(tmp_path))) == before


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("", "empty"),
        (7, "neither a path"),
        ("mysql://x/y", "no mysql:// database"),
        ("no/such/folder/x.db", "no folder"),
        (".", "is a folder"),
    ],
)
def test_path_that_cannot_hold_database_is_named(tmp_path, monkeypatch, where, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(threads.ThreadsError, match=words):
        threads.open(where)
    assert os.listdir(tmp_path) == []


def test_read_only_open_creates_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        threads.open(tmp_path / "x.db", read_only=True)
    assert os.listdir(tmp_path) == []


def test_sqlite_url_is_path(tmp_path):
    threads.open(f"sqlite:///{tmp_path}/a b.db").close()
    assert (tmp_path / "a b.db").exists()


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 1 MB where root runs the tests; elsewhere an ordinary folder."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder))
    yield folder
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def mount(*arguments: str) -> bool:
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


def test_full_disk_is_reported_and_acknowledged_data_survives(small_disk, record_property):
    path = small_disk / "threads.db"
    registry = threads.open(path)
    if not small_disk.is_mount():  # as near as one gets without: the file may not grow
        registry._database._writer._connection.execute("PRAGMA max_page_count=120")
    graph = plain_graph(registry.checkpointer)
    acknowledged = 0
    with pytest.raises(threads.DatabaseFull, match="is full"):
        for _ in range(500):
            graph.invoke(said("x" * 5000), config("a"), durability="sync")
            acknowledged += 2
    assert acknowledged > 2
    assert len(registry.messages("a")) >= acknowledged
    assert registry.verify() == []
    record_property("a full disk", [1, acknowledged])
    registry.close()


def test_unwritable_file_can_be_opened_read_only(small_disk):
    path = small_disk / "threads.db"
    with threads.open(path) as registry:
        registry.create(id="a")
    if not mount("-o", "remount,ro", str(small_disk)):
        path.chmod(0o444)
        small_disk.chmod(0o555)
    try:
        with pytest.raises(threads.ReadOnly, match="read_only=True"):
            threads.open(path)
        with threads.open(path, read_only=True) as looking:
            assert looking.list()[0].id == "a"
    finally:
        if not small_disk.is_mount():
            small_disk.chmod(0o755)


def test_closed_registry_raises_database_error(tmp_path):
    for where in (tmp_path / "x.db", ":memory:"):
        registry = threads.open(where)
        registry.close()
        registry.close()
        with pytest.raises(threads.DatabaseError, match="closed"):
            registry.list()


def test_one_file_can_be_opened_twice(tmp_path):
    first = threads.open(tmp_path / "x.db")
    second = threads.open(tmp_path / "x.db")
    plain_graph(first.checkpointer).invoke(said("one"), config("a"))
    plain_graph(second.checkpointer).invoke(said("two"), config("a"))
    assert first.get("a").message_count == second.get("a").message_count == 4
    first.close()
    assert second.get("a").title == "one"
    second.close()
