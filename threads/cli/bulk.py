"""Changing several threads in one transaction, and telling what became of each.

Either all is done or nothing; only a thread in which a run is under way, or that somebody else erased a
moment ago, is left as it is. It is named then, and the command ends with 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from threads import Registry, Report, Thread
from threads.cli.output import as_json, line, note, on_terminal, say
from threads.cli.sanitize import field


def change_all(registry: Registry, found: Sequence[Thread], word: str, json: bool, **changes: Any) -> None:
    """Change these threads as `registry.bulk` does, and tell; `word` says what became of them."""
    report = registry.bulk([thread.id for thread in found], **changes)
    left = {*report.missing, *report.busy}
    done = [thread for thread in found if thread.id not in left]
    if changes.get("delete"):
        told: dict[str, Any] = {"deleted": [thread.id for thread in done]}
    else:
        done = [registry.get(thread.id) for thread in done]
        told = {"threads": done}
    if json:
        as_json(told | {"missing": report.missing, "busy": report.busy})
    else:
        tell(word, done)
    _tell_left(report)
    if left:
        click.get_current_context().exit(1)


def tell(word: str, found: Sequence[Thread]) -> None:
    """What became of threads, for people or for programs."""
    for thread in found:
        if on_terminal():
            say(f"{word}: {field(thread.title)} {click.style(field(thread.id), dim=True)}")
        else:
            line(thread.id)


def _tell_left(report: Report) -> None:
    for id in report.missing:
        note(f"there is no thread {id!r} any more")
    for id in report.busy:
        note(f"thread {id!r} was left as it is: a run is under way in it; wait for its end")
