"""The channel that holds a conversation: which one it is, and its value where it is not stored whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from threads.checkpoint.serde import Undecodable
from threads.langgraph_internals import DeltaSnapshot

CHANNEL = "messages"
"""The channel that holds the conversation."""
REDUCER_METADATA = ("messages_reducer", "add_messages")
"""Key and value in a checkpoint's metadata that name the reducer; `guard_messages` sets them."""

Reducer = Callable[[list[Any], list[Any]], list[Any]]
"""A `DeltaChannel`'s reducer: the value so far and the writes, oldest first."""


def snapshot_value(stored: Any) -> Any:
    """Return the value in a delta channel's snapshot; any other value as it is."""
    return stored.value if isinstance(stored, DeltaSnapshot) else stored


def find_messages(values: Mapping[str, Any], deltas: Mapping[str, Any]) -> list[Any]:
    """Return the stored messages of a checkpoint without a channel `messages`; an empty list if it has none.

    `values`: the checkpoint's channels; `deltas`: its delta channels, of which some have no value there.
    Raises `Undecodable` if several channels may be meant.
    """
    lists = [snapshot_value(value) for name, value in values.items() if name not in ("__start__", "__end__")]
    found = [value for value in lists if isinstance(value, list) and value and all(map(_is_message, value))]
    if len(found) > 1 or (not found and any(name not in values for name in deltas)):
        raise Undecodable("it does not show which channel holds the conversation")
    return found[0] if found else []


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
