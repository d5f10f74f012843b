"""Threads: create, list, get, update, trash, delete, restore, fork, rewind, undo."""

from __future__ import annotations

import contextlib
import hashlib
import json
from concurrent.futures import CancelledError
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import anyio.to_thread
from fastapi import APIRouter, Body, Query
from starlette.responses import Response

from threads import AgentNotFound, Message, Thread, ThreadsError, ThreadTrashed
from threads.api.authentication import Caller
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
from threads.api.routes.run_responses import wait_for_run
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
    PAGE_HEADERS,
    THREAD_ERRORS,
    error_responses,
    json_response,
    location_header,
    no_content,
    page_response,
)
from threads.api.state import AppState
from threads.runs.request import checked_key

router = APIRouter(tags=["threads"])
STOP_TIMEOUT = 5.0
"""Seconds to wait for the run of a thread that is deleted; what the run writes after that is refused."""
CREATED: dict[int | str, dict[str, Any]] = {
    201: {"description": "Created.", "headers": {"Location": {"schema": {"type": "string"}}}}
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
    responses={**CREATED, **error_responses(404, 409, 410)},
)
async def create_thread(
    state: StateDep,
    caller: CallerDep,
    body: CreateThreadRequest,
    wait_seconds: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Create a thread. With an initial message the response waits for its run, as `Prefer` says."""
    checked_key(idempotency_key)  # before the thread is created, which an invalid key would leave behind
    thread = await anyio.to_thread.run_sync(_create, state, caller, body, idempotency_key)
    headers = location_header("threads", thread.id)
    if body.initial_message is not None:
        content = runner_content(body.initial_message)
        start = partial(state.runner.start, thread.id, content, key=idempotency_key)
        run = await anyio.to_thread.run_sync(start)
        headers["X-Run-Id"] = run.id
        with contextlib.suppress(ThreadsError):  # a failed run shows in the thread's status
            await wait_for_run(state, run, wait_seconds)
    return json_response(await anyio.to_thread.run_sync(state.registry.get, thread.id), 201, headers)


@router.get("/threads/{thread_id}", response_model=Thread, responses=THREAD_ERRORS)
def get_thread(state: StateDep, thread: ReadableThread) -> Response:
    """Get one thread."""
    return json_response(state.registry.get(thread))


@router.put("/threads/{thread_id}", response_model=Thread, responses=THREAD_ERRORS)
def update_thread(
    state: StateDep, caller: CallerDep, thread: WritableThread, body: UpdateThreadRequest
) -> Response:
    """Update the given fields: title, metadata, tags, pinned, archived, agent."""
    changes = body.model_dump(include=body.model_fields_set)
    check_admin_field(caller, changes, "owner")
    if changes.get("agent_id") is not None:
        _check_agent(state, changes["agent_id"])
    return json_response(state.registry.update(thread, **changes))


@router.delete("/threads/{thread_id}", status_code=204, responses=THREAD_ERRORS)
def delete_thread(
    state: StateDep, thread: DeletableThread, params: Annotated[DeleteParams, Query()]
) -> Response:
    """Move a thread to the trash, or delete it permanently with its checkpoints, messages and runs."""
    if params.permanent:
        _stop_runs(state, thread)
        state.registry.delete(thread)
    else:
        state.registry.trash(thread)
    return no_content()


@router.post("/threads/{thread_id}/restore", response_model=Thread, responses=THREAD_ERRORS)
def restore_thread(state: StateDep, thread: WritableThread) -> Response:
    """Take a thread out of the trash."""
    return json_response(state.registry.restore(thread))


@router.post(
    "/threads/{thread_id}/fork",
    status_code=201,
    response_model=Thread,
    responses={**CREATED, **THREAD_ERRORS},
)
def fork_thread(
    state: StateDep, thread: WritableThread, body: Annotated[ForkRequest, Body(default_factory=ForkRequest)]
) -> Response:
    """Create a thread that starts with the state of this one at a checkpoint or a message."""
    forked = state.registry.fork(thread, at=body.at)
    return json_response(forked, 201, location_header("threads", forked.id))


@router.post("/threads/{thread_id}/rewind", response_model=Thread, responses=THREAD_ERRORS)
def rewind_thread(state: StateDep, thread: WritableThread, body: RewindRequest) -> Response:
    """Go back to a checkpoint or a message. Later checkpoints stay as another branch."""
    return json_response(state.registry.rewind(thread, to=body.to))


@router.post("/threads/{thread_id}/undo", response_model=Message, responses=THREAD_ERRORS)
def undo(
    state: StateDep, thread: WritableThread, body: Annotated[UndoRequest, Body(default_factory=UndoRequest)]
) -> Response:
    """Go back to before a user message, and return it. It stays as another branch, with what followed it."""
    return json_response(state.registry.undo(thread, body.message_id))


def _create(state: AppState, caller: Caller, body: CreateThreadRequest, key: str | None) -> Thread:
    check_admin_field(caller, body.model_fields_set, "owner")
    agent_id = body.agent_id if body.agent_id is not None else state.default_agent
    _check_agent(state, agent_id)
    arguments: dict[str, Any] = {
        "title": body.title,
        "agent_id": agent_id,
        "owner": body.owner if caller.actor.is_admin else caller.actor.name,
        "metadata": body.metadata,
        "tags": body.tags,
    }
    if key is None:
        return state.registry.create(**arguments)
    request = json.dumps(body.model_dump(mode="json"), sort_keys=True)
    thread = state.registry.begin_once(_id_for_key(caller, key), key=key, request=request, **arguments)
    state.registry.admit(caller.actor, thread.id, "write")  # its owner may have changed since
    if thread.trashed_at is not None:
        raise ThreadTrashed(thread.id)
    return thread


def _id_for_key(caller: Caller, key: str) -> str:
    """Return the id of the thread that this caller creates with this key; no other caller gets it."""
    name = "" if caller.actor.name is None else f"user {caller.actor.name}"
    digest = hashlib.sha256(f"{name}\0{key}".encode(errors="surrogatepass")).digest()
    return str(UUID(bytes=digest[:16], version=5))


def _check_agent(state: AppState, agent_id: str) -> None:
    if agent_id not in state.runner.agent_ids:
        raise AgentNotFound(agent_id, state.runner.agent_ids)


def _stop_runs(state: AppState, thread: str) -> None:
    """Stop the thread's run and wait up to `STOP_TIMEOUT` for its end."""
    if not state.runner.stop(thread):
        return
    for info in state.registry.runs(thread, limit=10):
        if info.status == "running":
            with contextlib.suppress(ThreadsError, TimeoutError, CancelledError):
                state.runner.run(info.id).result(STOP_TIMEOUT)
