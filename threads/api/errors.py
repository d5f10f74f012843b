"""Errors at this door: one table from class to status, one body for all, words without Python in them."""

from __future__ import annotations

import logging
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Match

from threads import errors
from threads.api.disclosure import visible_reason
from threads.db.errors import is_temporary


class Problem(BaseModel):
    """What went wrong."""

    error: str = Field(description="A sentence for people.", examples=["there is no thread 'a'"])
    code: str = Field(description="A word for programs.", examples=["ThreadNotFound"])
    field: str | None = Field(default=None, description="What of the request it is about.")


class Refused(Exception):
    """The door itself says no."""

    def __init__(
        self, status: int, code: str, error: str, *, field: str | None = None, headers: Any = None
    ) -> None:
        self.status, self.code, self.error, self.field, self.headers = status, code, error, field, headers
        super().__init__(error)

    def response(self) -> JSONResponse:
        """As it is sent."""
        body = {"error": self.error, "code": self.code, "field": self.field}
        told = {name: None if text is None else as_text(text) for name, text in body.items()}
        return JSONResponse(told, self.status, headers=self.headers)


def shutting_down() -> Refused:
    """What clients are told when the server ends."""
    wait = {"Retry-After": "1"}
    return Refused(503, "ShuttingDown", "the server is shutting down", headers=wait)


def as_text(text: str) -> str:
    """Text that can be sent, whatever a client made of it."""
    return text.encode(errors="replace").decode()


AS_IT_IS = "{error}"
LATER = "the database cannot do this now; try again"

TABLE: tuple[tuple[type[Exception], int, str], ...] = (
    (errors.ThreadNotFound, 404, "there is no thread {error.thread_id!r}"),
    (errors.CheckpointNotFound, 404, "the thread has no such checkpoint"),
    (errors.RunNotFound, 404, "there is no run {error.run_id!r}"),
    (errors.MessageNotFound, 404, AS_IT_IS),
    (errors.ThreadExists, 409, AS_IT_IS),
    (errors.ThreadTrashed, 409, "the thread is in the trash; POST .../restore brings it back"),
    (errors.ThreadBusy, 409, "a run is under way in the thread: wait for its end, POST .../stop, or "
        "send with multitask_strategy enqueue, interrupt or rollback"),
    (errors.QueueFull, 429, "{error.limit} messages wait in the thread; try again when one is answered"),
    (errors.ThreadMoved, 409, AS_IT_IS),
    (errors.LeaseLost, 409, "the run was taken away from this server; GET .../runs tells what became of it"),
    (errors.NothingToResume, 409, AS_IT_IS),
    (errors.AlreadyAnswered, 409, "the question was answered already, in another way; POST .../retry goes on "
        "where its run failed, POST .../regenerate asks again, POST .../messages says something new"),
    (errors.MessagesUnknown, 409, "the messages cannot be told: the graph folds them in its own way"),
    (errors.TypeNotAllowed, 409, "the stored state holds a type that this server does not allow"),
    (errors.StateDamaged, 409, "a value that is stored in the thread is damaged"),
    (errors.ThreadDeleted, 410, "the thread was deleted meanwhile"),
    (errors.InvalidValue, 422, "{error.field}: {error.reason}"),
    (errors.UsageError, 422, AS_IT_IS),
    (errors.RunFailed, 502, "the agent failed: {error.reason} (run {error.run_id})"),
    (errors.DatabaseFull, 507, "the disk of the server is full; nothing was stored"),
    (errors.DatabaseGone, 503, "the database of the server is gone: its file was removed or replaced"),
    (errors.RegistryDetached, 503, "the registry was taken out of its file; start the server again"),
    (errors.DatabaseError, 503, LATER),
    (errors.ThreadsError, 503, LATER),
)  # fmt: skip
"""The first that fits decides."""
FIELDS = {"key": "Idempotency-Key", "token_id": "Authorization", "title_model": None}
"""What a field of the library is called in a request, where it is called something else."""


def status_of(error: Exception) -> tuple[int, str]:
    """Status and words of an error of the library."""
    status, words = next((status, words) for kind, status, words in TABLE if isinstance(error, kind))
    return status, words.format(error=error)


def known(request: Request, error: Exception) -> JSONResponse:
    """An error of the library."""
    if isinstance(error, errors.RunFailed):
        caller = request.scope["threads.caller"]
        error = errors.RunFailed(error.thread_id, error.run_id, visible_reason(caller.actor, error))
    status, text = status_of(error)
    field = getattr(error, "field", None)
    for kind, name in (
        (errors.AgentNotFound, "agent_id"),
        (errors.KeyReused, None if isinstance(error, errors.AlreadyAnswered) else "key"),
        (errors.InvalidCursor, "cursor"),
        (errors.InvalidThreadId, "thread_id"),
    ):
        field = name if isinstance(error, kind) else field
    field = FIELDS.get(str(field), field)
    is_for_now = status in (429, 503) and not isinstance(error, errors.RegistryDetached)
    headers = {"Retry-After": "1"} if is_for_now else None
    return Refused(status, type(error).__name__, text, field=field, headers=headers).response()


def of_system(request: Request, error: Exception) -> JSONResponse:
    """An error of the operating system: a lack of file descriptors passes, anything else is a bug."""
    if not is_temporary(error):
        raise error
    wait = {"Retry-After": "1"}
    return Refused(503, "DatabaseBusy", LATER, headers=wait).response()


def refused(_: Request, error: Exception) -> JSONResponse:
    """The door's own no."""
    assert isinstance(error, Refused)
    return error.response()


def unreadable(_: Request, error: Exception) -> JSONResponse:
    """A request that is not of the form it should have: the first field that is wrong, and why."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()[0]
    place = [str(part) for part in found["loc"] if not isinstance(part, int)]
    field = place[min(1, len(place) - 1)]
    return Refused(422, "InvalidValue", f"{field}: {found['msg']}", field=field).response()


def http(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses: no such route, another method."""
    assert isinstance(error, HTTPException)
    code = {404: "NotFound", 405: "MethodNotAllowed", 413: "TooLarge"}.get(error.status_code, "BadRequest")
    headers = {"Allow": ", ".join(_methods(request))} if error.status_code == 405 else error.headers
    return Refused(error.status_code, code, str(error.detail), headers=headers).response()


def _methods(request: Request) -> list[str]:
    """What can be done at this address."""
    asked = {name: request.scope[name] for name in ("type", "path", "headers")}
    found = {
        method
        for method in ("DELETE", "GET", "POST", "PUT")
        for route in request.app.routes
        if route.matches({**asked, "method": method})[0] is Match.FULL
    }
    return sorted({*found, "HEAD"} if "GET" in found and not asked["path"].endswith("/events") else found)


def ours(_: Request, error: Exception) -> JSONResponse:
    """A bug of ours; told in the log without the words of its message, which may be a user's."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    logging.getLogger("threads.api").error(
        "bug", extra={"told": {"error": type(error).__name__, "at": frames[-6:]}}
    )
    return Refused(500, "Bug", "something went wrong inside the server; it was noted").response()


HANDLERS: dict[Any, Any] = {
    errors.ThreadsError: known,
    OSError: of_system,
    Refused: refused,
    RequestValidationError: unreadable,
    HTTPException: http,
    Exception: ours,
}
