"""The HTTP protocol of `threads serve`: uvicorn's, with limits on what one client can take up.

uvicorn on httptools limits neither the size of a request's head nor the time that a head or a body may
take, nor how many connections there are. Its callbacks and attributes that are used here were checked on
uvicorn 0.54 and httptools 0.9; `tests/api/test_server_limits.py` pins them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from threads.api.errors import Refused

PIECE = 16_384
"""Bytes that are parsed at a time; sizes are checked in between."""
LINGERING = 3.0
"""Seconds in which what a client sends after its answer is dropped, not refused: else the answer is lost."""
HEALTH = (b"/healthz", b"/readyz")
"""Answered even when there are too many connections."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What clients can take up of a server, with or without a token."""

    head: int = 65_536
    """Bytes of a request's head."""
    headers: int = 256
    """Header lines of a request."""
    head_seconds: float = 20.0
    """Time for a head: from its first byte, or from the beginning of the connection."""
    body_seconds: float = 30.0
    """Time for a body, and more for what has arrived:"""
    body_rate: int = 8_192
    """bytes a second."""
    idle_seconds: float = 75.0
    """Time between two requests of one connection."""
    unread_seconds: float = 60.0
    """Time in which a client that has something to read reads nothing of it."""
    pipelined: int = 16
    """Requests that wait for the answer to an earlier one of their connection."""
    connections: int = 4_000
    """Open connections; what is idle is closed to make room."""
    spare: int = 16
    """Connections beyond them, on which only health checks are answered."""


SHARE = 3
"""One of so many descriptors is a connection's; the others are for the database, and for agents."""
FEWEST = 8
"""Connections that are allowed however few descriptors there are."""


