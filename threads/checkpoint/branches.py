"""Branches: the ways a conversation has taken, told from the tree of its checkpoints.

An answer made anew or a message said differently begins a branch beside the old one. The branch in
view ends at the thread's head; the others end at checkpoints that nothing follows (`tips`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from threads.db.queries import statements
from threads.models import Message


class Place(NamedTuple):
    """Where a message came into its thread."""

    before: str
    """The checkpoint that the step started from which wrote it."""
    after: str
    """The first checkpoint that remembers it."""


class Branch(NamedTuple):
    """One way through a conversation."""

    tip: str
    """Its last checkpoint."""
    message_ids: tuple[str | None, ...]


def places(ancestors: Sequence[str], written: Iterable[Sequence[Message]]) -> dict[str, Place]:
    """Where the messages of a branch came from, by id.

    `ancestors`: its checkpoints, the last one first; `written`: what the tasks at each of them wrote, in
    the same order, without the first.
    """
    found: dict[str, Place] = {}
    for (child, parent), messages in zip(pairwise(ancestors), written, strict=False):
        for message in messages:
            if message.id:
                found[message.id] = Place(parent, child)  # the earliest is looked at last, and counts
    return found


def tips(connection: sqlite3.Connection, thread_id: str) -> list[str]:
    """The checkpoints that nothing follows, in the order of writing."""
    return [row[0] for row in connection.execute(statements("rewinding")["tips"], {"thread_id": thread_id})]


def numbered(messages: Sequence[Message], branches: Sequence[Branch]) -> list[Message]:
    """The messages of one branch, each with its versions: what the other branches say in its place.

    In the order in which they were said first; of each version the newest tip.
    """
    found: list[Message] = []
    alike = branches
    for place, message in enumerate(messages):
        alike = [branch for branch in alike if len(branch.message_ids) > place]
        tips_by_id = {branch.message_ids[place]: branch.tip for branch in alike}
        if len(tips_by_id) > 1 and message.id in tips_by_id:
            version = list(tips_by_id).index(message.id) + 1
            message = replace(message, version=version, versions=tuple(tips_by_id.values()))
        found.append(message)
        alike = [branch for branch in alike if branch.message_ids[place] == message.id]
    return found
