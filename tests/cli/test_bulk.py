"""Commands that change several threads at once: one transaction, and nobody is left out silently."""

import json

import click
import pytest
from click.testing import CliRunner
from run_helpers import Gate, waiting_graph

import threads
from threads.cli.bulk import change_threads
from threads.cli.group import threads as group


@pytest.fixture(autouse=True)
def registry(tmp_path, monkeypatch):
    """Commands run in a folder of their own, beside a program that has its file open."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THREADS_DB", raising=False)
    with threads.open("threads.db") as registry:
        for id in ("free", "busy"):
            registry.create(id=id, tags=["x"])
        yield registry


@pytest.fixture
def busy(registry):
    """A run is under way in the thread `busy`."""
    gate = Gate()
    with threads.Runner(registry, waiting_graph(gate)) as runner:
        run = runner.start("busy", "go")
        assert gate.reached.wait(30)
        yield
        gate.opened.set()
        run.result()


def call(*words, code=0):
    result = CliRunner().invoke(group, list(words))
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    return result


@pytest.mark.parametrize("words", [["trash"], ["rm", "--yes"]])
def test_bulk_change_skips_and_names_threads_with_an_active_run(registry, busy, words):
    result = call(*words, "free", "busy", code=1)
    assert result.stdout == "free\n"
    assert "thread 'busy' was not changed, because a run is active in it" in result.stderr
    assert [thread.id for thread in registry.list()] == ["busy"]


def test_json_lists_changed_and_skipped_threads(busy):
    told = json.loads(call("trash", "free", "busy", "--json", code=1).stdout)
    assert [thread["id"] for thread in told["threads"]] == ["free"]
    assert (told["missing"], told["busy"]) == ([], ["busy"])
    told = json.loads(call("rm", "-y", "free", "busy", "--json", code=1).stdout)
    assert told == {"deleted": ["free"], "missing": [], "busy": ["busy"]}


def test_marks_are_set_during_a_run(registry, busy):
    assert call("pin", "free", "busy").stdout == "free\nbusy\n"
    assert all(thread.pinned for thread in registry.list())


def test_bulk_change_is_all_or_nothing_if_one_is_refused(registry):
    registry.update("busy", tags=[f"tag{number}" for number in range(100)])
    assert "more than" in call("tag", "new", "free", "busy", code=2).stderr
    assert registry.get("free").tags == ("x",)


def test_thread_deleted_by_another_process_is_named(registry, capsys):
    found = [registry.get("free"), registry.get("busy")]
    registry.delete("busy")
    with click.Context(group), pytest.raises(click.exceptions.Exit) as ended:
        change_threads(registry, found, "trashed", False, trashed=True)
    assert ended.value.exit_code == 1
    assert capsys.readouterr() == ("free\n", "thread 'busy' does not exist any more\n")
