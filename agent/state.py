"""The agent's state: its messages, stored as what each step added to them.

`add_messages` stores the whole list again in every checkpoint: 500 turns came to 392 MB. A
`DeltaChannel` stores each write once and folds the writes again at every read, in whatever batches
it likes (8.7 MB for the same turns). `merge_messages` is that fold, with the meaning of
`add_messages`. Three things follow from folding again at every read:

* It has no moods. A missing id is derived from the message's place and content, never drawn at
  random. (Message objects and most dicts carry one before they get here: LangGraph stamps them
  before it stores the write.)
* A bare `("user", "hi")` is refused. Stored, it comes back as the list `["user", "hi"]`, which is
  two messages.
* It never mends. What cannot be read is refused with `MessageRefused`, as `add_messages` does. But
  LangGraph stores a write before it folds it, so a graph must ask before it writes:
  `agent.graph` does.

It differs from `add_messages` where that would leave a `RemoveMessage` in the list as though
somebody had said it: a removal that follows "remove all" in one update is refused, for there is
nothing left to remove.
"""

import itertools
import json
import operator
import uuid
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, TypedDict, cast

from langchain_core.messages import (
    AnyMessage,
    BaseMessage,
    BaseMessageChunk,
    RemoveMessage,
    convert_to_messages,
    message_chunk_to_message,
)
from langgraph.channels.delta import DeltaChannel
from langgraph.graph.message import REMOVE_ALL_MESSAGES

REDUCER_KEY = "messages_reducer"
"""Checkpoint metadata: how the delta writes of `messages` fold, for whoever reads the file."""

ADD_MESSAGES = "add_messages"
"""The value of `REDUCER_KEY` here: like `add_messages`, one write after another."""

AGENT_ID_KEY = "agent_id"
"""Checkpoint metadata: the name of the agent that wrote it, if it has one."""

_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, NotImplementedError)
"""What langchain raises at something that is not a message."""

_id_of = operator.attrgetter("id")

_NAMESPACE = uuid.UUID("6f1d3c4e-2b0a-5e57-9d0b-7a54c1a0d3e8")


class MessageRefused(ValueError):
    """This update cannot be folded into the messages."""


def merge_messages(state: Sequence[Any] | None, writes: Iterable[Any]) -> list[BaseMessage]:
    """The messages after `writes`, each folded as `add_messages(messages, write)` would.

    `merge_messages(merge_messages(s, xs), ys) == merge_messages(s, xs + ys)`. Neither the list nor
    the messages handed in are changed. Raises `MessageRefused`.
    """
    updates = [read_update(write) for write in writes]
    longer = _appended(state or [], updates)
    if longer is not None:
        return longer
    fold = _Fold(state or [])
    for update in updates:
        fold.add(update)
    return fold.messages()


def _appended(state: Any, updates: Iterable[list[BaseMessage]]) -> list[BaseMessage] | None:
    """The messages with the updates behind them, if that is all there is to do; nearly always it is."""
    if not isinstance(state, list):
        return None
    added = [*itertools.chain.from_iterable(updates)]
    if not all(map(_is_said, {*map(type, state), *map(type, added)})):
        return None
    ids = {*map(_id_of, added), None}
    all_new = len(ids) > len(added) and ids.isdisjoint(map(_id_of, state))
    return [*state, *added] if all_new else None


def _is_said(kind: type) -> bool:
    return _is_whole(kind) and not issubclass(kind, RemoveMessage)


def read_update(update: Any) -> list[BaseMessage]:
    """The messages in one update: a message, a dict, a text, or a list of these and of pairs.

    Chunks become whole messages. Missing ids stay missing. Raises `MessageRefused`.
    """
    if isinstance(update, tuple):
        raise MessageRefused(f"A tuple is not an update: wrap it in a list, [{update!r}].")
    items = update if isinstance(update, list) else [update]
    if all(map(_is_whole, {*map(type, items)})):
        return items
    try:
        return [_whole(message) for message in convert_to_messages(items)]
    except _UNREADABLE as error:
        raise MessageRefused(f"Not a message or a list of messages: {update!r}. {error}") from error


def _is_whole(kind: type) -> bool:
    return issubclass(kind, BaseMessage) and not issubclass(kind, BaseMessageChunk)


def _whole(message: BaseMessage) -> BaseMessage:
    if isinstance(message, BaseMessageChunk):
        return message_chunk_to_message(message)
    return message


class _Fold:
    """The list under way. A removed message leaves a gap until the end, so that places hold."""

    def __init__(self, state: Any) -> None:
        if not isinstance(state, list):
            raise MessageRefused(f"The messages are a list, not {state!r}.")
        self._start(read_update(state))

    def messages(self) -> list[BaseMessage]:
        if self._gaps:
            return [message for message in self._places if message is not None]
        return cast("list[BaseMessage]", self._places)

    def add(self, update: list[BaseMessage]) -> None:
        """Fold one update: what `add_messages` does with its right side."""
        rest = _after_remove_all(update)
        if rest is not None:
            return self._start(rest)
        removed: set[str] = set()
        for message in update:
            if isinstance(message, RemoveMessage):
                removed.add(self._known(message))
            else:
                removed.discard(self._put(self._with_id(message, len(self._places) - self._gaps)))
        for id in removed:
            self._drop(id)
        return None

    def _start(self, messages: list[BaseMessage]) -> None:
        self._places: list[BaseMessage | None] = [*messages]
        self._at = {message.id: at for at, message in enumerate(messages)}  # the last place, if there are two
        self._gaps = 0
        if self._at.pop(None, None) is not None:
            for at, message in enumerate(messages):
                named = self._places[at] = self._with_id(message, at)
                self._at.setdefault(named.id, at)
        self._twice = len(self._at) < len(self._places)

    def _known(self, removal: RemoveMessage) -> str:
        if removal.id is None or removal.id not in self._at:
            raise MessageRefused(f"There is no message with the id {removal.id!r} to remove.")
        return removal.id

    def _put(self, message: BaseMessage) -> str:
        id = cast("str", message.id)
        at = self._at.setdefault(id, len(self._places))
        if at < len(self._places):
            self._places[at] = message
        else:
            self._places.append(message)
        return id

    def _drop(self, id: str) -> None:
        places = [self._at.pop(id)]
        if self._twice:
            places = [at for at, m in enumerate(self._places) if m is not None and m.id == id]
        for at in places:
            self._places[at] = None
        self._gaps += len(places)

    def _with_id(self, message: BaseMessage, place: int) -> BaseMessage:
        """The message; if it has no id, with one made of place and content: the same at every fold."""
        if message.id is not None:
            return message
        content = json.dumps(message.content, default=str)
        ids = (
            str(uuid.uuid5(_NAMESPACE, f"{place}:{n}:{message.type}:{content}")) for n in itertools.count()
        )
        return message.model_copy(update={"id": next(id for id in ids if id not in self._at)})


def _after_remove_all(update: list[BaseMessage]) -> list[BaseMessage] | None:
    """What follows the last "remove all", if there is one."""
    removals = [at for at, message in enumerate(update) if isinstance(message, RemoveMessage)]
    cuts = [at for at in removals if update[at].id == REMOVE_ALL_MESSAGES]
    if not cuts:
        return None
    if removals[-1] > cuts[-1]:
        raise MessageRefused(f"Nothing is left to remove with the id {update[removals[-1]].id!r}.")
    return update[cuts[-1] + 1 :]


class AgentState(TypedDict):
    """What a thread of this agent remembers."""

    messages: Annotated[list[AnyMessage], DeltaChannel(merge_messages)]
    """The conversation, oldest first. The system prompt is never part of it."""
