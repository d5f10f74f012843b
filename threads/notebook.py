"""HTML and Markdown for threads, messages and pages in a notebook: tables and chat bubbles.

One bundle holds the same thing as text, HTML and Markdown; the frontend takes the richest format it
supports. All texts are untrusted: in HTML each is escaped, in Markdown each character with a meaning is
written as its number, and control characters, which a terminal would obey, become a replacement sign.
The HTML has no scripts, no links and nothing to load. It names no text colour and tints by transparency,
so it is legible on light and dark pages, and still readable without its styles.

`threads.models.display` imports this module when a notebook first displays a model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from html import escape
from typing import Any, NamedTuple

from threads.models.display import register_renderer
from threads.models.search import Hit
from threads.models.threads import Checkpoint, Message, Thread

MAX_TEXT = 10_000
"""Characters of one text that are shown; the rest is counted."""

_GREY, _BLUE = "rgba(128,128,128,.16)", "rgba(56,139,253,.22)"
_CELL = f"text-align:left;vertical-align:top;padding:.3em .7em;border-top:1px solid {_GREY}"
_CODE = (
    f"background:{_GREY};color:inherit;padding:.1em .3em;border-radius:.3em;"
    "white-space:pre-wrap;overflow-wrap:anywhere"
)
_BUBBLE = "max-width:75%;padding:.4em .8em;border-radius:1em;white-space:pre-wrap;overflow-wrap:anywhere"
_SMALL = "font-size:.8em;opacity:.7"
_MARK = f"{_SMALL};display:inline-block;border:1px solid;border-radius:.6em;padding:0 .4em"
_STYLES = {"strong": "", "code": _CODE, "span": "white-space:nowrap"}
_SIDES = {
    "user": f"align-self:flex-end;background:{_BLUE}",
    "assistant": f"align-self:flex-start;background:{_GREY}",
}
_ASIDE = "align-self:flex-start;border:1px dashed rgba(128,128,128,.5);opacity:.7;font-size:.9em"


class Cell(NamedTuple):
    """One cell of a table."""

    text: str
    tag: str = ""
    """The HTML tag around the text, one of `_STYLES`; empty for none."""
    marks: tuple[str, ...] = ()
    """Labels after the text, such as `pinned`."""


class Bubble(NamedTuple):
    """One message of a chat."""

    role: str
    label: str
    text: str
    calls: tuple[str, ...]


def bundle(items: Sequence[Any], text: str, more: bool = False) -> dict[str, str]:
    """Return the MIME bundle of `items`; `text` is the plain one. `more`: others follow on the next page."""
    kind = type(items[0]) if items else None
    if kind is None:
        html, markdown = _note("Nothing here."), "*Nothing here.*"
    elif kind is Message:
        html, markdown = _chat([_bubble(item) for item in items])
        if more:
            older = "There are older messages: ask for them with before=page.next_cursor."
            html, markdown = _note(older) + html, f"{_plain(older)}\n\n{markdown}"
    else:
        head, row_of = _TABLES.get(kind, (_field_names(items[0]), _any_row))
        html, markdown = _table(head, [row_of(item) for item in items])
        if more:
            further = "There are more: ask for them with cursor=page.next_cursor."
            html, markdown = html + _note(further), f"{markdown}\n\n{_plain(further)}"
    return {"text/plain": text, "text/html": html, "text/markdown": markdown}


register_renderer(bundle)


# contents, by class


def _thread_row(thread: Thread) -> list[Cell]:
    marks = [
        mark
        for mark, is_set in (
            ("pinned", thread.pinned),
            ("archived", thread.archived),
            ("in the trash", thread.trashed_at is not None),
            (thread.status, thread.status != "idle"),
        )
        if is_set
    ]
    return [
        Cell(thread.title, "strong", tuple(marks)),
        Cell(thread.id, "code"),
        Cell("unknown" if thread.message_count is None else str(thread.message_count)),
        Cell(_time(thread.updated_at), "span"),
        Cell(thread.last_message or ""),
        Cell("", marks=thread.tags),
    ]


def _checkpoint_row(checkpoint: Checkpoint) -> list[Cell]:
    return [
        Cell("" if checkpoint.step is None else str(checkpoint.step)),
        Cell(checkpoint.source or ""),
        Cell(_time(checkpoint.created_at), "span"),
        Cell(checkpoint.id, "code"),
    ]


def _hit_row(hit: Hit) -> list[Cell]:
    return [
        Cell(hit.thread.title, "strong"),
        Cell(hit.thread.id, "code"),
        Cell(hit.message.role if hit.message else ""),
        Cell(_time(hit.message.created_at if hit.message else hit.thread.updated_at), "span"),
        Cell(hit.marked("[", "]")),
    ]


def _field_names(item: Any) -> tuple[str, ...]:
    return tuple(each.name.replace("_", " ") for each in fields(item)) if is_dataclass(item) else ("item",)


def _any_row(item: Any) -> list[Cell]:
    if not is_dataclass(item):
        return [Cell(str(item))]
    return [Cell(str(getattr(item, each.name))) for each in fields(item)]


_TABLES: dict[type, tuple[tuple[str, ...], Callable[[Any], list[Cell]]]] = {
    Thread: (("title", "thread", "messages", "last activity (UTC)", "preview", "tags"), _thread_row),
    Hit: (("title", "thread", "said by", "when (UTC)", "found"), _hit_row),
    Checkpoint: (("step", "made by", "when (UTC)", "checkpoint"), _checkpoint_row),
}


def _bubble(message: Message) -> Bubble:
    others = [f"[{block.get('type')}]" for block in message.content if block.get("type") not in _OWN_DISPLAY]
    calls = [
        f"{call.name}({', '.join(f'{key}={value!r}' for key, value in call.args.items())})"
        for call in message.tool_calls
    ]
    label = " · ".join(filter(None, (message.label, message.name, _time(message.created_at))))
    return Bubble(message.role, label, "\n".join(filter(None, (message.text, *others))), tuple(calls))


_OWN_DISPLAY = ("text", "tool_call", "reasoning")
"""Types of content blocks that are shown in another place, or not at all."""


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


# HTML and Markdown


def _table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> tuple[str, str]:
    titles = "".join(f'<th style="{_CELL}">{_escaped(title)}</th>' for title in head)
    body = "".join(f"<tr>{''.join(map(_html_cell, row))}</tr>" for row in rows)
    html = (
        f'<table style="border-collapse:collapse;color:inherit">'
        f"<thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"
    )
    lines = [[_plain(title) for title in head], ["---"] * len(head)]
    lines += [[_in_one_line(" ".join((cell.text, *cell.marks)).strip()) for cell in row] for row in rows]
    return html, "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _html_cell(cell: Cell) -> str:
    text = _escaped(cell.text)
    if cell.tag:
        text = f'<{cell.tag} style="{_STYLES[cell.tag]}">{text}</{cell.tag}>'
    marks = "".join(f' <span style="{_MARK}" dir="auto">{_escaped(mark)}</span>' for mark in cell.marks)
    return f'<td style="{_CELL}" dir="auto">{text}{marks}</td>'


def _chat(bubbles: Sequence[Bubble]) -> tuple[str, str]:
    html = "".join(map(_html_bubble, bubbles))
    return (
        f'<div style="display:flex;flex-direction:column;gap:.4em;max-width:48em;color:inherit">{html}</div>',
        "\n\n".join(map(_markdown_bubble, bubbles)),
    )


def _html_bubble(bubble: Bubble) -> str:
    calls = "".join(
        f'<div>calls <code style="{_CODE}">{_escaped(call)}</code></div>' for call in bubble.calls
    )
    return (
        f'<div style="{_BUBBLE};{_SIDES.get(bubble.role, _ASIDE)}" dir="auto">'
        f'<div style="{_SMALL}">{_escaped(bubble.label)}</div>{_escaped(bubble.text)}{calls}</div>'
    )


def _markdown_bubble(bubble: Bubble) -> str:
    texts = [*bubble.text.splitlines(), *(f"calls {call}" for call in bubble.calls)]
    quoted = "".join(f"\n> {_plain(line)}  " for text in texts for line in _printable(text).splitlines())
    return f"**{_in_one_line(bubble.label)}**\n{quoted}"


def _note(text: str) -> str:
    return f'<div style="{_SMALL}">{_escaped(text)}</div>'


# untrusted text


def _printable(text: str) -> str:
    """Cut a text to `MAX_TEXT` characters and replace those that a terminal obeys or no file can hold."""
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]}… and {len(text) - MAX_TEXT} characters more"
    return re.sub(_UNPRINTABLE, "\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


_UNPRINTABLE = "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]"  # compiled when first used: imports stay cheap


def _escaped(text: str) -> str:
    return escape(_printable(text)).replace("\n", "<br>")


def _plain(line: str) -> str:
    """Escape one line, so that Markdown finds no markup in it."""
    return re.sub(_MARKUP, lambda found: f"&#{ord(found[0])};", line, flags=re.VERBOSE)


_MARKUP = r"""
    [&<>`*\[\]{}|~$\\\#]                # anywhere
    | (?<![^\W_])_ | _(?![^\W_])        # not inside a word, where it means nothing: alice_session
    | ^\W | ^\d(?=\d*[.)])              # what could begin a list, a rule, indented code
"""


def _in_one_line(text: str) -> str:
    return _plain(" ".join(_printable(text).split()))
