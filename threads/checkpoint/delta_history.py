"""The history of delta channels, read quickly: the last snapshot of a channel and the writes since.

LangGraph requests it at the beginning of every run. The stock saver decodes each ancestor on the way to the
last snapshot, the snapshot's messages and the writes one by one, which is most of what a run costs after
500 turns. Here what was decoded once stays in memory, and only what was stored since is read: the walk ends
at the head of the run before. Each run gets objects of its own (`threads.checkpoint.fast_copy`), so a node
that changes one in place changes no other run's.

Changes by other programs are noticed: the thread's row has a revision, another one for every change behind
the head (triggers see to that), and it is read together with the rest. What runs add in front of the head
needs no revision: it is read every time. Namespaces of subgraphs have no such row, and are not cached.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

from langgraph.checkpoint.base import DeltaChannelHistory, PendingWrite, writes_sort_key
from langgraph.checkpoint.serde.base import SerializerProtocol

from threads.checkpoint.fast_copy import COPY_ERRORS, CopyPlan, no_copy, plan_copy, plan_size
from threads.checkpoint.serde import CheckpointKey, parse_metadata, verify_checkpoint
from threads.db.queries import statements

K = TypeVar("K")
V = TypeVar("V")

CacheKey = tuple[str, int, str, str]
"""Thread id, its revision, checkpoint id, channel."""

MAX_BYTES = 64 * 1024 * 1024
MAX_ENTRIES = 10_000

HEAD = ""
"""Stands for checkpoint and channel in the cache key of a thread's head."""
ROW_SIZE = 200
"""Bytes that a cached write takes beside its value."""


class Write(NamedTuple):
    """A task's write to a delta channel."""

    task_id: str
    value: CopyPlan
    size: int
    """In bytes; negative if it cannot be copied, so not be cached."""


class DeltaValue(NamedTuple):
    """What a delta channel's value consists of: the last snapshot's checkpoint, and the writes since."""

    snapshot_at: str | None
    writes: list[Write]


class CachedHead(NamedTuple):
    """The checkpoint that a run began at, and its delta channels."""

    checkpoint_id: str
    values: dict[str, DeltaValue]


DeltaHistory = dict[str, tuple[CopyPlan | None, list[Write]]]
"""By channel: the last snapshot and the writes since. Shared, so never changed."""


def to_langgraph(history: DeltaHistory, channels: Sequence[str]) -> Mapping[str, DeltaChannelHistory]:
    """Return the history in LangGraph's form, in objects of the caller's own."""
    found: dict[str, DeltaChannelHistory] = {}
    for channel in channels:
        snapshot, writes = history[channel]
        values: list[PendingWrite] = [(task_id, channel, make(of)) for task_id, (make, of), _ in writes]
        found[channel] = {"writes": values}
        if snapshot is not None:
            make, of = snapshot
            found[channel]["seed"] = make(of)
    return found


class DeltaReader:
    """Reads the histories of delta channels, and caches what the next run will request."""

    def __init__(self, cache: ByteLRUCache) -> None:
        self._cache = cache

    def read(
        self,
        connection: sqlite3.Connection,
        key: CheckpointKey,
        channels: Sequence[str],
        serde: SerializerProtocol,
        *,
        is_head: bool,
    ) -> DeltaHistory:
        """Return per channel the last snapshot before a checkpoint, and the writes since, oldest first."""
        revision = None
        if not key[1]:
            row = connection.execute(statements("deltas")["revision"], key[:1]).fetchone()
            revision = row and int(row[0])
        scan = _AncestorScan(connection, key, revision, serde, self._cache)
        values = scan.values(channels)
        writes = [write for value in values.values() for write in value.writes]
        if is_head and revision is not None and scan.is_complete and all(write.size >= 0 for write in writes):
            size = sum(ROW_SIZE + write.size for write in writes)
            self._cache.put((key[0], revision, HEAD, HEAD), CachedHead(key[2], values), size)
        return {
            channel: (scan.snapshot(value.snapshot_at, channel), value.writes)
            for channel, value in values.items()
        }


