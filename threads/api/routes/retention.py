"""Retention rules, and the cleanup that applies them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path
from starlette.responses import JSONResponse, Response

from threads import Cleaned
from threads.api.dependencies import AdminDep, StateDep, decode_path
from threads.api.errors import ApiError
from threads.api.schemas.requests import CleanupRequest, RuleRequest
from threads.api.schemas.responses import RuleForm, error_responses, json_response, no_content
from threads.api.worker_threads import in_write_thread

router = APIRouter(tags=["upkeep"])


@router.get("/rules", response_model=list[RuleForm], responses=error_responses())
def list_rules(state: StateDep, admin: AdminDep) -> Response:
    """List the retention rules; for admins."""
    return json_response(state.registry.rules())


@router.put("/rules/{name}", response_model=RuleForm, responses=error_responses(404))
@in_write_thread
def set_rule(
    state: StateDep, admin: AdminDep, name: Annotated[str, Path()], body: RuleRequest
) -> JSONResponse:
    """Create or replace a retention rule."""
    rule: dict[str, Any] = body.model_dump()
    for field in ("inactive", "age", "trashed"):
        rule[field] = None if rule[field] is None else timedelta(seconds=rule[field])
    return json_response(state.registry.set_rule(decode_path(name), **rule))


@router.delete("/rules/{name}", status_code=204, responses=error_responses(404))
@in_write_thread
def remove_rule(state: StateDep, admin: AdminDep, name: Annotated[str, Path()]) -> Response:
    """Delete a retention rule."""
    names = {rule.name for rule in state.registry.rules()}
    if decode_path(name) not in names:
        raise ApiError(404, "RuleNotFound", "there is no such rule")
    state.registry.remove_rule(decode_path(name))
    return no_content()


@router.post("/cleanup", response_model=list[Cleaned], responses=error_responses(409))
@in_write_thread
def cleanup(
    state: StateDep, admin: AdminDep, body: Annotated[CleanupRequest, Body(default_factory=CleanupRequest)]
) -> Response:
    """Apply the retention rules; with `dry_run` only report what they would do."""
    return json_response(state.registry.cleanup(dry_run=body.dry_run))
