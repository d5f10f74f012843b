"""Pair exercise 02: its own commands, run for real in a copy of its folder."""

import ast
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from exercise_pack import run_here
from locations import ROOT

FOLDER = ROOT / "exercises/4-Thursday/starter_code"
STARTER = "pair_exercise_02_starter.py"
SOLUTION = "pair_exercise_02_solution.py"

# As the instructions print it, but for two blanks they have after the third "Thread: alice_session"'s name.
EXPECTED = """\
=== Multi-Thread Support Test ===

[INFO] Creating thread manager...
[OK] Thread manager ready

=== Parallel Conversations ===

Thread: alice_session
  Alice: Hi, I'm Alice.
  Agent: Hello Alice! How can I help?

Thread: bob_session
  Bob: Hey, I'm Bob.
  Agent: Hi Bob! What can I do for you?

Thread: alice_session
  Alice: What's my name?
  Agent: Your name is Alice!

Thread: bob_session
  Bob: Do you know who I am?
  Agent: Yes, you're Bob!

=== Thread Isolation Test ===
[OK] alice_session correctly identifies user as Alice
[OK] bob_session correctly identifies user as Bob
[OK] Threads are properly isolated!

=== Thread Switching Demo ===
"""


def copy_to(place: Path) -> Path:
    copied = place / "starter_code"
    shutil.copytree(FOLDER, copied, ignore=shutil.ignore_patterns("__pycache__"))
    return copied


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("THREADS_MODEL", "offline")
    return copy_to(tmp_path)


@pytest.fixture(scope="module")
def solution(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """The solution, after one run."""
    return run(copy_to(tmp_path_factory.mktemp("solution")), SOLUTION)


def run(
    folder: Path, *arguments: str, python: str | Path = sys.executable
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"THREADS_MODEL": "offline", "PYTHONIOENCODING": "utf-8"}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [python, *arguments], cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=120
    )


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def functions(source: str) -> dict[str, str]:
    """The functions and classes of a module, by name."""
    return {
        node.name: ast.get_source_segment(source, node) or ""
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }


@pytest.mark.slow
def test_the_solution_prints_what_the_instructions_expect(solution: subprocess.CompletedProcess[str]) -> None:
    assert solution.returncode == 0, solution.stderr
    assert solution.stdout.startswith(EXPECTED)
    assert "offline model" in solution.stderr  # which model answers is said, but not on stdout


@pytest.mark.slow
def test_a_second_run_prints_the_same_and_leaves_nothing_behind(
    solution: subprocess.CompletedProcess[str], folder: Path
) -> None:
    before = files(folder)
    assert run(folder, SOLUTION).stdout == solution.stdout
    assert files(folder) == before


@pytest.mark.slow
def test_the_solution_works_under_the_starters_name(
    folder: Path, solution: subprocess.CompletedProcess[str]
) -> None:
    shutil.copy(folder / SOLUTION, folder / STARTER)
    done = run(folder, STARTER)
    assert (done.returncode, done.stdout) == (0, solution.stdout)


def test_switching_shows_each_thread_going_on_where_it_stopped(
    solution: subprocess.CompletedProcess[str],
) -> None:
    demo = solution.stdout.removeprefix(EXPECTED)
    for line in (
        "  Agent: Your order number is A-1001.",
        "[OK] Back in bob_session, the agent still knows: subscription",
        "[OK] Back in carol_session, the agent still knows: laptop",
        "[OK] A new thread begins with an empty memory, also for the same customer",
        "[OK] A mistyped id is refused: there is no thread 'alise_session'",
    ):
        assert line in demo


def test_a_forgetful_agent_fails_with_one_line_and_an_exit_code(folder: Path) -> None:
    source = (folder / SOLUTION).read_text("utf-8")
    remembering = "build_agent(checkpointer=memory)"
    assert remembering in source
    (folder / SOLUTION).write_text(source.replace(remembering, "build_agent()"), "utf-8")
    done = run_here(folder / SOLUTION)
    assert done.code == 1
    assert done.stdout.splitlines()[-1].startswith("[FAIL] Alice")


