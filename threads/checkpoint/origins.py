"""Where the messages of a branch first stood in its conversation, and with which turn.

A message may have its id from the client, from LangGraph a step later, or never; a node may return the whole
list again, trim it or summarise it. So what a step wrote does not show where a message is from. Here the
conversations of a branch's checkpoints are compared, from the newest back: a message is followed by its id,
and where one side has none by its content and position, to the oldest checkpoint that holds it. The walk
reads no further than needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import SequenceMatcher
from itertools import islice, pairwise
from typing import NamedTuple

from langchain_core.messages import BaseMessage

from threads.checkpoint.message_conversion import content_key
from threads.errors import MessageNotFound

PRUNED = "the checkpoint before it was pruned"
TOGETHER = "it was stored in one checkpoint with its answer"
UNREADABLE = "a checkpoint before it cannot be read"


class BranchStep(NamedTuple):
    """A checkpoint of a branch, and the conversation that it holds."""

    id: str
    parent_id: str | None
    source: str | None
    """What created it, as LangGraph has it in the metadata: `input`, `loop`, `update` or `fork`."""
    is_input: bool
    """Whether it holds an input that its child adds to the conversation."""
    messages: list[BaseMessage] | None
    """None if they cannot be read."""
    written: Callable[[], Sequence[BaseMessage]]
    """Returns what the tasks at this checkpoint wrote to the conversation."""


class BranchTrace:
    """The origins of the messages of one branch, by position, found as they are requested.

    All methods raise `MessageNotFound` where the stored history does not show the origin.
    """

    def __init__(self, thread_id: str, steps: Iterable[BranchStep]) -> None:
        """`steps`: the branch's checkpoints, the newest first."""
        self.thread_id = thread_id
        self._unread = iter(steps)
        self._steps = list(islice(self._unread, 1))
        self._end: str | None = None
        """Why no older step can be read."""
        self.messages = list(self._steps[0].messages or ()) if self._steps else []
        self._here = {position: position for position in range(len(self.messages))}
        """Of the messages that are still followed: their positions in the oldest step that was read."""
        self._origins: dict[int, int] = {}
        """The first step that holds a message, as an index of `_steps`."""

    def not_found(self, position: int, why: str) -> MessageNotFound:
        """Return the error for a message whose origin cannot be used."""
        return MessageNotFound(self.thread_id, self.messages[position].id or "", why)

    def first_checkpoint(self, position: int) -> str:
        """Return the first checkpoint that holds the message.

        Of a user message that is not the one that holds the answer, too.
        """
        origin = self._origin(position)
        step = self._steps[origin]
        if (
            self.messages[position].type == "human"
            and step.source != "update"
            and self._is_whole_turn(position)
        ):
            raise self.not_found(position, TOGETHER)
        return step.id

    def _is_whole_turn(self, position: int) -> bool:
        """Whether one step added the message and its answer, so that no checkpoint is between them."""
        origin = self._origin(position)
        before = self._step(position, origin + 1)
        if (before is not None and before.is_input) or self.is_by_node(position):
            return False
        later = range(position + 1, len(self.messages))
        return any(self.messages[n].type == "ai" and self._origins.get(n) == origin for n in later)

    def is_by_node(self, position: int) -> bool:
        """Whether a node wrote the message, and no client."""
        origin = self._origin(position)
        before = self._step(position, origin + 1)
        if before is None or before.is_input or self._steps[origin].source == "update":
            return False
        return any(is_same(self.messages[position], written) for written in before.written())

    def input_checkpoint(self, position: int) -> str | None:
        """Return the checkpoint from which the input of the message's turn can be replaced by another.

        None if the turn's messages are in the thread's first checkpoint.
        """
        step = self._turn_start(position)
        return None if step is None else self._steps[step].id

    def base(self, position: int) -> str | None:
        """Return the last checkpoint before the message's turn; None if the thread begins with the turn."""
        index = self._turn_start(position)
        if index is not None and self._steps[index].is_input:
            before = self._step(position, index + 1)
            return None if before is None else before.id
        return None if index is None else self._steps[index].id

    def _turn_start(self, position: int) -> int | None:
        """The step that the message's turn began from: what a node wrote belongs to the last input."""
        index = self._origin(position) + 1
        step = self._step(position, index)
        if not self.is_by_node(position):
            return None if step is None else index
        while step is not None and not step.is_input:
            index += 1
            step = self._step(position, index)
        return None if step is None else index

    def _origin(self, position: int) -> int:
        while position not in self._origins and self._read_parent():
            pass
        if position not in self._origins:
            raise self.not_found(position, self._end or PRUNED)
        return self._origins[position]

    def _step(self, position: int, index: int) -> BranchStep | None:
        """A step that the origin of a message depends on, by index; None behind the thread's first one."""
        while index >= len(self._steps) and self._read_parent():
            pass
        if index < len(self._steps):
            return self._steps[index]
        if self._steps[-1].parent_id is None:
            return None
        raise self.not_found(position, self._end or PRUNED)

    def _read_parent(self) -> bool:
        """Read one more step, and follow the messages to it; False if there is none."""
        child, parent = self._steps[-1], None if self._end else next(self._unread, None)
        index = len(self._steps) - 1
        if parent is None or parent.messages is None:
            if child.parent_id is None:
                self._origins.update(dict.fromkeys(self._here, index))
                self._here = {}
            self._end = self._end or (PRUNED if parent is None else UNREADABLE)
            return False
        self._steps.append(parent)
        same, moved = align(child.messages or [], parent)
        here = self._here
        if not here or (not moved and max(here.values()) < same):
            return True
        self._here = {}
        for position, place in here.items():
            place = place if place < same else moved.get(place, -1)
            if place < 0:
                self._origins[position] = index
            else:
                self._here[position] = place
        return True


