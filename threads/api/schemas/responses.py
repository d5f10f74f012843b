"""Response bodies that the library has no class for, response helpers, errors in the OpenAPI schema."""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, get_args
from urllib.parse import quote

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from threads.api.errors import ErrorBody
from threads.errors import InvalidCursor
from threads.models import Action, EventType, Interrupt, Message, Page, RunInfo
from threads.serialization import to_jsonable

API_PREFIX = "/api/v1"


class Reply(BaseModel):
    """The result of a run."""

    run: RunInfo
    reply: str | None = Field(
        description="The text of the last assistant message; null if there is none, or if it is unknown."
    )
    messages: list[Message] | None = Field(
        description="The messages that the run stored, as the conversation orders them; null if unknown."
    )
    interrupts: list[Interrupt] = Field(description="The pending interrupts of the thread.")


class TemporaryReply(BaseModel):
    """The result of a run without a thread."""

    reply: str | None = Field(description="The text of the last assistant message; null if there is none.")
    messages: list[Message] = Field(description="The messages that the agent added to the conversation.")


class Found(BaseModel):
    """A search result."""

    thread: dict[str, Any]
    message: dict[str, Any] | None = Field(description="null for a match in the title.")
    snippet: str
    matches: list[tuple[int, int]] = Field(description="Start and end of each match in the snippet.")


class Agent(BaseModel):
    """An agent that can run."""

    id: str
    name: str = Field(description="For people; the id where the agent has no other name.")
    description: str | None
    starters: list[str] = Field(description="Up to four messages that a conversation with it may begin with.")
    default: bool


class Me(BaseModel):
    """The caller."""

    name: str | None = Field(description="null for the local user.")
    is_admin: bool


class ClientLimits(BaseModel):
    """What a request may hold at most. Lengths are in characters (Unicode code points)."""

    body_bytes: int = Field(
        description="Bytes of a request body, as it is sent: the JSON around a message, too."
    )
    title_length: int
    tag_length: int
    tags: int = Field(description="Tags of a thread.")
    metadata_bytes: int = Field(description="Bytes of a thread's metadata as JSON.")
    temporary_messages: int = Field(description="Messages of a temporary chat.")


class ServerInfo(BaseModel):
    """The server, for clients."""

    version: str
    makes_titles: bool = Field(description="Whether `POST .../title` has a model.")
    limits: ClientLimits


class RuleForm(BaseModel):
    """A retention rule; durations in seconds."""

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
    """Whether a run was stopped."""

    stopped: bool


class Unread(BaseModel):
    """The number of unread messages; null if the messages are unknown."""

    unread: int | None


class Health(BaseModel):
    """The health of the server."""

    status: str


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return a JSON response with `value`."""
    return JSONResponse(to_jsonable(value), status, headers=None if headers is None else dict(headers))


def page_response(items: Page[Any], *, count: bool = True, convert: Any = None) -> JSONResponse:
    """Return a page as a bare array, with its total and the next cursor in headers."""
    headers = {"X-Total-Count": str(items.total)} if count else {}
    if items.next_cursor is not None:
        headers["X-Next-Cursor"] = urlsafe_b64encode(items.next_cursor.encode()).decode().rstrip("=")
    return json_response([convert(item) for item in items] if convert else items.items, headers=headers)


def decode_cursor(text: str | None) -> str | None:
    """Return the library's cursor for an `X-Next-Cursor`; raises `InvalidCursor`."""
    if text is None:
        return None
    try:
        return b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise InvalidCursor("it is no X-Next-Cursor") from None


def no_content() -> Response:
    """Return an empty response with status 204."""
    return Response(status_code=204)


def location_header(*parts: str) -> dict[str, str]:
    """Return a Location header for the resource at this path."""
    return {"Location": "/".join((API_PREFIX, *(quote(part, safe="") for part in parts)))}


ERROR_DESCRIPTIONS = {
    400: "The request cannot be parsed, or its Host is unknown.",
    401: "A valid token is required.",
    403: "Not allowed: for admins, or sent by a page of another site.",
    404: "The resource does not exist, or you may not read it.",
    409: "Conflict with the state of the thread: busy, in the trash, or no pending interrupt.",
    410: "The thread was deleted meanwhile.",
    413: "The body is too large.",
    422: "A field is invalid; `field` names it.",
    429: "Too many requests, open streams, or queued runs.",
    502: "The agent failed.",
    503: "The database is not available, or the server shuts down.",
    507: "The disk is full.",
}
COMMON_ERRORS = (400, 401, 403, 413, 422, 429, 503, 507)


def error_responses(*more: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses for the errors of a route: those of all routes, and `more`."""
    return {
        status: {"description": ERROR_DESCRIPTIONS[status], "model": ErrorBody}
        for status in sorted({*COMMON_ERRORS, *more})
    }


THREAD_ERRORS = error_responses(404, 409, 410)
RUN_ERRORS = error_responses(404, 409, 410, 502)
EVENT_SCHEMA = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "id": {"type": "string", "description": "The `after` that continues behind it; a gap has none."},
        "event": {"type": "string", "enum": [*get_args(EventType)]},
        "data": {"type": "string", "contentMediaType": "application/json", "description": "An Event."},
    },
}
EVENT_EXAMPLE = {
    "thread_id": "0198c0de-0000-7000-8000-000000000001", "sequence": 3, "position": 41, "type": "token",
    "run_id": "0198c0de-0000-7000-8000-000000000002", "data": {
        "message_id": "lc_run--7", "text": "Hello", "content": [{"type": "text", "text": "Hello"}],
        "node": "model", "namespace": [], "in_conversation": True,
    },
    "created_at": "2026-01-02T03:04:05.678Z",
}  # fmt: skip
EVENT_STREAM = {
    "text/event-stream": {
        "schema": EVENT_SCHEMA, "example": {"id": "3", "event": "token", "data": json.dumps(EVENT_EXAMPLE)},
    }
}  # fmt: skip
PAGE_HEADERS = {
    "X-Total-Count": {"description": "The number of items on all pages.", "schema": {"type": "integer"}},
    "X-Next-Cursor": {
        "description": "The cursor of the next page, if any.",
        "schema": {"type": "string"},
    },
}
