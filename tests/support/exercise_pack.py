"""The exercises as the tests see them: their files, half-solved starters, a run of one of their programs."""

from __future__ import annotations

import ast
import os
import re
import runpy
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from locations import EXERCISES

FOLDER = EXERCISES / "4-Thursday/starter_code"
NAMES = ("01", "02", "03", "stretch")


def program(exercise: str, kind: str) -> Path:
    return FOLDER / f"pair_exercise_{exercise}_{kind}.py"


def text(exercise: str) -> str:
    return (FOLDER.parent / f"pair_exercise_{exercise}.md").read_text("utf-8")


def expected_output(exercise: str) -> str:
    """What the instructions say the program prints."""
    [block] = re.findall(r"^```text\n(.*?)^```$", text(exercise), re.MULTILINE | re.DOTALL)
    return str(block)


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("THREADS_", "OPENAI_"))}
    fixed = {"THREADS_MODEL": "offline", "PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *command], cwd=cwd, env=kept | fixed | environment, capture_output=True,
        encoding="utf-8", timeout=240, stdin=subprocess.DEVNULL,
    )  # fmt: skip


class Ended(NamedTuple):
    """How a program ended: as a process would have, without the seconds that one needs to begin."""

    code: int
    stdout: str
    said: str
    """The sentence it ended with, which a process prints to its error stream."""


def run_here(path: Path) -> Ended:
    """Run a program in this process; an exception that would be a traceback goes through."""
    printed = StringIO()
    try:
        with redirect_stdout(printed):
            runpy.run_path(str(path), run_name="__main__")
    except SystemExit as end:
        is_sentence = isinstance(end.code, str)
        return Ended(1 if is_sentence else int(end.code or 0), printed.getvalue(), str(end.code))
    return Ended(0, printed.getvalue(), "")


def definitions(source: str) -> dict[str, str]:
    """The functions and classes of a module, by name."""
    return {
        node.name: ast.get_source_segment(source, node) or ""
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }


def half_solved(exercise: str, names: list[str]) -> str:
    """The starter with the solution's functions under these names."""
    starter = program(exercise, "starter").read_text("utf-8")
    todo, done = definitions(starter), definitions(program(exercise, "solution").read_text("utf-8"))
    for name in names:
        starter = starter.replace(todo[name], done[name])
    helpers = "\n\n".join(text for name, text in done.items() if name not in todo)
    starter = starter.replace("class NotSolved", f"{helpers}\n\n\nclass NotSolved")
    return starter.replace("from typing", "from collections.abc import Iterable\nfrom typing")
