"""What a delta channel is the sum of: its last snapshot and what was written since, read quickly.

LangGraph asks for this at the beginning of every turn. The stock answer decodes each ancestor on
the way to the last snapshot, the snapshot's messages and the writes one by one, which is most of what a
turn costs after 500 turns. Here what was decoded once stays in memory, and only what was stored
since is read: the way back ends at the head of the turn before. Each turn gets objects of its own
(`threads.checkpoint.fast_copy`), so a node that changes one in place changes nobody else's.

Nothing is missed that others did to the file: the thread's row has a revision, another one for
every change behind the head, whoever made it (the triggers see to that), and it is read together
with the rest. What turns add in front of the head needs no revision: it is read every time. The threads of
subgraphs have no such row, and nothing of them is kept.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from langgraph.checkpoint.base import DeltaChannelHistory, PendingWrite, writes_sort_key
from langgraph.checkpoint.serde.base import SerializerProtocol

from threads.checkpoint.checkpoint_rows import counted_in, metadata_of, whole
from threads.checkpoint.fast_copy import UNCOPYABLE, Frozen, frozen, once, weight
from threads.checkpoint.lru_cache import Kept
from threads.db.queries import statements

At = tuple[str, str, str]
"""Thread id, namespace, checkpoint id."""
HEAD = ""
"""Stands for checkpoint and channel in the key of what is known of a thread's head."""
ROW = 200
"""Bytes that a write takes beside its value."""


class Write(NamedTuple):
    """What a task wrote to a delta channel."""

    task_id: str
    value: Frozen
    size: int
    """In bytes; below zero if it cannot be copied, so not be kept."""


class Sum(NamedTuple):
    """What a delta channel is the sum of: the checkpoint with its last snapshot, and the writes since."""

    seed_at: str | None
    writes: list[Write]


class Head(NamedTuple):
    """The checkpoint that a turn began at, and its delta channels."""

    checkpoint_id: str
    sums: dict[str, Sum]


History = dict[str, tuple[Frozen | None, list[Write]]]
"""By channel: the last snapshot and the writes since; nobody's to change."""


def handed_out(history: History, channels: Sequence[str]) -> Mapping[str, DeltaChannelHistory]:
    """The history in LangGraph's form, in objects of the caller's own."""
    found: dict[str, DeltaChannelHistory] = {}
    for channel in channels:
        seed, writes = history[channel]
        values: list[PendingWrite] = [(task_id, channel, make(of)) for task_id, (make, of), _ in writes]
        found[channel] = {"writes": values}
        if seed is not None:
            make, of = seed
            found[channel]["seed"] = make(of)
    return found


class Deltas:
    """Reads the histories of delta channels, and keeps in `kept` what the next turn will ask for."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def read(
        self,
        connection: sqlite3.Connection,
        at: At,
        channels: Sequence[str],
        serde: SerializerProtocol,
        *,
        is_head: bool,
    ) -> History:
        """Per channel the last snapshot before the checkpoint `at`, and the writes since, oldest first."""
        revision = None
        if not at[1]:
            row = connection.execute(statements("deltas")["revision"], at[:1]).fetchone()
            revision = row and int(row[0])
        reading = _Reading(connection, at, revision, serde, self._kept)
        sums = reading.sums(channels)
        writes = [write for known in sums.values() for write in known.writes]
        if is_head and revision is not None and reading.whole and all(write.size >= 0 for write in writes):
            size = sum(ROW + write.size for write in writes)
            self._kept.keep((at[0], revision, HEAD, HEAD), Head(at[2], sums), size)
        return {
            channel: (reading.seed(known.seed_at, channel), known.writes) for channel, known in sums.items()
        }


class _Reading:
    """One look at the ancestors of a checkpoint, in the caller's transaction."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        at: At,
        revision: int | None,
        serde: SerializerProtocol,
        kept: Kept,
    ) -> None:
        self._connection, self._at, self._revision = connection, at, revision
        self._serde, self._kept = serde, kept
        self._seeds: dict[tuple[str, str], Frozen] = {}
        self.whole = True
        """Whether nothing can be put in before what was found: it begins with a snapshot or has no parent."""

    def sums(self, channels: Sequence[str]) -> dict[str, Sum]:
        head: Head = self._known(HEAD, HEAD) or Head(HEAD, {})
        sums = {c: head.sums[c] for c in channels if head.checkpoint_id == self._at[2] and c in head.sums}
        looking, chain = set(channels) - sums.keys(), []
        for checkpoint_id, counted in self._ancestors() if looking else ():
            chain.append(checkpoint_id)
            for channel in tuple(looking):
                before = None
                if channel not in counted and self.seed(checkpoint_id, channel) is not None:
                    before = Sum(checkpoint_id, [])
                elif checkpoint_id == head.checkpoint_id:
                    before = head.sums.get(channel)
                if before is not None:
                    sums[channel] = Sum(before.seed_at, [*before.writes, *self._writes(chain, channel)])
                    looking.discard(channel)
            if not looking:
                break
        return sums | {channel: Sum(None, self._writes(chain, channel)) for channel in looking}

    def seed(self, checkpoint_id: str | None, channel: str) -> Frozen | None:
        """The snapshot of the channel that is stored at this ancestor; None if there is none."""
        if checkpoint_id is None:
            return None
        seed = self._known(checkpoint_id, channel) or self._seeds.get((checkpoint_id, channel))
        if seed is None:
            at = (*self._at[:2], checkpoint_id)
            row = self._connection.execute(statements("deltas")["checkpoint"], at).fetchone()
            checkpoint = self._serde.loads_typed((row[0], row[1]))
            whole(checkpoint, None)
            values = checkpoint.get("channel_values") or {}
            if channel in values:
                seed, size = _sized(values[channel])
                self._seeds[checkpoint_id, channel] = seed
                if self._revision is not None and size >= 0:
                    self._kept.keep((self._at[0], self._revision, checkpoint_id, channel), seed, size)
        return seed

    def _known(self, checkpoint_id: str, channel: str) -> Any:
        if self._revision is None:
            return None
        return self._kept.get((self._at[0], self._revision, checkpoint_id, channel))

    def _ancestors(self) -> Iterator[tuple[str, Any]]:
        """From the parent on: the id, and the channels that have no snapshot there."""
        seen, parent_id = {self._at[2]}, None
        rows = self._connection.execute(statements("deltas")["ancestors"], self._at)
        for checkpoint_id, parent_id, metadata in rows:  # noqa: B007
            if checkpoint_id in seen:
                return  # stored again below itself: a loop
            seen.add(checkpoint_id)
            yield checkpoint_id, counted_in(metadata_of(metadata))
        self.whole = parent_id is None

    def _writes(self, chain: list[str], channel: str) -> list[Write]:
        """What was written to the channel at these checkpoints, which are in the order of the way back."""
        place = {checkpoint_id: -number for number, checkpoint_id in enumerate(chain)}
        rows = self._connection.execute(
            statements("deltas")["writes"], (*self._at[:2], channel, json.dumps(chain))
        ).fetchall()
        rows.sort(key=lambda row: (place[row[0]], writes_sort_key(row[4], row[1], row[5])))
        return [Write(row[1], *_sized(self._serde.loads_typed((row[2], row[3])))) for row in rows]


def _sized(value: Any) -> tuple[Frozen, int]:
    """How to copy the value, and its bytes; below zero if it can only be handed out as it is, once."""
    try:
        copyable = frozen(value)
    except UNCOPYABLE:  # only msgpack knows this type: it is decoded at every turn, as by the stock saver
        return once(value), -1
    return copyable, weight(copyable)
