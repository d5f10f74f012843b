"""The HTTP protocol of `threads serve`: uvicorn's, with limits on sizes, times and connections of a client.

uvicorn on httptools limits neither the size of a request head nor the time that a head or a body may
take, nor the number of connections. Its callbacks and attributes that are used here were checked on
uvicorn 0.54 and httptools 0.9; `tests/api/test_server_limits.py` pins them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from enum import Enum
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from threads.api.connection_limits import ConnectionLimits
from threads.api.errors import ApiError

CHUNK_SIZE = 16_384
"""Bytes that are parsed at a time; sizes are checked in between."""
LINGER_SECONDS = 3.0
"""Seconds in which data after an error response is dropped, not reset: a reset would lose the response."""
HEALTH_PATHS = (b"/healthz", b"/readyz")
"""Answered even when there are too many connections."""


class ReadPhase(Enum):
    """Which part of a request is being read."""

    NOTHING = 0
    HEAD = 1
    BODY = 2


class LimitedProtocol(HttpToolsProtocol):
    """One connection. Call `check` about once a second."""

    limits: ClassVar[ConnectionLimits] = ConnectionLimits()

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._application = self.app
        self._phase = ReadPhase.NOTHING
        self._since = self.loop.time()
        """When this phase started."""
        self._unparsed = 0
        """Bytes that arrived since a head or a chunk of a body was parsed."""
        self._arrived = 0
        """Bytes of the body."""
        self._header_lines = self._header_bytes = 0
        self._has_requested = False
        self._is_spare = False
        self._parser_error: ApiError | None = None
        """The error that a callback of the parser raised."""
        self._rejected_at: float | None = None
        self._unsent = 0
        self._unsent_since = 0.0

    @property
    def is_busy(self) -> bool:
        """True while a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def is_idle(self, *, or_half_open: bool = False) -> bool:
        """True if closing it loses no request; `or_half_open`: or only one whose head is incomplete."""
        return (
            not self.is_busy
            and not self.transport.is_closing()
            and self._rejected_at is None
            and not self.transport.get_write_buffer_size()
            and (self._phase is ReadPhase.NOTHING or (self._phase is ReadPhase.HEAD and or_half_open))
        )

    # the limits on sizes and numbers

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        more = len(self.connections) - self.limits.connections
        if more > 0 and not self._make_room():
            self._is_spare = True
            if more > self.limits.spare:
                self._reject(_too_many_connections())
                self.transport.close()

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), CHUNK_SIZE):
            if self._rejected_at is not None or self.transport.is_closing():
                return
            chunk = data[start : start + CHUNK_SIZE]
            self._unparsed += len(chunk)
            super().data_received(chunk)
            if self._unparsed > self.limits.head:
                self._reject(self._too_large())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._enter(ReadPhase.HEAD)
        self._header_lines = self._header_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_lines += 1
        self._header_bytes += len(name) + len(value) + 4
        if self._header_lines > self.limits.headers or self._header_bytes > self.limits.head:
            self._parser_error = self._too_large()
            raise self._parser_error  # the parser ends, and `send_400_response` is called
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._has_requested = True
        self._enter(ReadPhase.BODY)
        self._arrived = 0
        if self._is_spare:
            self._is_spare = len(self.connections) > self.limits.connections
        is_rejected = self._is_spare and self.url.partition(b"?")[0] not in HEALTH_PATHS
        self.app = _respond_too_many if is_rejected else self._application
        # uvicorn stores only its path, so an application cannot see that it names another host
        self.scope["threads.target"] = self.url  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()
        if len(self.pipeline) > self.limits.pipelined:
            self._parser_error = _connection_error(
                429, "TooManyRequests", "too many requests wait on this connection"
            )
            raise self._parser_error

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        self._arrived += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._enter(ReadPhase.NOTHING)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if (
            self._phase is not ReadPhase.HEAD
        ):  # now the time for the rest of a body, or between requests, starts
            self._since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn where the parser fails."""
        error, self._parser_error = self._parser_error, None
        self._reject(error or _connection_error(400, "BadRequest", "this is not an HTTP request"))

    # the limits on time

    def check(self) -> None:
        """Close the connection if a time limit has passed."""
        now, limits = self.loop.time(), self.limits
        if self._is_unread(now) or (
            self._rejected_at is not None and now - self._rejected_at > LINGER_SECONDS
        ):
            self.transport.abort()
        elif self.transport.is_closing() or self._rejected_at is not None:
            return
        elif self._phase is ReadPhase.HEAD and now - self._since > limits.head_seconds:
            self._reject(_connection_error(408, "RequestTimeout", "the head of the request took too long"))
        elif self._phase is ReadPhase.BODY and not self.is_busy:
            if now - self._since > LINGER_SECONDS:
                self.transport.abort()
        elif self._phase is ReadPhase.BODY:
            if self.flow.read_paused:  # the application does not read it
                self._since = now - self._arrived / limits.body_rate
            if now - self._since > limits.body_seconds + self._arrived / limits.body_rate:
                self._reject(
                    _connection_error(408, "RequestTimeout", "the body of the request took too long")
                )
        elif self.is_idle() and now - self._since > self._idle_seconds:
            self.transport.close()

    @property
    def _idle_seconds(self) -> float:
        return self.limits.idle_seconds if self._has_requested else self.limits.head_seconds

    def _is_unread(self, now: float) -> bool:
        """True if the client has read nothing of a waiting response for too long."""
        unsent = self.transport.get_write_buffer_size()
        is_pending = unsent and (self.flow.write_paused or not self.is_busy)
        if not is_pending or unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        if is_pending:
            self._since = max(self._since, self._unsent_since)  # a response that is being read is not idle
        return bool(is_pending) and now - self._unsent_since > self.limits.unread_seconds

    def _make_room(self) -> bool:
        """Close one other connection and return True, or return False if none can be closed.

        The one that has been idle longest, else one with an incomplete head, else the one whose client has
        read nothing for longest.
        """
        others: list[LimitedProtocol] = [each for each in self.connections if each is not self]  # type: ignore[misc]
        if sum(not each.transport.is_closing() for each in others) < self.limits.connections:
            return True
        for or_half_open in (False, True):
            if idle := [each for each in others if each.is_idle(or_half_open=or_half_open)]:
                min(idle, key=lambda each: each._since).transport.abort()
                return True
        unread = [each for each in others if each._unsent and not each.transport.is_closing()]
        slowest = min(unread, key=lambda each: each._unsent_since, default=None)
        if slowest is None or self.loop.time() - slowest._unsent_since < LINGER_SECONDS:
            return False
        slowest.transport.abort()
        return True

    def _enter(self, phase: ReadPhase) -> None:
        self._phase, self._since, self._unparsed = phase, self.loop.time(), 0

    def _too_large(self) -> ApiError:
        if self._phase is ReadPhase.BODY:
            return _connection_error(400, "BadRequest", "the encoding of the body is not supported")
        message = (
            f"a request may have at most {self.limits.head} bytes and {self.limits.headers} lines of headers"
        )
        return _connection_error(431, "TooLarge", message)

    def _reject(self, error: ApiError) -> None:
        """Send an error response, unless another response has started, and read no more."""
        fields = {"code": error.code, "status": error.status}
        logging.getLogger("threads.api").info("connection refused", extra={"fields": fields})
        if self.is_busy and (
            self.cycle.response_started or self._phase is not ReadPhase.BODY or self.pipeline
        ):
            self.transport.abort()
            return
        if self.is_busy:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._rejected_at = self.loop.time()
        self._unset_keepalive_if_required()
        self.transport.write(_to_bytes(error, self.server_state.default_headers))
        if self.transport.can_write_eof():
            self.transport.write_eof()


def limited_protocol(limits: ConnectionLimits) -> type[LimitedProtocol]:
    """Return the protocol with these limits, as `uvicorn.Config(http=...)` takes it."""
    return type("LimitedProtocol", (LimitedProtocol,), {"limits": limits})


def check_connections(connections: Collection[Any]) -> None:
    """Close connections of which a time limit has passed."""
    for connection in list(connections):
        connection.check()


def _connection_error(status: int, code: str, error: str) -> ApiError:
    return ApiError(status, code, error, headers={"Connection": "close"})


def _too_many_connections() -> ApiError:
    headers = {"Connection": "close", "Retry-After": "1"}
    return ApiError(503, "TooManyConnections", "too many connections are open; try again", headers=headers)


async def _respond_too_many(scope: Any, receive: Any, send: Any) -> None:
    await _too_many_connections().response()(scope, receive, send)


def _to_bytes(error: ApiError, headers: Collection[tuple[bytes, bytes]]) -> bytes:
    response = error.response()
    lines = [*headers, *response.raw_headers]
    head = b"".join(b"%s: %s\r\n" % line for line in lines)
    return STATUS_LINE[error.status] + head + b"\r\n" + bytes(response.body)
