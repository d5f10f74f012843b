"""The gallery: each leaking agent is reported with its mistake, no other agent is reported."""

import pytest
from audit_replay import shows_it
from faults import LONG
from isolation_gallery import AGENTS_WITHOUT_LEAK, AGENTS_WITHOUT_MEMORY, LEAKING_AGENTS

from threads.isolation import audit, mistakes
from threads.isolation.attacks import ATTACKS

IN_PROCESS_ATTACKS = [attack.name for attack in ATTACKS if not attack.is_slow]
STATE_ATTACKS = [name for name in IN_PROCESS_ATTACKS if name not in ("near ids", "OS threads", "restarts")]
"""Attacks that could wrongly report an agent that keeps data in its state alone."""
AGENTS_WITH_OWN_DATA = (
    "store by user",
    "application with ids of its own",
    "cache keyed by thread",
    "keyed by its context",
)
WITHOUT_SHORT_PROGRAM = ("after a failure", "after a delete", "draft in pieces")
"""Leaking agents whose fewest steps are many, or cannot be repeated by a program."""
ATTACK_BY_AGENT = {
    "id from first name": "near ids",
    "global current thread": "asyncio",
    "progress of all threads": "runs",
    "draft in pieces": "runs",
    "after a failure": "failed turns",
    "after a delete": "deletes and reused ids",
    "id cut short": "near ids",
}
"""The attack that a leak needs if `taking turns` does not show it. A long test runs all attacks."""
PLACE_BY_AGENT = {
    "module level list": "isolation_gallery.leaks.HISTORY",
    "closure memory": "history in closure_memory.<locals>.remember",
    "tool with shared state": "notebook in tool_with_shared_state.<locals>.note",
    "progress of all threads": "isolation_gallery.leaks.PROGRESS",
    "default argument": "default_argument.<locals>.remember",
    "class attribute": "isolation_gallery.hidden_leaks.Notebook.notes",
    "context variable": "isolation_gallery.hidden_leaks.HISTORY",
    "private attribute": "RecordingModel.__pydantic_private__",
    "after a delete": "isolation_gallery.hidden_leaks.MESSAGES_BY_THREAD",
    "returns an object": "isolation_gallery.hidden_leaks.MESSAGES",
}
"""Where the audit must find the words in the program."""


def by_name(agents):
    return pytest.mark.parametrize("agent", agents, ids=lambda agent: agent.name)


def audit_briefly(agent):
    """Run one attack, or in a long test the whole quick audit."""
    if not LONG:
        attack = ATTACK_BY_AGENT.get(agent.name, "taking turns")
        return audit(agent.spec, attacks=[attack], users=3, turns=12, seed=5)
    report = audit(agent.spec, seed=5)
    print(f"{agent.name}: {report.seconds} s")  # pytest -rP shows it
    return report


@pytest.mark.slow
@by_name(LEAKING_AGENTS)
def test_each_leak_is_found_with_its_mistake_and_few_steps(agent, tmp_path):
    report = audit_briefly(agent)
    assert (report.verdict, report.clean) == ("leaks", False)
    found = {finding.mistake: finding for finding in report.findings}
    finding = found.pop(agent.mistake)
    assert found.keys() <= {agent.alternative}
    assert finding.owner != finding.reader
    assert finding.surfaces[agent.surface] > 0
    assert finding.remedy == mistakes.get_mistake(agent.mistake).remedy
    if agent.name in PLACE_BY_AGENT:
        assert finding.place == PLACE_BY_AGENT[agent.name]
    if agent.mistake != "current-thread" and agent.name not in WITHOUT_SHORT_PROGRAM:
        assert len(finding.replay.steps) <= 6, finding.replay.steps
        assert shows_it(finding.replay.code, tmp_path)


@pytest.mark.slow
def test_leak_in_events_is_found_by_the_runs_attack_alone():
    agent = next(each for each in LEAKING_AGENTS if each.name == "progress of all threads")
    assert audit(agent.spec, attacks=["taking turns", "asyncio"], users=2, turns=8, seed=5).clean
    [finding] = audit(agent.spec, attacks=["runs"], users=2, turns=8, seed=5).findings
    assert set(finding.surfaces) == {"events", "rows of the database"}


@pytest.mark.slow
@by_name(AGENTS_WITHOUT_MEMORY)
def test_agent_without_memory_gets_verdict_forgets(agent):
    report = audit(agent.spec, attacks=["taking turns", "asyncio"], users=2, turns=8, seed=5)
    assert (report.verdict, report.clean, report.leaked) == ("forgets", False, 0)
    assert [finding.mistake for finding in report.findings] == [agent.mistake]
    assert "does not remember" in str(report)


@pytest.mark.slow
@by_name(AGENTS_WITHOUT_LEAK)
def test_agent_without_leak_is_clean(agent):
    attacks = IN_PROCESS_ATTACKS if LONG or agent.name in AGENTS_WITH_OWN_DATA else STATE_ATTACKS
    report = audit(agent.spec, attacks=attacks, users=2, turns=24 if LONG else 6, seed=5)
    assert (report.verdict, report.findings) == ("clean", ())
    assert report.turns > 20
    assert report.leaked == 0


def test_failed_turns_are_counted_and_are_no_leak():
    report = audit("isolation_gallery.no_leak:sometimes_fails", attacks=["taking turns"], seed=1)
    [tried] = report.tried
    assert 0 < tried.failed < tried.turns
    assert report.clean


@pytest.mark.slow
@pytest.mark.parametrize("attack", ["processes", "kills"])
def test_leak_by_a_shared_file_is_found_between_processes(attack, tmp_path, monkeypatch):
    (tmp_path / "filed.py").write_text(
        "from pathlib import Path\n"
        "from isolation_gallery.fake_model import FakeModel, compile_graph, last_text\n"
        "from langchain_core.messages import HumanMessage\n"
        f"FILE = Path({str(tmp_path / 'heard.txt')!r})\n"
        "def build(checkpointer=None):\n"
        "    def remember(state):\n"
        "        with FILE.open('a') as file:\n"
        "            file.write(last_text(state) + '\\n')\n"
        "        return {'messages': [FakeModel().invoke([HumanMessage(FILE.read_text())])]}\n"
        "    return compile_graph(remember, checkpointer)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    processes = 2 if attack == "processes" else 1
    report = audit("filed:build", attacks=[attack], users=2, turns=8, processes=processes)
    assert report.leaked > 0
    assert report.turns == 8
