"""Versions of messages by comparing whole conversations: what the rows are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from threads.checkpoint.branches import Branch
from threads.models import Message


def with_versions(messages: Sequence[Message], branches: Sequence[Branch]) -> list[Message]:
    """Return the messages of one branch, each with its versions: what other branches have in its place.

    Versions are in the order of writing; each is named by its newest tip. System messages have none, and a
    summary that another branch has in place of its first messages makes no version of these.
    """
    found = list(messages)
    places = [place for place, message in enumerate(messages) if message.role != "system"]
    ours = [messages[place] for place in places]
    same_so_far = [_line_up(ours, branch) for branch in branches]
    for position, message in enumerate(ours):
        identity, tips, same = _identity(message), dict[tuple[str, ...], str](), list[_LinedUp]()
        for branch in same_so_far:
            if position < branch.offset:
                same.append(branch)
            elif position - branch.offset < len(branch.identities):
                other = branch.identities[position - branch.offset]
                if other[0] == identity[0]:
                    tips[other] = branch.tip
                same += [branch] if other == identity else []
        if len(tips) > 1 and identity in tips:
            version = list(tips).index(identity) + 1
            found[places[position]] = replace(message, version=version, versions=tuple(tips.values()))
        same_so_far = same
    return found


class _LinedUp(NamedTuple):
    tip: str
    identities: list[tuple[str, ...]]
    """Of its messages, without system messages."""
    offset: int
    """How many messages the branch in view has before them; less than 0 if it has fewer."""


def _line_up(messages: Sequence[Message], branch: Branch) -> _LinedUp:
    """A branch beside the messages of another one; the beginning of either may have been trimmed."""
    theirs = [message for message in branch.messages if message.role != "system"]
    ids, their_ids = ([each.id for each in side] for side in (messages, theirs))
    offset = 0
    if their_ids and their_ids[0] and their_ids[0] in ids:
        offset = ids.index(their_ids[0])
    elif ids and ids[0] and ids[0] in their_ids:
        offset = -their_ids.index(ids[0])
    return _LinedUp(branch.tip, [_identity(message) for message in theirs], offset)


def _identity(message: Message) -> tuple[str, ...]:
    """What two branches have in common where they have the same message: its role, and id or content.

    What a user said is the same with other ids, too: it may have got its id on each branch anew.
    """
    if message.id and message.role != "user":
        return message.role, message.id
    return message.role, repr(message.content), repr(message.tool_calls)
