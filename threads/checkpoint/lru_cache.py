"""What was read last, kept in memory: bounded by bytes, the things asked for longest ago go first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

Key = tuple[str, int, str, str]
"""Thread id, its revision, checkpoint id, channel."""

MOST_KEPT = 64 * 1024 * 1024
"""Bytes that are kept."""


class Kept:
    """Keeps things up to `most` bytes.

    Nothing in here grows stale: a thread's revision is part of the key, and the database gives a thread
    another one whenever anybody changes what was stored there.
    """

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, tuple[Any, int]] = OrderedDict()
        self.size = 0

    def get(self, key: Key) -> Any:
        """What was kept; None if it is not there."""
        with self._lock:
            value, _ = self._kept.get(key, (None, 0))
            if value is not None:
                self._kept.move_to_end(key)
            return value

    def keep(self, key: Key, value: Any, size: int) -> None:
        """Keep something of `size` bytes."""
        with self._lock:
            self.size += size - self._kept.pop(key, (None, 0))[1]
            self._kept[key] = (value, size)
            while self.size > self._most:
                self.size -= self._kept.popitem(last=False)[1][1]

    def forget(self, thread_id: str) -> None:
        """Keep nothing of this thread."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == thread_id]:
                self.size -= self._kept.pop(key)[1]
