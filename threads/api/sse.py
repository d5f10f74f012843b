"""Server-sent events: what happens in threads, one stream for each who listens.

A stream holds no thread and nobody waits for it: it is fed from the registry's log, and a slow reader
reads later what he missed. The server looks several times a second whether those who listen still may:
it ends the streams of tokens that were revoked, of threads that changed hands, and of the local user once
there are others.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.responses import Response

from threads import Actor, Event, Registry
from threads.api.disclosure import visible_data
from threads.api.errors import Refused, shutting_down
from threads.api.rate_limit import Limits
from threads.api.trust import Trust
from threads.serialization import to_jsonable

RETRY = 1000
"""Milliseconds after which a browser comes again."""


class Seat:
    """The place of somebody who listens."""

    def __init__(self, actor: Actor, token_id: str | None, thread_id: str | None, *, is_answer: bool) -> None:
        self.actor = actor
        self.token_id = token_id
        self.thread_id = thread_id
        self.is_answer = is_answer
        """Whether he waits for the answer to what he said."""
        self.events: Any = None
        self.is_ended = False

    def hear(self, events: Any) -> None:
        """These are the events he listens to."""
        self.events = events
        if self.is_ended:
            events.close()

    def end(self) -> None:
        """Not a word more."""
        self.is_ended = True
        if self.events is not None:
            self.events.close()


class Streams:
    """All open streams."""

    def __init__(self, registry: Registry, limits: Limits, trust: Trust) -> None:
        self._registry = registry
        self._trust = trust
        self._limits = limits
        self._seats: set[Seat] = set()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._seats)

    def seat(
        self, actor: Actor, token_id: str | None, thread_id: str | None, *, is_answer: bool = False
    ) -> Seat:
        """A place; `Refused` if this caller has too many."""
        wait = {"Retry-After": "1"}
        if self._is_closed:
            raise shutting_down()
        mine = sum(1 for seat in list(self._seats) if seat.actor == actor) if actor.name is not None else 0
        if mine >= self._limits.streams:
            most = f"at most {self._limits.streams} streams may be open"
            raise Refused(429, "TooManyStreams", most, headers=wait)
        seat = Seat(actor, token_id, thread_id, is_answer=is_answer)
        self._seats.add(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        """He has gone."""
        seat.end()
        self._seats.discard(seat)

    def close(self, *, answers: bool) -> None:
        """End them, with or without those that bring an answer, and open no more; from the event loop."""
        self._is_closed = True
        for seat in list(self._seats):
            if answers or not seat.is_answer:
                seat.end()

    def reopen(self) -> None:
        """Take listeners again after `close`."""
        self._is_closed = False

    def end_all(self) -> None:
        """End those that are open now."""
        for seat in list(self._seats):
            seat.end()

    def end_unwelcome(self) -> None:
        """End the streams of those who may listen no more."""
        seats = [seat for seat in list(self._seats) if not seat.is_ended]
        for seat in self._unwelcome(seats) if seats else ():
            seat.end()

    def _unwelcome(self, seats: list[Seat]) -> list[Seat]:
        asking = [seat.token_id for seat in seats if seat.token_id]
        good: set[str | None] = set(self._registry.users.still_good(asking))
        if self._trust.is_open:
            good.add(None)  # the local user, as long as there are no others
        asked: dict[Actor, list[str]] = {}
        for seat in seats:
            if seat.thread_id is not None and seat.token_id is not None:
                asked.setdefault(seat.actor, []).append(seat.thread_id)
        seen = {
            (actor, id) for actor, ids in asked.items() for id in self._registry.admitted(actor, ids, "read")
        }
        return [
            seat
            for seat in seats
            if seat.token_id not in good
            or (seat.token_id and seat.thread_id and (seat.actor, seat.thread_id) not in seen)
        ]


class EventStream(Response):
    """Sends events as they come, until they end, or the reader leaves or may listen no more."""

    media_type = "text/event-stream"

    def __init__(
        self,
        streams: Streams,
        seat: Seat,
        limits: Limits,
        *,
        wanted: Callable[[Event], bool] = lambda _: True,
        is_last: Callable[[Event], bool] = lambda _: False,
        before_last: Callable[[], Awaitable[None]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", **(headers or {})})
        del self.headers["content-length"]
        self._streams, self._seat, self._limits = streams, seat, limits
        self._wanted, self._is_last, self._before_last = wanted, is_last, before_last
        self._is_whole = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        pump = asyncio.ensure_future(self._pump(send))
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait({pump, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._streams.leave(self._seat)
            gone.cancel()
            if not pump.done():
                pump.cancel()
            await asyncio.gather(pump, gone, return_exceptions=True)
        if not pump.cancelled():
            pump.result()

    async def _pump(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send(_chunk(f"retry: {RETRY}\n\n".encode()))
        async for words in self._words():
            await send(_chunk(words))
        if self._seat.is_answer and not self._is_whole:
            await send(_chunk(b": the run goes on without this stream; see Location\n\n"))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _words(self) -> AsyncIterator[bytes]:
        seconds = self._limits.stream_seconds
        until = None if seconds is None else time.monotonic() + seconds
        coming: asyncio.Future[Event] | None = None
        try:
            while not self._seat.is_ended and (until is None or time.monotonic() < until):
                coming = coming or asyncio.ensure_future(self._seat.events.__anext__())
                patience = self._limits.heartbeat
                if until is not None:
                    patience = min(patience, max(0.0, until - time.monotonic()))
                if not (await asyncio.wait({coming}, timeout=patience))[0]:
                    yield b": still here\n\n"
                    continue
                try:
                    event = coming.result()
                except StopAsyncIteration:
                    return
                coming = None
                if self._wanted(event) and not self._seat.is_ended:
                    is_last = self._is_last(event)
                    if is_last and self._before_last is not None:
                        await self._before_last()
                    yield frame(event, self._seat)
                    if is_last:
                        self._is_whole = True
                        return
        finally:
            if coming is not None:
                coming.cancel()


def frame(event: Event, seat: Seat) -> bytes:
    """An event on the wire. A gap has no id: who comes again still asks for what is missing."""
    number = event.position if seat.thread_id is None else event.sequence
    form = to_jsonable(event)
    form["data"] = visible_data(seat.actor, event.type, form["data"])
    told = json.dumps(form, ensure_ascii=False, separators=(",", ":"))
    id = "" if event.type == "gap" else f"id: {number}\n"
    return f"{id}event: {event.type}\ndata: {told}\n\n".encode()


def _chunk(words: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": words, "more_body": True}


async def _disconnected(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
