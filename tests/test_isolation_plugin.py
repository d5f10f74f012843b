"""The pytest plugin: one line in a suite gives tests of its own agent."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from threads.isolation.attacks import ATTACKS

pytest_plugins = ["pytester"]

PLUGIN = "threads.isolation.plugin"
LINE = "def test_isolation(threads_isolation): threads_isolation({target})\n"
AGENT = """
from threads.isolation.gallery.parrot import Chat, Parrot, answer, graph, last
from langchain_core.messages import HumanMessage
HEARD = []
def leaking(checkpointer=None):
    def remember(state):
        HEARD.append(last(state))
        return {"messages": [Parrot().invoke([HumanMessage("\\n".join(HEARD))])]}
    return graph(remember, checkpointer)
def forgetting(checkpointer=None):
    return graph(answer)
def right(checkpointer=None):
    return graph(answer, checkpointer)
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs a suite of one line in a process of its own."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))

    def suite(target, *options):
        pytester.makepyfile(my_app=AGENT)
        pytester.makepyfile(test_mine=LINE.format(target=target))
        return pytester.runpytest_subprocess("-p", PLUGIN, "-p", "no:cacheprovider", *options)

    return suite


def test_one_line_gives_a_test_for_each_attack_and_a_right_agent_passes_all(run):
    result = run("'my_app:right'", "-v")
    result.assert_outcomes(passed=len(ATTACKS) + 1)
    for name in ("remembers", "taking-turns", "forks", "kills"):
        assert f"test_isolation[{name}] PASSED" in result.stdout.str()


def test_a_leak_fails_its_tests_with_the_report_and_no_traceback(run):
    result = run("'my_app:leaking'", "-k", "turns and taking or remembers")
    result.assert_outcomes(passed=1, failed=1, deselected=len(ATTACKS) - 1)
    text = result.stdout.str()
    assert "module-memory: the agent keeps words in its module" in text
    assert "kept in: my_app.HEARD" in text
    assert "Traceback" not in text
    assert "audit(target" not in text


def test_an_agent_that_forgets_fails_the_test_of_remembering_alone(run):
    result = run("'my_app:forgetting'", "-k", "remembers or asyncio", "-v")
    result.assert_outcomes(passed=1, failed=1, deselected=len(ATTACKS) - 1)
    assert "test_isolation[remembers] FAILED" in result.stdout.str()


def test_an_attack_that_cannot_be_tried_is_skipped_with_the_reason(run):
    result = run("lambda user, text: user + text", "-k", "forks or taking", "-rs")
    result.assert_outcomes(passed=1, skipped=1, deselected=len(ATTACKS) - 1)
    assert "an application keeps its own memory" in result.stdout.str()


def test_the_plugin_loads_neither_the_audit_nor_langgraph_until_it_is_used(run, pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # other plugins bring what they like
    pytester.makepyfile(
        test_other="""
        import sys
        def test_nothing_of_it_is_here():
            heavy = {"langgraph", "langchain_core", "langchain_openai", "rich", "click", "fastapi", "agent"}
            assert heavy.isdisjoint(name.split(".")[0] for name in sys.modules)
            assert not [name for name in sys.modules if name.startswith("threads.isolation.lab")]
        """
    )
    result = run("'my_app:right'", "-k", "nothing_of_it", "--deselect", "test_mine.py")
    result.assert_outcomes(passed=1)


def test_it_imports_nothing_of_others_but_pytest():
    code = (
        "import sys, pytest; before = set(sys.modules); import threads.isolation.plugin\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['threads']\n"


def test_pytest_finds_the_plugin_where_the_package_is_installed():
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["entry-points"]["pytest11"] == {PLUGIN: PLUGIN}
