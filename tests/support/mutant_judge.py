"""The checker's verdicts on mutants: each is judged in a process that is forked from a warm one.

The warm process has LangGraph, the agent, the registry and the checker imported, which takes seconds. What a
mutant may do is bounded, also if the test itself is killed: the CPU time and the memory of each process, and
how many processes it may begin one from the other; its process group is killed in the end.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

from exercise_pack import EXERCISES
from mutants import Mutant

CAN_FORK = "fork" in multiprocessing.get_all_start_methods()
CPU_SECONDS = 15
"""CPU time of one process; a mutant that loops is found that way, on a busy machine, too."""
SECONDS = 150
"""Time for one mutant; one that waits for something is found that way."""
MEMORY = 2 * 1024**3
DEPTH = 2
"""How many programs may have begun each other: the judge begins one, which makes a visit."""
DEPTH_NAME = "MUTANT_DEPTH"
GUARD = f"""import os
depth = int(os.environ.get("{DEPTH_NAME}", 0)) + 1
if depth > {DEPTH}:
    os._exit(99)
os.environ["{DEPTH_NAME}"] = str(depth)
"""
"""Run by each Python program that a mutant begins, as `sitecustomize`."""
NO_REPORT: dict[str, Any] = {"finding": None, "at": 1}
PRELOADED = ("judge", "exercise_01", "exercise_02", "exercise_03", "stretch")


class Verdict(NamedTuple):
    """What the checker said of a mutant."""

    mutant: Mutant
    finding: str | None
    """The id of the finding; None if the mutant passed."""


def judged(mutants: list[Mutant], folder: Path, *, cpu_seconds: int = CPU_SECONDS) -> Iterator[Verdict]:
    """The checker's verdict on each, in this order."""
    (folder / "guard").mkdir()
    (folder / "guard" / "sitecustomize.py").write_text(GUARD, "utf-8")
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_judge_all, args=(mutants, folder, cpu_seconds, there))
    process.start()
    there.close()
    try:
        for mutant in mutants:
            yield Verdict(mutant, here.recv())
    finally:
        here.close()  # the next verdict cannot be sent, so it ends
        process.join()


def _judge_all(mutants: list[Mutant], folder: Path, cpu_seconds: int, told: Connection) -> None:
    """The warm process: the finding on each mutant is sent when it is known."""
    sys.path.insert(0, str(EXERCISES))
    sys.dont_write_bytecode = True
    for name in PRELOADED:
        importlib.import_module(f"checker.{name}")
    with suppress(BrokenPipeError):
        for number, mutant in enumerate(mutants):
            told.send(_finding(mutant, folder / str(number), cpu_seconds))


def _finding(mutant: Mutant, place: Path, cpu_seconds: int) -> str | None:
    for name in ("work", "temporary"):
        (place / name).mkdir(parents=True)
    (place / "mine.py").write_text(mutant.source, "utf-8")
    process = multiprocessing.get_context("fork").Process(target=_judge, args=(mutant, place, cpu_seconds))
    process.start()
    wait([process.sentinel], SECONDS)
    with suppress(ProcessLookupError, PermissionError):  # before it is joined: its id is still its own
        os.killpg(process.pid or 0, signal.SIGKILL)
    process.join()
    report = place / "verdict.json"
    data = json.loads(report.read_text("utf-8")) if report.exists() else NO_REPORT
    if data["finding"]:
        return str(data["finding"]["id"])
    if process.exitcode in (-signal.SIGKILL, -signal.SIGXCPU):
        return "still-running"
    if process.exitcode or data["at"] or data["model_failed"]:
        raise RuntimeError(f"no verdict on {mutant.name}; exit code {process.exitcode}")
    return None


def _judge(mutant: Mutant, place: Path, cpu_seconds: int) -> None:
    """Judge as `check.py` does, and leave the verdict in a file; the other tasks only if the own one is passed."""
    os.setpgid(0, 0)
    _bound(cpu_seconds)
    os.environ["THREADS_MODEL"] = "offline"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(place.parent / "guard"), str(EXERCISES)])
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ[DEPTH_NAME] = "0"
    os.environ["TMPDIR"] = tempfile.tempdir = str(place / "temporary")
    os.chdir(place / "work")
    with Path(os.devnull).open("w") as quiet:
        sys.stderr = quiet
        judging: Any = importlib.import_module("checker.judge")
        arguments = mutant.exercise, place / "mine.py"
        verdict = judging.judge_file(*arguments, mutant.task, place / "verdict.json")
        if mutant.task is not None and verdict.finding is None:
            judging.judge_file(*arguments, None, place / "verdict.json")


def _bound(cpu_seconds: int) -> None:
    import resource  # there is none on Windows

    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    with suppress(ValueError, OSError):  # not every system has a limit for memory
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    signal.alarm(SECONDS + 10)  # if nobody is left to kill it
