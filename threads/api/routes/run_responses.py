"""How a run is answered: with the reply, as a stream of its events, or with a place to look.

`Accept: text/event-stream` streams; `Prefer: respond-async` answers 202 at once, and `Prefer: wait=N`
after N seconds without a reply. The run goes on whether anybody listens or not.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from starlette.responses import Response

from threads import AgentNotFound, Run, ThreadsError
from threads.api.dependencies import Calling, Serving, Writable
from threads.api.disclosure import visible_run
from threads.api.schemas.responses import RUN, STREAM, Reply, answer, location
from threads.api.sse import EventStream
from threads.api.state import Server
from threads.models import RunInfo
from threads.serialization import to_jsonable
from threads.store.runs import run_failed

WAIT = re.compile(r"\bwait\s*=\s*(\d{1,6})\b", re.IGNORECASE)
WEIGHT = re.compile(r"q\s*=\s*([01](?:\.\d{0,3})?)")
MARK_WAIT = 1.0
"""Seconds that a reply waits for the note that it was given."""
ASYNC = re.compile(r"\brespond-async\b", re.IGNORECASE)
Prefer = Annotated[
    str | None,
    Header(description="`respond-async`: 202 at once. `wait=N`: 202 after N seconds.", examples=["wait=10"]),
]
RUNNING: dict[int | str, dict[str, Any]] = {
    200: {"model": Reply, "description": "The reply, or the events of the run.", "content": STREAM},
    202: {
        "model": RunInfo,
        "description": "The run is under way; look at Location.",
        "headers": {"Location": {"schema": {"type": "string"}}},
    },
    **RUN,
}


class Begun:
    """A request that begins a run in its thread, and the answer to it."""

    def __init__(
        self, server: Serving, caller: Calling, thread: Writable, request: Request, prefer: Prefer = None
    ) -> None:
        self._server = server
        self._caller = caller
        self._thread = thread
        self._request = request

    async def answered(self, begin: Callable[..., Run], *said: Any, **named: Any) -> Response:
        """The answer to what begins by this method of the runner, and what it is told besides the thread."""
        server = self._server
        if wants_stream(self._request):
            return await self._streamed(begin, said, named)
        run = await asyncio.to_thread(self._begin, begin, said, named)
        here = location("threads", run.thread_id, "runs", run.id)
        if not await is_done(server, run, seconds_of(self._request)):
            info = await asyncio.to_thread(lambda: run.info)
            return answer(visible_run(self._caller.actor, info), 202, here)
        reply = await asyncio.to_thread(reply_of, server, run)
        if not await self._request.is_disconnected():
            read = [message["id"] for message in reply["messages"] if message["id"]]
            if read:
                reader = self._caller.reader
                await _mark_read(partial(server.registry.mark_read, run.thread_id, reader, upto=read[-1]))
        return answer(reply, headers={"Content-Location": here["Location"]})

    def _begin(self, begin: Callable[..., Run], said: Any, named: dict[str, Any]) -> Run:
        """The run; in a thread that no agent is known of, the server's first one answers."""
        server = self._server
        try:
            return begin(server.runner, self._thread, *said, **named)
        except AgentNotFound:
            if named.get("agent_id") is not None or server.registry.get(self._thread).agent_id is not None:
                raise
        if "agent_id" in named:
            named = {**named, "agent_id": server.default_agent}
        else:
            server.registry.update(self._thread, agent_id=server.default_agent)
        return begin(server.runner, self._thread, *said, **named)

    async def _streamed(self, begin: Callable[..., Run], said: Any, named: Any) -> Response:
        server, caller = self._server, self._caller
        with ExitStack() as undo:  # first the place, then the run: who is refused one has said nothing
            seat = server.streams.seat(caller.actor, caller.token_id, self._thread, is_answer=True)
            undo.callback(server.streams.leave, seat)
            run = await asyncio.to_thread(self._begin, begin, said, named)
            seat.hear(await asyncio.to_thread(run.events, owner=caller.actor.scope))
            undo.pop_all()
        here = location("threads", run.thread_id, "runs", run.id)
        return EventStream(
            server.streams,
            seat,
            server.limits,
            wanted=lambda event: event.run_id == run.id,
            is_last=run.ends_with,
            before_last=partial(_mark_read, partial(run.mark_read, caller.reader)),
            headers={**here, "Content-Location": here["Location"]},
        )


Running = Annotated[Begun, Depends(Begun)]


def seconds_of(request: Request) -> float | None:
    """How long to wait for a reply; None: as long as it takes."""
    preferred = ",".join(request.headers.getlist("prefer"))
    if found := WAIT.search(preferred):
        return float(found[1])
    return 0.0 if ASYNC.search(preferred) else None


def wants_stream(request: Request) -> bool:
    """Whether the events of the run are asked for: by name, and not less than JSON."""
    liked = {"text/event-stream": 0.0, "application/json": 0.0}
    for kind in ",".join(request.headers.getlist("accept")).lower().split(","):
        name, *details = (part.strip() for part in kind.split(";"))
        if name in liked:
            weights = [WEIGHT.fullmatch(each) for each in details]
            liked[name] = next((float(found[1]) for found in weights if found), 1.0)
    return 0 < liked["text/event-stream"] >= liked["application/json"]


async def is_done(server: Server, run: Run, seconds: float | None) -> bool:
    """Whether the run ends within so many seconds, and before the server does; raises what it failed with."""
    if seconds == 0:
        return False
    ended, ending = asyncio.ensure_future(_ended(run)), asyncio.ensure_future(server.last_call.wait())
    try:
        await asyncio.wait({ended, ending}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            ended.result()
        return ended.done()
    finally:
        ended.cancel()
        ending.cancel()


async def _mark_read(mark_read: Callable[[], object]) -> None:
    """Mark the reply as read by the caller; a locked database delays the reply by at most `MARK_WAIT`."""

    def mark() -> None:
        with suppress(ThreadsError, OSError):
            mark_read()

    await asyncio.wait([asyncio.ensure_future(asyncio.to_thread(mark))], timeout=MARK_WAIT)


async def _ended(run: Run) -> None:
    await run


def reply_of(server: Server, run: Run) -> dict[str, Any]:
    """What the run said, and what it waits for."""
    info = run.info
    if info.status == "error":
        raise run_failed(info)
    said = run.messages()
    texts = [message.text for message in said if message.role == "assistant" and message.text]
    asked = server.registry.interrupts(run.thread_id) if info.status == "interrupted" else ()
    reply = {"run": info, "reply": texts[-1] if texts else None, "messages": said, "interrupts": asked}
    return {name: to_jsonable(value) for name, value in reply.items()}
