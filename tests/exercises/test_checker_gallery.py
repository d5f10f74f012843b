"""The checker of the exercises: each wrong solution gets its own finding, right solutions pass."""

import sys
from pathlib import Path
from typing import Any

import pytest
from locations import EXERCISES
from right_solutions import INNOCENTS
from wrong_solutions import MISTAKES

FOLDER = EXERCISES / "4-Thursday/starter_code"


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.syspath_prepend(str(EXERCISES))
    monkeypatch.setenv("THREADS_MODEL", "offline")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)
    from checker.judge import judge_file

    return judge_file


def write_variant(exercise: str, changes: tuple[tuple[str, str], ...], folder: Path) -> Path:
    """Write the solution with these changes as a learner's file."""
    source = (FOLDER / f"pair_exercise_{exercise}_solution.py").read_text("utf-8")
    for before, after in changes:
        assert before in source, f"the solution no longer has: {before}"
        source = source.replace(before, after)
    (folder / "learner").mkdir()
    program = folder / "learner" / "mine.py"
    program.write_text(source, "utf-8")
    return program


@pytest.mark.slow
@pytest.mark.parametrize("name", MISTAKES)
def test_wrong_solution_gets_the_finding_of_its_mistake(judge: Any, tmp_path: Path, name: str) -> None:
    from checker.findings import load_texts

    mistake = MISTAKES[name]
    program = write_variant(mistake.exercise, mistake.changes, tmp_path)
    # Exercise 03 starts a process in an earlier task, which would take seconds for each mistake.
    only = mistake.task if mistake.exercise == "03" else None
    verdict = judge(mistake.exercise, program, only)
    assert verdict.finding, "it passed"
    assert (verdict.finding.task, verdict.finding.id) == (mistake.task, mistake.finding), verdict.finding
    assert mistake.finding in load_texts(mistake.exercise)
    assert verdict.passed == ([] if only else list(range(1, mistake.task)))


@pytest.mark.slow
@pytest.mark.parametrize("name", INNOCENTS)
def test_right_solution_in_another_style_passes(judge: Any, tmp_path: Path, name: str) -> None:
    innocent = INNOCENTS[name]
    verdict = judge(
        innocent.exercise, write_variant(innocent.exercise, innocent.changes, tmp_path), innocent.task
    )
    assert verdict.finding is None
