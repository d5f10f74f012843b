"""The exercises as the tests see them: their files, half-solved starters, a run of one of their programs."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

EXERCISES = Path(__file__).parents[1] / "exercises"
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
