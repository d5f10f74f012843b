"""Corrupt data of another program in one thread does not affect other threads."""

import json
import pickle
import sqlite3
from contextlib import closing

import ormsgpack
import pytest
from graphs import config, plain_graph, said, stock_saver

import threads
from agent import build_agent

DEEP = 100_000
BLOBS = {
    "nested JSON": ("json", b"[" * DEEP + b"]" * DEEP),
    "nested objects": ("json", b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "nested msgpack": ("msgpack", b"\x91" * DEEP + b"\x01"),
    "pickle": ("pickle", pickle.dumps({"id": "x", "channel_values": {}})),
    "unknown kind": ("protobuf", b"\x08\x01"),
    "no kind": (None, b"\x80"),
    "no value": ("msgpack", None),
    "nothing at all": (None, None),
    "empty": ("msgpack", b""),
    "empty JSON": ("json", b""),
    "noise": ("msgpack", bytes(range(200, 256)) * 10),
    "cut": ("msgpack", b"\x85\xa1a"),
    "a number": ("msgpack", ormsgpack.packb(7)),
    "a list": ("msgpack", ormsgpack.packb([1, 2])),
    "a text": ("json", b'"text"'),
    "values no mapping": ("msgpack", ormsgpack.packb({"id": "x", "channel_values": 3})),
    "no id": ("msgpack", ormsgpack.packb({"channel_values": {}})),
    "an integer for a blob": ("msgpack", 7),
    "a text for a blob": ("json", "not JSON"),
    "an integer kind": (3, b"\x80"),
    "a constructor of nothing": ("json", b'{"lc": 1, "type": "constructor", "id": []}'),
    "ids no texts": ("msgpack", ormsgpack.packb({"id": 5, "channel_values": {"messages": []}})),
}
METADATA = {
    "an integer": 7,
    "a JSON integer": b"7",
    "a list": b"[1]",
    "noise": b"\xff\xfe\x00",
    "nested": b"[" * DEEP + b"]" * DEEP,
    "no JSON": b"{",
    "empty": b"",
    "channels that are a number": b'{"counters_since_delta_snapshot": 3}',
    "text": "plain",
}
IDS = {
    "a blob": b"\x00\x01",
    "no UTF-8": "CAST(x'ff41' AS TEXT)",
    "an integer": 5,
    "a NUL": "a\0b",
}
COLUMNS = [
    ("checkpoints", "thread_id"), ("checkpoints", "checkpoint_ns"), ("checkpoints", "checkpoint_id"),
    ("checkpoints", "parent_checkpoint_id"), ("writes", "thread_id"), ("writes", "checkpoint_ns"),
    ("writes", "checkpoint_id"), ("writes", "task_id"), ("writes", "task_path"), ("writes", "channel"),
    ("writes", "idx"),
]  # fmt: skip
NEWEST = "rowid = (SELECT max(rowid) FROM {table} WHERE thread_id = ?)"
OLDEST = "rowid = (SELECT min(rowid) FROM {table} WHERE thread_id = ? AND channel = 'messages')"


def build(kind, saver):
    return plain_graph(saver) if kind == "add_messages" else build_agent(checkpointer=saver)


@pytest.fixture(scope="module", params=["add_messages", "delta"])
def template(request, tmp_path_factory):
    """A file of a stock saver with a thread before, one that will be damaged, and one after."""
    path = tmp_path_factory.mktemp(request.param) / "stock.db"
    with closing(stock_saver(path).conn) as connection:
        from langgraph.checkpoint.sqlite import SqliteSaver

        graph = build(request.param, SqliteSaver(connection))
        for id in ("a", "noisy", "z"):
            for text in ("one", "two"):
                graph.invoke(said(f"{text} of {id}"), config(id))
    return request.param, path


def copied(template, tmp_path, *, adopted):
    path = tmp_path / "t.db"
    path.write_bytes(template[1].read_bytes())
    if adopted:
        with threads.open(path) as registry:
            registry.list()
            registry.search("one")
    return path


def planted(path, id, table, columns, where=NEWEST):
    """Store these values in a row of a copy of the noisy thread, as they are."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for each in ("checkpoints", "writes"):
            names = [
                row[1] for row in connection.execute(f"PRAGMA table_info({each})") if row[1] != "thread_id"
            ]
            connection.execute(
                f"INSERT INTO {each} (thread_id, {', '.join(names)}) "
                f"SELECT ?, {', '.join(names)} FROM {each} WHERE thread_id = 'noisy' ORDER BY rowid", (id,)
            )  # fmt: skip
        for name, value in columns.items():
            is_sql = isinstance(value, str) and value.startswith("CAST(")
            connection.execute(
                f"UPDATE OR REPLACE {table} SET {name} = {value if is_sql else '?'} WHERE {where.format(table=table)}",
                (id,) if is_sql else (value, id),
            )


def others_are_well(registry):
    """All that looks at many threads, or at the others, works; what `verify` finds."""
    for page in (registry.list(limit=200), registry.list(sort_by="title", limit=200)):
        told = {thread.id: (thread.title, thread.message_count) for thread in page}
        assert told["a"] == ("one of a", 4)
        assert told["z"] == ("one of z", 4)
        json.dumps([thread.id for thread in page])
    assert {hit.thread.id for hit in registry.search("one", limit=200)} >= {"a", "z"}
    assert len(registry.messages("a")) == len(registry.messages("z")) == 4
    assert len(registry.history("z").items) > 2
    problems = registry.verify()
    json.dumps([(each.kind, each.thread_id, each.detail) for each in problems])
    assert {each.thread_id for each in problems}.isdisjoint({"a", "z", "noisy"})
    registry.prune(dry_run=True)
    return problems


def upkeep_is_well(registry, tmp_path, kind):
    """What changes many threads leaves out those that cannot be read, and does the others."""
    registry.repair()
    assert len(registry.messages(registry.fork("a", new_id="fork").id)) == 4
    copy = registry.backup(tmp_path / "copy.db")
    with threads.open(copy, read_only=True) as found:
        assert found.get("z").title == "one of z"
    registry.prune()
    assert len(registry.messages("z")) == 4
    build(kind, registry.checkpointer).invoke(said("three"), config("z"))
    assert registry.get("z").message_count == 6


def check(kind, path, tmp_path, named=()):
    """Everything works for the others, also before our tables are in the file; verify names these."""
    with threads.open(path, read_only=True) as registry:
        others_are_well(registry)
    with threads.open(path) as registry:
        problems = others_are_well(registry)
        assert set(named) == {each.thread_id for each in problems if each.thread_id in named}
        assert {each.kind for each in problems if each.thread_id in named} == (
            {"unreadable"} if named else set()
        )
        for id in named:
            if kind == "delta" or not id.startswith("metadata"):
                assert registry.get(id).message_count is None
                with pytest.raises(threads.StateUnreadable):
                    registry.messages(id)
            else:  # its messages stand whole in the checkpoint: only a run could not go on from it
                assert registry.get(id).message_count == len(registry.messages(id)) == 4
            with pytest.raises(threads.StateUnreadable):
                build(kind, registry.checkpointer).get_state(config(id))
        upkeep_is_well(registry, tmp_path, kind)
    threads.detach(path)
    with threads.open(path) as registry:
        assert registry.get("a").title == "one of a"


ADOPTED = pytest.mark.parametrize("adopted", [False, True], ids=["not adopted", "adopted"])


@pytest.mark.slow
@ADOPTED
def test_corrupt_head_makes_only_its_thread_unreadable(template, tmp_path, adopted):
    path = copied(template, tmp_path, adopted=adopted)
    for name, (kind, blob) in BLOBS.items():
        planted(path, name, "checkpoints", {"type": kind, "checkpoint": blob})
    for name, metadata in METADATA.items():
        planted(path, f"metadata {name}", "checkpoints", {"metadata": metadata})
    check(template[0], path, tmp_path, named=[*BLOBS, *(f"metadata {name}" for name in METADATA)])


@pytest.mark.slow
@ADOPTED
def test_corrupt_pending_write_is_reported_by_verify(template, tmp_path, adopted):
    path = copied(template, tmp_path, adopted=adopted)
    for name, (kind, blob) in BLOBS.items():
        planted(path, name, "checkpoints", {})
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(
                "INSERT INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, "
                "type, value) SELECT thread_id, '', checkpoint_id, 'task', '', 0, 'other', ?, ? FROM checkpoints "
                "WHERE thread_id = ? ORDER BY rowid DESC LIMIT 1", (kind, blob, name))  # fmt: skip
    values = {"a number", "a list", "a text", "values no mapping", "no id", "ids no texts"}
    with threads.open(path) as registry:
        problems = others_are_well(registry)
        assert {each.thread_id for each in problems if each.kind == "unreadable"} == BLOBS.keys() - values
        upkeep_is_well(registry, tmp_path, template[0])


@pytest.mark.slow
@ADOPTED
def test_corrupt_old_write_hides_no_other_thread(template, tmp_path, adopted):
    path = copied(template, tmp_path, adopted=adopted)
    for name, (kind, blob) in BLOBS.items():
        planted(path, name, "writes", {"type": kind, "value": blob}, OLDEST)
    check(template[0], path, tmp_path)


@pytest.mark.slow
@ADOPTED
@pytest.mark.parametrize("name", IDS)
def test_corrupt_ids_hide_no_other_thread(template, tmp_path, name, adopted):
    path = copied(template, tmp_path, adopted=adopted)
    for table, column in COLUMNS:
        planted(path, f"{table} {column}", table, {column: IDS[name]})
    check(template[0], path, tmp_path)


@pytest.mark.parametrize("name", ["a blob", "no UTF-8"])
def test_thread_id_that_is_not_text_is_reported_by_verify(template, tmp_path, name):
    path = copied(template, tmp_path, adopted=False)
    planted(path, "odd", "checkpoints", {"thread_id": IDS[name]}, "thread_id = ?")
    with threads.open(path) as registry:
        shown = (IDS[name] if isinstance(IDS[name], bytes) else b"\xffA").decode(errors="replace")
        assert ("unreadable", shown) in {(each.kind, each.thread_id) for each in registry.verify()}
        assert {thread.id for thread in registry.list()} == {"a", "noisy", "z"}
