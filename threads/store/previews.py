"""Title, preview and count: what a list says about a conversation, from its messages alone.

The rules of the threading document: a title is the first user message cut at 50 characters, a
preview the last message with text cut at 100. A cut falls between characters as people see them,
never inside an accent or an emoji.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from threads.models import Message

NEW = "New conversation"
"""Before the first message."""
UNTITLED = "Untitled conversation"
"""There are messages, or something else, but no text to make a title of."""
TITLE_LENGTH = 50
PREVIEW_LENGTH = 100
LOOK_AT = 4000
"""Characters of a message that are looked at to fill a title or a preview."""


def title(messages: Sequence[Message]) -> str:
    """The first user message in one line."""
    if not messages:
        return NEW
    for message in messages:
        if message.role == "user":
            return shortened(message.text[:LOOK_AT], TITLE_LENGTH) or UNTITLED
    return UNTITLED


def preview(messages: Sequence[Message]) -> str | None:
    """The last thing said by user or assistant in one line, without Markdown; None if nothing was."""
    for message in reversed(messages):
        if is_counted(message):
            return shortened(without_markdown(message.text[:LOOK_AT]), PREVIEW_LENGTH) or shortened(
                message.text[:LOOK_AT], PREVIEW_LENGTH
            )
    return None


def count(messages: Sequence[Message]) -> int:
    """How many messages a person would count: user's and assistant's that show text."""
    return sum(map(is_counted, messages))


def is_counted(message: Message) -> bool:
    """Whether a person sees this message in the conversation."""
    return message.role in ("user", "assistant") and bool(message.text.strip())


def shortened(text: str, length: int) -> str:
    """`text` in one line; at most `length` characters and an ellipsis where something was left out."""
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    while length > 1 and joins(text[length - 1], text[length]):
        length -= 1
    return text[:length].rstrip() + "…"


def joins(left: str, right: str) -> bool:
    """Whether the two code points belong to one character as people see it."""
    zero_width_joiner = "\u200d"
    return (
        zero_width_joiner in (left, right)
        or unicodedata.category(right) in ("Mn", "Me", "Mc")
        or "\U0001f3fb" <= right <= "\U0001f3ff"  # skin tones
        or ("\U0001f1e6" <= left <= "\U0001f1ff" and "\U0001f1e6" <= right <= "\U0001f1ff")  # flags
    )


def without_markdown(text: str) -> str:
    """What a reader of the rendered text would read, blocks separated by spaces."""
    from markdown_it import MarkdownIt  # a tenth of a second, which a list with nothing stale need not pay

    blocks = MarkdownIt("commonmark", {"html": False}).parse(text)
    return " ".join(filter(None, (_words(block) for block in blocks)))


def _words(token: Any) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return " "
    if token.type in ("fence", "code_block", "code_inline", "text"):
        return str(token.content).strip() if token.block else str(token.content)
    return "".join(_words(child) for child in token.children or ())
