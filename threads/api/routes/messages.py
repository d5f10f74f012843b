"""Messages, checkpoints and interrupts of a thread, and the requests that start a run."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query
from starlette.responses import Response

from threads import Checkpoint, Interrupt, InvalidValue, Message, Run, Runner
from threads.api.dependencies import (
    CallerDep,
    IdempotencyKey,
    ReadableThread,
    StateDep,
    ThreadId,
    WritableThread,
    decode_path,
)
from threads.api.routes.run_responses import RUN_RESPONSES, RunResponderDep
from threads.api.routes.thread_creation import ensure_thread
from threads.api.schemas.query_params import MessagesParams
from threads.api.schemas.requests import (
    EditRequest,
    ReadRequest,
    RegenerateRequest,
    ResumeRequest,
    SendMessageRequest,
    runner_content,
)
from threads.api.schemas.responses import (
    PAGE_HEADERS,
    THREAD_ERRORS,
    Unread,
    decode_cursor,
    json_response,
    page_response,
)
from threads.api.worker_threads import in_write_thread
from threads.runs.request import checked_key

router = APIRouter(tags=["messages"])


@router.get(
    "/threads/{thread_id}/messages", response_model=list[Message],
    responses={**THREAD_ERRORS, 200: {"headers": PAGE_HEADERS}},
)  # fmt: skip
def list_messages(
    state: StateDep, thread: ReadableThread, params: Annotated[MessagesParams, Query()]
) -> Response:
    """List messages, oldest first: the last `limit` ones, or the last ones before a message."""
    if params.before is not None and params.cursor is not None:
        raise InvalidValue("cursor", "give either `before` or `cursor`, not both")
    before = params.before if params.cursor is None else decode_cursor(params.cursor)
    page = state.registry.messages(thread, limit=params.limit, before=before, at=params.at)
    return page_response(page)


@router.post("/threads/{thread_id}/messages", responses=RUN_RESPONSES)
async def send_message(
    state: StateDep,
    caller: CallerDep,
    responder: RunResponderDep,
    thread_id: ThreadId,
    body: SendMessageRequest,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Send a user message. The response is the reply, a stream of events, or 202 with a Location."""
    checked_key(idempotency_key)  # before a thread is created, which an invalid key would leave behind

    def begin() -> Run:
        return responder.start(
            ensure_thread(state, caller, decode_path(thread_id), body), Runner.start,
            runner_content(body.message), agent_id=body.agent_id, key=idempotency_key,
            multitask_strategy=body.multitask_strategy,
        )  # fmt: skip

    return await responder.respond_to(begin)


@router.put("/threads/{thread_id}/messages/{message_id}", responses=RUN_RESPONSES)
async def edit_message(
    responder: RunResponderDep,
    thread: WritableThread,
    message_id: Annotated[str, Path()],
    body: EditRequest,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Replace a user message and run from there. What followed the old one stays as another branch."""
    return await responder.respond(
        thread, Runner.edit, decode_path(message_id), runner_content(body.message), key=idempotency_key
    )


@router.post("/threads/{thread_id}/regenerate", responses=RUN_RESPONSES)
async def regenerate(
    responder: RunResponderDep,
    thread: WritableThread,
    body: Annotated[RegenerateRequest, Body(default_factory=RegenerateRequest)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Run again from before an assistant message. The old answer stays as another branch."""
    return await responder.respond(thread, Runner.regenerate, body.message_id, key=idempotency_key)


@router.post("/threads/{thread_id}/resume", responses=RUN_RESPONSES)
async def resume(
    responder: RunResponderDep,
    thread: WritableThread,
    body: ResumeRequest,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Resume the pending interrupt with a value. Only the first value counts; a breakpoint takes none."""
    value = (body.value,) if "value" in body.model_fields_set else ()  # null is an answer
    return await responder.respond(thread, Runner.resume, *value, key=idempotency_key)


@router.post("/threads/{thread_id}/retry", responses=RUN_RESPONSES)
async def retry(responder: RunResponderDep, thread: WritableThread) -> Response:
    """Continue the last run, which failed, from its last checkpoint."""
    return await responder.respond(thread, Runner.retry)


@router.get("/threads/{thread_id}/interrupts", response_model=list[Interrupt], responses=THREAD_ERRORS)
def list_interrupts(state: StateDep, thread: ReadableThread) -> Response:
    """List the pending interrupts."""
    return json_response(state.registry.interrupts(thread))


@router.get("/threads/{thread_id}/checkpoints", response_model=list[Checkpoint], responses=THREAD_ERRORS)
def list_checkpoints(state: StateDep, thread: ReadableThread) -> Response:
    """List the thread's checkpoints, newest first. They can be forked from and rewound to."""
    return page_response(state.registry.history(thread))


@router.put("/threads/{thread_id}/read", response_model=Unread, responses=THREAD_ERRORS)
@in_write_thread
def mark_read(
    state: StateDep,
    caller: CallerDep,
    thread: ReadableThread,
    body: Annotated[ReadRequest, Body(default_factory=ReadRequest)],
) -> Response:
    """Mark messages as read; returns how many are still unread."""
    return json_response({"unread": state.registry.mark_read(thread, caller.reader, upto=body.upto)})
