"""The checker of the exercises tells wrong solutions apart, each by its own name, and passes the right one."""

import sys
from pathlib import Path
from typing import Any

import pytest
from wrong_solutions import MISTAKES

EXERCISES = Path(__file__).parents[1] / "exercises"
FOLDER = EXERCISES / "4-Thursday/starter_code"


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.syspath_prepend(str(EXERCISES))
    monkeypatch.setenv("THREADS_MODEL", "offline")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)
    from checker.judging import judge_file

    return judge_file


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_solution_is_told_by_its_mistake(judge: Any, tmp_path: Path, name: str) -> None:
    mistake = MISTAKES[name]
    source = (FOLDER / f"pair_exercise_{mistake.exercise}_solution.py").read_text("utf-8")
    for right, wrong in mistake.changes:
        assert right in source, f"the solution no longer has: {right}"
        source = source.replace(right, wrong)
    (tmp_path / "learner").mkdir()
    program = tmp_path / "learner" / "wrong.py"
    program.write_text(source, "utf-8")
    # Exercise 03 begins a process in an earlier task, which would cost seconds for each mistake.
    only = mistake.task if mistake.exercise == "03" else None
    verdict = judge(mistake.exercise, program, only)
    assert verdict.finding, "it passed"
    assert (verdict.finding.task, verdict.finding.id) == (mistake.task, mistake.finding), verdict.finding
    assert verdict.passed == ([] if only else list(range(1, mistake.task)))