def test_one_thread_for_all_fails(folder: Path) -> None:
    assert run_here(one_for_all(folder)).code == 1


def one_for_all(folder: Path) -> Path:
    """The solution with one thread for everybody."""
    source = (folder / SOLUTION).read_text("utf-8")
    own = '{"configurable": {"thread_id": self.thread_id}}'
    assert own in source
    broken = folder / "pair_exercise_02_one_for_all.py"
    broken.write_text(source.replace(own, '{"configurable": {"thread_id": "all"}}'), "utf-8")
    return broken


@pytest.mark.parametrize("solved", range(5))
def test_the_starter_stops_at_the_first_task_that_is_not_solved(
    folder: Path, solution: subprocess.CompletedProcess[str], solved: int
) -> None:
    tasks = [
        ["ThreadManager", "create_thread_manager"],
        ["run_parallel_conversations"],
        ["test_thread_isolation"],
        ["demonstrate_thread_switching"],
    ]
    starter = (folder / STARTER).read_text("utf-8")
    todo, done = functions(starter), functions((folder / SOLUTION).read_text("utf-8"))
    for name in [name for task in tasks[:solved] for name in task]:
        starter = starter.replace(todo[name], done[name])
    helpers = "\n\n".join(text for name, text in done.items() if name not in todo)
    starter = starter.replace("class NotSolved", f"{helpers}\n\n\nclass NotSolved")
    starter = starter.replace("from typing", "from collections.abc import Iterable\nfrom typing")
    (folder / STARTER).write_text(starter, "utf-8")

    ran = run_here(folder / STARTER)
    if solved == len(tasks):
        assert (ran.code, ran.stdout) == (0, solution.stdout)
    else:
        assert ran.code == 1
        assert ran.said.startswith(f"Task {solved + 1} is not solved yet: ")
        assert "Hint: " in ran.said
        assert EXPECTED.startswith(ran.stdout.rstrip())


def test_the_starter_holds_the_same_names_as_the_solution() -> None:
    starter, solved = (
        {
            (node.name, ast.unparse(node.args))
            for node in ast.walk(ast.parse((FOLDER / name).read_text("utf-8")))
            if isinstance(node, ast.FunctionDef)
        }
        for name in (STARTER, SOLUTION)
    )
    assert starter <= solved
    assert ("test_thread_isolation", "agent: Any, thread_manager: ThreadManager") in starter


def test_the_starter_gives_no_answer_away(folder: Path) -> None:
    starter = (folder / STARTER).read_text("utf-8")
    for answer in ("registry.create(", "registry.get(", "registry.list(", "agent.invoke(", "What's my name"):
        assert answer not in starter


@pytest.mark.parametrize("name", [STARTER, SOLUTION])
def test_without_the_package_one_sentence_names_the_install_command(
    folder: Path, tmp_path: Path, name: str
) -> None:
    venv.create(tmp_path / "empty", symlinks=os.name != "nt")
    python = next(path for path in (tmp_path / "empty").glob("*/python*") if path.is_file())
    done = run(folder, name, python=python)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert 'python -m pip install -e ".[test]"' in done.stderr


def test_a_model_that_cannot_be_had_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADS_MODEL", "nobody")
    done = run_here(folder / SOLUTION)
    assert done.code == 1
    assert "There is no model 'nobody'" in done.said


@pytest.mark.slow
def test_pytest_runs_the_functions_named_test_and_says_what_is_not_solved(folder: Path) -> None:
    broken = one_for_all(folder).name
    done = run(folder, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", SOLUTION, STARTER, broken)
    assert done.returncode == 1, done.stdout
    assert f"PASSED {SOLUTION}::test_thread_isolation" in done.stdout
    assert f"FAILED {broken}::test_thread_isolation" in done.stdout
    assert "Task 1 is not solved yet" in done.stdout
    assert "1 passed" in done.stdout
