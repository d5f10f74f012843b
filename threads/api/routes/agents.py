"""The agents that can be chosen."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from threads.api.dependencies import CallerDep, StateDep
from threads.api.schemas.responses import Agent, error_responses, json_response
from threads.serialization import to_jsonable

router = APIRouter(tags=["upkeep"])


@router.get("/agents", response_model=list[Agent], responses=error_responses())
def list_agents(state: StateDep, caller: CallerDep) -> Response:
    """List the agents, with the name, the description and the starter messages that they are shown with."""
    found = [
        {**to_jsonable(agent), "default": agent.id == state.default_agent} for agent in state.runner.agents
    ]
    return json_response(found)
