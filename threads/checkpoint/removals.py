"""Messages that a graph removed from its state, as far as the history of the branch still has them.

Middleware shortens a long conversation: it removes old messages, or puts a summary in their place. They stay
findable, and the first user message stays the thread's title. Which messages stood in the conversation
cannot be read from the writes alone (a reducer may have refused or changed them), so each is looked up in a
state that held it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from threads.ids import uuid_milliseconds
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
    deleted: frozenset[MessageKey]
    """Keys of messages that the application deleted; they are in none of the lists."""
    times: dict[str, int]
    """When messages were written first, in milliseconds since 1970, by id, as far as it was read."""
    is_whole: bool
    """Whether all of the branch was read; False: only what came after the checkpoint `since`."""


class BranchReader(NamedTuple):
    """What is read of the history of a branch."""

    chain: Iterable[str]
    """Its checkpoints, newest first."""
    written: Callable[[str], Iterable[Message]]
    """What the tasks at a checkpoint wrote, the last message first."""
    state_at: Callable[[str], Sequence[Message] | None]
    """The messages that stood in the conversation at a checkpoint; None if unknown."""
    updates: Callable[[], Iterable[tuple[str, str]]]
    """The steps after `since` in which an application may have deleted messages: checkpoint and parent."""


class WrittenMessage(NamedTuple):
    """A message as a step wrote it."""

    checkpoint_id: str
    """The checkpoint that the step ended with."""
    message: Message


def find_conversation(
    state: Sequence[Message],
    branch: BranchReader,
    since: str | None = None,
    known: Iterable[MessageKey] = (),
) -> Conversation:
    """Return the messages of `state`, and those that runs of the graph removed from it.

    `since`: the checkpoint to read back to; `known`: what stood in the conversation there and before. What
    an application deleted, by an update of the state or by its input, is gone: that was its purpose.
    System messages are not part of the conversation: none of them counts as trimmed.
    """
    steps, oldest = _read_steps(branch, since)
    is_whole = since is None or oldest != since
    first = branch.state_at(oldest) or () if is_whole and oldest is not None else ()
    held = _by_key(state)
    spoken = [each for each in steps if each.message.role != "system"]
    removed = {
        **{keys_of(each)[0]: each for each in first if not _find(held, each) and each.role != "system"},
        **_find_removed([each for each in spoken if not _find(held, each.message)], branch),
    }
    deleted: frozenset[MessageKey] = frozenset()
    if removed or not held.keys() >= {*known}:
        deleted = _find_deleted(branch) - held.keys()
    order = _order([*first, *(each.message for each in reversed(steps))])
    trimmed = [each for each in removed.values() if keys_of(each)[0] not in deleted]
    trimmed.sort(key=lambda each: _place(order, each))
    merged = _merge(state, trimmed, order)
    return Conversation(merged, trimmed, deleted, _times(merged, steps), is_whole)


def _times(messages: Iterable[Message], steps: Sequence[WrittenMessage]) -> dict[str, int]:
    """When these messages were written first, by id."""
    checkpoints = {key: each.checkpoint_id for each in steps for key in keys_of(each.message)}
    written = {
        each.id: checkpoints[key]
        for each in messages
        for key in reversed(keys_of(each))
        if each.id and key in checkpoints
    }
    return {id: time for id, at in written.items() if (time := uuid_milliseconds(at)) is not None}


def _find_deleted(branch: BranchReader) -> frozenset[MessageKey]:
    deleted: set[MessageKey] = set()
    for updated, before in branch.updates():
        state = _by_key(branch.state_at(updated) or ())
        deleted |= {keys_of(each)[0] for each in branch.state_at(before) or () if not _find(state, each)}
    return frozenset(deleted)


def _read_steps(branch: BranchReader, since: str | None) -> tuple[list[WrittenMessage], str | None]:
    """Return what the steps after `since` wrote, the newest first, and the last checkpoint that was read."""
    steps: list[WrittenMessage] = []
    child: str | None = None
    for checkpoint_id in branch.chain:
        if child is not None:
            steps += [WrittenMessage(child, each) for each in branch.written(checkpoint_id)]
        child = checkpoint_id
        if child == since:
            break
    return steps, child


def _find_removed(waiting: Sequence[WrittenMessage], branch: BranchReader) -> dict[MessageKey, Message]:
    """Return those messages that once stood in the conversation, each as it stood there last.

    `waiting`: the newest first. One state shows many of them: what one trimming removed stood there together.
    """
    found: dict[MessageKey, Message] = {}
    known: dict[MessageKey, Message] = {}
    misses = 0
    while waiting and misses < MAX_MISSES:
        checkpoint_id = waiting[0].checkpoint_id
        standing = _by_key(branch.state_at(checkpoint_id) or ())
        stood = [message for each in waiting if (message := _find(standing, each.message))]
        for message in stood:
            found.setdefault(keys_of(message)[0], message)
        known |= _by_key(stood)
        rest = (each for each in waiting if each.checkpoint_id != checkpoint_id)
        waiting = [each for each in rest if not _find(known, each.message)]
        misses = 0 if stood else misses + 1
    return found


def keys_of(message: Message) -> list[MessageKey]:
    """Return what identifies a message, its id first: a step may have written it without one."""
    text = (message.role, message.text)
    return [message.id, text] if message.id else [text]


def _by_key(messages: Iterable[Message]) -> dict[MessageKey, Message]:
    return {key: each for each in messages for key in keys_of(each)}


def _find(messages: Mapping[MessageKey, Message], wanted: Message) -> Message | None:
    """Return the message with the id of `wanted`; if it has none, with its role and text."""
    return messages.get(keys_of(wanted)[0])


def _order(messages: Iterable[Message]) -> dict[MessageKey, int]:
    """Return the place at which each message came first."""
    order: dict[MessageKey, int] = {}
    for place, message in enumerate(messages):
        for key in keys_of(message):
            order.setdefault(key, place)
    return order


def _place(order: Mapping[MessageKey, int], message: Message) -> int:
    return next((order[key] for key in keys_of(message) if key in order), -1)


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
