"""What answers hold, where the library has no class for it, and how errors are told in the OpenAPI."""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, get_args
from urllib.parse import quote

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from threads.api.errors import Problem
from threads.errors import InvalidCursor
from threads.models import Action, EventType, Interrupt, Message, Page, RunInfo
from threads.serialization import to_jsonable

ROOT = "/api/v1"


class Reply(BaseModel):
    """What became of a message, or of whatever else was asked of an agent."""

    run: RunInfo
    reply: str | None = Field(description="The text of the last assistant message; null if there is none.")
    messages: list[Message] = Field(description="All that the run stored, the user's message first.")
    interrupts: list[Interrupt] = Field(description="The questions that the thread waits with now.")


class Found(BaseModel):
    """Something that was found."""

    thread: dict[str, Any]
    message: dict[str, Any] | None = Field(description="null where the title was found.")
    snippet: str
    matches: list[tuple[int, int]] = Field(description="Where in the snippet the finds stand.")


class Agent(BaseModel):
    """Somebody who can answer."""

    id: str
    default: bool


class Me(BaseModel):
    """Who asks."""

    name: str | None = Field(description="null: the local user.")
    is_admin: bool


class RuleForm(BaseModel):
    """A rule; lengths of time in seconds."""

    name: str
    action: Action
    thread_id: str | None
    tag: str | None
    agent_id: str | None
    owner: str | None
    abandoned: bool
    inactive: float | None
    age: float | None
    trashed: float | None


class Stopped(BaseModel):
    """Whether there was something to stop."""

    stopped: bool


class Unread(BaseModel):
    """How many messages are unread."""

    unread: int


class Health(BaseModel):
    """How the server is."""

    status: str


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """`value` as it is sent."""
    return JSONResponse(to_jsonable(value), status, headers=None if headers is None else dict(headers))


def page(items: Page[Any], *, count: bool = True, of: Any = None) -> JSONResponse:
    """A page as a bare array; the rest of it in headers."""
    headers = {"X-Total-Count": str(items.total)} if count else {}
    if items.next_cursor is not None:
        headers["X-Next-Cursor"] = urlsafe_b64encode(items.next_cursor.encode()).decode().rstrip("=")
    return answer([of(item) for item in items] if of else items.items, headers=headers)


def cursor_of(shown: str | None) -> str | None:
    """What an `X-Next-Cursor` stands for; `InvalidCursor` if it is none."""
    if shown is None:
        return None
    try:
        return b64decode(shown + "=" * (-len(shown) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise InvalidCursor("it is none that X-Next-Cursor told") from None


def nothing() -> Response:
    """Done, and nothing to tell."""
    return Response(status_code=204)


def location(*parts: str) -> dict[str, str]:
    """Where something is."""
    return {"Location": "/".join((ROOT, *(quote(part, safe="") for part in parts)))}


TOLD = {
    400: "The request cannot be read, or names another host.",
    401: "A token is needed.",
    403: "Not allowed: for admins, or asked from another site.",
    404: "There is no such thing, or it is not yours.",
    409: "It does not fit what is going on: the thread is busy, or in the trash, or waits for nothing.",
    410: "The thread was deleted meanwhile.",
    413: "The body is too large.",
    422: "A field cannot be what it is; `field` names it.",
    429: "Too many requests, streams, or messages that wait in the thread.",
    502: "The agent failed.",
    503: "The database is busy, or the server shuts down.",
    507: "The disk is full.",
}
PLAIN = (400, 401, 403, 413, 422, 429, 503, 507)


def told(*more: int, **good: Any) -> dict[int | str, dict[str, Any]]:
    """The errors that a route may answer with."""
    return {status: {"description": TOLD[status], "model": Problem} for status in sorted({*PLAIN, *more})}


THREAD = told(404, 409, 410)
"""Of routes about one thread."""
RUN = told(404, 409, 410, 502)
"""Of routes that let something through an agent."""
SENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "id": {"type": "string", "description": "Where to go on after it; a gap has none."},
        "event": {"type": "string", "enum": [*get_args(EventType)]},
        "data": {"type": "string", "contentMediaType": "application/json", "description": "An Event."},
    },
}
HEARD = {
    "thread_id": "0198c0de-0000-7000-8000-000000000001", "sequence": 3, "position": 41, "type": "token",
    "run_id": "0198c0de-0000-7000-8000-000000000002", "data": {"message_id": "lc_run--7", "text": "Hello"},
    "created_at": "2026-01-02T03:04:05.678Z",
}  # fmt: skip
STREAM = {
    "text/event-stream": {
        "schema": SENT, "example": {"id": "3", "event": "token", "data": json.dumps(HEARD)},
    }
}  # fmt: skip
PAGED = {
    "X-Total-Count": {"description": "How many there are on all pages.", "schema": {"type": "integer"}},
    "X-Next-Cursor": {
        "description": "The cursor of the next page, if there is one.",
        "schema": {"type": "string"},
    },
}
