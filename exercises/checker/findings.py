"""Findings of the checks, and their texts.

A check raises `CheckFailed` with the id of a finding. Its sentence, what was expected and the ladder of
three hints stand in `hints/EXERCISE.toml`, so that a teacher can reword or translate them without
touching a check.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from traceback import StackSummary
from typing import Any


class CheckFailed(Exception):
    """A failed check: the id of the finding, what was found instead, and where to look.

    `where` is a function of the learner's, or its name; `call` the stack of the very call in it, if known.
    """

    def __init__(
        self,
        finding: str,
        got: object,
        where: Callable[..., Any] | str | None = None,
        call: StackSummary | None = None,
    ) -> None:
        super().__init__(finding)
        self.finding = finding
        self.got = str(got)
        self.where = where
        self.call = call


@dataclass(frozen=True)
class Finding:
    """Why a task is not passed."""

    id: str
    task: int
    says: str
    expected: str
    got: str
    where: str
    hints: tuple[str, ...]


def load_texts(exercise: str) -> dict[str, dict[str, Any]]:
    """Return the texts of every finding of an exercise, with those of `any.toml` for all exercises."""
    words: dict[str, dict[str, Any]] = {}
    for name in ("any", exercise):
        path = Path(__file__).with_name("hints") / f"{name}.toml"
        words |= tomllib.loads(path.read_text(encoding="utf-8"))
    return words


def make_finding(exercise: str, task: int, id: str, got: str, where: str) -> Finding:
    """Return a `Finding` with its texts."""
    known = load_texts(exercise)
    words = known.get(id) or known["unsolved" if id.startswith("unsolved-") else "crashed"]
    return Finding(id, task, words["says"], words["expected"], got, where, tuple(words["hints"]))
