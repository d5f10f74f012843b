"""Messages that a graph removed from its state, as far as the history of the branch still has them.

Middleware shortens a long conversation: it removes old messages, or puts a summary in their place. They stay
findable, and the first user message stays the thread's title. Which messages stood in the conversation
cannot be read from the writes alone (a reducer may have refused or changed them), so each is looked up in a
state that held it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from threads.models import Message

MAX_MISSES = 20
"""Steps in succession of which no message stood in the conversation; after these no older one is read."""

MessageKey = str | tuple[str, str]
"""Identifies a message: its id, or its role and text."""


class Conversation(NamedTuple):
    """The messages of a branch, with those that its state does not hold any more."""

    messages: list[Message]
    """In the order in which they came, as far as that is known."""
    trimmed: list[Message]
    """Those of them that the state does not hold."""
    is_whole: bool
    """Whether all of the branch was read; False: only what came after the checkpoint `since`."""


class Step(NamedTuple):
    """A message as a step wrote it."""

    checkpoint_id: str
    """The checkpoint that the step ended with."""
    message: Message


def find_conversation(
    state: Sequence[Message],
    chain: Iterable[str],
    written: Callable[[str], Iterable[Message]],
    state_at: Callable[[str], Sequence[Message] | None],
    since: str | None = None,
) -> Conversation:
    """Return the messages of `state` and those that were removed from it.

    `chain`: the checkpoints of the branch, newest first; it is read no further than to `since`. `written`:
    what the tasks at a checkpoint wrote, the last message first; `state_at`: the messages that stood in the
    conversation at a checkpoint, None if unknown. System messages are no part of what was said: none of them
    counts as trimmed.
    """
    steps, oldest = _read_steps(chain, written, since)
    is_whole = since is None or oldest != since
    first = state_at(oldest) or () if is_whole and oldest is not None else ()
    held = _by_key(state)
    removed = {
        **{_keys(each)[0]: each for each in first if not _find(held, each) and each.role != "system"},
        **_find_removed([each for each in steps if not _find(held, each.message)], state_at),
    }
    order = _order([*first, *(each.message for each in reversed(steps))])
    trimmed = sorted(removed.values(), key=lambda each: _place(order, each))
    return Conversation(_merge(state, trimmed, order), trimmed, is_whole)


def _read_steps(
    chain: Iterable[str], written: Callable[[str], Iterable[Message]], since: str | None
) -> tuple[list[Step], str | None]:
    """Return what the steps after `since` wrote, the newest first, and the last checkpoint that was read."""
    steps: list[Step] = []
    child: str | None = None
    for checkpoint_id in chain:
        if child is not None:
            steps += [Step(child, each) for each in written(checkpoint_id) if each.role != "system"]
        child = checkpoint_id
        if child == since:
            break
    return steps, child


def _find_removed(
    waiting: Sequence[Step], state_at: Callable[[str], Sequence[Message] | None]
) -> dict[MessageKey, Message]:
    """Return those messages that once stood in the conversation, each as it stood there last.

    `waiting`: the newest first. One state shows many of them: what one trimming removed stood there together.
    """
    found: dict[MessageKey, Message] = {}
    known: dict[MessageKey, Message] = {}
    misses = 0
    while waiting and misses < MAX_MISSES:
        checkpoint_id = waiting[0].checkpoint_id
        standing = _by_key(state_at(checkpoint_id) or ())
        stood = [message for each in waiting if (message := _find(standing, each.message))]
        for message in stood:
            found.setdefault(_keys(message)[0], message)
        known |= _by_key(stood)
        rest = (each for each in waiting if each.checkpoint_id != checkpoint_id)
        waiting = [each for each in rest if not _find(known, each.message)]
        misses = 0 if stood else misses + 1
    return found


def _keys(message: Message) -> list[MessageKey]:
    """Return what identifies a message, its id first: a step may have written it without one."""
    text = (message.role, message.text)
    return [message.id, text] if message.id else [text]


def _by_key(messages: Iterable[Message]) -> dict[MessageKey, Message]:
    return {key: each for each in messages for key in _keys(each)}


def _find(messages: Mapping[MessageKey, Message], wanted: Message) -> Message | None:
    """Return the message with the id of `wanted`; if it has none, with its role and text."""
    return messages.get(_keys(wanted)[0])


def _order(messages: Iterable[Message]) -> dict[MessageKey, int]:
    """Return the place at which each message came first."""
    order: dict[MessageKey, int] = {}
    for place, message in enumerate(messages):
        for key in _keys(message):
            order.setdefault(key, place)
    return order


def _place(order: Mapping[MessageKey, int], message: Message) -> int:
    return next((order[key] for key in _keys(message) if key in order), -1)


def _merge(
    state: Sequence[Message], trimmed: Sequence[Message], order: Mapping[MessageKey, int]
) -> list[Message]:
    """Return both in one list: what was trimmed stands before the first message that came after it."""
    merged: list[Message] = []
    rest = list(reversed(trimmed))
    for message in state:
        while rest and _place(order, rest[-1]) < _place(order, message):
            merged.append(rest.pop())
        merged.append(message)
    return merged + rest[::-1]
