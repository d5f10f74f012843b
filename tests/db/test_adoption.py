"""A file that a stock saver made opens as it is, and goes back to what it was."""

import hashlib
import sqlite3
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from graphs import (
    asking_graph,
    chat_graph,
    config,
    counter_graph,
    keep_last_three,
    plain_graph,
    said,
    stock_saver,
    three_turns,
    trimming_graph,
)
from older_schema import take_back
from typed_agents import deep

import threads
from agent import build_agent


@pytest.fixture
def stock_file(tmp_path: Path) -> Path:
    """Five kinds of graphs, one file, and nothing of ours in it."""
    path = tmp_path / "stock.db"
    saver = stock_saver(path)
    three_turns(plain_graph(saver), "plain")
    three_turns(build_agent(checkpointer=saver, name="support"), "ours")
    chat_graph(saver).invoke({"chat": [{"role": "user", "content": "elsewhere?"}]}, config("chat"))
    counter_graph(saver).invoke({"number": 1}, config("counter"))
    asking_graph(saver).invoke(said("do it"), config("asking"))
    three_turns(trimming_graph(saver), "trimmed")
    saver.conn.close()
    return path


def rows(path: Path, table: str) -> list[tuple]:
    connection = sqlite3.connect(path)
    found = connection.execute(f"SELECT rowid, * FROM {table} ORDER BY rowid").fetchall()
    connection.close()
    return found


def content(path: Path) -> dict[str, list[tuple]]:
    """All rows of all ordinary tables, those under the search index included."""
    connection = sqlite3.connect(path)
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    ).fetchall()
    found = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in tables}
    connection.close()
    return found


EXPECTED = {
    "plain": ("message 0 of plain", 6, "idle"),
    "ours": ("message 0 of ours", 6, "idle"),
    "chat": ("elsewhere?", 2, "idle"),
    "counter": ("New conversation", 0, "idle"),
    "asking": ("do it", 1, "interrupted"),
    "trimmed": ("Untitled conversation", None, "idle"),
}


@pytest.mark.parametrize("read_only", [False, True])
def test_every_thread_is_listed_at_once(stock_file, read_only):
    with threads.open(stock_file, read_only=read_only) as registry:
        page = registry.list()
        assert {t.id: (t.title, t.message_count, t.status) for t in page} == EXPECTED
        assert [t.id for t in page] == list(reversed(EXPECTED))
        assert registry.get("ours").agent_id == "support"
        assert registry.verify() == []


def test_times_come_from_the_checkpoints(stock_file):
    saver = stock_saver(stock_file)
    stamps = [datetime.fromisoformat(t.checkpoint["ts"]) for t in saver.list(config("plain"))]
    saver.conn.close()
    with threads.open(stock_file) as registry:
        thread = registry.get("plain")
    close = timedelta(milliseconds=20)
    assert abs(thread.created_at - min(stamps)) < close
    assert abs(thread.updated_at - max(stamps)) < close


def test_times_are_told_too_where_ids_hold_no_time(tmp_path):
    path = tmp_path / "stock.db"
    saver = stock_saver(path)
    graph = plain_graph(saver)
    graph.invoke(said("hi"), config("a"))
    head = saver.get_tuple(config("a"))
    at = {"configurable": {"thread_id": "b", "checkpoint_ns": ""}}
    saver.put(at, dict(head.checkpoint, id=str(uuid.UUID(int=7))), head.metadata, {})
    saver.conn.close()
    with threads.open(path) as registry:
        thread = registry.get("b")
        assert thread.created_at == thread.updated_at
        assert abs(thread.created_at - datetime.fromisoformat(head.checkpoint["ts"])) < timedelta(seconds=1)
        assert thread.created_at.tzinfo is UTC


def test_the_checkpointers_rows_stay_as_they_are(stock_file):
    before = rows(stock_file, "checkpoints"), rows(stock_file, "writes")
    with threads.open(stock_file) as registry:
        assert registry.list(sort_by="title").total == 6
    assert (rows(stock_file, "checkpoints"), rows(stock_file, "writes")) == before


def test_opening_twice_changes_nothing(stock_file):
    with threads.open(stock_file) as registry:
        first = list(registry.list(sort_by="title"))
    before = content(stock_file)
    with threads.open(stock_file) as registry:
        assert list(registry.list(sort_by="title")) == first
    assert content(stock_file) == before


def test_reading_only_touches_nothing(stock_file):
    before = {path.name: hashlib.sha256(path.read_bytes()).digest() for path in stock_file.parent.iterdir()}
    with threads.open(stock_file, read_only=True) as registry:
        assert registry.list().total == 6
        assert len(registry.messages("ours")) == 6
        assert [t.message_count for t in registry.list(sort_by="message_count", sort_order="asc")] == [
            None, 0, 1, 2, 6, 6,
        ]  # fmt: skip
        for change in (
            lambda: registry.create(),
            lambda: registry.update("plain", pinned=True),
            lambda: registry.trash("plain"),
            lambda: registry.delete("plain"),
            lambda: plain_graph(registry.checkpointer).invoke(said("x"), config("plain")),
        ):
            with pytest.raises(threads.ReadOnly):
                change()
    after = {path.name: hashlib.sha256(path.read_bytes()).digest() for path in stock_file.parent.iterdir()}
    assert after == before


