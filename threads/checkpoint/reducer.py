"""What a thread's messages are after a series of updates, told from the stored updates alone.

The meaning is that of LangGraph's `add_messages`, which our agents' `DeltaChannel` has too: replace
by id, remove, remove all. It stands here a second time because a reader of the file must know
neither `langgraph.graph` (seconds to import) nor the agent; a test holds the two together.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid5

from langchain_core.messages import (
    BaseMessage,
    BaseMessageChunk,
    RemoveMessage,
    convert_to_messages,
    message_chunk_to_message,
)

REMOVE_ALL = "__remove_all__"
NAMESPACE = UUID("6f1d3c4e-2b0a-5e57-9d0b-7a54c1a0d3e8")
"""Of the ids that messages without one get; the agent's reducer has the same."""


class Undecodable(Exception):
    """These stored values are not messages, or were folded in another way."""


def must_be_raised(error: BaseException) -> bool:
    """Whether an error tells of the moment it came in, and nothing of the value that was read then.

    So does a lack of memory, and one of stack where the caller has taken most of it; a value that is nested
    too deep takes it by itself.
    """
    if isinstance(error, RecursionError):
        try:
            return sys._getframe(sys.getrecursionlimit() // 2) is not None
        except ValueError:  # there are not so many frames
            return False
    return isinstance(error, MemoryError)


def fold(seed: list[BaseMessage], updates: Iterable[Any]) -> list[BaseMessage]:
    """The messages after `updates` to `seed`, oldest first; raises `Undecodable`."""
    said: dict[str, BaseMessage] = {}
    _start(said, seed)
    for update in updates:
        overwritten, value = overwrite(update)
        messages = coerced(value)
        cut = max((i for i, m in enumerate(messages) if m.id == REMOVE_ALL), default=None)
        if overwritten or cut is not None:
            _start(said, messages if cut is None else messages[cut + 1 :])
        else:
            _add(said, messages)
    return list(said.values())


def _start(said: dict[str, BaseMessage], messages: list[BaseMessage]) -> None:
    said.clear()
    _add(said, messages)
    if len(said) < len(messages):
        raise Undecodable("two messages with one id")


def _add(said: dict[str, BaseMessage], messages: list[BaseMessage]) -> None:
    removed: dict[str, None] = {}
    for message in messages:
        if isinstance(message, RemoveMessage):
            if message.id not in said:
                raise Undecodable(f"a message {message.id!r} that is not there was removed")
            removed[message.id] = None
            continue
        if message.id is None:
            message = message.model_copy(update={"id": made_id(message, said)})
        said[message.id or ""] = message
        removed.pop(message.id or "", None)
    for id in removed:
        del said[id]


def coerced(value: Any) -> list[BaseMessage]:
    """The messages in a stored value: one, or a list of them, in any of LangChain's forms."""
    items = value if isinstance(value, list) else [value]
    try:
        messages = convert_to_messages(items)
    except Exception as error:  # what LangChain makes of something else is not said anywhere
        if must_be_raised(error):
            raise
        raise Undecodable(str(error) or type(error).__name__) from error
    return [message_chunk_to_message(m) if isinstance(m, BaseMessageChunk) else m for m in messages]


def overwrite(value: Any) -> tuple[bool, Any]:
    """Whether an update is LangGraph's `Overwrite`, in one of its three forms, and its value."""
    kind = type(value)
    if kind.__name__ == "Overwrite" and kind.__module__ == "langgraph.types":
        return True, value.value or []
    if isinstance(value, dict):
        if list(value) == ["__overwrite__"]:
            return True, value["__overwrite__"] or []
        if value.get("type") == "__overwrite__" and "value" in value:
            return True, value["value"] or []
    return False, value


def made_id(message: BaseMessage, said: dict[str, BaseMessage]) -> str:
    """An id for a message without one, from its place and content: the same at every reading."""
    content = json.dumps(message.content, default=str)
    for attempt in itertools.count():
        id = str(uuid5(NAMESPACE, f"{len(said)}:{attempt}:{message.type}:{content}"))
        if id not in said:
            break
    return id
