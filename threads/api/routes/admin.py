"""Who asks, who can answer, and what is done with threads that grow old."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Request
from starlette.responses import JSONResponse, Response

from threads import Cleaned
from threads.api.dependencies import Admin, Calling, Serving, in_path
from threads.api.errors import Refused
from threads.api.middleware import COOKIE
from threads.api.schemas.requests import CleanupRequest, RuleRequest
from threads.api.schemas.responses import Agent, Me, RuleForm, answer, nothing, told

router = APIRouter(tags=["upkeep"])
SESSION = timedelta(hours=12)


@router.get("/agents", response_model=list[Agent], responses=told())
def list_agents(server: Serving, caller: Calling) -> Response:
    """Who can answer."""
    known = server.runner.agent_ids
    return answer([{"id": id, "default": id == server.default_agent} for id in known])


@router.get("/me", response_model=Me, responses=told())
def me(caller: Calling) -> Response:
    """Who you are here."""
    return answer({"name": caller.actor.name, "is_admin": caller.actor.is_admin})


@router.post("/session", response_model=Me, status_code=201, responses=told(409))
def begin_session(server: Serving, caller: Calling, request: Request) -> Response:
    """Change a token for a cookie that scripts cannot read, for 12 hours or as long as the token lives."""
    if caller.token_id is None:
        raise Refused(409, "NoSession", "the local user needs no session")
    token = server.registry.users.new_session(caller.token_id, lifetime=SESSION)
    response = answer({"name": caller.actor.name, "is_admin": caller.actor.is_admin}, 201)
    response.set_cookie(
        COOKIE, token, max_age=round(SESSION.total_seconds()), path="/", httponly=True, samesite="strict",
        secure=server.is_https or "https" in (request.url.scheme, request.headers.get("origin", "")[:5]),
    )  # fmt: skip
    return response


@router.delete("/session", status_code=204, responses=told())
def end_session(server: Serving, request: Request) -> Response:
    """End the session of this browser, if it lives still; a token that was shown otherwise stays good."""
    cookie = request.cookies.get(COOKIE)
    found = server.registry.users.who(cookie) if cookie else None
    if cookie and found and found[0].name:
        server.registry.users.revoke(found[0].name, found[1])
        server.forget(cookie)
    response = nothing()
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response


@router.get("/rules", response_model=list[RuleForm], responses=told())
def list_rules(server: Serving, admin: Admin) -> Response:
    """The rules for threads that grow old; for admins."""
    return answer(server.registry.rules())


@router.put("/rules/{name}", response_model=RuleForm, responses=told(404))
def set_rule(server: Serving, admin: Admin, name: Annotated[str, Path()], body: RuleRequest) -> JSONResponse:
    """Store a rule; one of that name is replaced."""
    given: dict[str, Any] = body.model_dump()
    for span in ("inactive", "age", "trashed"):
        given[span] = None if given[span] is None else timedelta(seconds=given[span])
    return answer(server.registry.set_rule(in_path(name), **given))


@router.delete("/rules/{name}", status_code=204, responses=told(404))
def remove_rule(server: Serving, admin: Admin, name: Annotated[str, Path()]) -> Response:
    """Drop a rule."""
    known = {rule.name for rule in server.registry.rules()}
    if in_path(name) not in known:
        raise Refused(404, "RuleNotFound", "there is no such rule")
    server.registry.remove_rule(in_path(name))
    return nothing()


@router.post("/cleanup", response_model=list[Cleaned], responses=told(409))
def cleanup(
    server: Serving, admin: Admin, body: Annotated[CleanupRequest, Body(default_factory=CleanupRequest)]
) -> Response:
    """Do what the rules say, or only tell."""
    return answer(server.registry.cleanup(dry_run=body.dry_run))
