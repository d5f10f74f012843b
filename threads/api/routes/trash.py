"""The trash: listing and emptying it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from threads import Report, Thread
from threads.api.dependencies import CallerDep, StateDep, filter_arguments, scope_owner
from threads.api.schemas.query_params import ListThreadsParams
from threads.api.schemas.responses import PAGE_HEADERS, error_responses, json_response, page_response
from threads.api.worker_threads import in_write_thread

router = APIRouter(tags=["many threads"])


@router.get(
    "/trash", response_model=list[Thread], responses={200: {"headers": PAGE_HEADERS}, **error_responses()}
)
def list_trash(state: StateDep, caller: CallerDep, params: Annotated[ListThreadsParams, Query()]) -> Response:
    """List the threads in the trash."""
    arguments = {**filter_arguments(caller, params), "trashed": True, "archived": None}
    page = state.registry.list(**arguments, sort_by=params.sort_by, sort_order=params.sort_order)
    return page_response(page, count=params.count)


@router.delete("/trash", response_model=Report, responses=error_responses(409))
@in_write_thread
def empty_trash(state: StateDep, caller: CallerDep) -> Response:
    """Permanently delete your threads in the trash, up to 1,000 per request."""
    page = state.registry.list(owner=scope_owner(caller.actor, None), trashed=True, archived=None, limit=1000)
    ids = state.registry.admitted(caller.actor, [thread.id for thread in page], "delete")
    return json_response(state.registry.bulk(ids, delete=True))
