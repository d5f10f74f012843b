"""Temporary chats: an agent answers without a thread, and nothing is stored."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from threads import RunFailed
from threads.api.dependencies import CallerDep, StateDep
from threads.api.errors import ApiError, shutting_down_error
from threads.api.routes.run_responses import accepts_event_stream
from threads.api.schemas.requests import TemporaryRunRequest, runner_content
from threads.api.schemas.responses import (
    EVENT_STREAM,
    TemporaryReply,
    error_responses,
    json_response,
)
from threads.api.sse import EventStreamResponse, StreamSlot

router = APIRouter(tags=["messages"])
NO_STORE = {"Cache-Control": "no-store"}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "model": TemporaryReply,
        "description": "The reply, or the events of the run.",
        "content": EVENT_STREAM,
    },
    **error_responses(409, 502),
}


@router.post("/runs", responses=RESPONSES)
async def run_temporarily(
    state: StateDep, caller: CallerDep, request: Request, body: TemporaryRunRequest
) -> Response:
    """Let an agent answer a conversation without a thread. Nothing is stored, and no other user can read it.

    The client sends the whole conversation each time. The response is the reply, or with
    `Accept: text/event-stream` the events of the run, which have no ids. The run ends when the client
    disconnects. Long-term memory of the agent is empty. An interrupt cannot be resumed.
    """
    turns = [(each.role, runner_content(each.content)) for each in body.messages]
    agent_id = body.agent_id if body.agent_id is not None else state.default_agent
    with ExitStack() as undo:
        slot = state.streams.acquire(caller.actor, caller.token_id, None, is_run_response=True)
        undo.callback(state.streams.release, slot)
        slot.attach(await asyncio.to_thread(state.runner._start_temporary, agent_id, turns))
        if not accepts_event_stream(request):
            return json_response(await _reply(request, slot), headers=NO_STORE)
        undo.pop_all()
    return EventStreamResponse(state.streams, slot, state.limits, is_last=lambda event: event.is_end)


async def _reply(request: Request, slot: StreamSlot) -> dict[str, Any]:
    """Return the reply once the run has ended; stop waiting when the client disconnects."""
    waiting = asyncio.ensure_future(_collect(slot))
    leaving = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({waiting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():  # the client has disconnected
            raise shutting_down_error()
        return waiting.result()
    finally:
        waiting.cancel()
        leaving.cancel()


async def _collect(slot: StreamSlot) -> dict[str, Any]:
    """Return the messages of the run. Raises `RunFailed`, `ApiError`."""
    messages: list[dict[str, Any]] = []
    async for event in slot.subscription:
        if event.type == "message":
            messages.append(event.data["message"])
        elif event.type == "failed":
            reason, error_type = event.data["reason"], event.data.get("error_type")
            raise RunFailed("", str(event.run_id), reason, error_type=error_type)
        elif event.type == "interrupted":
            what = "the agent asks something, which only a thread can answer: POST /threads begins one"
            raise ApiError(409, "ThreadRequired", what)
        elif event.type == "finished":
            texts = [each["text"] for each in messages if each["role"] == "assistant" and each["text"]]
            return {"reply": texts[-1] if texts else None, "messages": messages}
    raise shutting_down_error()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
