"""How a run is answered: with the reply, as a stream of its events, or with a place to look.

`Accept: text/event-stream` streams; `Prefer: respond-async` answers 202 at once, and `Prefer: wait=N`
after N seconds without a reply. The run goes on whether anybody listens or not.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from starlette.responses import Response

from threads import Run, RunFailed
from threads.api.routes.doors import Calling, Serving, Writable
from threads.api.server import Server
from threads.api.shapes import RUN, STREAM, Reply, answer, location
from threads.api.streams import EventStream
from threads.forms import json_form
from threads.models import RunInfo

WAIT = re.compile(r"\bwait\s*=\s*(\d{1,6})\b", re.IGNORECASE)
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
        run = await asyncio.to_thread(begin, server.runner, self._thread, *said, **named)
        here = location("threads", run.thread_id, "runs", run.id)
        if "text/event-stream" in self._request.headers.get("accept", ""):
            caller, happening = self._caller, await asyncio.to_thread(run.events)
            return EventStream(
                server.streams,
                server.streams.seat(caller.actor, caller.token_id, run.thread_id, happening),
                server.limits,
                wanted=lambda event: event.run_id == run.id,
                is_last=run.ends_with,
                headers={**here, "Content-Location": here["Location"]},
            )
        if not await is_done(run, seconds_of(self._request)):
            return answer(await asyncio.to_thread(lambda: run.info), 202, here)
        return answer(
            await asyncio.to_thread(reply_of, server, run), headers={"Content-Location": here["Location"]}
        )


Running = Annotated[Begun, Depends(Begun)]


def seconds_of(request: Request) -> float | None:
    """How long to wait for a reply; None: as long as it takes."""
    preferred = ",".join(request.headers.getlist("prefer"))
    if found := WAIT.search(preferred):
        return float(found[1])
    return 0.0 if ASYNC.search(preferred) else None


async def is_done(run: Run, seconds: float | None) -> bool:
    """Whether the run has ended, or does within so many seconds; raises what it failed with."""
    if seconds == 0:
        return False
    try:
        await asyncio.wait_for(_ended(run), seconds)
    except TimeoutError:
        return False
    return True


async def _ended(run: Run) -> None:
    await run


def reply_of(server: Server, run: Run) -> dict[str, Any]:
    """What the run said, and what it waits for."""
    info = run.info
    if info.status == "error":
        raise RunFailed(info.thread_id, info.id, info.error or "it is not known why")
    said = run.messages()
    texts = [message.text for message in said if message.role == "assistant" and message.text]
    asked = server.registry.interrupts(run.thread_id) if info.status == "interrupted" else ()
    reply = {"run": info, "reply": texts[-1] if texts else None, "messages": said, "interrupts": asked}
    return {name: json_form(value) for name, value in reply.items()}
