"""Changes of several threads in one transaction, and the report of the result.

Threads with an active run, and those that another process has just deleted, are skipped and named, and
the command exits with 1.
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
    """Apply `registry.bulk` to these threads and print the result; `word` is the participle for it."""
    report = registry.bulk([thread.id for thread in found], **changes)
    skipped = {*report.missing, *report.busy}
    done = [thread for thread in found if thread.id not in skipped]
    if changes.get("delete"):
        result: dict[str, Any] = {"deleted": [thread.id for thread in done]}
    else:
        done = [registry.get(thread.id) for thread in done]
        result = {"threads": done}
    if json:
        print_json(result | {"missing": report.missing, "busy": report.busy})
    else:
        print_changed(word, done)
    _print_skipped(report)
    if skipped:
        click.get_current_context().exit(1)


def print_changed(word: str, found: Sequence[Thread]) -> None:
    """Print the changed threads: with titles on a terminal, otherwise their ids."""
    for thread in found:
        if on_terminal():
            print_text(f"{word}: {escape_line(thread.title)} {click.style(escape_line(thread.id), dim=True)}")
        else:
            print_record(thread.id)


def _print_skipped(report: Report) -> None:
    for id in report.missing:
        print_note(f"thread {id!r} does not exist any more")
    for id in report.busy:
        print_note(f"thread {id!r} was not changed, because a run is active in it; wait for it")
