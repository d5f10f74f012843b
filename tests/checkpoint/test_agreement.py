"""Registry and memory agree: under kills, under neglect, and again after harm from outside."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from graphs import (
    Case,
    CaseState,
    compiled,
    config,
    plain_graph,
    said,
    stock_saver,
    three_turns,
    trimming_graph,
)
from talker import killed_at_random

import threads
from agent import build_agent

KILLS = int(os.environ.get("THREADS_TEST_KILLS", "25"))
"""How often a talking process is killed; THREADS_TEST_KILLS=200 is the long measurement."""


@pytest.mark.crash
def test_a_process_killed_at_random_moments_leaves_registry_and_memory_in_step(tmp_path, record_property):
    path = tmp_path / "threads.db"
    for acknowledged in killed_at_random(path, KILLS, seed=7):
        with threads.open(path) as registry:
            assert registry.verify() == []
            counts = {id: registry.get(id).message_count for id, count in acknowledged.items() if count}
        assert all(counts[id] >= acknowledged[id] for id in counts)
    assert sum(acknowledged.values()) >= KILLS, "hardly anything was said"
    record_property("kill -9 at a random moment", [KILLS, sum(acknowledged.values())])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with three threads, looked at, and closed."""
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        for id in ("a", "b"):
            three_turns(plain_graph(registry.checkpointer), id)
        three_turns(trimming_graph(registry.checkpointer), "c")
        registry.create(id="never used")
        registry.update("a", tags=["x"])
        registry.list()
        assert registry.verify() == []
    return path


HARM = {
    "unlisted": "DELETE FROM threads_thread WHERE thread_id = 'a'",
    "ghost": "UPDATE threads_thread SET head_id = 'nowhere', projected_id = 'nowhere' WHERE thread_id = 'a'",
    "headless": "UPDATE threads_thread SET head_id = NULL, projected_id = NULL WHERE thread_id = 'a'",
    "wrong_head": "UPDATE threads_thread SET head_id = (SELECT min(checkpoint_id) FROM checkpoints "
    "WHERE thread_id = 'a') WHERE thread_id = 'a'",
    "wrong_words": "UPDATE threads_thread SET message_count = 99 WHERE thread_id = 'a'",
    "missing": "DROP TRIGGER threads_ledger",
    "wrong_search": "DELETE FROM threads_message_text",
    "wrong_tags": "UPDATE threads_tag_count SET threads = 7",
    "wrong_days": "UPDATE threads_usage_sum SET messages = 7",
    "wrong_facts": "UPDATE threads_thread SET metadata = '{\"a\":1}'; DELETE FROM threads_attribute",
    "orphan_tag": "INSERT INTO threads_tag VALUES ('nobody', 'x')",
    "leftover": "INSERT INTO threads_tombstone VALUES ('z', 0); INSERT INTO writes "
    "(thread_id, checkpoint_id, task_id, idx, channel) VALUES ('z', 'c', 't', 0, 'messages')",
}


@pytest.mark.crash
@pytest.mark.parametrize("kind", HARM)
def test_harm_is_seen_and_mended(path, kind):
    connection = sqlite3.connect(path)
    connection.executescript(HARM[kind])
    connection.close()
    with threads.open(path) as registry:
        assert kind in {problem.kind for problem in registry.verify()}
        assert kind in {problem.kind for problem in registry.repair()}
        assert registry.verify() == []
        assert {t.id: t.message_count for t in registry.list()} == {
            "a": 6,
            "b": 6,
            "c": None,
            "never used": 0,
        }


def test_threads_whose_memory_was_taken_away_unseen_are_let_go(path):
    connection = sqlite3.connect(path)
    connection.executescript(
        "DROP TRIGGER threads_last_checkpoint_delete; DROP TRIGGER threads_head_delete; "
        "DELETE FROM checkpoints WHERE thread_id = 'a'"
    )
    connection.close()
    with threads.open(path) as registry:
        assert {p.kind for p in registry.verify()} == {"missing", "ghost"}
        registry.repair()
        assert registry.verify() == []
        assert {t.id for t in registry.list()} == {"b", "c", "never used"}


