"""Limits on sizes, times and number of connections; `threads.api.protocol` enforces them."""

from __future__ import annotations

from dataclasses import dataclass, replace

DESCRIPTOR_SHARE = 3
"""One in so many descriptors is for a connection; the others are for the database and the agents."""
MIN_CONNECTIONS = 8
"""Connections that are allowed however few descriptors there are."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of the connections of a server, with or without a token."""

    head: int = 65_536
    """Bytes of a request head."""
    headers: int = 256
    """Header lines of a request."""
    head_seconds: float = 20.0
    """Time for a head, from its first byte or from the start of the connection."""
    body_seconds: float = 30.0
    """Time for a body, besides one second for each `body_rate` bytes that have arrived."""
    body_rate: int = 8_192
    """Bytes per second that a body must have on average."""
    idle_seconds: float = 75.0
    """Time between two requests of a connection."""
    unread_seconds: float = 60.0
    """Time in which a client reads nothing of a response that is waiting."""
    pipelined: int = 16
    """Requests that wait for the response to an earlier one of their connection."""
    connections: int = 4_000
    """Open connections; idle ones are closed to make room."""
    spare: int = 16
    """Connections beyond `connections`, on which only health checks are answered."""


def limits_for(descriptors: int | None) -> ConnectionLimits:
    """Return the limits of a server with so many file descriptors; None means without a limit."""
    limits = ConnectionLimits()
    if descriptors is None:
        return limits
    most = min(limits.connections, max(MIN_CONNECTIONS, descriptors // DESCRIPTOR_SHARE))
    return replace(limits, connections=most, spare=min(limits.spare, most // 4))
