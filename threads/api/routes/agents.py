"""The agents that can be chosen."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from threads.api.dependencies import CallerDep, StateDep
from threads.api.schemas.responses import Agent, error_responses, json_response

router = APIRouter(tags=["upkeep"])


@router.get("/agents", response_model=list[Agent], responses=error_responses())
def list_agents(state: StateDep, caller: CallerDep) -> Response:
    """List the agents."""
    ids = state.runner.agent_ids
    return json_response([{"id": id, "default": id == state.default_agent} for id in ids])
