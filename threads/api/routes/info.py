"""What a client should know of the server before it sends something."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter
from starlette.responses import Response

from threads.api.dependencies import CallerDep, StateDep
from threads.api.schemas.responses import ServerInfo, error_responses, json_response
from threads.runs.temporary import MAX_MESSAGES
from threads.store.validation import MAX_METADATA, MAX_NAME, MAX_TAGS, MAX_TITLE

router = APIRouter(tags=["upkeep"])


@router.get("/info", response_model=ServerInfo, responses=error_responses())
def info(state: StateDep, caller: CallerDep) -> Response:
    """Get the version of the server, its limits, and whether a model can make titles."""
    limits = {
        "body_bytes": state.limits.body, "title_length": MAX_TITLE, "tag_length": MAX_NAME, "tags": MAX_TAGS,
        "metadata_bytes": MAX_METADATA, "temporary_messages": MAX_MESSAGES,
    }  # fmt: skip
    found = {"version": version("langgraph-threads"), "makes_titles": state.runner._makes_titles()}
    return json_response({**found, "limits": limits})
