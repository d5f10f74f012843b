"""How far are we? Judges an exercise and says what to look at next.

    python exercises/check.py [01 | 02 | 03 | stretch] [--task N] [--hint N] [--json]

It looks at what the agent remembers, never at what is printed, so that a real model may answer, too
(THREADS_MODEL=openai:NAME). The first run starts the session's clock. Each further failed run at the same
place shows one more hint, up to three.
Exit code: 0 passed, 1 not yet, 2 nothing could be judged.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from checker import report, session
from checker.findings import Finding, make_finding
from checker.judge import Verdict, as_finding, judge
from checker.learner import Learner
from checker.tasks import EXERCISES

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "4-Thursday" / "starter_code"
NOT_INSTALLED = (
    "langgraph-threads is not installed for this Python: "
    'in the root folder of its repository, run: python -m pip install -e ".[test]"'
)


class NothingJudged(Exception):
    """The program could not be judged; the message says why."""


def starter_of(exercise: str) -> Path:
    return FOLDER / f"pair_exercise_{exercise}_starter.py"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Judges an exercise and says what to look at next.")
    parser.add_argument("exercise", nargs="?", default="02", choices=EXERCISES, help="default: 02")
    parser.add_argument("--task", type=int, metavar="N", help="judge this task only")
    parser.add_argument("--file", type=Path, help="your program, if it is not the starter in its place")
    parser.add_argument("--hint", type=int, choices=(0, 1, 2, 3), help="show so many hints")
    parser.add_argument(
        "--started", metavar="HH:MM", help="when the session began, if not at the first check"
    )
    parser.add_argument("--timeout", type=float, default=120, metavar="SECONDS", help="default: 120")
    parser.add_argument("--json", action="store_true", help="the report for programs")
    return parser.parse_args(arguments)


def judge_in_a_process(exercise: str, file: Path, task: int | None, timeout: float) -> Verdict:
    """Return the verdict of a process that is killed if the learner's program does not end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        written = Path(folder) / "verdict.json"
        command = [
            sys.executable,
            "-m",
            "checker",
            exercise,
            str(file),
            str(written),
            *([str(task)] if task else []),
        ]
        paths = [str(HERE), str(file.parent), os.environ.get("PYTHONPATH", "")]
        more = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONDONTWRITEBYTECODE": "1"}
        work = Path(folder) / "work"
        work.mkdir()
        output, ended = "", True
        try:
            done = subprocess.run(
                command, cwd=work, env=os.environ | more | {"PYTHONIOENCODING": "utf-8"}, timeout=timeout,
                stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace",
            )  # fmt: skip
            output, ended = done.stderr, done.returncode == 0
        except subprocess.TimeoutExpired:
            ended = False
            output = f"it was still running after {timeout:g} seconds"
        if not written.exists():
            raise NothingJudged(output.strip() or "the judge said nothing")
        data = json.loads(written.read_text(encoding="utf-8"))
    verdict = Verdict(**{**data, "finding": as_finding(data["finding"])})
    if not ended and verdict.finding is None:
        names = ", ".join(EXERCISES[exercise][verdict.at - 1].functions)
        id = "still-running" if output.startswith("it was still") else "crashed"
        verdict.finding = make_finding(
            exercise, verdict.at, id, output.strip().splitlines()[-1] if output else "", names
        )
    return verdict


def run(options: argparse.Namespace, now: datetime) -> tuple[str, int]:
    """Return the report and the exit code."""
    if not (find_spec("langgraph") and find_spec("threads") and find_spec("agent")):
        raise NothingJudged(NOT_INSTALLED)
    file = (options.file or starter_of(options.exercise)).resolve()
    if not file.is_file():
        raise NothingJudged(f"There is no file {file}.")
    tasks = EXERCISES[options.exercise]
    if options.task is not None and not 1 <= options.task <= len(tasks):
        raise NothingJudged(f"Exercise {options.exercise} has the tasks 1 to {len(tasks)}.")

    session_file = session.file_of(options.exercise, file)
    current = session.load(session_file, now)
    if options.started:
        try:
            current.started = session.begun_at(options.started, now)
        except ValueError as error:
            raise NothingJudged(str(error)) from error
    verdict = judge_in_a_process(options.exercise, file, options.task, options.timeout)
    if verdict.model_failed:
        raise NothingJudged(f"No model answered, so nothing was judged. {verdict.model_failed}")
    shown = current.failed(*ladder_of(verdict.finding)) if verdict.finding else 0
    shown = min(3, shown) if options.hint is None else options.hint
    is_done = len(verdict.passed) == len(tasks)
    clock = session.clock_lines(current, [task.minutes for task in tasks], now, is_done=is_done)
    session.save(session_file, current)
    parts: tuple[Any, ...] = (options.exercise, tasks, verdict, clock, shown, options.task)
    text = json.dumps(report.as_data(*parts), indent=2) if options.json else report.text(*parts)
    return text, 1 if verdict.finding else 0


def ladder_of(finding: Finding) -> tuple[int, str, str]:
    """Return what counts as the same place: for an unexpected error, the same error."""
    foreseen = finding.id not in ("crashed", "wrong-kind", "syntax")
    return finding.task, finding.id, "" if foreseen else finding.got


def check_names(names: dict[str, Any], exercise: str = "02", task: int | None = None, hints: int = 1) -> None:
    """Judge the names that notebook cells defined: `check_names(globals(), task=1)`."""
    tasks = EXERCISES[exercise]
    verdict = judge(exercise, Learner(names, None), task)
    if verdict.model_failed:
        print(f"No model answered, so nothing was judged. {verdict.model_failed}")
    else:
        print(report.text(exercise, tasks, verdict, (), hints, task, "hints={} shows one more."))


def main(arguments: list[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):  # a console that cannot show a letter shows another
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        text, code = run(parse(arguments), datetime.now())
    except NothingJudged as reason:
        print(reason, file=sys.stderr)
        return 2
    print(text)
    return code


if __name__ == "__main__":
    sys.exit(main())
