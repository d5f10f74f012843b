"""Title, count and preview of a thread, from its messages alone.

A title is the first user message cut at 50 characters, a preview the last message with text cut at 100. A
cut falls between grapheme clusters, never inside an accented character or an emoji.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

from threads import graphemes
from threads.models import Message

NEW_TITLE = "New conversation"
"""The title before the first message."""
UNTITLED_TITLE = "Untitled conversation"
"""The title where no user message has text."""
TITLE_LENGTH = 50
PREVIEW_LENGTH = 100
MAX_READ = 4000
"""Characters of a message that are read for a title or a preview."""


class Spoken(Protocol):
    """What a title needs of a message."""

    @property
    def role(self) -> str: ...
    @property
    def text(self) -> str: ...


def title(messages: Sequence[Spoken]) -> str:
    """The first user message in one line."""
    if not messages:
        return NEW_TITLE
    for message in messages:
        if message.role == "user":
            return shorten(message.text[:MAX_READ], TITLE_LENGTH) or UNTITLED_TITLE
    return UNTITLED_TITLE


def preview(messages: Sequence[Message]) -> str | None:
    """The last user or assistant message with text in one line, without Markdown; None if there is none."""
    return next((preview_of(each.text) for each in reversed(messages) if is_counted(each)), None)


def preview_of(text: str) -> str:
    """A message with visible text in one line, without Markdown."""
    text = text[:MAX_READ]
    return shorten(strip_markdown(text), PREVIEW_LENGTH) or shorten(text, PREVIEW_LENGTH)


def count(messages: Sequence[Message]) -> int:
    """How many user and assistant messages have visible text."""
    return sum(map(is_counted, messages))


def is_counted(message: Message) -> bool:
    """Whether this is a user or assistant message with visible text."""
    return message.role in ("user", "assistant") and bool(message.text.strip())


def shorten(text: str, length: int) -> str:
    """`text` in one line; at most `length` characters and an ellipsis where something was left out."""
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    return graphemes.cut(text, length).rstrip() + "…"


def strip_markdown(text: str) -> str:
    """The text that a reader of the rendered Markdown reads, blocks separated by spaces."""
    blocks = _parser().parse(text)
    return " ".join(filter(None, (_words(block) for block in blocks)))


@cache
def _parser() -> Any:
    from markdown_it import MarkdownIt  # a tenth of a second, which a list with nothing stale need not pay

    return MarkdownIt("commonmark", {"html": False})


def _words(token: Any) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return " "
    if token.type in ("fence", "code_block", "code_inline", "text"):
        return str(token.content).strip() if token.block else str(token.content)
    return "".join(_words(child) for child in token.children or ())
