"""The list as a table on a terminal: the only place that loads rich's tables.

Every cell is a `Text`, which has no markup; what could act on the terminal was escaped before.
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


def draw_threads(registry: Registry, page: Page[Thread]) -> None:
    """The page on stdout."""
    console = Console(file=sys.stdout, markup=False, highlight=False, emoji=False)
    table = Table(box=None, pad_edge=False, header_style="dim")
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
    console.print(table)


def draw_rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table of words and numbers on stdout."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(_cell, row))
    Console(file=sys.stdout, markup=False, highlight=False, emoji=False).print(table)


def _title(thread: Thread) -> Text:
    marks = shown_flags(thread)
    before = f"{', '.join(marks)}: " if marks else ""
    title = _cell(before + thread.title)
    title.stylize("yellow", 0, len(before))
    title.stylize("bold", len(before))
    return title


def _cell(text: str, style: str = "") -> Text:
    """One line that is cut where its column ends; rich's ellipsis needs an encoding that has one."""
    encoding = sys.stdout.encoding or "utf-8"
    has_ellipsis = encoding.lower().startswith("utf")
    return Text(
        encodable(escape_line(text), encoding),
        style=style,
        no_wrap=True,
        overflow="ellipsis" if has_ellipsis else "crop",
    )
