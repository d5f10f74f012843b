"""Versions of messages: what the branches of a thread have in each other's places.

A branch is compared by hashes of its messages. Of a branch beside the current one only what follows the
messages that it shares with the current one is stored.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple

from threads.models import Message
from threads.store.message_rows import SYSTEM, id_hash, identity, role_index, with_version

PACKED = struct.Struct(">QI")
"""How a message of a branch is stored: its identity, and the hash of its id (0: it has none)."""


class Identity(NamedTuple):
    """Hashes of a message."""

    identity: int
    """Of what branches have in common where they have the same message; its first byte is the role."""
    id_hash: int | None
    """Of its id; None or 0 if it has none."""

    @property
    def is_versioned(self) -> bool:
        """Whether it can have versions: system messages have none."""
        return role_index(self.identity) != SYSTEM


class OtherBranch(NamedTuple):
    """A branch beside the current one."""

    tip: str
    """Its last checkpoint."""
    shared: int
    """How many messages of the current branch, from the first on, it begins with."""
    messages: bytes
    """The messages after these, without system messages, each as `PACKED`."""

    def unshared(self, current: Sequence[Identity], start: int) -> OtherBranch:
        """Return it for a current branch of which only the first `start` messages stay.

        `current`: the messages of the one before, from `start` on.
        """
        if self.shared <= start:
            return self
        return OtherBranch(self.tip, start, packed(current[: self.shared - start]) + self.messages)

    def line(self, current: Sequence[Identity], start: int) -> list[Identity]:
        """Return its messages from position `start` of the current branch on; `current` is that one's."""
        shared = [each for each in current[: self.shared - start] if each.is_versioned]
        return shared + [Identity(*each) for each in PACKED.iter_unpack(self.messages)]


def branch_of(tip: str, messages: Iterable[Message]) -> OtherBranch:
    """Return messages as a branch that ends at checkpoint `tip`, and shares none."""
    return OtherBranch(tip, 0, packed(map(identify, messages)))


def identify(message: Message) -> Identity:
    """Return the hashes of a message."""
    return Identity(identity(message), id_hash(message.id))


def packed(messages: Iterable[Identity]) -> bytes:
    """Return messages as they are stored of a branch."""
    return b"".join(PACKED.pack(each.identity, each.id_hash or 0) for each in messages if each.is_versioned)


def with_versions(
    messages: Sequence[Message], branches: Iterable[tuple[str, Sequence[Message]]]
) -> list[Message]:
    """Return the messages of one branch, each with its versions.

    `branches`: all branches by their last checkpoints, that one among them, in the order of writing.
    """
    found = list(messages)
    places = [place for place, each in enumerate(map(identify, messages)) if each.is_versioned]
    lines = [(tip, [each for each in map(identify, theirs) if each.is_versioned]) for tip, theirs in branches]
    ours = [identify(messages[place]) for place in places]
    for position, version in find_versions(ours, lines, None).items():
        found[places[position]] = with_version(messages[places[position]], *version)
    return found


def find_versions(
    ours: Sequence[Identity], others: Sequence[tuple[str, Sequence[Identity]]], tip: str | None
) -> dict[int, tuple[int, tuple[str, ...]]]:
    """Return which version a message is, from 1, and its versions, by position among those in `ours`.

    `ours`: the messages of the branch that ends at `tip`; `others`: those of the other branches by their
    tips, in the order of writing; all without system messages. `tip` None: it is among `others`.
    Versions of a message are what the branches have in its place that agree with ours before it. They are in
    the order of writing, and each is named by its newest tip. The beginning of a branch may have been
    trimmed: a summary that it has in place of its first messages makes no version of these.
    """
    lines = [_Line(branch_tip, ours, theirs) for branch_tip, theirs in others]
    found = {}
    for position in sorted({line.forks_at for line in lines if line.has_version}):
        mine, tips = ours[position].identity, dict[int, str]()
        for line in lines:
            if line.forks_at > position >= line.offset:
                tips[mine] = line.tip
            elif line.forks_at == position and line.has_version:
                tips[line.theirs[position - line.offset].identity] = line.tip
        if tip is not None:
            tips[mine] = tip
        if mine in tips:
            found[position] = (list(tips).index(mine) + 1, tuple(tips.values()))
    return found


class _Line:
    """Another branch beside ours."""

    def __init__(self, tip: str, ours: Sequence[Identity], theirs: Sequence[Identity]) -> None:
        self.tip, self.theirs = tip, theirs
        self.offset = _offset([each.id_hash or 0 for each in ours], [each.id_hash or 0 for each in theirs])
        """How many messages are in ours before its first one; less than 0 if there are fewer."""
        start = max(self.offset, 0)
        pairs = zip(ours[start:], theirs[start - self.offset :], strict=False)
        same = takewhile(lambda pair: pair[0].identity == pair[1].identity, pairs)
        self.forks_at = start + sum(1 for _ in same)
        """The first position in ours at which it does not have the same message."""
        place = self.forks_at - self.offset
        self.has_version = (
            self.forks_at < len(ours)
            and 0 <= place < len(theirs)
            and role_index(theirs[place].identity) == role_index(ours[self.forks_at].identity)
        )
        """Whether it has a message of the same role there."""


def _offset(ours: Sequence[int], theirs: Sequence[int]) -> int:
    if theirs and theirs[0] and theirs[0] in ours:
        return ours.index(theirs[0])
    if ours and ours[0] and ours[0] in theirs:
        return -theirs.index(ours[0])
    return 0
