"""A verdict as a person reads it, and as a program does."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from checker.findings import Finding
from checker.judge import Verdict
from checker.tasks import Task

WIDTH = 100


def status(number: int, verdict: Verdict, asked: int | None) -> str:
    if number in verdict.passed:
        return "passed"
    if verdict.finding and number == verdict.finding.task:
        return "here"
    return "not judged" if asked else "to do"


def text(
    exercise: str,
    tasks: Sequence[Task],
    verdict: Verdict,
    clock: Sequence[str],
    shown: int,
    task: int | None,
    more: str = "The next run shows hint {}; --hint 3 shows all.",
) -> str:
    """The whole report; `shown` is how many hints to show, and `more` how to see the next one."""
    lines = [f"Exercise {exercise}", *clock, ""]
    signs = {"passed": "[ok]", "here": "[->]", "to do": "[  ]", "not judged": "[..]"}
    for number, each in enumerate(tasks, 1):
        lines.append(f"  {signs[status(number, verdict, task)]} Task {number}: {each.title}")
    if verdict.finding:
        lines += ["", *_finding_lines(verdict.finding, shown, more)]
    elif task:
        lines += ["", f"Task {task} is passed."]
    else:
        lines += ["", f"All {len(tasks)} tasks are passed. Have both of you driven at least once?"]
    return "\n".join(lines)


def _finding_lines(finding: Finding, shown: int, more: str) -> list[str]:
    lines = [f"Task {finding.task}: {finding.says}"]
    for name in ("expected", "got", "where"):
        lines += _row(name, getattr(finding, name))
    for number, hint in enumerate(finding.hints[:shown], 1):
        lines += ["", *textwrap.wrap(f"Hint {number} of {len(finding.hints)}: {hint}", WIDTH)]
    if shown < len(finding.hints):
        lines += ["", f"Still stuck? {more.format(shown + 1)}"]
    return lines


def _row(name: str, value: str) -> list[str]:
    head = f"  {name:<10}"
    return textwrap.wrap(value, WIDTH, initial_indent=head, subsequent_indent=" " * len(head)) or [
        head.rstrip()
    ]


def as_data(
    exercise: str, tasks: Sequence[Task], verdict: Verdict, clock: Sequence[str], shown: int, task: int | None
) -> dict[str, Any]:
    """The same for programs: what is shown, and no more."""
    found = verdict.finding and {
        "id": verdict.finding.id,
        "task": verdict.finding.task,
        "says": verdict.finding.says,
        "expected": verdict.finding.expected,
        "got": verdict.finding.got,
        "where": verdict.finding.where,
        "hints": list(verdict.finding.hints[:shown]),
    }
    return {
        "exercise": exercise,
        "ok": not verdict.finding,
        "clock": list(clock),
        "tasks": [
            {
                "number": number,
                "title": each.title,
                "minutes": each.minutes,
                "status": status(number, verdict, task),
            }
            for number, each in enumerate(tasks, 1)
        ],
        "finding": found,
    }
