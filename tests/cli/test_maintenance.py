"""Prune, compact, backup: the file gets smaller or is copied, and what is remembered stays as it is."""

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from graphs import config, plain_graph, said, spoilt, stock_saver
from locations import SUPPORT

import threads
from threads.cli.group import threads as group
from threads.db.inspection import retry_if_written

TURNS = 60


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THREADS_DB", raising=False)
    return tmp_path


@pytest.fixture
def path(here):
    """A file with two short threads, `a` and `b`: six checkpoints each."""
    path = here / "threads.db"
    with threads.open(path) as registry:
        graph = plain_graph(registry.checkpointer)
        for thread_id in "ab":
            for number in range(2):
                graph.invoke(said(f"message {number} of {thread_id}"), config(thread_id))
    return path


@pytest.fixture
def stock(here):
    """What an agent of the LangGraph tutorial leaves after a long talk, with nothing of ours in it."""
    path = here / "stock.db"
    saver = stock_saver(path)
    graph = plain_graph(saver)
    for number in range(TURNS):
        graph.invoke(said(f"message {number} " + "x" * 200), config("long"))
    saver.conn.close()
    return path


def call(*words, code=0):
    result = CliRunner().invoke(group, list(words))
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    return result


def out(*words, **rest):
    return call(*words, **rest).stdout


def told(*words, **rest):
    return json.loads(out(*words, "--json", **rest))


def states(thread_id, *words):
    """How many checkpoints a thread has."""
    return len(out("history", thread_id, *words).splitlines())


def undated(message):
    """A message but for its time, which older states told."""
    return {name: value for name, value in message.items() if name != "created_at"}


