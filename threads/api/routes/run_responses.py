"""Responses to requests that start a run: the reply, a stream of its events, or 202 with its location.

`Accept: text/event-stream` streams; `Prefer: respond-async` answers 202 at once, and `Prefer: wait=N`
after N seconds without a reply. The run continues when its client disconnects.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from threads import AgentNotFound, Run, ThreadsError
from threads.api.dependencies import CallerDep, StateDep, WaitSeconds
from threads.api.redaction import visible_run
from threads.api.schemas.query_params import INNER
from threads.api.schemas.responses import EVENT_STREAM, RUN_ERRORS, Reply, json_response, location_header
from threads.api.sse import EventStreamResponse
from threads.api.state import AppState
from threads.models import RunInfo
from threads.serialization import to_jsonable
from threads.store.runs import run_failed

QUALITY = re.compile(r"q\s*=\s*([01](?:\.\d{0,3})?)")
MARK_READ_TIMEOUT = 1.0
"""Seconds that a reply waits for its read mark to be stored."""
RUN_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": Reply, "description": "The reply, or the events of the run.", "content": EVENT_STREAM},
    202: {
        "model": RunInfo,
        "description": "The run is active; its state is at Location.",
        "headers": {"Location": {"schema": {"type": "string"}}},
    },
    **RUN_ERRORS,
}


class RunResponder:
    """Starts a run, and responds as the client prefers."""

    def __init__(
        self,
        state: StateDep,
        caller: CallerDep,
        request: Request,
        wait_seconds: WaitSeconds,
        inner: Annotated[bool, Query(description=INNER)] = False,
    ) -> None:
        self._state = state
        self._caller = caller
        self._request = request
        self._wait_seconds = wait_seconds
        self._inner = inner

    @property
    def prefers_stream(self) -> bool:
        """Whether the client prefers a stream of events to JSON."""
        return accepts_event_stream(self._request)

    async def respond(
        self, thread: str, start: Callable[..., Run], *arguments: Any, **options: Any
    ) -> Response:
        """Start a run with this method of the runner, in a thread that the caller may write; respond."""
        return await self.respond_to(partial(self.start, thread, start, *arguments, **options))

    async def respond_to(self, begin: Callable[[], Run]) -> Response:
        """Respond to the run that `begin` starts: with its events, its reply, or its location."""
        state = self._state
        if self.prefers_stream:
            return await self.stream(begin)
        run = await asyncio.to_thread(begin)
        headers = location_header("threads", run.thread_id, "runs", run.id)
        if not await wait_for_run(state, run, self._wait_seconds):
            info = await run_in_threadpool(lambda: run.info)
            return json_response(visible_run(self._caller.actor, info), 202, headers)
        reply = await asyncio.to_thread(build_reply, state, run)
        if not await self._request.is_disconnected():
            ids = [message["id"] for message in reply["messages"] or () if message["id"]]
            if ids:
                mark_read = partial(
                    state.registry.mark_read, run.thread_id, self._caller.reader, upto=ids[-1]
                )
                await _mark_read(mark_read)
        return json_response(reply, headers={"Content-Location": headers["Location"]})

    def start(self, thread: str, start: Callable[..., Run], *arguments: Any, **options: Any) -> Run:
        """Start a run with this method of the runner; in a thread without an agent the default agent runs."""
        state = self._state
        try:
            return start(state.runner, thread, *arguments, **options)
        except AgentNotFound as error:
            waits_for_another = error.thread_id is not None and error.agent_id is not None
            is_named = options.get("agent_id") is not None or waits_for_another
            if is_named or state.registry.get(thread).agent_id is not None:
                raise
        if "agent_id" in options:
            options = {**options, "agent_id": state.default_agent}
        else:
            state.registry.update(thread, agent_id=state.default_agent)
        return start(state.runner, thread, *arguments, **options)

    async def stream(self, begin: Callable[[], Run], *, is_new_thread: bool = False) -> Response:
        """Respond with the events of the run that `begin` starts; 201 where its thread is the resource."""
        state, caller = self._state, self._caller
        with ExitStack() as undo:  # first the slot, then the run: a client that gets no slot started none
            slot = state.streams.acquire(caller.actor, caller.token_id, None, is_run_response=True)
            undo.callback(state.streams.release, slot)
            run = await asyncio.to_thread(begin)
            slot.thread_id = run.thread_id
            slot.attach(await run_in_threadpool(run.events, owner=caller.actor.scope, inner=self._inner))
            undo.pop_all()
        of_run = location_header("threads", run.thread_id, "runs", run.id)
        location = location_header("threads", run.thread_id) if is_new_thread else of_run
        return EventStreamResponse(
            state.streams,
            slot,
            state.limits,
            include=lambda event: event.run_id == run.id,
            is_last=run.ends_with,
            before_last=partial(_mark_read, partial(run.mark_read, caller.reader)),
            headers={**location, "Content-Location": of_run["Location"], "X-Run-Id": run.id},
            status=201 if is_new_thread else 200,
            if_cut="the run continues without this stream; see Location",
        )


RunResponderDep = Annotated[RunResponder, Depends(RunResponder)]


def accepts_event_stream(request: Request) -> bool:
    """True if the Accept header names event streams, and does not prefer JSON to them."""
    quality = {"text/event-stream": 0.0, "application/json": 0.0}
    for media_range in ",".join(request.headers.getlist("accept")).lower().split(","):
        name, *parameters = (part.strip() for part in media_range.split(";"))
        if name in quality:
            weights = [QUALITY.fullmatch(each) for each in parameters]
            quality[name] = next((float(found[1]) for found in weights if found), 1.0)
    return 0 < quality["text/event-stream"] >= quality["application/json"]


async def wait_for_run(state: AppState, run: Run, seconds: float | None) -> bool:
    """Wait for the run, at most so many seconds; return whether it ended. Raises what it failed with.

    Returns False at once for 0 seconds, and when the server waits no longer because it shuts down.
    """
    if seconds == 0:
        return False
    ended = asyncio.ensure_future(_result(run))
    shutting_down = asyncio.ensure_future(state.shutting_down.wait())
    try:
        await asyncio.wait({ended, shutting_down}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            ended.result()
        return ended.done()
    finally:
        ended.cancel()
        shutting_down.cancel()


async def _result(run: Run) -> None:
    await run


async def _mark_read(mark_read: Callable[[], object]) -> None:
    """Store a read mark; a locked database delays the reply by at most `MARK_READ_TIMEOUT`."""

    def mark() -> None:
        with suppress(ThreadsError, OSError):
            mark_read()

    await asyncio.wait([asyncio.ensure_future(asyncio.to_thread(mark))], timeout=MARK_READ_TIMEOUT)


def build_reply(state: AppState, run: Run) -> dict[str, Any]:
    """Return the `Reply` of an ended run as JSON; raises `RunFailed`."""
    info = run.info
    if info.status == "error":
        raise run_failed(info)
    messages = run.messages()
    texts = [message.text for message in messages or () if message.role == "assistant" and message.text]
    interrupts = state.registry.interrupts(run.thread_id) if info.status == "interrupted" else ()
    reply = {
        "run": info, "reply": texts[-1] if texts else None, "messages": messages, "interrupts": interrupts,
    }  # fmt: skip
    return {name: to_jsonable(value) for name, value in reply.items()}
