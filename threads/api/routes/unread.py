"""Counts of unread messages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from threads.api.dependencies import CallerDep, StateDep
from threads.api.schemas.query_params import UnreadParams
from threads.api.schemas.responses import error_responses, json_response

router = APIRouter(tags=["many threads"])


@router.get("/unread", response_model=dict[str, int | None], responses=error_responses())
def unread(state: StateDep, caller: CallerDep, params: Annotated[UnreadParams, Query()]) -> Response:
    """Count unread messages by thread. Your own messages and replies that you received are read."""
    mine = state.registry.admitted(caller.actor, params.id, "read")
    return json_response(state.registry.unread(mine, caller.reader))
