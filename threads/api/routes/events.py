"""Event streams: of one thread, and of all threads of the caller."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from threads import InvalidValue
from threads.api.authentication import Caller
from threads.api.dependencies import CallerDep, ReadableThread, StateDep
from threads.api.schemas.query_params import AllEventsParams, EventsParams
from threads.api.schemas.responses import EVENT_STREAM, THREAD_ERRORS, error_responses
from threads.api.sse import EventStreamResponse
from threads.api.state import AppState

router = APIRouter(tags=["runs and events"])
LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="Sent by browsers that reconnect.")
]


@router.get(
    "/threads/{thread_id}/events",
    responses={**THREAD_ERRORS, 200: {"content": EVENT_STREAM}},
)
def thread_events(
    state: StateDep,
    caller: CallerDep,
    thread: ReadableThread,
    params: Annotated[EventsParams, Query()],
    last_event_id: LastEventId = None,
) -> Response:
    """Stream the events of a thread. The `id` of an event is the `after` that continues behind it."""
    return _stream(state, caller, thread, params, last_event_id)


@router.get("/events", responses={**error_responses(), 200: {"content": EVENT_STREAM}})
def all_events(
    state: StateDep,
    caller: CallerDep,
    params: Annotated[AllEventsParams, Query()],
    last_event_id: LastEventId = None,
) -> Response:
    """Stream the events of all threads that you may read.

    `changes=true` adds `changed` events, whichever process made the change: `change` is `updated`, `read`,
    `removed`, or `many` without a thread. They are not stored: read your lists anew when you connect.
    """
    return _stream(state, caller, None, params, last_event_id, changes=params.changes)


def _stream(
    state: AppState,
    caller: Caller,
    thread: str | None,
    params: EventsParams,
    last_event_id: str | None,
    *,
    changes: bool = False,
) -> Response:
    after = _start_after(last_event_id, params.after)
    subscription = state.registry.events(
        thread, owner=caller.actor.scope, after=after, follow=params.follow, inner=params.inner,
        changes=changes,
    )  # fmt: skip
    with ExitStack() as undo:
        undo.callback(subscription.close)
        slot = state.streams.acquire(caller.actor, caller.token_id, thread)
        undo.pop_all()
    slot.attach(subscription)
    return EventStreamResponse(state.streams, slot, state.limits)


def _start_after(last_event_id: str | None, after: int | None) -> int | None:
    if not last_event_id:
        return after
    if not last_event_id.isascii() or not last_event_id.isdecimal() or int(last_event_id) >= 2**63:
        raise InvalidValue("Last-Event-ID", "the id of an event is required")
    return int(last_event_id)
