"""Full-text search in titles and messages."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from threads import Hit
from threads.api.dependencies import CallerDep, StateDep, filter_arguments
from threads.api.schemas.query_params import SearchParams
from threads.api.schemas.responses import PAGE_HEADERS, Found, error_responses, page_response

router = APIRouter(tags=["many threads"])


@router.get(
    "/search", response_model=list[Found], responses={200: {"headers": PAGE_HEADERS}, **error_responses()}
)
def search(state: StateDep, caller: CallerDep, params: Annotated[SearchParams, Query()]) -> Response:
    """Search titles and messages, best match first. The README describes the operators."""
    page = state.registry.search(params.text, **filter_arguments(caller, params))
    return page_response(page, count=params.count, convert=_found)


def _found(hit: Hit) -> dict[str, Any]:
    return {"thread": hit.thread, "message": hit.message, "snippet": hit.snippet, "matches": hit.matches}