class _AncestorScan:
    """One walk over the ancestors of a checkpoint, in the caller's transaction."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        key: CheckpointKey,
        revision: int | None,
        serde: SerializerProtocol,
        cache: ByteLRUCache,
    ) -> None:
        self._connection, self._key, self._revision = connection, key, revision
        self._serde, self._cache = serde, cache
        self._snapshots: dict[tuple[str, str], CopyPlan] = {}
        self.is_complete = True
        """Whether nothing can precede what was found: it begins with a snapshot, or has no parent."""

    def values(self, channels: Sequence[str]) -> dict[str, DeltaValue]:
        """Return what each channel's value consists of at the checkpoint."""
        head: CachedHead = self._cached(HEAD, HEAD) or CachedHead(HEAD, {})
        is_head = head.checkpoint_id == self._key[2]
        values = {c: head.values[c] for c in channels if is_head and c in head.values}
        missing, chain = set(channels) - values.keys(), []
        for checkpoint_id, unsnapshotted in self._ancestors() if missing else ():
            chain.append(checkpoint_id)
            for channel in tuple(missing):
                before = None
                if channel not in unsnapshotted and self.snapshot(checkpoint_id, channel) is not None:
                    before = DeltaValue(checkpoint_id, [])
                elif checkpoint_id == head.checkpoint_id:
                    before = head.values.get(channel)
                if before is not None:
                    writes = [*before.writes, *self._writes(chain, channel)]
                    values[channel] = DeltaValue(before.snapshot_at, writes)
                    missing.discard(channel)
            if not missing:
                break
        return values | {channel: DeltaValue(None, self._writes(chain, channel)) for channel in missing}

    def snapshot(self, checkpoint_id: str | None, channel: str) -> CopyPlan | None:
        """Return the snapshot of the channel that is stored at this ancestor; None if there is none."""
        if checkpoint_id is None:
            return None
        found = self._cached(checkpoint_id, channel) or self._snapshots.get((checkpoint_id, channel))
        if found is None:
            key = (*self._key[:2], checkpoint_id)
            row = self._connection.execute(statements("deltas")["checkpoint"], key).fetchone()
            checkpoint = self._serde.loads_typed((row[0], row[1]))
            verify_checkpoint(checkpoint, None)
            values = checkpoint.get("channel_values") or {}
            if channel in values:
                found, size = _sized_plan(values[channel])
                self._snapshots[checkpoint_id, channel] = found
                if self._revision is not None and size >= 0:
                    self._cache.put((self._key[0], self._revision, checkpoint_id, channel), found, size)
        return found

    def _cached(self, checkpoint_id: str, channel: str) -> Any:
        if self._revision is None:
            return None
        return self._cache.get((self._key[0], self._revision, checkpoint_id, channel))

    def _ancestors(self) -> Iterator[tuple[str, Any]]:
        """Yield from the parent on: the id, and the channels that have no snapshot there."""
        parent_id = None
        walk = ancestors(self._connection, self._key, with_metadata=True)
        for checkpoint_id, parent_id, metadata in walk:  # noqa: B007
            if checkpoint_id != self._key[2]:
                yield checkpoint_id, delta_channels(parse_metadata(metadata))
        self.is_complete = parent_id is None

    def _writes(self, chain: list[str], channel: str) -> list[Write]:
        """Return the writes to the channel at these checkpoints, oldest first; `chain` is newest first."""
        position = {checkpoint_id: -number for number, checkpoint_id in enumerate(chain)}
        rows = self._connection.execute(
            statements("deltas")["writes"], (*self._key[:2], channel, json.dumps(chain))
        ).fetchall()
        rows.sort(key=lambda row: (position[row[0]], writes_sort_key(row[4], row[1], row[5])))
        return [Write(row[1], *_sized_plan(self._serde.loads_typed((row[2], row[3])))) for row in rows]


def _sized_plan(value: Any) -> tuple[CopyPlan, int]:
    """How to copy the value, and its bytes; negative if it can only be handed out as it is, once."""
    try:
        plan = plan_copy(value)
    except COPY_ERRORS:  # only msgpack knows this type: it is decoded for every run, as by the stock saver
        return no_copy(value), -1
    return plan, plan_size(plan)


