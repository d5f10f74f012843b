"""What was seen where: each canary word once for each conversation and surface.

Texts are not kept, only the words in them, so that ten thousand turns fit in memory and cross from one
process to another.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from threads.isolation.canaries import found_in, found_in_bytes


@dataclass(frozen=True)
class Sighting:
    """`word` was seen in conversation `who`."""

    who: int
    word: str
    surface: str
    excerpt: str


class Sightings:
    """A record that several OS threads write."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.looked = 0
        self.seen: dict[tuple[int, str, str], Sighting] = {}
        """In the order in which they were first seen."""
        self.thread_ids: dict[int, dict[str, None]] = {}
        """The ids that the graphs were really run with, by conversation, in order."""

    def look(self, who: int, surface: str, text: str | bytes) -> None:
        """Note the words in a text or blob."""
        found = found_in(text) if isinstance(text, str) else found_in_bytes(text)
        self.add(Sighting(who, word, surface, excerpt) for word, excerpt in found.items())

    def add(self, sightings: Iterable[Sighting], looked: int = 1) -> None:
        with self._lock:
            self.looked += looked
            for each in sightings:
                self.seen.setdefault((each.who, each.word, each.surface), each)

    def ran_with(self, who: int, thread_id: str) -> None:
        with self._lock:
            self.thread_ids.setdefault(who, {})[thread_id] = None

    def has(self, who: int, word: str, surfaces: Iterable[str]) -> bool:
        """Whether the word was seen in this conversation on one of these surfaces."""
        return any((who, word, surface) in self.seen for surface in surfaces)
