"""Caches bounded by bytes (what was read last) and by count (what was added last), for any thread."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

CacheKey = tuple[str, int, str, str]
"""Thread id, its revision, checkpoint id, channel."""

MAX_BYTES = 64 * 1024 * 1024
MAX_ENTRIES = 10_000


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
