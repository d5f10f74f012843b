"""Agents of LangChain, deepagents, supervisor and swarm: clean, and each found with a planted leak."""

from __future__ import annotations

import audited_agents
import pytest
from audited_agents import FAMILIES, LEAKS
from click.testing import CliRunner

from threads.cli.group import threads as command_group
from threads.isolation import audit
from threads.isolation.mistakes import get_mistake

MISTAKES = {"tool": "tool-state", "model": "module-memory", "store": "shared-store", "cache": "llm-cache"}
MISTAKE_BY_AGENT = {
    # the cached answer of one agent is handed to the next node before it is the reply
    "deep_agent_cache": "module-memory",
    "supervisor_cache": "module-memory",
}
PLACES = {"tool": "audited_agents.NOTES", "model": "audited_agents.HEARD", "store": None}
"""Where the words are; a cache's place is not searched where the mistake is clear without."""


@pytest.fixture(autouse=True)
def forgotten():
    audited_agents.clear()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_packaged_agent_without_leak_is_clean(family):
    report = audit(
        f"audited_agents:clean_{family}",
        attacks=["taking turns", "asyncio", "runs"],
        users=2,
        turns=8,
        seed=5,
    )
    assert (report.verdict, report.findings, report.notes) == ("clean", (), ())
    assert [tried.failed for tried in report.tried] == [0, 0, 0]


BY_COMMAND = "deep_agent_model"
"""The leak that the test of the command finds; it is one that is explained through such objects. The words
come to the outer agent as the result of the tool `task`."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for family in FAMILIES for leak in LEAKS if (name := f"{family}_{leak}") != BY_COMMAND]
)
def test_leak_of_a_packaged_agent_is_found_with_its_mistake(name):
    leak = name.rpartition("_")[2]
    report = audit(f"audited_agents:{name}", attacks=["taking turns"], users=2, turns=8, seed=5)
    [finding] = report.findings
    assert report.verdict == "leaks"
    assert finding.mistake == MISTAKE_BY_AGENT.get(name, MISTAKES[leak])
    assert finding.place == PLACES.get(leak, finding.place)
    assert len(finding.replay.steps) <= 6


@pytest.mark.slow
def test_audit_names_the_mistake_of_an_agent_whose_objects_raise_on_attribute_access():
    words = ("audit", f"audited_agents:{BY_COMMAND}", "--attack", "taking turns", "--users", "2")
    done = CliRunner().invoke(command_group, [*words, "--turns", "8", "--seed", "5"])
    assert done.exit_code == 1, done.output
    assert "audited_agents.HEARD" in done.output
    assert get_mistake("tool-state").what in " ".join(done.output.split())
