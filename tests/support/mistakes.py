"""What a wrong solution of an exercise is made of."""

from __future__ import annotations

from typing import NamedTuple


class Mistake(NamedTuple):
    """What is changed in the solution, the task in which it shows, and the finding."""

    task: int
    finding: str
    changes: tuple[tuple[str, str], ...]
    exercise: str = "02"
