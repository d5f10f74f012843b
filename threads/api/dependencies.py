"""FastAPI dependencies: application state, caller, and the thread of the path if the caller may use it.

A route about a thread gets its id only through `require(verb)`, so it cannot forget to authorize.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Request

from threads import Actor, InvalidValue, authorize
from threads.api.authentication import Caller
from threads.api.errors import ApiError
from threads.api.middleware import ENCODED_SLASH
from threads.api.schemas.query_params import TRI_STATE, ThreadFilterParams
from threads.api.schemas.responses import decode_cursor
from threads.api.state import AppState, state_of
from threads.store.authorization import Verb

NO_OWNER = "no owner: " + "-" * 200
"""An owner that no user can be named."""
WAIT = re.compile(r"\bwait\s*=\s*(\d{1,6})\b", re.IGNORECASE)
RESPOND_ASYNC = re.compile(r"\brespond-async\b", re.IGNORECASE)


async def _state(request: Request) -> AppState:
    return state_of(request.app)


async def _caller(request: Request) -> Caller:
    caller = request.scope["threads.caller"]
    assert isinstance(caller, Caller)
    return caller


StateDep = Annotated[AppState, Depends(_state)]
CallerDep = Annotated[Caller, Depends(_caller)]


ThreadId = Annotated[str, Path(description="The thread's id.")]


async def _admin(caller: CallerDep) -> Caller:
    if not authorize(caller.actor, None, "administer"):
        raise ApiError(403, "AdminsOnly", "this is for admins")
    return caller


def require(verb: Verb) -> Callable[..., str]:
    """Return a dependency: the thread id of the path, or `ThreadNotFound` if the caller may not `verb` it."""

    def authorized_thread(state: StateDep, caller: CallerDep, thread_id: ThreadId) -> str:
        return state.registry.admit(caller.actor, decode_path(thread_id), verb)

    return authorized_thread


async def _wait_seconds(
    request: Request,
    prefer: Annotated[
        str | None,
        Header(
            description="`respond-async`: 202 at once. `wait=N`: 202 after N seconds without a reply.",
            examples=["wait=10"],
        ),
    ] = None,
) -> float | None:
    """Return how many seconds to wait for a run by the Prefer header (RFC 7240); None: until it ends."""
    if prefer is None:
        return None
    preferences = ",".join(request.headers.getlist("prefer"))  # several lines are one list
    if found := WAIT.search(preferences):
        return float(found[1])
    return 0.0 if RESPOND_ASYNC.search(preferences) else None


AdminDep = Annotated[Caller, Depends(_admin)]
ReadableThread = Annotated[str, Depends(require("read"))]
WritableThread = Annotated[str, Depends(require("write"))]
DeletableThread = Annotated[str, Depends(require("delete"))]
WaitSeconds = Annotated[float | None, Depends(_wait_seconds)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        description="Requests with the same key create one run; repeated requests get its result.",
    ),
]


def decode_path(text: str) -> str:
    """Return a part of the path with its encoded slashes decoded."""
    return text.replace(ENCODED_SLASH, "/")


def scope_owner(actor: Actor, requested: str | None) -> str | None:
    """Return the owner whose threads a list shows: what an admin requests, else the actor.

    Other owners than oneself give an empty list, not an error: `NO_OWNER` owns nothing.
    """
    if actor.is_admin:
        return requested
    return actor.name if requested in (None, actor.name) else NO_OWNER


def filter_arguments(caller: Caller, params: ThreadFilterParams) -> dict[str, Any]:
    """Return the filters, page and owner as arguments of `Registry.list` and `Registry.search`."""
    arguments = params.model_dump(exclude={"count", "sort_by", "sort_order", "text"})
    arguments["cursor"] = decode_cursor(params.cursor)
    arguments["owner"] = scope_owner(caller.actor, params.owner)
    arguments["tag"] = params.tag or None
    arguments["archived"], arguments["trashed"] = TRI_STATE[params.archived], TRI_STATE[params.trashed]
    if params.metadata is not None:
        try:
            metadata = json.loads(params.metadata)
        except (ValueError, RecursionError):
            raise InvalidValue("metadata", "a JSON object is required") from None
        if not isinstance(metadata, dict):
            raise InvalidValue("metadata", "a JSON object is required")
        arguments["metadata"] = metadata
    return arguments


def check_admin_field(caller: Caller, fields: Any, name: str) -> None:
    """Raise `ApiError` (403) if a request sets a field that is for admins, and the caller is none."""
    if name in fields and not authorize(caller.actor, None, "administer"):
        raise ApiError(403, "AdminsOnly", f"{name} is for admins", field=name)
