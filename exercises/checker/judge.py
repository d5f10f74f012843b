"""The judge of a learner's program: checks its tasks in order, up to the first that is not passed.

python -m checker EXERCISE FILE REPORT [TASK]

runs the learner's code in a process that `check.py` starts and can kill. The verdict is written to a
file, because the learner's code may print anything.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from checker.findings import CheckFailed, Finding, make_finding
from checker.learner import Learner, short
from checker.tasks import EXERCISES, Task

CHECKS = {"01": "exercise_01", "02": "exercise_02", "03": "exercise_03", "stretch": "stretch"}


@dataclass
class Verdict:
    """The tasks that passed so far, and the finding that ended the check."""

    passed: list[int] = field(default_factory=list)
    at: int = 0
    """The task under judgement; 0 before the first and after the last."""
    finding: Finding | None = None
    model_failed: str = ""
    """Why no model answered; nothing is judged then."""

    def write(self, path: Path | None) -> None:
        if path is not None:
            path.write_text(json.dumps(asdict(self)), encoding="utf-8")


def checks_of(exercise: str) -> tuple[Callable[[Learner], None], ...]:
    """Return one check for each task. The import takes seconds, because checks use agents."""
    checks: tuple[Callable[[Learner], None], ...] = importlib.import_module(
        f"checker.{CHECKS[exercise]}"
    ).CHECKS
    return checks


def judge_file(exercise: str, path: Path, task: int | None = None, report: Path | None = None) -> Verdict:
    """Return the verdict on a file; write it to `report` after each task."""
    verdict = Verdict(at=task or 1)
    verdict.write(report)
    learner = Learner({}, path)
    try:
        with redirect_stdout(StringIO()):
            learner = Learner.load(path)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        verdict.finding = _found(exercise, verdict.at, error, learner, EXERCISES[exercise][verdict.at - 1])
        verdict.write(report)
        return verdict
    return judge(exercise, learner, task, report, verdict)


def judge(
    exercise: str,
    learner: Learner,
    task: int | None = None,
    report: Path | None = None,
    verdict: Verdict | None = None,
) -> Verdict:
    """Return the verdict on a program: all tasks in order, or one."""
    verdict = verdict or Verdict()
    for number, check in enumerate(checks_of(exercise), 1):
        if task not in (None, number):
            continue
        verdict.at = number
        verdict.write(report)
        try:
            with redirect_stdout(StringIO()):
                check(learner)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - sys.exit in a learner's program is a finding
            if reason := _model_failed(error):
                verdict.model_failed = reason
            else:
                verdict.finding = _found(exercise, number, error, learner, EXERCISES[exercise][number - 1])
            break
        verdict.passed.append(number)
    else:
        verdict.at = 0
    verdict.write(report)
    return verdict


def _found(exercise: str, number: int, error: BaseException, learner: Learner, task: Task) -> Finding:
    function, line = learner.where_raised(error)
    where = line or learner.where_of(task.functions)
    if isinstance(error, CheckFailed):
        where = learner.where(error.where, error.call) or learner.where_of(task.functions)
        return make_finding(exercise, number, error.finding, error.got, where)
    if type(error).__name__ == "NotSolved":
        return make_finding(
            exercise,
            _task_of(exercise, function, number),
            f"unsolved-{function}",
            _first_sentence(error),
            where,
        )
    if isinstance(error, SyntaxError):
        file = Path(error.filename or "").name
        return make_finding(exercise, number, "syntax", error.msg, f"line {error.lineno} of {file}")
    shown = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, AssertionError):
        return make_finding(exercise, number, "own-check-fails", short(str(error)) or shown, where)
    if isinstance(error, ValueError) and "thread_id" in str(error) and "Checkpointer requires" in str(error):
        return make_finding(exercise, number, "no-thread-id", shown, where)
    if isinstance(error, TypeError) and re.search(r"takes \d+ positional argument", str(error)):
        return make_finding(exercise, number, "by-name", shown, where)
    if not function:  # none of the learner's code was running: the check itself could not use what it got
        return make_finding(exercise, number, "wrong-kind", shown, where)
    return make_finding(exercise, number, "crashed", shown, where)


def _task_of(exercise: str, function: str, judged: int) -> int:
    """Return the task of a function, which may be an earlier, unsolved one that a later task needs."""
    for number, task in enumerate(EXERCISES[exercise], 1):
        if function in task.functions:
            return number
    return judged


def _first_sentence(error: BaseException) -> str:
    return str(error).partition(" Hint: ")[0]


def _model_failed(error: BaseException) -> str:
    """Return why no model answered, or an empty text for any other error."""
    if type(error).__name__ == "ModelUnavailable" or type(error).__module__.split(".")[0] == "openai":
        return f"{type(error).__name__}: {error}"
    return ""


def main(arguments: list[str]) -> None:
    exercise, path, report, *task = arguments
    judge_file(exercise, Path(path), int(task[0]) if task else None, Path(report))


def as_finding(data: dict[str, Any] | None) -> Finding | None:
    """Return a finding that was written to a report."""
    return (data and Finding(**{**data, "hints": tuple(data["hints"])})) or None
