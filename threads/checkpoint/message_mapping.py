"""LangChain messages: found in stored values, and converted to `threads.models.Message`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, ToolMessage

from threads.checkpoint.stored_values import Undecodable, must_propagate
from threads.db.queries import moment
from threads.langgraph_internals import DeltaSnapshot
from threads.message_reducer import read_update
from threads.models import Message, Role, ToolCall, Usage

CHANNEL = "messages"
"""The channel that holds the conversation."""
STOPPED = "stopped"
"""Key in a message's `response_metadata`: it is incomplete, because its run was stopped."""
MAX_TOKENS = 2**53
"""A reported count above this is no count."""
ROLES: Mapping[str, Role] = {
    "human": "user", "user": "user", "ai": "assistant", "assistant": "assistant",
    "system": "system", "developer": "system", "tool": "tool", "function": "tool",
}  # fmt: skip

Reducer = Callable[[list[Any], list[Any]], list[Any]]
"""A `DeltaChannel`'s reducer: the value so far and the writes, oldest first."""


class StoredWith(NamedTuple):
    """The step that stored a message: when, in milliseconds since 1970, and in which run."""

    milliseconds: int | None = None
    run_id: str | None = None


def to_message(message: BaseMessage, stored_with: StoredWith) -> Message:
    """Convert a LangChain message to a `Message`."""
    if not isinstance(message.id, str | None):
        raise TypeError(f"a message's id is a {type(message.id).__name__}")
    role = message.role if isinstance(message, ChatMessage) else message.type
    return Message(
        id=message.id,
        role=ROLES.get(role.lower().removesuffix("messagechunk"), "assistant"),
        text=str(message.text),
        content=tuple(dict(block) for block in message.content_blocks),
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
    )


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
    value = snapshot_value(stored)
    if not isinstance(value, list):
        raise Undecodable("messages is not a list")
    return coerce_messages(value)


def snapshot_value(stored: Any) -> Any:
    """Return the value in a delta channel's snapshot; any other value as it is."""
    return stored.value if isinstance(stored, DeltaSnapshot) else stored


def find_messages(values: Mapping[str, Any], deltas: Mapping[str, Any]) -> list[BaseMessage]:
    """Return the messages of a checkpoint without a channel `messages`; an empty list if it has none.

    `values`: the checkpoint's channels; `deltas`: its delta channels, of which some have no value there.
    Raises `Undecodable` if several channels may be meant.
    """
    lists = [snapshot_value(value) for name, value in values.items() if name not in ("__start__", "__end__")]
    found = [value for value in lists if isinstance(value, list) and value and all(map(_is_message, value))]
    if len(found) > 1 or (not found and any(name not in values for name in deltas)):
        raise Undecodable("it does not show which channel holds the conversation")
    return coerce_messages(found[0]) if found else []


def _is_message(item: Any) -> bool:
    return isinstance(item, BaseMessage) or (isinstance(item, dict) and {"role", "content"} <= item.keys())


def replay(reducer: Reducer, seed: Any, writes: Sequence[Any]) -> Any:
    """Return a delta channel's value: `seed` and then `writes`, oldest first; an `Overwrite` replaces all
    before.

    As LangGraph's `DeltaChannel.replay_writes`.
    """
    at = next((at for at in reversed(range(len(writes))) if _overwrite(writes[at])[0]), None)
    if at is not None:
        seed, writes = _overwrite(writes[at])[1], writes[at + 1 :]
    return reducer(list(seed), list(writes)) if writes else seed


def _overwrite(value: Any) -> tuple[bool, Any]:
    """Whether a write is LangGraph's `Overwrite`, in one of its three forms, and its value."""
    kind = type(value)
    if kind.__name__ == "Overwrite" and kind.__module__ == "langgraph.types":  # a second to import
        return True, value.value or []
    if isinstance(value, dict):
        if list(value) == ["__overwrite__"]:
            return True, value["__overwrite__"] or []
        if value.get("type") == "__overwrite__" and "value" in value:
            return True, value["value"] or []
    return False, value
