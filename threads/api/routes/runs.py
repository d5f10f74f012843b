"""What happens in threads: runs, and events as they come."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from starlette.responses import Response

from threads import InvalidValue, Run, RunInfo, RunNotFound
from threads.api.dependencies import Calling, Readable, Serving, Writable, in_path
from threads.api.disclosure import visible_run
from threads.api.schemas.queries import EventsQuery, PageQuery
from threads.api.schemas.responses import PAGED, STREAM, THREAD, Stopped, answer, cursor_of, page, told
from threads.api.sse import EventStream
from threads.api.state import Caller, Server

router = APIRouter(tags=["runs and events"])
LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="What a browser sends when it comes again.")
]


@router.get(
    "/threads/{thread_id}/runs", response_model=list[RunInfo], responses={**THREAD, 200: {"headers": PAGED}}
)
def list_runs(
    server: Serving, caller: Calling, thread: Readable, query: Annotated[PageQuery, Query()]
) -> Response:
    """The thread's runs, the last one first."""
    found = server.registry.runs(thread, limit=query.limit, cursor=cursor_of(query.cursor))
    return page(found, of=lambda info: visible_run(caller.actor, info))


@router.get("/threads/{thread_id}/runs/{run_id}", response_model=RunInfo, responses=THREAD)
def get_run(server: Serving, caller: Calling, thread: Readable, run_id: Annotated[str, Path()]) -> Response:
    """One run, under way or ended."""
    return answer(visible_run(caller.actor, _run(server, thread, run_id).info))


@router.post("/threads/{thread_id}/runs/{run_id}/stop", response_model=RunInfo, responses=THREAD)
def stop_run(server: Serving, caller: Calling, thread: Writable, run_id: Annotated[str, Path()]) -> Response:
    """End a run within a second; what was said by then is kept."""
    run = _run(server, thread, run_id)
    run.stop()
    return answer(visible_run(caller.actor, run.info))


@router.post("/threads/{thread_id}/stop", response_model=Stopped, responses=THREAD)
def stop(server: Serving, thread: Writable) -> Response:
    """End the run under way, in whatever process."""
    return answer({"stopped": server.runner.stop(thread)})


@router.post("/threads/{thread_id}/title", status_code=202, response_model=RunInfo, responses=THREAD)
def make_title(server: Serving, caller: Calling, thread: Writable) -> Response:
    """Let the title model give the thread a title, beside the conversation."""
    return answer(visible_run(caller.actor, server.runner.make_title(thread).info), 202)


@router.get(
    "/threads/{thread_id}/events",
    responses={**THREAD, 200: {"content": STREAM}},
)
def thread_events(
    server: Serving,
    caller: Calling,
    thread: Readable,
    query: Annotated[EventsQuery, Query()],
    last_event_id: LastEventId = None,
) -> Response:
    """What happens in the thread, as server-sent events; the `id` of one is where to go on after it."""
    return _listening(server, caller, thread, query, last_event_id)


@router.get("/events", responses={**told(), 200: {"content": STREAM}})
def all_events(
    server: Serving,
    caller: Calling,
    query: Annotated[EventsQuery, Query()],
    last_event_id: LastEventId = None,
) -> Response:
    """What happens in all threads that you may see."""
    return _listening(server, caller, None, query, last_event_id)


def _listening(
    server: Server, caller: Caller, thread: str | None, query: EventsQuery, last_event_id: str | None
) -> Response:
    after = _after(last_event_id, query.after)
    happening = server.registry.events(thread, owner=caller.actor.scope, after=after, follow=query.follow)
    with ExitStack() as undo:
        undo.callback(happening.close)
        seat = server.streams.seat(caller.actor, caller.token_id, thread)
        undo.pop_all()
    seat.hear(happening)
    return EventStream(server.streams, seat, server.limits)


def _after(last_event_id: str | None, after: int | None) -> int | None:
    if not last_event_id:
        return after
    if not last_event_id.isascii() or not last_event_id.isdecimal() or int(last_event_id) >= 2**63:
        raise InvalidValue("Last-Event-ID", "the id of an event is needed")
    return int(last_event_id)


def _run(server: Server, thread: str, run_id: str) -> Run:
    run = server.runner.run(in_path(run_id))
    if run.thread_id != thread:  # somebody else's, or another thread's
        raise RunNotFound(in_path(run_id))
    return run
