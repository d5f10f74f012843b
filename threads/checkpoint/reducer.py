"""What a thread's messages are after a series of updates, from the stored updates alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from threads.message_reducer import read_update

Reducer = Callable[[list[Any], list[Any]], list[Any]]
"""A `DeltaChannel`'s reducer: the value so far and the writes, oldest first."""


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


def replay(reducer: Reducer, seed: Any, writes: Sequence[Any]) -> Any:
    """The value of a delta channel: `seed` and then `writes`, oldest first; an `Overwrite` begins anew.

    As LangGraph's `DeltaChannel.replay_writes`.
    """
    at = next((at for at in reversed(range(len(writes))) if overwrite(writes[at])[0]), None)
    if at is not None:
        seed, writes = overwrite(writes[at])[1], writes[at + 1 :]
    return reducer(list(seed), list(writes)) if writes else seed


def coerced(value: Any) -> list[BaseMessage]:
    """The messages in a stored value: one, or a list of them, in any of LangChain's forms."""
    try:
        return read_update([value] if isinstance(value, tuple) else value)
    except Exception as error:  # what LangChain makes of something else is not said anywhere
        if must_be_raised(error):
            raise
        raise Undecodable(str(error) or type(error).__name__) from error


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