def test_reading_only_sees_what_others_write_meanwhile(stock_file):
    with threads.open(stock_file, read_only=True) as looking:
        assert looking.list().total == 6
        with threads.open(stock_file) as registry:
            plain_graph(registry.checkpointer).invoke(said("new"), config("new"))
            assert looking.list()[0].title == "new"
            assert looking.list(sort_by="message_count")[0].message_count == 6
        assert looking.list().total == 7


def test_reading_only_shows_stale_rows_fresh_without_storing_them(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        registry.create(id="a")
    saver = stock_saver(path)
    three_turns(plain_graph(saver), "a")
    saver.conn.close()
    with threads.open(path, read_only=True) as looking:
        assert looking.list(sort_by="title")[0].message_count == 6
        assert looking.get("a").title == "message 0 of a"
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT projected_id FROM threads_thread").fetchall() == [(None,)]
    connection.close()


def test_detach_takes_all_of_ours_out_again(stock_file):
    # (SQLite keeps its own table of sequences, empty, and lets nobody drop it.)
    schema = "SELECT type, name, sql FROM sqlite_master WHERE name <> 'sqlite_sequence' ORDER BY name"
    before = sqlite3.connect(stock_file).execute(schema).fetchall()
    with threads.open(stock_file) as registry:
        registry.update("plain", title="mine")
    threads.detach(stock_file)
    assert sqlite3.connect(stock_file).execute(schema).fetchall() == before
    saver = stock_saver(stock_file)
    assert len(plain_graph(saver).get_state(config("plain")).values["messages"]) == 6
    saver.conn.close()
    with threads.open(stock_file) as registry:
        assert registry.get("plain").title == "message 0 of plain"


def test_a_conversation_goes_on_where_the_stock_saver_left_it(stock_file):
    with threads.open(stock_file) as registry:
        for id, graph in (("plain", plain_graph), ("ours", lambda saver: build_agent(checkpointer=saver))):
            graph(registry.checkpointer).invoke(said("and on"), config(id))
            assert registry.get(id).message_count == 8
        assert registry.list()[0].id == "ours"


def test_a_delta_channel_with_a_reducer_of_its_own_is_unknown_until_the_reducer_is_named(stock_file):
    with threads.open(stock_file) as registry:
        assert registry.get("trimmed").message_count is None
        with pytest.raises(threads.MessagesUnknown):
            registry.messages("trimmed")
    with threads.open(stock_file, reducer=keep_last_three) as registry:
        assert registry.get("trimmed").message_count == 3
        assert len(registry.messages("trimmed")) == 3


DCODE = {
    "ls_agent_purpose": "coding", "ls_integration": "deepagents-code", "ls_agent_runtime": "Deep Agents Code",
    "thread_id": "bug", "turn_number": 1, "cwd": "/src", "git_branch": "main",
    "lc_versions": {"deepagents-code": "0.1.57"}, "dcode_agent_name": "coder", "agent_name": "coder",
    "updated_at": "2026-11-29T08:00:00+00:00",
}  # fmt: skip
"""The metadata of each run of deepagents' command line, as its version 0.1.57 sets them."""


@pytest.fixture
def dcode_file(tmp_path: Path) -> Path:
    """A file of deepagents' command line: the stock saver's tables, an index of its own, and other tables."""
    path = tmp_path / "sessions.db"
    saver = stock_saver(path)
    agent = deep(saver)
    for text in ("fix the bug", "and the other one"):
        agent.invoke(said(text), {**config("bug"), "metadata": DCODE})
    saver.conn.execute("CREATE TABLE dcode_settings (key TEXT PRIMARY KEY, value TEXT)")
    saver.conn.execute("INSERT INTO dcode_settings VALUES ('theme', 'dark')")
    with suppress(sqlite3.OperationalError):  # dcode does the same: SQLite before 3.45 reads no JSON in blobs
        saver.conn.execute(
            "CREATE INDEX idx_dcode_threads_list ON checkpoints(thread_id, "
            "json_extract(metadata, '$.updated_at'), checkpoint_id, json_extract(metadata, '$.agent_name'))"
        )
    saver.conn.commit()
    saver.conn.close()
    return path


@pytest.mark.parametrize("read_only", [True, False])
def test_file_of_deepagents_command_line_is_read_without_its_graph(dcode_file, read_only):
    with threads.open(dcode_file, read_only=read_only) as registry:
        thread = registry.get("bug")
        assert (thread.title, thread.message_count, thread.agent_id) == ("fix the bug", 4, "coder")
        assert [each.text for each in registry.messages("bug")] == [
            "fix the bug", "answer 2", "and the other one", "answer 4",
        ]  # fmt: skip
        assert len(registry.search("other")) == 1
        assert [each.id for each in registry.list(agent_id="coder")] == ["bug"]


def test_file_of_deepagents_command_line_is_continued_and_given_back(dcode_file):
    with threads.open(dcode_file) as registry, threads.Runner(registry, {"coder": deep()}) as runner:
        runner.start("bug", "thanks").result(30)
        deep(registry.checkpointer).invoke(said("again"), {**config("new"), "metadata": DCODE})
        assert [registry.get(id).message_count for id in ("bug", "new")] == [6, 2]
        assert registry.get("new").agent_id == "coder"
        assert registry.verify() == []
    threads.detach(dcode_file)
    connection = sqlite3.connect(dcode_file)
    assert connection.execute("SELECT value FROM dcode_settings").fetchall() == [("dark",)]
    connection.close()
    saver = stock_saver(dcode_file)
    assert len(deep(saver).get_state(config("bug")).values["messages"]) == 6
    saver.conn.close()


@pytest.mark.parametrize(
    ("metadata", "agent_id"),
    [
        ({"agent_name": "coder", "assistant_id": "other"}, "coder"),
        ({"graph_id": "chat", "assistant_id": "fe096781-5601-53d2-b2f6-0d3403f7e9ca"}, "chat"),
        ({"assistant_id": "helper"}, "helper"),
        ({"agent_id": "mine", "agent_name": "coder"}, "mine"),
        ({"agent_name": 7, "graph_id": ["chat"]}, None),
        ({}, None),
    ],
)
def test_agents_that_other_programs_name_are_read(tmp_path, metadata, agent_id):
    path = tmp_path / "stock.db"
    saver = stock_saver(path)
    plain_graph(saver).invoke(said("before"), {**config("before"), "metadata": metadata})
    saver.conn.close()
    with threads.open(path, read_only=True) as registry:
        assert registry.get("before").agent_id == agent_id
    threads.open(path).close()
    saver = stock_saver(path)
    plain_graph(saver).invoke(said("beside"), {**config("beside"), "metadata": metadata})
    saver.conn.close()
    with threads.open(path) as registry:
        assert [registry.get(id).agent_id for id in ("before", "beside")] == [agent_id, agent_id]
        registry.update("beside", agent_id="another")
        plain_graph(registry.checkpointer).invoke(said("on"), {**config("beside"), "metadata": metadata})
        assert registry.get("beside").agent_id == "another"
        assert registry.verify() == []


def test_file_of_the_first_schema_gets_the_agents_of_its_threads(tmp_path):
    path = tmp_path / "first.db"
    with threads.open(path) as registry:
        graph = plain_graph(registry.checkpointer)
        graph.invoke(said("hi"), {**config("a"), "metadata": {"graph_id": "chat"}})
        graph.invoke(said("hi"), config("b"))
    connection = sqlite3.connect(path)
    take_back(connection, 2)
    connection.execute("UPDATE threads_thread SET agent_id = NULL")
    connection.commit()
    connection.close()
    with threads.open(path) as registry:
        assert [registry.get(id).agent_id for id in ("a", "b")] == ["chat", None]


def test_progress_is_told_while_a_file_is_adopted(stock_file):
    told = []
    with threads.open(stock_file, progress=lambda *what: told.append(what)) as registry:
        assert registry.list(sort_by="title").total == 6
    assert ("reading messages", 6, 6) in told
    assert told[0][0] == "reading checkpoints"


def test_a_file_from_before_task_paths_is_read_and_written(stock_file):
    connection = sqlite3.connect(stock_file)
    connection.execute("ALTER TABLE writes DROP COLUMN task_path")
    connection.close()
    with threads.open(stock_file, read_only=True) as looking:
        assert looking.get("ours").message_count == 6
    with threads.open(stock_file) as registry:
        build_agent(checkpointer=registry.checkpointer).invoke(said("more"), config("ours"))
        assert registry.get("ours").message_count == 8


def test_ids_that_others_left_stay_readable_continuable_and_deletable(tmp_path):
    path = tmp_path / "stock.db"
    saver = stock_saver(path)
    strange = ["", "a\nb", "x" * 1000, " "]
    for id in strange:
        plain_graph(saver).invoke(said(f"from {id[:3]!r}"), config(id))
    saver.conn.close()
    with threads.open(path) as registry:
        assert {t.id for t in registry.list()} == set(strange)
        for id in strange:
            plain_graph(registry.checkpointer).invoke(said("more"), config(id))
            assert registry.get(id).message_count == 4
            registry.delete(id)
        assert registry.list().total == 0
