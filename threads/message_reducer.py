"""The reducer of message lists: what a list of messages is after a series of updates.

`merge_messages` has the meaning of LangGraph's `add_messages` (replace by id, append, remove) in the form
that a `DeltaChannel` needs: it takes all updates of a step at once, and the same updates give the same
messages at every read, however they are batched. Agents use it through `threads.graphs`;
`threads.checkpoint` reads the stored updates with it, so this module imports neither `langgraph.graph` nor
`langgraph.channels` (a second each).
"""

from __future__ import annotations

import itertools
import json
import operator
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, cast

from langchain_core.messages import (
    BaseMessage,
    BaseMessageChunk,
    RemoveMessage,
    convert_to_messages,
    message_chunk_to_message,
)

REMOVE_ALL_MESSAGES = "__remove_all__"
"""LangGraph's constant of this name, which takes a second to import."""

_CONVERSION_ERRORS = (ValueError, TypeError, KeyError, AttributeError, NotImplementedError)
"""What LangChain raises at something that is not a message."""

_id_of = operator.attrgetter("id")

_NAMESPACE = uuid.UUID("6f1d3c4e-2b0a-5e57-9d0b-7a54c1a0d3e8")
"""Of the ids derived for messages without one. Never change it: stored messages would get other ids."""


class MessageRefused(ValueError):
    """An update cannot be merged into the messages: it is no message, or removes an unknown id."""


def merge_messages(state: Sequence[Any] | None, writes: Iterable[Any]) -> list[BaseMessage]:
    """Return the messages after `writes`, merged one after another as LangGraph's `add_messages` does.

    A reducer for `DeltaChannel`: deterministic, and independent of how the writes are batched, so
    `merge_messages(merge_messages(s, xs), ys) == merge_messages(s, xs + ys)`. A message without an id gets
    one that is derived from its position and content. Neither the list nor the messages passed in are
    changed.

    It differs from `add_messages` in two points. A bare tuple is refused: `("user", "hi")` would come back
    from storage as the list `["user", "hi"]`, which is two messages. So is a removal that follows "remove
    all" in one update, which `add_messages` would leave in the list as a message.

    Raises `MessageRefused`.

    ```python
    from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
    from threads.graphs import merge_messages

    question = HumanMessage("Where is my order?", id="1")
    state = merge_messages([question], [AIMessage("On its way.", id="2"), [RemoveMessage(id="1")]])
    print([message.text for message in state])
    # -> ['On its way.']
    ```
    """
    updates = [read_update(write) for write in writes]
    longer = _appended(state or [], updates)
    if longer is not None:
        return longer
    merge = _Merge(state or [])
    for update in updates:
        merge.add(update)
    return merge.messages()


def read_update(update: Any) -> list[BaseMessage]:
    """Return the messages in one update: a message, a dict, a text, or a list of these and of pairs.

    Chunks become whole messages. Missing ids stay missing. Raises `MessageRefused`.
    """
    if isinstance(update, tuple):
        raise MessageRefused(f"A tuple is not an update: wrap it in a list, [{update!r}].")
    items = update if isinstance(update, list) else [update]
    if all(map(_is_complete, {*map(type, items)})):
        return items
    try:
        return [_complete(message) for message in convert_to_messages(items)]
    except _CONVERSION_ERRORS as error:
        raise MessageRefused(f"Not a message or a list of messages: {update!r}. {error}") from error


def _appended(state: Any, updates: Iterable[list[BaseMessage]]) -> list[BaseMessage] | None:
    """The state with the updates appended, if none of them replaces or removes anything: the usual case."""
    if not isinstance(state, list):
        return None
    added = [*itertools.chain.from_iterable(updates)]
    if not all(map(_is_content, {*map(type, state), *map(type, added)})):
        return None
    ids = {*map(_id_of, added), None}
    all_new = len(ids) > len(added) and ids.isdisjoint(map(_id_of, state))
    return [*state, *added] if all_new else None


def _is_complete(kind: type) -> bool:
    return issubclass(kind, BaseMessage) and not issubclass(kind, BaseMessageChunk)


def _is_content(kind: type) -> bool:
    return _is_complete(kind) and not issubclass(kind, RemoveMessage)


def _complete(message: BaseMessage) -> BaseMessage:
    if isinstance(message, BaseMessageChunk):
        return message_chunk_to_message(message)
    return message


class _Merge:
    """The list while updates are merged; removed messages leave gaps until the end, so indexes stay valid."""

    def __init__(self, state: Any) -> None:
        if not isinstance(state, list):
            raise MessageRefused(f"The messages are a list, not {state!r}.")
        self._reset(read_update(state))

    def messages(self) -> list[BaseMessage]:
        if self._gaps:
            return [message for message in self._slots if message is not None]
        return cast("list[BaseMessage]", self._slots)

    def add(self, update: list[BaseMessage]) -> None:
        """Merge one update as `add_messages` merges its right side."""
        rest = _after_remove_all(update)
        if rest is not None:
            return self._reset(rest)
        removed: set[str] = set()
        for message in update:
            if isinstance(message, RemoveMessage):
                removed.add(self._existing_id(message))
            else:
                removed.discard(self._put(self._with_id(message, len(self._slots) - self._gaps)))
        for id in removed:
            self._remove(id)
        return None

    def _reset(self, messages: list[BaseMessage]) -> None:
        self._slots: list[BaseMessage | None] = [*messages]
        self._index = {message.id: at for at, message in enumerate(messages)}  # the last one of duplicate ids
        self._gaps = 0
        if self._index.pop(None, None) is not None:
            for at, message in enumerate(messages):
                named = self._slots[at] = self._with_id(message, at)
                self._index.setdefault(named.id, at)
        self._has_duplicates = len(self._index) < len(self._slots)

    def _existing_id(self, removal: RemoveMessage) -> str:
        if removal.id is None or removal.id not in self._index:
            raise MessageRefused(f"There is no message with the id {removal.id!r} to remove.")
        return removal.id

    def _put(self, message: BaseMessage) -> str:
        id = cast("str", message.id)
        at = self._index.setdefault(id, len(self._slots))
        if at < len(self._slots):
            self._slots[at] = message
        else:
            self._slots.append(message)
        return id

    def _remove(self, id: str) -> None:
        indexes = [self._index.pop(id)]
        if self._has_duplicates:
            indexes = [at for at, m in enumerate(self._slots) if m is not None and m.id == id]
        for at in indexes:
            self._slots[at] = None
        self._gaps += len(indexes)

    def _with_id(self, message: BaseMessage, position: int) -> BaseMessage:
        """The message; if it has no id, a copy with one derived from position and content."""
        if message.id is not None:
            return message
        content = json.dumps(message.content, default=str)
        ids = (
            str(uuid.uuid5(_NAMESPACE, f"{position}:{n}:{message.type}:{content}")) for n in itertools.count()
        )
        return message.model_copy(update={"id": next(id for id in ids if id not in self._index)})


def _after_remove_all(update: list[BaseMessage]) -> list[BaseMessage] | None:
    """What follows the last "remove all" in an update; None if there is none."""
    removals = [at for at, message in enumerate(update) if isinstance(message, RemoveMessage)]
    cuts = [at for at in removals if update[at].id == REMOVE_ALL_MESSAGES]
    if not cuts:
        return None
    if removals[-1] > cuts[-1]:
        raise MessageRefused(f"Nothing is left to remove with the id {update[removals[-1]].id!r}.")
    return update[cuts[-1] + 1 :]
