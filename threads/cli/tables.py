"""Tables on a terminal, the only use of rich's tables.

Every cell is a `Text`, which has no markup, with untrusted characters escaped.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from threads import Page, Registry, Thread
from threads.cli.output import shown_count, shown_flags
from threads.cli.sanitize import encodable, escape_line, format_age
from threads.cli.thread_ref import short_id


def new_console() -> Console:
    """Return a console on stdout that takes text literally."""
    return Console(file=sys.stdout, markup=False, highlight=False, emoji=False)


def new_table() -> Table:
    """Return an empty table in the style of all tables."""
    return Table(box=None, pad_edge=False, header_style="dim")


def draw_threads(registry: Registry, page: Page[Thread]) -> None:
    """Print a page of threads."""
    table = new_table()
    table.add_column("id", no_wrap=True)
    table.add_column("title", ratio=2)
    table.add_column("messages", justify="right", no_wrap=True)
    table.add_column("last activity", no_wrap=True)
    table.add_column("agent")
    table.add_column("preview", ratio=3)
    now = datetime.now(UTC)
    for thread in page:
        table.add_row(
            _cell(short_id(registry, thread.id), "cyan"),
            _title(thread),
            _cell(shown_count(thread)),
            _cell(format_age(thread.updated_at, now)),
            _cell(thread.agent_id or "", "dim"),
            _cell(thread.last_message or "", "dim"),
        )
    new_console().print(table)


def draw_rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table whose first column is text and whose others are numbers."""
    table = new_table()
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(_cell, row))
    new_console().print(table)


def draw_runs(rows: Iterable[Sequence[str]]) -> None:
    """Print a table of runs; their errors last."""
    table = new_table()
    for name in ("id", "kind", "status", "created", "seconds", "attempts", "agent"):
        table.add_column(name, justify="right" if name in ("seconds", "attempts") else "left", no_wrap=True)
    table.add_column("error")
    for row in rows:
        table.add_row(*map(_cell, row))
    new_console().print(table)


def _title(thread: Thread) -> Text:
    flags = shown_flags(thread)
    before = f"{', '.join(flags)}: " if flags else ""
    title = _cell(before + thread.title)
    title.stylize("yellow", 0, len(before))
    title.stylize("bold", len(before))
    return title


def _cell(text: str, style: str = "") -> Text:
    """One line, cut at the width of its column; rich's ellipsis needs an encoding that has one."""
    encoding = sys.stdout.encoding or "utf-8"
    has_ellipsis = encoding.lower().startswith("utf")
    return Text(
        encodable(escape_line(text), encoding),
        style=style,
        no_wrap=True,
        overflow="ellipsis" if has_ellipsis else "crop",
    )
