"""Output: text for people, fields separated by tabs for programs, JSON for both; questions before deletions.

Nothing here knows markup. Untrusted text goes through `threads.cli.sanitize` first.
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

UNKNOWN = "?"
"""What stands for a number that cannot be known."""


def on_terminal() -> bool:
    """Return whether stdout is a terminal."""
    return sys.stdout.isatty()


def print_text(text: str = "", *, end: bool = True, to: TextIO | None = None, **style: Any) -> None:
    """Print `text` and flush; styled on a terminal only. The caller has escaped untrusted text.

    Click's own choice of a stream would be UTF-8 where Python's is ASCII, so the stream is named.
    """
    color = False if os.environ.get("NO_COLOR") else None
    styled = click.style(text, **style) if style else text
    click.echo(styled, file=sys.stdout if to is None else to, nl=end, color=color)


def print_record(*values: object) -> None:
    """Print one record: its fields separated by tabs."""
    print_text("\t".join(escape_line(str(value)) for value in values))


def print_note(text: str) -> None:
    """Print a remark for the user on stderr."""
    print_text(escape_line(text), to=sys.stderr)


def print_json(value: Any) -> None:
    """Print `value` as JSON; in ASCII where the encoding of the stream is not a Unicode one."""
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    print_text(escape_json(json.dumps(to_jsonable(value), ensure_ascii=not unicode, indent=2)))


def shown_count(thread: Thread) -> str:
    """Return the number of messages as text; a question mark where it is unknown."""
    return UNKNOWN if thread.message_count is None else str(thread.message_count)


def shown_size(count: int) -> str:
    """Return a number of bytes as text: rounded on a terminal, otherwise exact."""
    return format_size(count) if on_terminal() else f"{count} bytes"


def shown_flags(thread: Thread) -> list[str]:
    """Return the words for what is special about a thread, such as `pinned`."""
    flags = {"pinned": thread.pinned, "archived": thread.archived, "trashed": thread.trashed_at is not None}
    return [word for word, is_set in flags.items() if is_set] + [thread.status] * (thread.status != "idle")


def confirm(question: str, yes: bool) -> None:
    """Ask before something that cannot be undone, unless `yes`; a program has to pass --yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask at; confirm with --yes")
    click.confirm(question, abort=True, err=True)
