"""How much one caller may ask for: bytes, requests, streams."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

MOST_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a user may ask for; the local user is bound by `body` and `stream_seconds` alone."""

    body: int = 1_048_576
    """Bytes of a request's body."""
    per_second: float = 50.0
    """Requests in the long run."""
    burst: int = 200
    """Requests at once."""
    streams: int = 100
    """Open streams of events."""
    strangers_per_second: float = 10.0
    """Requests of one address that show no token, or a wrong one."""
    heartbeat: float = 15.0
    """Seconds between two signs of life on a stream."""
    stream_seconds: float | None = None
    """After which a stream ends; the browser comes again by itself."""


class Buckets:
    """Counts requests: each caller has a bucket of tokens that fills steadily."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: dict[Hashable, tuple[float, float]] = {}

    def take(self, caller: Hashable) -> float:
        """Let one request through: 0, or the seconds to wait until there is room for it."""
        now = self._clock()
        left, since = self._buckets.get(caller, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        if left < 1:
            self._buckets[caller] = (left, now)
            return (1 - left) / self._rate
        self._buckets[caller] = (left - 1, now)
        if len(self._buckets) > MOST_BUCKETS:
            self._forget_full(now)
        return 0.0

    def _forget_full(self, now: float) -> None:
        self._buckets = {
            caller: (left, since)
            for caller, (left, since) in self._buckets.items()
            if left + (now - since) * self._rate < self._burst
        }
