"""The audit of the audit: every agent of the gallery that leaks is caught for its mistake, no other is accused."""

import ast
import subprocess
import sys
import time

import pytest

from threads.isolation import audit, mistakes
from threads.isolation.gallery import FORGETFULS, INNOCENTS, LEAKERS

IN_THE_PROCESS = (
    "taking turns", "equal messages", "near ids", "asyncio", "OS threads", "failed turns", "restarts",
    "deletes and reused ids", "forks",
)  # fmt: skip
PATIENCE = 30.0
"""Seconds a person waits for a quick audit."""


def by_name(exhibits):
    return pytest.mark.parametrize("exhibit", exhibits, ids=lambda exhibit: exhibit.name)


@by_name(LEAKERS)
def test_each_leak_is_found_soon_and_named_for_what_it_is(exhibit):
    began = time.monotonic()
    report = audit(exhibit.spec, seed=5)
    assert time.monotonic() - began < PATIENCE
    assert (report.verdict, report.clean) == ("leaks", False)
    assert [finding.mistake for finding in report.findings] == [exhibit.mistake]
    [finding] = report.findings
    assert finding.owner != finding.reader
    assert finding.surfaces["replies"] > 0
    assert finding.remedy == mistakes.mistake(exhibit.mistake).remedy


@by_name([each for each in LEAKERS if each.mistake != "current-thread"])
def test_the_fewest_steps_are_few_and_their_program_shows_the_leak(exhibit, tmp_path):
    attack = "near ids" if exhibit.mistake == "id-from-name" else "taking turns"
    [finding] = audit(exhibit.spec, attacks=[attack], users=3, turns=12, seed=6).findings
    assert len(finding.replay.steps) <= 6, finding.replay.steps
    ast.parse(finding.replay.code)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", finding.replay.code],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "AssertionError" in done.stderr, (finding.replay.code, done.stderr)


def test_memory_beside_the_state_is_found_in_the_program_itself():
    found = {
        name: audit(f"threads.isolation.gallery.leaking:{name}", attacks=["taking turns"]).findings[0].place
        for name in ("module_level_list", "closure_memory", "tool_with_shared_state")
    }
    assert found == {
        "module_level_list": "threads.isolation.gallery.leaking.HEARD",
        "closure_memory": "heard in closure_memory.<locals>.remember",
        "tool_with_shared_state": "notebook in tool_with_shared_state.<locals>.note",
    }


@by_name(FORGETFULS)
def test_who_keeps_nothing_is_told_so_and_not_called_a_leak(exhibit):
    report = audit(exhibit.spec, attacks=["taking turns", "asyncio"], seed=5)
    assert (report.verdict, report.clean, report.leaked) == ("forgets", False, 0)
    assert [finding.mistake for finding in report.findings] == [exhibit.mistake]
    assert "does not remember" in str(report)


@by_name(INNOCENTS)
def test_nobody_is_accused_who_keeps_users_apart(exhibit):
    report = audit(exhibit.spec, attacks=IN_THE_PROCESS, users=2, turns=8, seed=5)
    assert (report.verdict, report.findings) == ("clean", ())
    assert report.turns > 20
    assert report.leaked == 0


def test_turns_that_the_agent_fails_are_counted_and_no_reason_to_accuse_it():
    report = audit("threads.isolation.gallery.innocent:sometimes_fails", attacks=["taking turns"], seed=1)
    [tried] = report.tried
    assert 0 < tried.failed < tried.turns
    assert report.clean


@pytest.mark.parametrize("attack", ["processes", "kills"])
def test_processes_at_once_are_caught_and_acquitted_too(attack, tmp_path, monkeypatch):
    (tmp_path / "filed.py").write_text(
        "from pathlib import Path\n"
        "from threads.isolation.gallery.parrot import Chat, Parrot, graph, last\n"
        "from langchain_core.messages import HumanMessage\n"
        f"FILE = Path({str(tmp_path / 'heard.txt')!r})\n"
        "def build(checkpointer=None):\n"
        "    def remember(state):\n"
        "        with FILE.open('a') as file:\n"
        "            file.write(last(state) + '\\n')\n"
        "        return {'messages': [Parrot().invoke([HumanMessage(FILE.read_text())])]}\n"
        "    return graph(remember, checkpointer)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert audit("filed:build", attacks=[attack], turns=16).leaked > 0
    report = audit("threads.isolation.gallery.innocent:plain_messages", attacks=[attack], turns=16)
    assert report.clean
    assert report.turns == 16
