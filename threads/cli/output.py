"""What comes out on stdout: lines for people, fields between tabs for programs, JSON for both.

Nothing here knows markup. What others wrote goes through `threads.cli.sanitize` first.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, TextIO

import click

from threads.cli.sanitize import escape_json, escape_line, format_size
from threads.models import Thread
from threads.serialization import to_jsonable


def on_terminal() -> bool:
    """Whether a person looks at stdout."""
    return sys.stdout.isatty()


def print_text(text: str = "", *, end: bool = True, to: TextIO | None = None, **style: Any) -> None:
    """`text` as it is, at once; styled where a person looks. The caller has cleaned it.

    Click's own choice of a stream would be UTF-8 where Python's is ASCII, so the stream is named.
    """
    color = False if os.environ.get("NO_COLOR") else None
    styled = click.style(text, **style) if style else text
    click.echo(styled, file=sys.stdout if to is None else to, nl=end, color=color)


def print_record(*values: object) -> None:
    """One record: its fields between tabs."""
    print_text("\t".join(escape_line(str(value)) for value in values))


def print_note(text: str) -> None:
    """Something said to the person beside the output, on stderr."""
    print_text(escape_line(text), to=sys.stderr)


def print_json(value: Any) -> None:
    """`value` as JSON: ASCII only where the stream is not one of Unicode."""
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    print_text(escape_json(json.dumps(to_jsonable(value), ensure_ascii=not unicode, indent=2)))


def shown_count(thread: Thread) -> str:
    """The number of messages; a question mark where it cannot be told."""
    return "?" if thread.message_count is None else str(thread.message_count)


def shown_size(count: int) -> str:
    """A number of bytes: as people say it where a person looks, otherwise exactly."""
    return format_size(count) if on_terminal() else f"{count} bytes"


def shown_flags(thread: Thread) -> list[str]:
    """What is special about a thread, in words."""
    marks = {"pinned": thread.pinned, "archived": thread.archived, "trashed": thread.trashed_at is not None}
    return [word for word, is_so in marks.items() if is_so] + [thread.status] * (thread.status != "idle")
