"""The threads themselves: begun, listed, looked at, changed, put away, erased, forked."""

from __future__ import annotations

import contextlib
import hashlib
import json
from concurrent.futures import CancelledError
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import anyio.to_thread
from fastapi import APIRouter, Body, Query, Request
from starlette.responses import Response

from threads import AgentNotFound, InvalidValue, Thread, ThreadsError, ThreadTrashed
from threads.api.dependencies import (
    Calling,
    Deletable,
    Key,
    Readable,
    Serving,
    Writable,
    only_admins,
    owner_for,
)
from threads.api.routes.run_responses import Prefer, is_done, seconds_of
from threads.api.schemas.queries import WHICH, DeleteQuery, ListQuery, Narrowed
from threads.api.schemas.requests import CreateThreadRequest, ForkRequest, RewindRequest, UpdateThreadRequest
from threads.api.schemas.responses import PAGED, THREAD, answer, cursor_of, location, nothing, page, told
from threads.api.state import Caller, Server
from threads.runs.request import checked_key

router = APIRouter(tags=["threads"])
STOP_WAIT = 5.0
"""Seconds that an erased thread's run has to come to rest; what it stores after that is refused."""
CREATED: dict[int | str, dict[str, Any]] = {
    201: {"description": "It is there.", "headers": {"Location": {"schema": {"type": "string"}}}}
}


@router.get("/threads", response_model=list[Thread], responses={200: {"headers": PAGED}, **told()})
def list_threads(server: Serving, caller: Calling, query: Annotated[ListQuery, Query()]) -> Response:
    """The threads, newest activity first, as a bare array; the rest of the page is told in headers."""
    asked = narrowed(caller, query)
    found = server.registry.list(**asked, sort_by=query.sort_by, sort_order=query.sort_order)
    return page(found, count=query.count)


@router.post("/threads", status_code=201, response_model=Thread, responses={**CREATED, **told(404, 409, 410)})
async def create_thread(
    server: Serving,
    caller: Calling,
    body: CreateThreadRequest,
    request: Request,
    idempotency_key: Key = None,
    prefer: Prefer = None,
) -> Response:
    """Begin a thread. Its initial message is answered before this returns; `Prefer` says otherwise."""
    checked_key(idempotency_key)  # before the thread is made, which a key that cannot be would leave behind
    thread = await anyio.to_thread.run_sync(_create, server, caller, body, idempotency_key)
    headers = location("threads", thread.id)
    if body.initial_message is not None:
        said = spoken(body.initial_message)
        begin = partial(server.runner.start, thread.id, said, key=idempotency_key)
        run = await anyio.to_thread.run_sync(begin)
        headers["X-Run-Id"] = run.id
        with contextlib.suppress(ThreadsError):  # it failed: the thread's status and its run tell
            await is_done(server, run, seconds_of(request))
    return answer(await anyio.to_thread.run_sync(server.registry.get, thread.id), 201, headers)


@router.get("/threads/{thread_id}", response_model=Thread, responses=THREAD)
def get_thread(server: Serving, thread: Readable) -> Response:
    """One thread."""
    return answer(server.registry.get(thread))


@router.put("/threads/{thread_id}", response_model=Thread, responses=THREAD)
def update_thread(server: Serving, caller: Calling, thread: Writable, body: UpdateThreadRequest) -> Response:
    """Change what is yours: title, metadata, tags, pin, archive, agent."""
    given = body.model_dump(include=body.model_fields_set)
    only_admins(caller, given, "owner")
    if given.get("agent_id") is not None:
        _check_agent(server, given["agent_id"])
    return answer(server.registry.update(thread, **given))


@router.delete("/threads/{thread_id}", status_code=204, responses=THREAD)
def delete_thread(server: Serving, thread: Deletable, query: Annotated[DeleteQuery, Query()]) -> Response:
    """Put a thread in the trash, or erase it for good, with every word of its memory."""
    if query.permanent:
        _stop(server, thread)
        server.registry.delete(thread)
    else:
        server.registry.trash(thread)
    return nothing()


