"""Changing several threads in one transaction, and telling what became of each.

Either all is done or nothing; only a thread in which a run is under way, or that somebody else erased a
moment ago, is left as it is. It is named then, and the command ends with 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from threads import Registry, Report, Thread
from threads.cli.output import on_terminal, print_json, print_note, print_record, print_text
from threads.cli.sanitize import escape_line


def change_threads(
    registry: Registry, found: Sequence[Thread], word: str, json: bool, **changes: Any
) -> None:
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
        print_json(told | {"missing": report.missing, "busy": report.busy})
    else:
        print_changed(word, done)
    _print_skipped(report)
    if left:
        click.get_current_context().exit(1)


def print_changed(word: str, found: Sequence[Thread]) -> None:
    """What became of threads, for people or for programs."""
    for thread in found:
        if on_terminal():
            print_text(f"{word}: {escape_line(thread.title)} {click.style(escape_line(thread.id), dim=True)}")
        else:
            print_record(thread.id)


def _print_skipped(report: Report) -> None:
    for id in report.missing:
        print_note(f"there is no thread {id!r} any more")
    for id in report.busy:
        print_note(f"thread {id!r} was left as it is: a run is under way in it; wait for its end")
