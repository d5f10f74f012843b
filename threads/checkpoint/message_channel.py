"""Which of the values that a checkpoint holds are its messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from threads.checkpoint.reducer import Undecodable, coerced


def unwrapped(stored: Any) -> Any:
    """The value in a delta channel's snapshot; anything else as it is."""
    return stored.value if isinstance(stored, _DeltaSnapshot) else stored


def coerced_list(stored: Any) -> list[BaseMessage]:
    """The messages of a channel that holds a list of them; `Undecodable` if it holds something else."""
    value = unwrapped(stored)
    if not isinstance(value, list):
        raise Undecodable("messages is not a list")
    return coerced(value)


def elsewhere(values: Mapping[str, Any], deltas: Mapping[str, Any]) -> list[BaseMessage]:
    """The messages of a graph that does not call them `messages`; none where it has none."""
    lists = [unwrapped(value) for name, value in values.items() if name not in ("__start__", "__end__")]
    found = [value for value in lists if isinstance(value, list) and value and all(map(is_message, value))]
    if len(found) > 1 or (not found and any(name not in values for name in deltas)):
        raise Undecodable("it does not show which channel holds the conversation")
    return coerced(found[0]) if found else []


def is_message(item: Any) -> bool:
    """Whether an item of a list is a message, as an object or as a dict."""
    return isinstance(item, BaseMessage) or (isinstance(item, dict) and {"role", "content"} <= item.keys())
