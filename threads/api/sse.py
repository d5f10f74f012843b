"""Server-sent events: open streams and their access, and the response that sends a subscription's events.

A stream blocks no thread: it is fed from the registry's event log, and a slow client reads later what it
missed. Streams are closed when their token is revoked, when their thread changes its owner, and, if they are
the local user's, when users are added.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.requests import ClientDisconnect

from threads import Actor, Event, Registry
from threads.api.errors import ApiError, shutting_down_error
from threads.api.rate_limit import Limits
from threads.api.redaction import visible_event_data
from threads.api.trust import LocalTrust
from threads.serialization import to_jsonable

RETRY_MILLISECONDS = 1000
"""After which a browser reconnects."""


class StreamSlot:
    """One open stream: its actor, its thread (None: all), and the subscription that feeds it."""

    def __init__(
        self, actor: Actor, token_id: str | None, thread_id: str | None, *, is_run_response: bool
    ) -> None:
        self.actor = actor
        self.token_id = token_id
        self.thread_id = thread_id
        self.is_run_response = is_run_response
        """True for the response to a request that started a run."""
        self.subscription: Any = None
        self.is_closed = False

    def attach(self, subscription: Any) -> None:
        """Set the subscription; it is closed with the slot."""
        self.subscription = subscription
        if self.is_closed:
            subscription.close()

    def close(self) -> None:
        """Send no further event."""
        self.is_closed = True
        if self.subscription is not None:
            self.subscription.close()


class Streams:
    """All open streams of the application."""

    def __init__(self, registry: Registry, limits: Limits, trust: LocalTrust) -> None:
        self._registry = registry
        self._trust = trust
        self._limits = limits
        self._slots: set[StreamSlot] = set()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._slots)

    def acquire(
        self, actor: Actor, token_id: str | None, thread_id: str | None, *, is_run_response: bool = False
    ) -> StreamSlot:
        """Return a new slot; raises `ApiError` if the actor has too many, or the server shuts down."""
        if self._is_closed:
            raise shutting_down_error()
        count = sum(1 for slot in list(self._slots) if slot.actor == actor) if actor.name is not None else 0
        if count >= self._limits.streams:
            message = f"at most {self._limits.streams} streams may be open"
            raise ApiError(429, "TooManyStreams", message, headers={"Retry-After": "1"})
        slot = StreamSlot(actor, token_id, thread_id, is_run_response=is_run_response)
        self._slots.add(slot)
        return slot

    def release(self, slot: StreamSlot) -> None:
        """Close a slot and forget it."""
        slot.close()
        self._slots.discard(slot)

    def close(self, *, run_responses: bool) -> None:
        """Close all streams, with or without run responses, and open no more. Call it in the event loop."""
        self._is_closed = True
        for slot in list(self._slots):
            if run_responses or not slot.is_run_response:
                slot.close()

    def reopen(self) -> None:
        """Open streams again after `close`."""
        self._is_closed = False

    def close_open(self) -> None:
        """Close the streams that are open now."""
        for slot in list(self._slots):
            slot.close()

    def close_revoked(self) -> None:
        """Close the streams whose actor may no longer read them."""
        slots = [slot for slot in list(self._slots) if not slot.is_closed]
        for slot in self._revoked(slots) if slots else ():
            slot.close()

    def _revoked(self, slots: list[StreamSlot]) -> list[StreamSlot]:
        token_ids = [slot.token_id for slot in slots if slot.token_id]
        valid: set[str | None] = set(self._registry.users.still_good(token_ids))
        if self._trust.is_open:
            valid.add(None)  # the local user
        threads_of: dict[Actor, list[str]] = {}
        for slot in slots:
            if slot.thread_id is not None and slot.token_id is not None:
                threads_of.setdefault(slot.actor, []).append(slot.thread_id)
        readable = {
            (actor, id)
            for actor, ids in threads_of.items()
            for id in self._registry.admitted(actor, ids, "read")
        }
        return [
            slot
            for slot in slots
            if slot.token_id not in valid
            or (slot.token_id and slot.thread_id and (slot.actor, slot.thread_id) not in readable)
        ]


class EventStreamResponse(EventSourceResponse):
    """FastAPI's response for server-sent events, over a subscription.

    FastAPI's own streaming of a generator route has neither slots, which are closed while the client reads
    and released when it leaves, nor a heartbeat interval of our choice, nor a last event.
    """

    def __init__(
        self,
        streams: Streams,
        slot: StreamSlot,
        limits: Limits,
        *,
        include: Callable[[Event], bool] = lambda _: True,
        is_last: Callable[[Event], bool] = lambda _: False,
        before_last: Callable[[], Awaitable[None]] | None = None,
        headers: dict[str, str] | None = None,
        status: int = 200,
        if_cut: str | None = None,
    ) -> None:
        """`if_cut`: a comment that ends a stream which is closed before its last event."""
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", **(headers or {})}
        super().__init__(self._chunks(), status_code=status, headers=headers)
        self._streams, self._slot, self._limits = streams, slot, limits
        self._include, self._is_last, self._before_last = include, is_last, before_last
        self._if_cut = if_cut

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            with suppress(ClientDisconnect):
                await super().__call__(scope, receive, send)
        finally:
            self._streams.release(self._slot)

    async def _chunks(self) -> AsyncIterator[bytes]:
        yield format_sse_event(retry=RETRY_MILLISECONDS) + self._start()
        is_complete = False
        async for event in self._events():
            if event is None:
                yield format_sse_event(comment="still here")
                continue
            is_complete = self._is_last(event)
            if is_complete and self._before_last is not None:
                await self._before_last()
            yield format_event(event, self._slot)
            if is_complete:
                return
        if self._if_cut is not None:
            yield format_sse_event(comment=self._if_cut)

    def _start(self) -> bytes:
        """Return the id to continue after: a client that reconnects before the first event misses none."""
        return b"" if self._slot.is_run_response else format_sse_event(id=str(self._slot.subscription.last))

    async def _events(self) -> AsyncIterator[Event | None]:
        """Yield events until the slot is closed or its time is over, and None after each idle interval."""
        seconds = self._limits.stream_seconds
        until = None if seconds is None else time.monotonic() + seconds
        pending: asyncio.Future[Event] | None = None
        try:
            while not self._slot.is_closed and (until is None or time.monotonic() < until):
                pending = pending or asyncio.ensure_future(self._slot.subscription.__anext__())
                timeout = self._limits.heartbeat
                if until is not None:
                    timeout = min(timeout, max(0.0, until - time.monotonic()))
                if not (await asyncio.wait({pending}, timeout=timeout))[0]:
                    yield None
                    continue
                try:
                    event = pending.result()
                except StopAsyncIteration:
                    return
                pending = None
                if self._include(event) and not self._slot.is_closed:
                    yield event
        finally:
            if pending is not None:
                pending.cancel()


def format_event(event: Event, slot: StreamSlot) -> bytes:
    """Return an event on the wire.

    A gap has no id: a reconnecting client requests what is missing again. Nor has what is not stored.
    """
    number = event.position if slot.thread_id is None else event.sequence
    form = to_jsonable(event)
    form["data"] = visible_event_data(slot.actor, event.type, form["data"])
    id = None if event.type == "gap" or not number else str(number)
    data = json.dumps(form, ensure_ascii=False, separators=(",", ":"))
    return format_sse_event(data_str=data, event=event.type, id=id)
