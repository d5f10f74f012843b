"""A LangChain message as a person reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, ToolMessage

from threads.checkpoint.timestamps import Origin
from threads.models import Message, Role, ToolCall, Usage, moment

CHANNEL = "messages"
"""The channel that holds the conversation."""
STOPPED = "stopped"
"""In a message's `response_metadata`: it was cut off, for its run was stopped."""
MOST_TOKENS = 2**53
ROLES: Mapping[str, Role] = {
    "human": "user", "user": "user", "ai": "assistant", "assistant": "assistant",
    "system": "system", "developer": "system", "tool": "tool", "function": "tool",
}  # fmt: skip


def shown(message: BaseMessage, origin: Origin) -> Message:
    """A LangChain message as a person reads it."""
    if not isinstance(message.id, str | None):
        raise TypeError(f"a message's id is a {type(message.id).__name__}")
    said_as = message.role if isinstance(message, ChatMessage) else message.type
    return Message(
        id=message.id,
        role=ROLES.get(said_as.lower().removesuffix("messagechunk"), "assistant"),
        text=str(message.text),
        content=tuple(dict(block) for block in message.content_blocks),
        tool_calls=tuple(
            ToolCall(call["id"], call["name"], call["args"])
            for call in (message.tool_calls if isinstance(message, AIMessage) else ())
        ),
        tool_call_id=message.tool_call_id if isinstance(message, ToolMessage) else None,
        name=message.name,
        created_at=moment(origin.milliseconds),
        run_id=origin.run_id,
        usage=_usage(message),
        stopped=message.response_metadata.get(STOPPED) is True,
    )


def _usage(message: BaseMessage) -> Usage | None:
    """The tokens a model reported; an answer from LangChain's cache reports a cost and no tokens."""
    told = message.usage_metadata if isinstance(message, AIMessage) else None
    if not told or "total_tokens" not in told:
        return None
    counts = told["input_tokens"], told["output_tokens"], told["total_tokens"]
    if not all(type(count) is int and 0 <= count < MOST_TOKENS for count in counts):
        return None  # another program's, and no counts
    return Usage(*counts)


def words(message: BaseMessage) -> tuple[str, str]:
    """What tells a message without an id from others."""
    return message.type, json.dumps(message.content, default=str)
