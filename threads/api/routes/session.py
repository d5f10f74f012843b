"""The caller, and their session cookie."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from threads.api.authentication import SESSION_COOKIE
from threads.api.dependencies import CallerDep, StateDep
from threads.api.errors import ApiError
from threads.api.schemas.responses import Me, error_responses, json_response, no_content
from threads.api.worker_threads import in_write_thread

router = APIRouter(tags=["upkeep"])
SESSION_LIFETIME = timedelta(hours=12)


@router.get("/me", response_model=Me, responses=error_responses())
def me(caller: CallerDep) -> Response:
    """Get the caller."""
    return json_response({"name": caller.actor.name, "is_admin": caller.actor.is_admin})


@router.post("/session", response_model=Me, status_code=201, responses=error_responses(409))
@in_write_thread
def begin_session(state: StateDep, caller: CallerDep, request: Request) -> Response:
    """Create a session: an HttpOnly cookie for 12 hours, or until the token expires."""
    if caller.token_id is None:
        raise ApiError(409, "NoSession", "the local user needs no session")
    token = state.registry.users.new_session(caller.token_id, lifetime=SESSION_LIFETIME)
    response = json_response({"name": caller.actor.name, "is_admin": caller.actor.is_admin}, 201)
    response.set_cookie(
        SESSION_COOKIE, token, max_age=round(SESSION_LIFETIME.total_seconds()), path="/",
        httponly=True, samesite="strict",
        secure=state.is_https or "https" in (request.url.scheme, request.headers.get("origin", "")[:5]),
    )  # fmt: skip
    return response


@router.delete("/session", status_code=204, responses=error_responses())
@in_write_thread
def end_session(state: StateDep, request: Request) -> Response:
    """Revoke the session of the cookie, if any. The token it was created with stays valid."""
    cookie = request.cookies.get(SESSION_COOKIE)
    session = state.registry.users.who(cookie) if cookie else None
    if cookie and session and (name := session[0].name):
        state.registry.users.revoke(name, session[1])
        state.authenticator.forget(cookie)
    response = no_content()
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="strict")
    return response