@pytest.mark.parametrize("graph", [plain_graph, lambda saver: build_agent(checkpointer=saver)])
def test_a_thread_whose_state_is_damaged_says_so_and_keeps_what_is_known(path, graph):
    with threads.open(path) as registry:
        three_turns(graph(registry.checkpointer), "d")
        early = registry.history("d")[3].id
        registry.list()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        newest = "SELECT rowid FROM checkpoints WHERE thread_id = 'd' ORDER BY rowid DESC LIMIT 3"
        cut = "UPDATE checkpoints SET checkpoint = substr(checkpoint, 1, 9)"
        connection.execute(f"{cut} WHERE rowid IN ({newest})")
    with threads.open(path) as registry:
        kept = registry.get("d")
        assert (kept.title, kept.message_count) == ("message 0 of d", 6)
        assert [(each.kind, each.thread_id) for each in registry.verify()] == [("unreadable", "d")]
        registry.repair()
        assert registry.get("d") == kept
        assert len(registry.messages("d")) == 6, "rows need no checkpoint"
        assert len(registry.diff("d", "a").removed) == 6
        agent = graph(registry.checkpointer)
        for read in (
            lambda: agent.get_state(config("d")),
            lambda: agent.invoke(said("Four"), config("d")),
            lambda: list(registry.checkpointer.list(config("d"))),
            lambda: registry.prune(["d"]),
        ):
            with pytest.raises(threads.StateDamaged, match=r"^thread 'd': .*damaged") as refused:
                read()
            assert refused.value.thread_id == "d"
        assert registry.prune().skipped == ("d",)
        assert registry.messages(registry.fork("d", at=early).id).total == 4


def test_a_file_whose_pages_are_damaged_is_reported(path):
    pages = bytearray(path.read_bytes())
    middle = len(pages) // 2 // 4096 * 4096
    pages[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(bytes(pages))
    try:
        with threads.open(path, read_only=True) as registry:
            assert "damaged" in {problem.kind for problem in registry.verify()}
    except threads.NotADatabase as error:
        assert "damaged" in str(error)


def test_stale_rows_are_refreshed_before_they_are_ordered_or_shown(path):
    saver = stock_saver(path)
    plain_graph(saver).invoke(said("zebra"), config("a"))
    for number in range(30):
        plain_graph(saver).invoke(said(f"title {number:02}"), config(f"new {number:02}"))
    saver.conn.close()
    with threads.open(path) as registry:
        assert registry.list(sort_by="message_count")[0].id == "a"
        by_title = registry.list(sort_by="title", sort_order="asc", limit=50)
        assert [t.title.lower() for t in by_title] == sorted(t.title.lower() for t in by_title)
        assert by_title.total == 34


def test_closing_leaves_nothing_stale_behind(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        three_turns(plain_graph(registry.checkpointer), "a")
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT message_count FROM threads_thread").fetchall() == [(6,)]
    connection.close()


def test_a_blocked_type_is_named_and_never_written_back(tmp_path):
    def graph(saver):
        return compiled(CaseState, lambda state: {"messages": ["seen"]}, saver)

    path = tmp_path / "threads.db"
    with threads.open(path, types=[Case]) as registry:
        graph(registry.checkpointer).invoke({"case": Case(7), "messages": []}, config("a"))
        assert graph(registry.checkpointer).get_state(config("a")).values["case"] == Case(7)
    before = path.read_bytes()
    with threads.open(path) as registry:
        with pytest.raises(threads.TypeNotAllowed, match=r"graphs\.Case.*types=\[Case\]"):
            graph(registry.checkpointer).invoke({"messages": []}, config("a"))
        assert registry.list()[0].message_count == 1
    assert path.read_bytes() == before
