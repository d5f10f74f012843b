"""Runs of a thread: list, follow, stop, and generated titles."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from threads import Run, RunInfo, RunNotFound
from threads.api.dependencies import CallerDep, ReadableThread, StateDep, WritableThread, decode_path
from threads.api.redaction import visible_run
from threads.api.schemas.query_params import PageParams, RunEventsParams
from threads.api.schemas.responses import (
    EVENT_STREAM,
    PAGE_HEADERS,
    THREAD_ERRORS,
    Stopped,
    decode_cursor,
    json_response,
    page_response,
)
from threads.api.sse import EventStreamResponse
from threads.api.state import AppState
from threads.api.worker_threads import in_write_thread

router = APIRouter(tags=["runs and events"])


@router.get(
    "/threads/{thread_id}/runs",
    response_model=list[RunInfo],
    responses={**THREAD_ERRORS, 200: {"headers": PAGE_HEADERS}},
)
def list_runs(
    state: StateDep, caller: CallerDep, thread: ReadableThread, params: Annotated[PageParams, Query()]
) -> Response:
    """List the thread's runs, newest first."""
    page = state.registry.runs(thread, limit=params.limit, cursor=decode_cursor(params.cursor))
    return page_response(page, convert=lambda info: visible_run(caller.actor, info))


@router.get("/threads/{thread_id}/runs/{run_id}", response_model=RunInfo, responses=THREAD_ERRORS)
def get_run(
    state: StateDep, caller: CallerDep, thread: ReadableThread, run_id: Annotated[str, Path()]
) -> Response:
    """Get one run."""
    return json_response(visible_run(caller.actor, _find_run(state, thread, run_id).info))


@router.get(
    "/threads/{thread_id}/runs/{run_id}/events",
    responses={**THREAD_ERRORS, 200: {"content": EVENT_STREAM}},
)
def run_events(
    state: StateDep,
    caller: CallerDep,
    thread: ReadableThread,
    run_id: Annotated[str, Path()],
    params: Annotated[RunEventsParams, Query()],
) -> Response:
    """Stream the stored events of a run from its start on, then those to come until it ends."""
    run = _find_run(state, thread, run_id)
    with ExitStack() as undo:
        slot = state.streams.acquire(caller.actor, caller.token_id, thread)
        undo.callback(state.streams.release, slot)
        slot.attach(run.events(owner=caller.actor.scope, inner=params.inner, follow=params.follow))
        undo.pop_all()
    return EventStreamResponse(
        state.streams, slot, state.limits,
        include=lambda event: event.run_id == run.id, is_last=run.ends_with,
    )  # fmt: skip


@router.post("/threads/{thread_id}/runs/{run_id}/stop", response_model=RunInfo, responses=THREAD_ERRORS)
@in_write_thread
def stop_run(
    state: StateDep, caller: CallerDep, thread: WritableThread, run_id: Annotated[str, Path()]
) -> Response:
    """Stop a run. Partial output is stored as a message with `stopped=true`."""
    run = _find_run(state, thread, run_id)
    run.stop()
    return json_response(visible_run(caller.actor, run.info))


@router.post("/threads/{thread_id}/stop", response_model=Stopped, responses=THREAD_ERRORS)
@in_write_thread
def stop(state: StateDep, thread: WritableThread) -> Response:
    """Stop the active run of the thread, in whatever process."""
    return json_response({"stopped": state.runner.stop(thread)})


@router.post("/threads/{thread_id}/title", status_code=202, response_model=RunInfo, responses=THREAD_ERRORS)
@in_write_thread
def make_title(state: StateDep, caller: CallerDep, thread: WritableThread) -> Response:
    """Start a run of the title model, which sets the thread's title."""
    return json_response(visible_run(caller.actor, state.runner.make_title(thread).info), 202)


def _find_run(state: AppState, thread: str, run_id: str) -> Run:
    run = state.runner.run(decode_path(run_id))
    if run.thread_id != thread:  # of another thread, perhaps of another owner
        raise RunNotFound(decode_path(run_id))
    return run
