"""The audit of the audit: every agent of the gallery that leaks is caught for its mistake, no other is accused."""

import functools
import json
import subprocess
import sys

import pytest
from faults import LONG

from threads.isolation import audit, mistakes
from threads.isolation.attacks import ATTACKS
from threads.isolation.gallery import FORGETFULS, INNOCENTS, LEAKERS

ALL_BUT_PROCESSES = [attack.name for attack in ATTACKS if not attack.is_slow]
OF_STATE = [name for name in ALL_BUT_PROCESSES if name not in ("near ids", "OS threads", "restarts")]
"""Those that can make an agent suspect which keeps nothing beside its state."""
KEEPERS = (
    "store by user",
    "application with ids of its own",
    "cache keyed by thread",
    "keyed by its context",
)
NOT_BESIDE = ("after a failure", "after a delete", "draft in pieces")
"""Whose fewest steps are more than a few, or do not fit in a program."""
ENOUGH = {
    "id from first name": "near ids",
    "global current thread": "asyncio",
    "progress of everybody": "runs",
    "draft in pieces": "runs",
    "after a failure": "failed turns",
    "after a delete": "deletes and reused ids",
    "id cut short": "near ids",
}
"""The attack that a leak needs, where `taking turns` does not show it; all attacks are tried in a long test."""
EACH_IN_TURN = """
import json, sys
for name, program in json.load(sys.stdin):
    for module in [module for module in sys.modules if module.startswith("threads.isolation.gallery")]:
        del sys.modules[module]  # what an agent wrongly keeps there is not to help the next
    try:
        exec(program, {})
    except AssertionError:
        print(name)
"""


def by_name(exhibits):
    return pytest.mark.parametrize("exhibit", exhibits, ids=lambda exhibit: exhibit.name)


@functools.cache
def tried(exhibit):
    """A short audit, for all tests that ask; in a long test the whole quick one, as a person runs it."""
    if not LONG:
        attack = ENOUGH.get(exhibit.name, "taking turns")
        return audit(exhibit.spec, attacks=[attack], users=3, turns=12, seed=5)
    report = audit(exhibit.spec, seed=5)
    print(f"{exhibit.name}: {report.seconds} s")  # pytest -rP shows it
    return report


@by_name(LEAKERS)
def test_each_leak_is_found_soon_and_named_for_what_it_is(exhibit):
    report = tried(exhibit)
    assert (report.verdict, report.clean) == ("leaks", False)
    found = {finding.mistake: finding for finding in report.findings}
    finding = found.pop(exhibit.mistake)
    assert found.keys() <= {exhibit.also}
    assert finding.owner != finding.reader
    assert finding.surfaces[exhibit.surface] > 0
    assert finding.remedy == mistakes.mistake(exhibit.mistake).remedy


def test_the_fewest_steps_are_few_and_their_program_shows_the_leak(tmp_path):
    programs = []
    for exhibit in LEAKERS:
        if exhibit.mistake == "current-thread" or exhibit.name in NOT_BESIDE:
            continue  # takes turns at once or that fail, which fit in no few lines
        [finding] = tried(exhibit).findings
        assert len(finding.replay.steps) <= 6, finding.replay.steps
        programs.append((exhibit.name, finding.replay.code))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", EACH_IN_TURN], input=json.dumps(programs),
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == [name for name, _ in programs], done.stderr


def test_what_only_runs_tell_is_seen_through_runs_alone():
    exhibit = next(each for each in LEAKERS if each.name == "progress of everybody")
    assert audit(exhibit.spec, attacks=["taking turns", "asyncio"], users=2, turns=8, seed=5).clean
    [finding] = tried(exhibit).findings
    assert set(finding.surfaces) == {"events", "rows of the database"}
    assert finding.place == "threads.isolation.gallery.leaking.DOING"


def test_memory_beside_the_state_is_found_in_the_program_itself():
    found = {exhibit.name: tried(exhibit).findings[0].place for exhibit in LEAKERS}
    assert (
        found.items()
        >= {
            "module level list": "threads.isolation.gallery.leaking.HEARD",
            "closure memory": "heard in closure_memory.<locals>.remember",
            "tool with shared state": "notebook in tool_with_shared_state.<locals>.note",
            "default argument": "default_argument.<locals>.remember",
            "class attribute": "threads.isolation.gallery.hidden.Notebook.notes",
            "context variable": "threads.isolation.gallery.hidden.HEARD",
            "private attribute": "Diary.__pydantic_private__",
            "after a delete": "threads.isolation.gallery.hidden.OF_THREADS",
            "returns an object": "threads.isolation.gallery.hidden.SAID",
        }.items()
    )


@by_name(FORGETFULS)
def test_who_keeps_nothing_is_told_so_and_not_called_a_leak(exhibit):
    report = audit(exhibit.spec, attacks=["taking turns", "asyncio"], users=2, turns=8, seed=5)
    assert (report.verdict, report.clean, report.leaked) == ("forgets", False, 0)
    assert [finding.mistake for finding in report.findings] == [exhibit.mistake]
    assert "does not remember" in str(report)


@by_name(INNOCENTS)
def test_nobody_is_accused_who_keeps_users_apart(exhibit):
    attacks = ALL_BUT_PROCESSES if LONG or exhibit.name in KEEPERS else OF_STATE
    report = audit(exhibit.spec, attacks=attacks, users=2, turns=24 if LONG else 6, seed=5)
    assert (report.verdict, report.findings) == ("clean", ())
    assert report.turns > 20
    assert report.leaked == 0


def test_turns_that_the_agent_fails_are_counted_and_no_reason_to_accuse_it():
    report = audit("threads.isolation.gallery.innocent:sometimes_fails", attacks=["taking turns"], seed=1)
    [tried] = report.tried
    assert 0 < tried.failed < tried.turns
    assert report.clean


@pytest.mark.parametrize("attack", ["processes", "kills"])
def test_processes_that_share_a_file_are_caught(attack, tmp_path, monkeypatch):
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
    processes = 2 if attack == "processes" else 1
    report = audit("filed:build", attacks=[attack], users=2, turns=8, processes=processes)
    assert report.leaked > 0
    assert report.turns == 8
