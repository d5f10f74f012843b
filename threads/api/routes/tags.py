"""Tags: counts, and renaming one on all threads."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from threads import Tag
from threads.api.dependencies import AdminDep, CallerDep, StateDep, decode_path, scope_owner
from threads.api.errors import ApiError
from threads.api.schemas.query_params import TRI_STATE, TagsParams
from threads.api.schemas.requests import TagRequest
from threads.api.schemas.responses import error_responses, json_response
from threads.api.worker_threads import in_write_thread

router = APIRouter(tags=["many threads"])


@router.get("/tags", response_model=list[Tag], responses=error_responses())
def list_tags(state: StateDep, caller: CallerDep, params: Annotated[TagsParams, Query()]) -> Response:
    """List tags with the number of threads that have each."""
    counts = state.registry.tags(
        agent_id=params.agent_id, owner=scope_owner(caller.actor, params.owner),
        archived=TRI_STATE[params.archived], trashed=TRI_STATE[params.trashed],
    )  # fmt: skip
    return json_response(counts)


@router.put("/tags/{tag}", responses=error_responses(404))
@in_write_thread
def rename_tag(
    state: StateDep, admin: AdminDep, tag: Annotated[str, Path()], body: TagRequest
) -> dict[str, int]:
    """Rename a tag on all threads; for admins."""
    changed = state.registry.rename_tag(decode_path(tag), body.name)
    if not changed:
        raise ApiError(404, "TagNotFound", "no thread has this tag", field="tag")
    return {"changed": changed}
