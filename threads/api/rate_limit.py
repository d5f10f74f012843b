"""Limits of one caller: body size, requests per second (token bucket), open streams."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

MAX_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a user; the local user is bound by `body` and `stream_seconds` alone."""

    body: int = 1_048_576
    """Bytes of a request body."""
    per_second: float = 50.0
    """Requests per second, on average."""
    burst: int = 200
    """Requests at once."""
    streams: int = 100
    """Open event streams."""
    strangers_per_second: float = 10.0
    """Requests per second of one address without a token, or with an invalid one."""
    heartbeat: float = 15.0
    """Seconds between two heartbeat comments on an idle stream."""
    stream_seconds: float | None = None
    """Seconds after which a stream is closed; browsers reconnect by themselves."""


class RateLimiter:
    """Token buckets: each key has one of `burst` tokens, refilled with `rate` tokens per second."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable) -> float:
        """Take a token: return 0, or the seconds until there will be one."""
        now = self._clock()
        tokens, since = self._buckets.get(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        if tokens < 1:
            self._buckets[key] = (tokens, now)
            return (1 - tokens) / self._rate
        self._buckets[key] = (tokens - 1, now)
        if len(self._buckets) > MAX_BUCKETS:
            self._drop_full(now)
        return 0.0

    def _drop_full(self, now: float) -> None:
        self._buckets = {
            key: (tokens, since)
            for key, (tokens, since) in self._buckets.items()
            if tokens + (now - since) * self._rate < self._burst
        }