def delta_channels(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the delta channels that have no snapshot in a checkpoint, as its metadata count them."""
    counted = metadata.get("counters_since_delta_snapshot")
    return counted if isinstance(counted, dict) else {}


def ancestors(
    connection: sqlite3.Connection, key: CheckpointKey, *, with_metadata: bool = False
) -> Generator[tuple[str, str | None, Any]]:
    """Yield a checkpoint and its ancestors, newest first: id, parent's id, metadata (None unless requested).

    Rows are read one by one, so a caller that stops early pays for what it has read. A loop in the stored
    parents ends where it would begin again.
    """
    visited: set[str] = set()
    for checkpoint_id, parent_id, metadata in connection.execute(_ancestors_sql(with_metadata), key):
        if checkpoint_id in visited:
            return
        visited.add(checkpoint_id)
        yield checkpoint_id, parent_id, metadata


def read_ancestors(
    connection: sqlite3.Connection, key: CheckpointKey, at_once: int
) -> Iterator[tuple[str, str | None]]:
    """Yield ids and parents' ids as `ancestors`; no statement stays open where the caller stops early.

    A statement that is open keeps the connection in an old state of the file. `at_once`: rows that are read.
    """
    visited: set[str] = set()
    checkpoint_id: str | None = key[2]
    while checkpoint_id is not None and checkpoint_id not in visited:
        walk = ancestors(connection, (*key[:2], checkpoint_id))
        found = [(id, parent_id) for id, parent_id, _ in islice(walk, at_once)]
        walk.close()
        visited.update(id for id, _ in found)
        checkpoint_id = found[-1][1] if found else None
        yield from found


@cache
def _ancestors_sql(with_metadata: bool) -> str:
    # metadata stand behind the checkpoint in the row: they are read only where needed
    return statements("checkpoints")["ancestors"].format(metadata="c.metadata" if with_metadata else "NULL")


class ByteLRUCache:
    """Cache of up to `max_bytes`; evicts the least recently used entries.

    Entries never become stale: a thread's revision is part of the key, and the database gives a thread
    another one whenever any program changes what is stored there.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[CacheKey, tuple[Any, int]] = OrderedDict()
        self.size = 0

    def get(self, key: CacheKey) -> Any:
        """Return the cached value; None if there is none."""
        with self._lock:
            value, _ = self._entries.get(key, (None, 0))
            if value is not None:
                self._entries.move_to_end(key)
            return value

    def put(self, key: CacheKey, value: Any, size: int) -> None:
        """Store a value of `size` bytes."""
        with self._lock:
            self.size += size - self._entries.pop(key, (None, 0))[1]
            self._entries[key] = (value, size)
            while self.size > self._max_bytes:
                self.size -= self._entries.popitem(last=False)[1][1]

    def discard_thread(self, thread_id: str) -> None:
        """Remove all entries of a thread."""
        with self._lock:
            for key in [key for key in self._entries if key[0] == thread_id]:
                self.size -= self._entries.pop(key)[1]


class BoundedDict(Generic[K, V]):
    """Dict of the `max_entries` keys that were added last."""

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._max_entries = max_entries
        self._lock = threading.Lock()
        self._entries: OrderedDict[K, V] = OrderedDict()

    def put(self, key: K, value: V) -> None:
        """Add or replace an entry; the oldest one goes if there are too many."""
        with self._lock:
            self._entries[key] = value
            if len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)

    def get(self, key: K) -> V | None:
        """Return the value; None if there is none."""
        return self._entries.get(key)

    def discard(self, key: K) -> None:
        """Remove an entry if it is there."""
        if self._entries:
            with self._lock:
                self._entries.pop(key, None)

    def items(self) -> list[tuple[K, V]]:
        """Return a copy of all entries, oldest first."""
        with self._lock:
            return list(self._entries.items())

    def __contains__(self, key: object) -> bool:
        return key in self._entries


class BoundedSet(BoundedDict[K, None]):
    """Set of the `max_entries` keys that were added last."""

    def add(self, key: K) -> None:
        """Add a key; the oldest one goes if there are too many."""
        self.put(key, None)
