"""Running the program that an audit gives to show a leak, in a process of its own."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

from faults import warm

SHOWN = 3
"""How a process ends in which the program has shown the leak."""


def shows_it(code: str, folder: Path) -> bool:
    """Whether the program fails by its assertion."""
    process = warm().Process(target=_run, args=(code, folder))
    process.start()
    process.join(120)
    return process.exitcode == SHOWN


def _run(code: str, folder: Path) -> None:
    os.chdir(folder)
    warnings.simplefilter("error")
    try:
        exec(code, {})
    except AssertionError:
        sys.exit(SHOWN)