def limits_of(descriptors: int | None) -> ConnectionLimits:
    """The limits of a server that may have so many descriptors; None: as many as it likes."""
    limits = ConnectionLimits()
    if descriptors is None:
        return limits
    most = min(limits.connections, max(FEWEST, descriptors // SHARE))
    return replace(limits, connections=most, spare=min(limits.spare, most // 4))


class Reading(Enum):
    """What of a request is being read."""

    NOTHING = 0
    HEAD = 1
    BODY = 2


class LimitedProtocol(HttpToolsProtocol):
    """One connection. `check` has to be called about once a second."""

    limits: ClassVar[ConnectionLimits] = ConnectionLimits()

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._served = self.app
        self._reading = Reading.NOTHING
        self._since = self.loop.time()
        """When this began to be read."""
        self._unparsed = 0
        """Bytes that came since something was parsed: a head, or a piece of a body."""
        self._arrived = 0
        """Bytes of the body."""
        self._header_lines = self._header_bytes = 0
        self._has_asked = False
        self._is_spare = False
        self._refusal: Refused | None = None
        """What a callback of the parser found."""
        self._refused_at: float | None = None
        self._unsent = 0
        self._unsent_since = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def is_idle(self, *, or_half_open: bool = False) -> bool:
        """Whether it can be closed and no request is lost; half open: one whose head is not complete."""
        return (
            not self.is_busy
            and not self.transport.is_closing()
            and self._refused_at is None
            and not self.transport.get_write_buffer_size()
            and (self._reading is Reading.NOTHING or (self._reading is Reading.HEAD and or_half_open))
        )

    # the limits on sizes and numbers

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        more = len(self.connections) - self.limits.connections
        if more > 0 and not self._make_room():
            self._is_spare = True
            if more > self.limits.spare:
                self._refuse(_busy())
                self.transport.close()

    def data_received(self, data: bytes) -> None:
        for at in range(0, len(data), PIECE):
            if self._refused_at is not None or self.transport.is_closing():
                return
            piece = data[at : at + PIECE]
            self._unparsed += len(piece)
            super().data_received(piece)
            if self._unparsed > self.limits.head:
                self._refuse(self._too_large())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin(Reading.HEAD)
        self._header_lines = self._header_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_lines += 1
        self._header_bytes += len(name) + len(value) + 4
        if self._header_lines > self.limits.headers or self._header_bytes > self.limits.head:
            self._refusal = self._too_large()
            raise self._refusal  # the parser ends, and `send_400_response` is called
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._has_asked = True
        self._begin(Reading.BODY)
        self._arrived = 0
        if self._is_spare:
            self._is_spare = len(self.connections) > self.limits.connections
        is_refused = self._is_spare and self.url.partition(b"?")[0] not in HEALTH
        self.app = _answer_busy if is_refused else self._served
        # uvicorn keeps only the path of it, so an application cannot see that another host was named
        self.scope["threads.target"] = self.url  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()
        if len(self.pipeline) > self.limits.pipelined:
            self._refusal = _refused(429, "TooManyRequests", "too many requests wait on this connection")
            raise self._refusal

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        self._arrived += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._begin(Reading.NOTHING)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if (
            self._reading is not Reading.HEAD
        ):  # now begins the time for the rest of a body, or to the next one
            self._since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn where the parser fails."""
        refusal, self._refusal = self._refusal, None
        self._refuse(refusal or _refused(400, "BadRequest", "this is no HTTP request"))

    # the limits on time

    def check(self) -> None:
        """Close the connection if its client takes longer than it may."""
        now, limits = self.loop.time(), self.limits
        if self._is_unread(now) or (self._refused_at is not None and now - self._refused_at > LINGERING):
            self.transport.abort()
        elif self.transport.is_closing() or self._refused_at is not None:
            return
        elif self._reading is Reading.HEAD and now - self._since > limits.head_seconds:
            self._refuse(_refused(408, "RequestTimeout", "the head of the request took too long"))
        elif self._reading is Reading.BODY and not self.is_busy:
            if now - self._since > LINGERING:
                self.transport.abort()
        elif self._reading is Reading.BODY:
            if self.flow.read_paused:  # it waits for us
                self._since = now - self._arrived / limits.body_rate
            if now - self._since > limits.body_seconds + self._arrived / limits.body_rate:
                self._refuse(_refused(408, "RequestTimeout", "the body of the request took too long"))
        elif self.is_idle() and now - self._since > self._idle_seconds:
            self.transport.close()

    @property
    def _idle_seconds(self) -> float:
        return self.limits.idle_seconds if self._has_asked else self.limits.head_seconds

    def _is_unread(self, now: float) -> bool:
        """Whether the client has read nothing for too long of what there is to read."""
        unsent = self.transport.get_write_buffer_size()
        is_waiting = unsent and (self.flow.write_paused or not self.is_busy)
        if not is_waiting or unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        if is_waiting:
            self._since = max(self._since, self._unsent_since)  # an answer that is being read is not idle
        return bool(is_waiting) and now - self._unsent_since > self.limits.unread_seconds

    def _make_room(self) -> bool:
        """Close the connection that has been idle longest, else one whose head is not complete yet, else the
        one that has read nothing for longest of what there is to read.
        """
        others: list[LimitedProtocol] = [each for each in self.connections if each is not self]  # type: ignore[misc]
        if sum(not each.transport.is_closing() for each in others) < self.limits.connections:
            return True
        for or_half_open in (False, True):
            if found := [each for each in others if each.is_idle(or_half_open=or_half_open)]:
                min(found, key=lambda each: each._since).transport.abort()
                return True
        unread = [each for each in others if each._unsent and not each.transport.is_closing()]
        slowest = min(unread, key=lambda each: each._unsent_since, default=None)
        if slowest is None or self.loop.time() - slowest._unsent_since < LINGERING:
            return False
        slowest.transport.abort()
        return True

    def _begin(self, reading: Reading) -> None:
        self._reading, self._since, self._unparsed = reading, self.loop.time(), 0

    def _too_large(self) -> Refused:
        if self._reading is Reading.BODY:
            return _refused(400, "BadRequest", "the body is sent in a way that is not supported")
        most = f"at most {self.limits.head} bytes and {self.limits.headers} lines of headers are taken"
        return _refused(431, "TooLarge", most)

    def _refuse(self, refusal: Refused) -> None:
        """Answer, where no other answer is under way, and read no more of it."""
        told = {"code": refusal.code, "status": refusal.status}
        logging.getLogger("threads.api").info("connection refused", extra={"told": told})
        if self.is_busy and (
            self.cycle.response_started or self._reading is not Reading.BODY or self.pipeline
        ):
            self.transport.abort()
            return
        if self.is_busy:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._refused_at = self.loop.time()
        self._unset_keepalive_if_required()
        self.transport.write(_raw(refusal, self.server_state.default_headers))
        if self.transport.can_write_eof():
            self.transport.write_eof()


def limited_protocol(limits: ConnectionLimits) -> type[LimitedProtocol]:
    """The protocol with these limits, as `uvicorn.Config(http=...)` takes it."""
    return type("LimitedProtocol", (LimitedProtocol,), {"limits": limits})


def check_connections(connections: Collection[Any]) -> None:
    """Close those whose clients take longer than they may."""
    for connection in list(connections):
        connection.check()


def _refused(status: int, code: str, error: str) -> Refused:
    return Refused(status, code, error, headers={"Connection": "close"})


def _busy() -> Refused:
    headers = {"Connection": "close", "Retry-After": "1"}
    return Refused(503, "TooManyConnections", "too many connections are open; try again", headers=headers)


async def _answer_busy(scope: Any, receive: Any, send: Any) -> None:
    await _busy().response()(scope, receive, send)


def _raw(refusal: Refused, headers: Collection[tuple[bytes, bytes]]) -> bytes:
    response = refusal.response()
    lines = [*headers, *response.raw_headers]
    head = b"".join(b"%s: %s\r\n" % line for line in lines)
    return STATUS_LINE[refusal.status] + head + b"\r\n" + bytes(response.body)