def tables(path):
    with closing(sqlite3.connect(path)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


# prune


def test_prune_deletes_older_checkpoints_of_all_threads_and_prints_the_number(path):
    before = told("show", "a")
    would = out("prune", "--dry-run")
    assert (states("a"), states("b")) == (6, 6)
    deleted = out("prune")
    assert (states("a"), states("b")) == (1, 1)
    assert re.fullmatch(r"10 checkpoints \(\d{4,} bytes\) deleted\n", deleted)
    assert would == deleted.replace("deleted", "would be deleted")
    after = told("show", "a")
    assert after["thread"] == before["thread"]
    assert list(map(undated, after["messages"])) == list(map(undated, before["messages"]))
    assert out("prune") == "0 checkpoints (0 bytes) deleted\n"


def test_prune_as_json_has_plain_numbers(path):
    would = told("prune", "--dry-run")
    assert set(would) == {"checkpoints", "bytes", "skipped"} and would["checkpoints"] == 10
    assert told("prune") == would
    assert told("prune") == {"checkpoints": 0, "bytes": 0, "skipped": []}


@pytest.mark.parametrize("command", ["prune", "compact"])
def test_unreadable_thread_does_not_stop_pruning_of_others(path, command):
    with threads.open(path) as registry:
        spoilt(registry, "bad")
    would = call(command, "--dry-run")
    went = call(command)
    assert would.stdout.startswith("10 checkpoints (") and went.stdout.startswith("10 checkpoints (")
    assert "cannot be read: bad" in would.stderr and "cannot be read: bad" in went.stderr
    assert "thread 'bad'" in call("prune", "bad", code=1).stderr


def test_prune_by_id_keeps_the_given_number_and_does_not_touch_other_threads(path):
    assert told("prune", "a", "a", "--keep", "4")["checkpoints"] == 2
    assert (states("a"), states("b")) == (4, 6)
    out("prune", "-")  # the latest
    assert (states("a"), states("b")) == (4, 1)


def test_prune_with_one_wrong_thread_among_several_does_nothing(path):
    call("prune", "a", "nobody", code=3)
    out("trash", "b")
    assert "in the trash" in call("prune", "a", "b", code=1).stderr
    assert states("a") == 6


def test_prune_of_all_threads_skips_the_trash(path):
    out("trash", "b")
    assert told("prune")["checkpoints"] == 5
    out("restore", "b")
    assert states("b") == 6


@pytest.mark.parametrize("command", ["prune", "compact"])
def test_keep_of_zero_is_a_usage_error(path, command):
    assert "--keep" in call(command, "--keep", "0", code=2).stderr
    assert states("a") == 6


@pytest.mark.parametrize("command", ["prune", "compact"])
def test_help_names_what_pruning_deletes_and_what_stays(command):
    text = " ".join(out(command, "--help").split()).lower()
    assert "current state" in text and "unaffected" in text
    assert "older states cannot be restored any more" in text
    assert "the time of a message is lost" in text


@pytest.mark.parametrize("words", [["prune"], ["compact"], ["backup", "copy.db"]])
def test_maintenance_creates_no_file(here, words):
    assert "there is no file threads.db" in call(*words, code=1).stderr
    assert list(here.iterdir()) == []


# compact


def test_compact_shrinks_a_stock_file_and_nothing_is_lost(stock):
    big = stock.stat().st_size
    assert told("show", "long", "--db", "stock.db", "-n", "0")["thread"]["message_count"] == 2 * TURNS
    found = told("compact", "--db", "stock.db")
    assert found["after"] == stock.stat().st_size < big / 5
    assert found["before"] >= big and found["pruned"]["checkpoints"] == 3 * TURNS - 1
    assert "agree (1 thread)" in out("verify", "--db", "stock.db")
    assert told("show", "long", "--db", "stock.db", "-n", "0")["thread"]["message_count"] == 2 * TURNS
    with closing(stock_saver(stock).conn):
        graph = plain_graph(stock_saver(stock))
        words = [message.text for message in graph.get_state(config("long")).values["messages"]]
        assert words[0].startswith("message 0 x") and len(words) == 2 * TURNS
        assert len(graph.invoke(said("and on"), config("long"))["messages"]) == 2 * TURNS + 2


def test_compact_prints_the_size_before_and_after(path):
    before = path.stat().st_size
    pruned, sizes = out("compact").splitlines()
    after = path.stat().st_size
    assert pruned.startswith("10 checkpoints (")
    assert sizes == f"threads.db took {before} bytes and takes {after} bytes now: {before - after} bytes won"
    assert not Path(f"{path}-wal").exists()


def test_dry_run_of_compact_changes_nothing(path):
    before = path.read_bytes()
    size = path.stat().st_size
    pruned, now = out("compact", "--dry-run").splitlines()
    assert pruned == out("prune", "--dry-run").strip() and now == f"threads.db takes {size} bytes now"
    assert told("compact", "--dry-run")["after"] is None
    assert path.read_bytes() == before


@pytest.mark.parametrize("words", [["cleanup"], ["prune"], ["prune", "a"], ["compact"]])
def test_dry_run_works_with_a_read_only_file(path, words):
    out("cleanup", "--set", "short", "--action", "prune", "--inactive", "0m")
    would = told(*words, "--dry-run")
    with path.open(
        "r+b"
    ) as file:  # a format that this SQLite reads but does not write, for chmod stops no root
        file.seek(18)
        file.write(b"\x03")
    before = path.read_bytes()
    assert call("pin", "a", code=1).stderr == "Error: threads.db cannot be written\n"
    assert told(*words, "--dry-run") == would
    call(*words, code=1)
    assert path.read_bytes() == before


def test_compact_keeps_the_given_number_of_checkpoints(path):
    out("compact", "--keep", "3")
    assert (states("a"), states("b")) == (3, 3)


def test_compact_reports_a_reader_that_prevents_shrinking(path):
    code = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM checkpoints").fetchone()
print("reading", flush=True)
sys.stdin.read()
"""
    with threads.open(path):  # or the reader would find no log to read beside
        reader = subprocess.Popen(
            [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert reader.stdout.readline() == "reading\n"
    try:
        result = call("compact")
    finally:
        reader.communicate()
    assert result.stdout.endswith(": 0 bytes won\n")
    assert "another process reads the file" in result.stderr
    assert states("a") == 1


def test_compact_needs_a_file():
    assert "--db FILE" in call("compact", "--db", ":memory:", code=2).stderr


# backup


def test_backup_copies_all_and_prints_where_to(path):
    assert out("backup", "copy.db") == "copy.db\n"
    assert out("ls", "--db", "copy.db") == out("ls")
    assert states("a", "--db", "copy.db") == 6
    assert "agree (2 threads)" in out("verify", "--db", "copy.db")


def test_backup_does_not_touch_the_source(here, stock):
    before = stock.read_bytes()
    out("backup", "copy.db", "--db", "stock.db")
    assert stock.read_bytes() == before
    assert tables(stock) == tables(here / "copy.db") == {"checkpoints", "writes"}
    assert {each.name for each in here.iterdir()} == {"stock.db", "copy.db"}


def test_backup_does_not_overwrite_a_file(here, path):
    (here / "copy.db").write_text("dear to me")
    assert "copy.db is there already" in call("backup", "copy.db", code=2).stderr
    assert "there already" in call("backup", "threads.db", code=2).stderr
    assert (here / "copy.db").read_text() == "dear to me"


@pytest.mark.parametrize(
    ("file", "words"),
    [("nowhere/copy.db", "no folder nowhere"), (".", "is a folder"), (":memory:", "a file")],
)
def test_backup_to_an_impossible_path_is_a_usage_error(path, file, words):
    result = call("backup", file, code=2)
    assert words in result.stderr and "threads chat" not in result.stderr


WRITING = """
import sys, threading
sys.path.insert(0, sys.argv[2])
from graphs import config, plain_graph, said
import threads
with threads.open(sys.argv[1]) as registry:
    graph = plain_graph(registry.checkpointer)
    leave = threading.Thread(target=sys.stdin.read)
    leave.start()
    print("writing", flush=True)
    while leave.is_alive():
        graph.invoke(said("on"), config("busy"))
"""


@pytest.mark.slow
def test_backup_is_consistent_while_another_process_writes(path):
    words = [sys.executable, "-c", WRITING, path, SUPPORT]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "writing\n"
        for number in range(3):
            out("backup", f"copy{number}.db")
        writer.communicate()
    for number in range(3):
        assert "agree" in out("verify", "--db", f"copy{number}.db")
        assert states("a", "--db", f"copy{number}.db") == 6


def test_interrupted_read_is_retried_but_not_after_a_lock_timeout():
    outcomes = [threads.DatabaseBusy("written while it was read"), threads.DatabaseBusy("again"), "whole"]

    def read():
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert retry_if_written(read) == "whole"
    locked = threads.DatabaseBusy("locked by others")
    locked.__cause__ = sqlite3.OperationalError("database is locked")
    outcomes[:] = [locked, "never read"]
    with pytest.raises(threads.DatabaseBusy, match="locked"):
        retry_if_written(read)
    assert outcomes == ["never read"]
