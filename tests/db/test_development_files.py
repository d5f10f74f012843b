"""Files of the development versions before 0.1.0 are refused, and detaching them keeps every conversation."""

import sqlite3
from pathlib import Path

import pytest
from development_files import make_development_file
from graphs import config, plain_graph, said

import threads
from threads.db.migrations import MIGRATIONS
from threads.errors import DatabaseError


@pytest.fixture
def development_file(tmp_path: Path) -> Path:
    path = tmp_path / "old.db"
    make_development_file(path)
    return path


def names(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    return found


@pytest.mark.parametrize("read_only", [False, True])
def test_development_file_is_refused_with_the_remedy_and_unchanged(development_file, read_only):
    before = development_file.read_bytes()
    with pytest.raises(DatabaseError, match=r"made by a development version before 0\.1\.0") as raised:
        threads.open(development_file, read_only=read_only)
    assert f"threads detach {development_file}" in str(raised.value)
    assert development_file.read_bytes() == before


def test_development_file_is_refused_as_a_backup(development_file, tmp_path):
    with pytest.raises(DatabaseError, match="made by a development version"):
        threads.restore_backup(tmp_path / "new.db", development_file)
    assert not (tmp_path / "new.db").exists()


def test_detach_removes_all_development_tables_and_keeps_the_checkpoints(development_file):
    connection = sqlite3.connect(development_file)
    before = connection.execute("SELECT * FROM checkpoints ORDER BY rowid").fetchall()
    writes = connection.execute("SELECT * FROM writes ORDER BY rowid").fetchall()
    threads.detach(development_file)
    assert [name for name in names(development_file) if name.startswith("threads_")] == []
    assert connection.execute("SELECT * FROM checkpoints ORDER BY rowid").fetchall() == before
    assert connection.execute("SELECT * FROM writes ORDER BY rowid").fetchall() == writes
    connection.close()


def test_detached_development_file_is_adopted_and_usable(development_file):
    threads.detach(development_file)
    with threads.open(development_file) as registry:
        assert {thread.id: thread.title for thread in registry.list()} == {
            "a": "Hello from a", "b": "Hello from b",
        }  # fmt: skip
        assert [message.text for message in registry.messages("a")] == ["Hello from a", "re: Hello from a"]
        plain_graph(registry.checkpointer).invoke(said("Again"), config("a"))
        assert [hit.thread.id for hit in registry.search("again") if hit.message] == ["a", "a"]
        assert registry.get("a").message_count == 4
        assert registry.verify() == []


def test_detached_development_file_has_the_same_schema_as_a_new_one(development_file, tmp_path):
    threads.detach(development_file)
    threads.open(development_file).close()
    threads.open(tmp_path / "new.db").close()
    assert names(development_file) == names(tmp_path / "new.db")
    connection = sqlite3.connect(development_file)
    found = connection.execute("SELECT version, name FROM threads_migration").fetchall()
    connection.close()
    assert found == list(enumerate(MIGRATIONS, start=1))
