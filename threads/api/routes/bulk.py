"""Changes of many threads in one transaction."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from threads import Report
from threads.api.dependencies import CallerDep, StateDep
from threads.api.schemas.requests import BulkRequest
from threads.api.schemas.responses import error_responses, json_response
from threads.api.worker_threads import in_write_thread

router = APIRouter(tags=["many threads"])


@router.post("/bulk", response_model=Report, responses=error_responses(409))
@in_write_thread
def bulk(state: StateDep, caller: CallerDep, body: BulkRequest) -> Response:
    """Change many threads in one transaction. Ids of no thread that you may change are `missing`."""
    changes = body.model_dump(include=body.model_fields_set - {"ids"})
    verb: Any = "delete" if body.delete or body.trashed else "write"
    permitted = state.registry.admitted(caller.actor, body.ids, verb)
    report = state.registry.bulk(permitted, **changes)
    missing = [id for id in dict.fromkeys(body.ids) if id not in set(permitted)]
    return json_response(Report(report.changed, report.unchanged, (*report.missing, *missing), report.busy))
