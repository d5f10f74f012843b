"""Threads: create, list, get, update, trash, delete, restore, fork, rewind, undo."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from threads import Message, Run, Thread, ThreadsError
from threads.api.dependencies import (
    CallerDep,
    DeletableThread,
    IdempotencyKey,
    ReadableThread,
    StateDep,
    WaitSeconds,
    WritableThread,
    check_admin_field,
    filter_arguments,
)
from threads.api.routes.run_responses import RunResponderDep, wait_for_run
from threads.api.routes.thread_creation import check_agent
from threads.api.routes.thread_creation import create_thread as create_for_request
from threads.api.schemas.query_params import DeleteParams, ListThreadsParams
from threads.api.schemas.requests import (
    CreateThreadRequest,
    ForkRequest,
    RewindRequest,
    UndoRequest,
    UpdateThreadRequest,
    runner_content,
)
from threads.api.schemas.responses import (
    EVENT_STREAM,
    PAGE_HEADERS,
    THREAD_ERRORS,
    error_responses,
    json_response,
    location_header,
    no_content,
    page_response,
)
from threads.api.state import AppState
from threads.api.worker_threads import in_write_thread
from threads.runs.request import checked_key

router = APIRouter(tags=["threads"])
STOP_TIMEOUT = 5.0
"""Seconds to wait for the run of a thread that is deleted; what the run writes after that is refused."""
CREATED: dict[int | str, dict[str, Any]] = {
    201: {"description": "Created.", "headers": {"Location": {"schema": {"type": "string"}}}}
}
CREATED_OR_STREAMED: dict[int | str, dict[str, Any]] = {
    201: {**CREATED[201], "description": "Created, or the events of its run.", "content": EVENT_STREAM}
}


@router.get(
    "/threads", response_model=list[Thread], responses={200: {"headers": PAGE_HEADERS}, **error_responses()}
)
def list_threads(
    state: StateDep, caller: CallerDep, params: Annotated[ListThreadsParams, Query()]
) -> Response:
    """List threads, by default the most recently updated first. Total and next cursor are in headers."""
    arguments = filter_arguments(caller, params)
    page = state.registry.list(**arguments, sort_by=params.sort_by, sort_order=params.sort_order)
    return page_response(page, count=params.count)


@router.post(
    "/threads",
    status_code=201,
    response_model=Thread,
    responses={**CREATED_OR_STREAMED, **error_responses(404, 409, 410)},
)
async def create_thread(
    state: StateDep,
    caller: CallerDep,
    responder: RunResponderDep,
    body: CreateThreadRequest,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Create a thread. With an initial message the response waits for its run, as `Prefer` says.

    `Accept: text/event-stream` then streams the run's events instead; `Location` names the thread.
    """
    checked_key(idempotency_key)  # before the thread is created, which an invalid key would leave behind
    create = partial(create_for_request, state, caller, body, idempotency_key)
    if body.initial_message is None:
        thread = await asyncio.to_thread(create)
        return json_response(thread, 201, location_header("threads", thread.id))
    content = runner_content(body.initial_message)

    def begin() -> Run:
        return state.runner.start(create().id, content, key=idempotency_key)

    if responder.prefers_stream:
        return await responder.stream(begin, is_new_thread=True)
    run = await asyncio.to_thread(begin)
    headers = {**location_header("threads", run.thread_id), "X-Run-Id": run.id}
    with contextlib.suppress(ThreadsError):  # a failed run shows in the thread's status
        await wait_for_run(state, run, wait_seconds)
    return json_response(await run_in_threadpool(state.registry.get, run.thread_id), 201, headers)


@router.get("/threads/{thread_id}", response_model=Thread, responses=THREAD_ERRORS)
def get_thread(state: StateDep, thread: ReadableThread) -> Response:
    """Get one thread."""
    return json_response(state.registry.get(thread))


@router.put("/threads/{thread_id}", response_model=Thread, responses=THREAD_ERRORS)
@in_write_thread
def update_thread(
    state: StateDep, caller: CallerDep, thread: WritableThread, body: UpdateThreadRequest
) -> Response:
    """Update the given fields: title, metadata, tags, pinned, archived, agent."""
    changes = body.model_dump(include=body.model_fields_set)
    check_admin_field(caller, changes, "owner")
    if changes.get("agent_id") is not None:
        check_agent(state, changes["agent_id"])
    return json_response(state.registry.update(thread, **changes))


@router.delete("/threads/{thread_id}", status_code=204, responses=THREAD_ERRORS)
async def delete_thread(
    state: StateDep, thread: DeletableThread, params: Annotated[DeleteParams, Query()]
) -> Response:
    """Move a thread to the trash, or delete it permanently with its checkpoints, messages and runs."""
    if params.permanent:
        await _stop_runs(state, thread)
        await asyncio.to_thread(state.registry.delete, thread)
    else:
        await asyncio.to_thread(state.registry.trash, thread)
    return no_content()


@router.post("/threads/{thread_id}/restore", response_model=Thread, responses=THREAD_ERRORS)
@in_write_thread
def restore_thread(state: StateDep, thread: WritableThread) -> Response:
    """Take a thread out of the trash."""
    return json_response(state.registry.restore(thread))


@router.post(
    "/threads/{thread_id}/fork",
    status_code=201,
    response_model=Thread,
    responses={**CREATED, **THREAD_ERRORS},
)
@in_write_thread
def fork_thread(
    state: StateDep, thread: WritableThread, body: Annotated[ForkRequest, Body(default_factory=ForkRequest)]
) -> Response:
    """Create a thread that starts with the state of this one at a checkpoint or a message."""
    forked = state.registry.fork(thread, at=body.at)
    return json_response(forked, 201, location_header("threads", forked.id))


@router.post("/threads/{thread_id}/rewind", response_model=Thread, responses=THREAD_ERRORS)
@in_write_thread
def rewind_thread(state: StateDep, thread: WritableThread, body: RewindRequest) -> Response:
    """Go back to a checkpoint or a message. Later checkpoints stay as another branch."""
    return json_response(state.registry.rewind(thread, to=body.to))


@router.post("/threads/{thread_id}/undo", response_model=Message, responses=THREAD_ERRORS)
@in_write_thread
def undo(
    state: StateDep, thread: WritableThread, body: Annotated[UndoRequest, Body(default_factory=UndoRequest)]
) -> Response:
    """Go back to before a user message, and return it. It stays as another branch, with what followed it."""
    return json_response(state.registry.undo(thread, body.message_id))


async def _stop_runs(state: AppState, thread: str) -> None:
    """Stop the thread's run and wait up to `STOP_TIMEOUT` for its end, without a thread."""

    def stop() -> list[Run]:
        if not state.runner.stop(thread):
            return []
        runs = state.registry.runs(thread, limit=10)
        return [state.runner.run(info.id) for info in runs if info.status == "running"]

    for run in await asyncio.to_thread(stop):
        with contextlib.suppress(ThreadsError):
            await wait_for_run(state, run, STOP_TIMEOUT)
