"""The places of checkpoints, those that came last: which were stored from here, which were refused.

Results may come before the checkpoint they belong to, so one that is missing says nothing by itself.
One that was stored from here, is missing now, and whose thread was deleted, went with its thread,
whoever deleted that: what a run still wants to store under it is refused (`threads.checkpoint.conflicts`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict

Place = tuple[str, str, str]
"""Thread id, namespace, checkpoint id."""

MOST = 10_000
"""Places that are remembered; a run in flight asks for the last few of its own."""


class Places:
    """A set of places that forgets the oldest; for any thread."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._places: OrderedDict[Place, None] = OrderedDict()

    def add(self, place: Place) -> None:
        """Remember this one."""
        with self._lock:
            self._places[place] = None
            if len(self._places) > self._most:
                self._places.popitem(last=False)

    def __contains__(self, place: Place) -> bool:
        return place in self._places
