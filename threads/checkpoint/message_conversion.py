"""Messages in LangChain's forms, as they are stored, and as `threads.models`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from langchain_core.messages import (
    LC_AUTO_PREFIX,
    AIMessage,
    BaseMessage,
    ChatMessage,
    ToolMessage,
    get_notification_metadata,
)

from threads.checkpoint.serde import Undecodable, must_propagate
from threads.db.queries import moment
from threads.langgraph_internals import DeltaSnapshot
from threads.message_reducer import read_update
from threads.models import Message, Role, ToolCall, Usage

STOPPED = "stopped"
"""Key in a message's `response_metadata`: it is incomplete, because its run was stopped."""
MODEL_KEYS = ("model_name", "model", "model_id")
"""Keys of the model's name in a message's `response_metadata`: of OpenAI and Google, Anthropic, Bedrock."""
MAX_MODEL_NAME = 200
"""Characters of a model's name that are shown."""
MAX_TOKENS = 2**53
"""A reported count above this is no count."""
ROLES: Mapping[str, Role] = {
    "human": "user", "user": "user", "ai": "assistant", "assistant": "assistant",
    "system": "system", "developer": "system", "tool": "tool", "function": "tool",
}  # fmt: skip


class StoredWith(NamedTuple):
    """The step that stored a message: when, in milliseconds since 1970, and in which run."""

    milliseconds: int | None = None
    run_id: str | None = None
    checkpoint_id: str | None = None
    """The checkpoint that the step ended with; None where it was pruned."""


def to_message(message: BaseMessage, stored_with: StoredWith) -> Message:
    """Convert a LangChain message to a `Message`."""
    if not isinstance(message.id, str | None):
        raise TypeError(f"a message's id is a {type(message.id).__name__}")
    stored_role = message.role if isinstance(message, ChatMessage) else message.type
    role = ROLES.get(stored_role.lower().removesuffix("messagechunk"), "assistant")
    source = _source(message) if role in ("user", "system") else None
    return Message(
        id=message.id,
        role="system" if source else role,
        text=str(message.text),
        content=_content_blocks(message),
        tool_calls=tuple(
            ToolCall(call["id"], call["name"], call["args"])
            for call in (message.tool_calls if isinstance(message, AIMessage) else ())
        ),
        tool_call_id=message.tool_call_id if isinstance(message, ToolMessage) else None,
        name=message.name,
        created_at=moment(stored_with.milliseconds),
        run_id=stored_with.run_id,
        usage=_usage(message),
        stopped=message.response_metadata.get(STOPPED) is True,
        source=source,
        model=_model_name(message),
    )


def _content_blocks(message: BaseMessage) -> tuple[dict[str, Any], ...]:
    """The content in LangChain's standard blocks, without the ids that it makes up anew at each call."""
    return tuple(_without_made_up_ids(dict(block), message) for block in message.content_blocks)


def _without_made_up_ids(block: dict[str, Any], message: BaseMessage) -> dict[str, Any]:
    id, annotations = block.get("id"), block.get("annotations")
    if isinstance(id, str) and id.startswith(LC_AUTO_PREFIX) and id not in repr(message.content):
        del block["id"]
    if isinstance(annotations, list):
        block["annotations"] = [
            _without_made_up_ids(dict(each), message) if isinstance(each, dict) else each
            for each in annotations
        ]
    return block


def _source(message: BaseMessage) -> str | None:
    """Which middleware wrote a message in the user's name; None: the user, or the application itself.

    LangChain marks such messages (`add_notification_metadata`). Two of deepagents carry another mark.
    """
    if marked := get_notification_metadata(message):
        return marked["source"] or None
    if message.additional_kwargs.get("read_file_media_result") is True:
        return "read_file"
    return message.name if (message.name or "").startswith("nemotron_") else None


def _model_name(message: BaseMessage) -> str | None:
    """Return the model that an assistant message names, in one of the ways of LangChain's providers."""
    if not isinstance(message, AIMessage):
        return None
    names = (message.response_metadata.get(key) for key in MODEL_KEYS)
    return next((name[:MAX_MODEL_NAME] for name in names if isinstance(name, str) and name), None)


def _usage(message: BaseMessage) -> Usage | None:
    """The tokens that a model reported; an answer from LangChain's cache reports a cost and no tokens."""
    reported = message.usage_metadata if isinstance(message, AIMessage) else None
    if not reported or "total_tokens" not in reported:
        return None
    counts = reported["input_tokens"], reported["output_tokens"], reported["total_tokens"]
    if not all(type(count) is int and 0 <= count < MAX_TOKENS for count in counts):
        return None  # another program stored it
    return Usage(*counts)


def content_key(message: BaseMessage) -> tuple[str, str]:
    """Return what identifies a message that has no id: its type and content."""
    return message.type, json.dumps(message.content, default=str)


def coerce_messages(value: Any) -> list[BaseMessage]:
    """Return the messages in an update: one or a list, in any of LangChain's forms. Raises `Undecodable`."""
    try:
        return read_update([value] if isinstance(value, tuple) else value)
    except Exception as error:  # what LangChain raises for other values is not documented
        if must_propagate(error):
            raise
        raise Undecodable(str(error) or type(error).__name__) from error


def coerce_channel(stored: Any) -> list[BaseMessage]:
    """Return the messages of a channel's stored value. Raises `Undecodable` if it is no list of messages."""
    value = stored.value if isinstance(stored, DeltaSnapshot) else stored
    if not isinstance(value, list):
        raise Undecodable("messages is not a list")
    return coerce_messages(value)
