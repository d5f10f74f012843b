"""Runs at the command line: `runs` and `stop`, also of a run in another process."""

import json
import os
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner
from graphs import Plain, compiled, failing_graph, plain_graph
from langchain_core.messages import AIMessage
from locations import SUPPORT
from run_helpers import Gate, slow_agent, texts, until

import threads
from threads.cli.group import threads as group


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THREADS_DB", raising=False)
    return tmp_path


@pytest.fixture
def registry(here):
    with threads.open("threads.db") as registry:
        registry.create(id="a")
        yield registry


def call(*words, code=0):
    result = CliRunner().invoke(group, words)
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    return result


def completed(line):
    variables = {"_THREADS_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    done = subprocess.run(
        [sys.executable, "-m", "threads"],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    return [each.partition(",")[2] for each in done.stdout.split()]


def test_runs_are_listed_newest_first_with_their_errors(registry):
    agents = {"good": plain_graph(None), "bad": failing_graph(None)}
    with threads.Runner(registry, agents) as runner:
        first = runner.start("a", "hi", agent_id="good")
        first.result()
        second = runner.start("a", "ho", agent_id="bad")
        with pytest.raises(threads.RunFailed):
            second.result()
    rows = [line.split("\t") for line in call("runs", "a").stdout.splitlines()]
    assert [row[:3] for row in rows] == [[second.id, "message", "error"], [first.id, "message", "success"]]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}Z", row[3]) and float(row[4]) >= 0 for row in rows)
    assert [row[5:] for row in rows] == [
        ["1", "bad", "RuntimeError: the model is on fire"],
        ["1", "good", ""],
    ]
    page = json.loads(call("runs", "a", "--json", "-n", "1").stdout)
    assert [run["id"] for run in page["runs"]] == [second.id]
    rest = json.loads(call("runs", "-", "--json", "--cursor", page["next_cursor"]).stdout)
    assert [run["id"] for run in rest["runs"]] == [first.id] and rest["next_cursor"] is None
    call("runs", "nobody", code=3)
    assert "cursor" in call("runs", "a", "--cursor", "x", code=2).stderr


@pytest.mark.slow
@pytest.mark.parametrize("rollback", [False, True])
def test_stop_ends_a_run_and_keeps_its_output_unless_rolled_back(registry, rollback):
    with threads.Runner(registry, slow_agent()) as runner:
        run = runner.start("a", "hi")
        until(lambda: run.info.first_token_at)
        done = call("stop", "a", *["--rollback"] * rollback)
        assert done.stdout == f"{run.id}\tstopped\n"
    if rollback:
        assert texts(registry, "a") == []
    else:
        [said, answer] = texts(registry, "a")
        assert said == "hi" and answer.startswith("w0 ")


@pytest.mark.slow
def test_stop_takes_the_running_run_or_the_one_that_is_named(registry):
    gate = Gate()

    async def wait(state):
        await gate.await_()
        return {"messages": [AIMessage("done")]}

    with threads.Runner(registry, compiled(Plain, wait, None)) as runner:
        running = runner.start("a", "one")
        assert gate.reached.wait(20)
        queued = [runner.start("a", text, multitask_strategy="enqueue") for text in ("two", "three")]
        assert sorted(completed("threads stop a ")) == sorted(run.id for run in (running, *queued))
        assert call("stop", "a", queued[0].id).stdout == f"{queued[0].id}\tstopped\n"
        assert "has ended already, with status stopped" in call("stop", "a", queued[0].id, code=1).stderr
        assert call("stop", "a").stdout == f"{running.id}\tstopped\n"
        gate.opened.set()
        queued[1].result(20)
    assert "no active run" in call("stop", "a", code=1).stderr
    assert "has no run 'x'" in call("stop", "a", "x", code=3).stderr
    assert "several runs of thread 'a' begin with '0'" in call("stop", "a", "0", code=2).stderr


SLOW = """
import sys
sys.path.insert(0, {tests!r})
from run_helpers import slow_agent
graph = slow_agent(2000)
"""


@pytest.mark.slow
def test_stop_ends_a_run_of_another_process(registry, here):
    (here / "talking.py").write_text(SLOW.format(tests=str(SUPPORT)))
    words = [sys.executable, "-m", "threads", "send", "a", "hi", "--agents", "talking:graph"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as sending:
        [run] = until(lambda: [run for run in registry.runs("a") if run.first_token_at])
        assert call("stop", "a", run.id[:-1]).stdout == f"{run.id}\tstopped\n"
        _, notes = sending.communicate(timeout=60)
    assert texts(registry, "a")[1].startswith("w0 ")
    assert "The run was stopped before it finished" in notes
    assert f"run {run.id} was stopped before it finished" in call("show", "a").stdout


@pytest.mark.slow
def test_run_whose_process_is_gone_keeps_the_stop(registry):
    with threads.Runner(registry, slow_agent(), recover=False) as runner:
        run = runner.start("a", "hi")
        until(lambda: run.info.first_token_at)
        runner.close(timeout=0)
    done = call("stop", "a", "--wait", "0", code=1)
    assert "the stop is stored" in done.stderr and done.stdout == f"{run.id}\trunning\n"
    with threads.Runner(registry, slow_agent(), lease_seconds=0.5) as runner:
        assert until(lambda: runner.run(run.id).status == "stopped")
