"""Counting tokens: words and punctuation marks, one each.

The offline model has no tokenizer; a word or a mark is a fair stand-in, and the same text always counts
the same.
"""

import json
import re
from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata

_TOKEN = re.compile(r"\w+|[^\w\s]")
_PIECE = re.compile(r"\s*\S+\s*")


def count_tokens(text: str) -> int:
    """The number of words and punctuation marks."""
    return len(_TOKEN.findall(text))


def measure(messages: Sequence[BaseMessage], reply: AIMessage) -> UsageMetadata:
    """Tokens read and written, tool calls counted by name and arguments."""
    read = sum(count_tokens(str(message.text)) + _in_calls(message) for message in messages)
    written = count_tokens(str(reply.text)) + _in_calls(reply)
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)


def pieces(text: str) -> list[str]:
    """The text cut into words with the white space after them; joined they are the text again."""
    return _PIECE.findall(text)


def _in_calls(message: BaseMessage) -> int:
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return sum(count_tokens(call["name"] + json.dumps(call["args"], ensure_ascii=False)) for call in calls)