def is_same(one: BaseMessage, other: BaseMessage) -> bool:
    """Whether two messages are the same: by their ids, or where one has none by their content."""
    if one.id and other.id:
        return one.id == other.id
    return content_key(one) == content_key(other)


def align(messages: list[BaseMessage], parent: BranchStep) -> tuple[int, dict[int, int]]:
    """Return where the messages of a checkpoint stand in its parent.

    That is the number of messages at the beginning that both have, and the positions of the other ones that
    both have: here, and there.
    """
    before = parent.messages or []
    same = _common_prefix(messages, before)
    if same == len(before) < len(messages) or not before:
        return same, {}
    if shift := _trimmed(messages, before, parent):
        return 0, {place: place + shift for place in range(len(before) - shift)}
    if same == len(before):
        return same, {}
    moved = _by_id(messages, before, same)
    anchors = [(same - 1, same - 1), *sorted(moved.items()), (len(messages), len(before))]
    for (left, left_before), (right, right_before) in pairwise(anchors):
        if left_before < right_before:  # else a node changed the order
            here = [content_key(each) for each in messages[left + 1 : right]]
            there = [content_key(each) for each in before[left_before + 1 : right_before]]
            for a, b, size in SequenceMatcher(None, here, there, autojunk=False).get_matching_blocks():
                pairs = ((left + 1 + a + n, left_before + 1 + b + n) for n in range(size))
                moved |= {n: place for n, place in pairs if is_same(messages[n], before[place])}
    return same, moved


def _common_prefix(messages: Sequence[BaseMessage], before: Sequence[BaseMessage]) -> int:
    if messages[: len(before)] == before:  # fast where both have the same objects
        return len(before)
    for place, (message, other) in enumerate(zip(messages, before, strict=False)):
        if not is_same(message, other):
            return place
    return min(len(messages), len(before))


def _by_id(messages: Sequence[BaseMessage], before: Sequence[BaseMessage], same: int) -> dict[int, int]:
    places = {message.id: place for place, message in enumerate(before) if message.id and place >= same}
    return {
        place: places[message.id]
        for place, message in enumerate(messages)
        if place >= same and message.id in places
    }


def _trimmed(messages: Sequence[BaseMessage], before: Sequence[BaseMessage], parent: BranchStep) -> int:
    """How many messages were cut off at the beginning, where messages without ids were added at the end."""
    if all(message.id for message in messages):
        return 0
    written = parent.written()
    first = len(messages) - len(written)
    shift = len(before) - first
    if not 0 < shift < len(before) or not 0 < first < len(messages):
        return 0
    stayed = zip(messages, [*before[shift:], *written], strict=False)  # a fork holds none of what was written
    return shift if all(is_same(*pair) for pair in stayed) else 0
