"""Statistics by day, agent, owner or tag."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from threads import Stat
from threads.api.dependencies import CallerDep, StateDep, scope_owner
from threads.api.schemas.query_params import AnalyticsParams
from threads.api.schemas.responses import error_responses, json_response

router = APIRouter(tags=["many threads"])


@router.get("/analytics", response_model=list[Stat], responses=error_responses())
def analytics(state: StateDep, caller: CallerDep, params: Annotated[AnalyticsParams, Query()]) -> Response:
    """Statistics by day (UTC), agent, owner or tag."""
    stats = state.registry.stats(
        by=None if params.by == "all" else params.by, agent_id=params.agent_id,
        owner=scope_owner(caller.actor, params.owner), tag=params.tag, since=params.since, until=params.until,
    )  # fmt: skip
    return json_response(stats.items)
