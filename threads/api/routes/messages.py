"""What is said in a thread: sending, reading, editing, and letting an agent go on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query
from starlette.responses import Response

from threads import Checkpoint, Interrupt, InvalidValue, Message, Runner
from threads.api.dependencies import Calling, Key, Readable, Serving, in_path
from threads.api.routes.run_responses import RUNNING, Running
from threads.api.routes.threads import spoken
from threads.api.schemas.queries import MessagesQuery
from threads.api.schemas.requests import (
    EditRequest,
    ReadRequest,
    RegenerateRequest,
    ResumeRequest,
    SendMessageRequest,
)
from threads.api.schemas.responses import PAGED, THREAD, Unread, answer, cursor_of, page

router = APIRouter(tags=["messages"])


@router.get(
    "/threads/{thread_id}/messages", response_model=list[Message],
    responses={**THREAD, 200: {"headers": PAGED}},
)  # fmt: skip
def list_messages(server: Serving, thread: Readable, query: Annotated[MessagesQuery, Query()]) -> Response:
    """The messages as a person reads them, oldest first: the last `limit`, or the last ones before one."""
    if query.before is not None and query.cursor is not None:
        raise InvalidValue("cursor", "either `before` is taken or a cursor")
    before = query.before if query.cursor is None else cursor_of(query.cursor)
    found = server.registry.messages(thread, limit=query.limit, before=before, at=query.at)
    return page(found)


@router.post("/threads/{thread_id}/messages", responses=RUNNING)
async def send_message(run: Running, body: SendMessageRequest, idempotency_key: Key = None) -> Response:
    """Say something, and get the reply: at once, as a stream, or from where Location says."""
    return await run.answered(
        Runner.start, spoken(body.message), agent_id=body.agent_id,
        key=idempotency_key, multitask_strategy=body.multitask_strategy,
    )  # fmt: skip


@router.put("/threads/{thread_id}/messages/{message_id}", responses=RUNNING)
async def edit_message(
    run: Running, message_id: Annotated[str, Path()], body: EditRequest, idempotency_key: Key = None
) -> Response:
    """Say a user message differently; what came after the old one stays reachable."""
    return await run.answered(Runner.edit, in_path(message_id), spoken(body.message), key=idempotency_key)


@router.post("/threads/{thread_id}/regenerate", responses=RUNNING)
async def regenerate(
    run: Running,
    body: Annotated[RegenerateRequest, Body(default_factory=RegenerateRequest)],
    idempotency_key: Key = None,
) -> Response:
    """Answer anew what an assistant message answered; the old answer stays reachable."""
    return await run.answered(Runner.regenerate, body.message_id, key=idempotency_key)


@router.post("/threads/{thread_id}/resume", responses=RUNNING)
async def resume(run: Running, body: ResumeRequest, idempotency_key: Key = None) -> Response:
    """Answer the question that the thread waits with; it counts once."""
    return await run.answered(Runner.resume, body.value, key=idempotency_key)


@router.post("/threads/{thread_id}/retry", responses=RUNNING)
async def retry(run: Running) -> Response:
    """Go on with the last run, which failed, where it broke."""
    return await run.answered(Runner.retry)


@router.get("/threads/{thread_id}/interrupts", response_model=list[Interrupt], responses=THREAD)
def list_interrupts(server: Serving, thread: Readable) -> Response:
    """The questions that the thread waits with."""
    return answer(server.registry.interrupts(thread))


@router.get("/threads/{thread_id}/checkpoints", response_model=list[Checkpoint], responses=THREAD)
def list_checkpoints(server: Serving, thread: Readable) -> Response:
    """The thread's checkpoints, the last one first: places to fork from and to go back to."""
    return page(server.registry.history(thread))


@router.put("/threads/{thread_id}/read", response_model=Unread, responses=THREAD)
def mark_read(
    server: Serving,
    caller: Calling,
    thread: Readable,
    body: Annotated[ReadRequest, Body(default_factory=ReadRequest)],
) -> Response:
    """Note how far you have read; what is unread still."""
    return answer({"unread": server.registry.mark_read(thread, caller.reader, upto=body.upto)})