@router.post("/threads/{thread_id}/restore", response_model=Thread, responses=THREAD)
def restore_thread(server: Serving, thread: Writable) -> Response:
    """Take a thread out of the trash."""
    return answer(server.registry.restore(thread))


@router.post(
    "/threads/{thread_id}/fork", status_code=201, response_model=Thread, responses={**CREATED, **THREAD}
)
def fork_thread(
    server: Serving, thread: Writable, body: Annotated[ForkRequest, Body(default_factory=ForkRequest)]
) -> Response:
    """A new thread that begins with what this one remembered at a checkpoint or a message."""
    forked = server.registry.fork(thread, at=body.at)
    return answer(forked, 201, location("threads", forked.id))


@router.post("/threads/{thread_id}/rewind", response_model=Thread, responses=THREAD)
def rewind_thread(server: Serving, thread: Writable, body: RewindRequest) -> Response:
    """Go back to a checkpoint or a message; what came since stays reachable."""
    return answer(server.registry.rewind(thread, to=body.to))


def spoken(said: Any) -> Any:
    """What a request says, as the runner takes it: text, or blocks of text built here."""
    return said if isinstance(said, str) else [{"type": "text", "text": block.text} for block in said]


def narrowed(caller: Caller, query: Narrowed) -> dict[str, Any]:
    """The filters, page and owner that a question stands for."""
    asked = query.model_dump(exclude={"count", "sort_by", "sort_order", "text"})
    asked["cursor"] = cursor_of(query.cursor)
    asked["owner"] = owner_for(caller.actor, query.owner)
    asked["tag"] = query.tag or None
    asked["archived"], asked["trashed"] = WHICH[query.archived], WHICH[query.trashed]
    if query.metadata is not None:
        try:
            asked["metadata"] = json.loads(query.metadata)
        except (ValueError, RecursionError):
            raise InvalidValue("metadata", "a JSON object is needed") from None
        if not isinstance(asked["metadata"], dict):
            raise InvalidValue("metadata", "a JSON object is needed")
    return asked


def _create(server: Server, caller: Caller, body: CreateThreadRequest, key: str | None) -> Thread:
    only_admins(caller, body.model_fields_set, "owner")
    agent_id = body.agent_id if body.agent_id is not None else server.default_agent
    _check_agent(server, agent_id)
    given: dict[str, Any] = {
        "title": body.title,
        "agent_id": agent_id,
        "owner": body.owner if caller.actor.is_admin else caller.actor.name,
        "metadata": body.metadata,
        "tags": body.tags,
    }
    if key is None:
        return server.registry.create(**given)
    asked = json.dumps(body.model_dump(mode="json"), sort_keys=True)
    thread = server.registry.begin_once(_id_for(caller, key), key=key, request=asked, **given)
    server.registry.admit(caller.actor, thread.id, "write")  # it may be somebody else's by now
    if thread.trashed_at is not None:
        raise ThreadTrashed(thread.id)
    return thread


def _id_for(caller: Caller, key: str) -> str:
    """The id of the thread that this key of this caller began: the same each time, and nobody else's."""
    name = "" if caller.actor.name is None else f"user {caller.actor.name}"
    digest = hashlib.sha256(f"{name}\0{key}".encode(errors="surrogatepass")).digest()
    return str(UUID(bytes=digest[:16], version=5))


def _check_agent(server: Server, agent_id: str) -> None:
    if agent_id not in server.runner.agent_ids:
        raise AgentNotFound(agent_id, server.runner.agent_ids)


def _stop(server: Server, thread: str) -> None:
    """Stop the thread's run and give it a moment to come to rest."""
    if not server.runner.stop(thread):
        return
    for info in server.registry.runs(thread, limit=10):
        if info.status == "running":
            with contextlib.suppress(ThreadsError, TimeoutError, CancelledError):
                server.runner.run(info.id).result(STOP_WAIT)
