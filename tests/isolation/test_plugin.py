"""The pytest plugin: the fixture `threads_isolation` in suites of their own."""

import os
import subprocess
import sys
import tomllib

import pytest
from faults import LONG
from locations import EXERCISES, ROOT

from threads.isolation.attacks import ATTACKS

pytest_plugins = ["pytester"]

PLUGIN = "threads.isolation.plugin"
TEST_LINE = "def test_isolation(threads_isolation): threads_isolation({target}, users=2, turns=8)\n"
AGENT = """
from isolation_gallery.fake_model import FakeModel, answer, compile_graph, last_text
from langchain_core.messages import HumanMessage
HISTORY = []
def leaking(checkpointer=None):
    def remember(state):
        HISTORY.append(last_text(state))
        return {"messages": [FakeModel().invoke([HumanMessage("\\n".join(HISTORY))])]}
    return compile_graph(remember, checkpointer)
def without_memory(checkpointer=None):
    return compile_graph(answer)
def clean(checkpointer=None):
    return compile_graph(answer, checkpointer)
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Return a function that runs one suite for each target in a process of its own."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(EXERCISES)]))

    def suites(*options, **targets):
        lines = {f"test_{name}": TEST_LINE.format(target=target) for name, target in targets.items()}
        pytester.makepyfile(my_app=AGENT, **lines)
        return pytester.runpytest_subprocess("-p", PLUGIN, "-p", "no:cacheprovider", *options)

    return suites


@pytest.mark.slow
def test_fixture_makes_one_test_for_each_attack_and_a_clean_agent_passes(run):
    short = () if LONG else ("-k", "not processes and not kills")  # seconds, and tried with other agents
    result = run("-v", *short, clean="'my_app:clean'")
    names = [
        "remembers",
        *(attack.name.replace(" ", "-") for attack in ATTACKS if LONG or not attack.is_slow),
    ]
    result.assert_outcomes(passed=len(names), deselected=len(ATTACKS) + 1 - len(names))
    for name in names:
        assert f"test_isolation[{name}] PASSED" in result.stdout.str()


@pytest.mark.slow
def test_leak_fails_missing_memory_fails_and_impossible_attack_skips(run):
    result = run(
        "-v", "-rs", "-k", "taking or remembers or forks",
        leaking="'my_app:leaking'", forgets="'my_app:without_memory'", talking="lambda user, text: user + text",
    )  # fmt: skip
    text = result.stdout.str()
    outcomes = {
        ("leaking", "remembers"): "PASSED",
        ("leaking", "taking-turns"): "FAILED",
        ("leaking", "forks"): "FAILED",
        ("forgets", "remembers"): "FAILED",
        ("forgets", "taking-turns"): "PASSED",
        ("forgets", "forks"): "PASSED",
        ("talking", "remembers"): "PASSED",
        ("talking", "taking-turns"): "PASSED",
        ("talking", "forks"): "SKIPPED",
    }
    for (suite, name), outcome in outcomes.items():
        assert f"test_{suite}.py::test_isolation[{name}] {outcome}" in text
    assert "module-memory: the agent keeps words in its module" in text
    assert "kept in: my_app.HISTORY" in text
    assert "an application keeps its own memory" in text
    assert "Traceback" not in text
    assert "audit(target" not in text


@pytest.mark.slow
def test_invalid_target_fails_with_one_line(run):
    result = run("-k", "taking", absent="'my_app:absent'")
    result.assert_outcomes(failed=1, deselected=len(ATTACKS))
    assert "target: module 'my_app' has no 'absent'" in result.stdout.str()
    assert "Traceback" not in result.stdout.str()
    assert "raise InvalidValue" not in result.stdout.str()


def test_plugin_does_not_import_audit_or_langgraph_before_use(run, pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # other plugins bring what they like
    pytester.makepyfile(
        test_other="""
        import sys
        def test_no_heavy_import():
            heavy = {"langgraph", "langchain_core", "langchain_openai", "rich", "click", "fastapi", "agent"}
            assert heavy.isdisjoint(name.split(".")[0] for name in sys.modules)
            assert not [name for name in sys.modules if name.startswith("threads.isolation.auditor")]
        """
    )
    result = run("-k", "no_heavy_import")
    result.assert_outcomes(passed=1)


def test_plugin_imports_no_third_party_package_but_pytest():
    code = (
        "import sys, pytest; before = set(sys.modules); import threads.isolation.plugin\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['threads']\n"


def test_plugin_has_an_entry_point():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["entry-points"]["pytest11"] == {PLUGIN: PLUGIN}
