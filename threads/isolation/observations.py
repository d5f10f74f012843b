"""Which canary words were seen where, once for each participant and surface.

Texts are not stored, only the words in them, so that 10,000 turns fit in memory and can be sent between
processes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from threads.isolation.canaries import find_canaries, find_canaries_in_bytes


@dataclass(frozen=True)
class Observation:
    """`word` was seen on `surface` in the conversation of the participant with the index `speaker`."""

    speaker: int
    word: str
    surface: str
    excerpt: str


class Observations:
    """The observations of a simulation. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.texts_searched = 0
        self.first_seen: dict[tuple[int, str, str], Observation] = {}
        """The first observation by speaker, word and surface, in order."""
        self.thread_ids: dict[int, dict[str, None]] = {}
        """The thread ids that graphs were run with, by speaker, in order."""

    def search_text(self, speaker: int, surface: str, text: str | bytes) -> None:
        """Record the canary words in a text or blob."""
        found = find_canaries(text) if isinstance(text, str) else find_canaries_in_bytes(text)
        self.add(Observation(speaker, word, surface, excerpt) for word, excerpt in found.items())

    def add(self, observations: Iterable[Observation], texts_searched: int = 1) -> None:
        """Record observations from so many texts."""
        with self._lock:
            self.texts_searched += texts_searched
            for each in observations:
                self.first_seen.setdefault((each.speaker, each.word, each.surface), each)

    def record_thread_id(self, speaker: int, thread_id: str) -> None:
        """Record the id that a graph was run with."""
        with self._lock:
            self.thread_ids.setdefault(speaker, {})[thread_id] = None

    def contains(self, speaker: int, word: str, surfaces: Iterable[str]) -> bool:
        """Return whether the word was seen in this conversation on one of these surfaces."""
        return any((speaker, word, surface) in self.first_seen for surface in surfaces)
