"""Errors as HTTP responses: one table from exception class to status code, one JSON body for all of them."""

from __future__ import annotations

import logging
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, create_model
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import MAX_BODY_SIZE_SCOPE_KEY
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Match

from threads import errors
from threads.api.redaction import visible_reason
from threads.db.errors import is_temporary

ErrorBody: type[BaseModel] = create_model(
    "Problem",  # its name in the OpenAPI schema; `threads.Problem` is what `verify` finds
    __doc__="The body of all errors.",
    error=(str, Field(description="A message for people.", examples=["there is no thread 'a'"])),
    code=(str, Field(description="A constant for programs.", examples=["ThreadNotFound"])),
    field=(str | None, Field(default=None, description="The field of the request that is invalid, if any.")),
)


class ApiError(Exception):
    """An error raised by the HTTP layer itself, with everything its response needs."""

    def __init__(
        self, status: int, code: str, error: str, *, field: str | None = None, headers: Any = None
    ) -> None:
        self.status, self.code, self.error, self.field, self.headers = status, code, error, field, headers
        super().__init__(error)

    def response(self) -> JSONResponse:
        """Return the response; text that is not valid Unicode is replaced."""
        body = {"error": self.error, "code": self.code, "field": self.field}
        encodable = {name: text and text.encode(errors="replace").decode() for name, text in body.items()}
        return JSONResponse(encodable, self.status, headers=self.headers)


def shutting_down_error() -> ApiError:
    """Return the error that clients get while the server shuts down."""
    return ApiError(503, "ShuttingDown", "the server is shutting down", headers={"Retry-After": "1"})


def body_too_large_error(limit: int) -> ApiError:
    """Return the error for a request body of more than `limit` bytes."""
    return ApiError(413, "TooLarge", f"the request body may have at most {limit} bytes")


OWN_MESSAGE = "{error}"
TRY_AGAIN = "the database is not available now; try again"

RETRY = "POST .../retry continues its failed run, "

STATUS_BY_ERROR: tuple[tuple[type[Exception], int, str], ...] = (
    (errors.ThreadNotFound, 404, "there is no thread {error.thread_id!r}"),
    (errors.CheckpointNotFound, 404, "the thread has no such checkpoint"),
    (errors.RunNotFound, 404, "there is no run {error.run_id!r}"),
    (errors.MessageNotFound, 404, OWN_MESSAGE),
    (errors.ThreadExists, 409, OWN_MESSAGE),
    (errors.ThreadTrashed, 409, "the thread is in the trash; POST .../restore brings it back"),
    (errors.ThreadBusy, 409, "another run is active in the thread: wait for it, POST .../stop, or send with "
        "multitask_strategy enqueue, interrupt or rollback"),
    (errors.QueueFull, 429, "{error.limit} runs are queued in the thread; try again when one has ended"),
    (errors.ThreadMoved, 409, OWN_MESSAGE),
    (errors.LeaseLost, 409, "another server took over the run; GET .../runs shows its state"),
    (errors.NothingToResume, 409, "{error.summary}"),
    (errors.AlreadyAnswered, 409, "the interrupt was already resumed with another value; {retry}"
        "POST .../regenerate asks again, POST .../messages starts a new run"),
    (errors.MessagesUnknown, 409, "the messages cannot be decoded: {error.why}"),
    (errors.TypeNotAllowed, 409, "the stored state holds a type that this server does not allow"),
    (errors.StateDamaged, 409, "a value that is stored in the thread is damaged"),
    (errors.ThreadDeleted, 410, "the thread was deleted meanwhile"),
    (errors.InvalidValue, 422, "{error.field}: {error.reason}"),
    (errors.AgentNotFound, 422, "{error.summary}; {error.options} (PUT on the thread sets its agent_id)"),
    (errors.UsageError, 422, OWN_MESSAGE),
    (errors.RunFailed, 502, "the agent failed: {error.reason} (run {error.run_id})"),
    (errors.DatabaseFull, 507, "the disk of the server is full; nothing was stored"),
    (errors.DatabaseGone, 503, "the database of the server is gone: its file was removed or replaced"),
    (errors.RegistryDetached, 503, "the registry was detached from its file; start the server again"),
    (errors.DatabaseError, 503, TRY_AGAIN),
    (errors.ThreadsError, 503, TRY_AGAIN),
)  # fmt: skip
"""Status and message by exception class; the first class that matches decides."""
REQUEST_FIELDS = {"key": "Idempotency-Key", "token_id": "Authorization", "title_model": None}
"""Fields of the library's errors that have another name in a request."""


def status_and_message(error: Exception) -> tuple[int, str]:
    """Return the status code and the message for an error of the library."""
    status, message = next(
        (status, text) for kind, status, text in STATUS_BY_ERROR if isinstance(error, kind)
    )
    has_failed = isinstance(error, errors.AlreadyAnswered) and error.status == "error"
    return status, message.format(error=error, retry=RETRY if has_failed else "")


def handle_threads_error(request: Request, error: Exception) -> JSONResponse:
    """Respond to an error of the library."""
    if isinstance(error, errors.RunFailed):
        caller = request.scope["threads.caller"]
        error = errors.RunFailed(error.thread_id, error.run_id, visible_reason(caller.actor, error))
    status, message = status_and_message(error)
    field = getattr(error, "field", None)
    for kind, name in (
        (errors.AgentNotFound, "agent_id"),
        (errors.KeyReused, None if isinstance(error, errors.AlreadyAnswered) else "key"),
        (errors.InvalidCursor, "cursor"),
        (errors.InvalidThreadId, "thread_id"),
    ):
        field = name if isinstance(error, kind) else field
    field = REQUEST_FIELDS.get(str(field), field)
    is_for_now = status in (429, 503) and not isinstance(error, errors.RegistryDetached)
    headers = {"Retry-After": "1"} if is_for_now else None
    return ApiError(status, type(error).__name__, message, field=field, headers=headers).response()


def handle_os_error(_: Request, error: Exception) -> JSONResponse:
    """Respond to an error of the operating system that passes, as a lack of descriptors; raise any other."""
    if not is_temporary(error):
        raise error
    return ApiError(503, "DatabaseBusy", TRY_AGAIN, headers={"Retry-After": "1"}).response()


def handle_api_error(_: Request, error: Exception) -> JSONResponse:
    """Respond to an error raised by the HTTP layer."""
    assert isinstance(error, ApiError)
    return error.response()


def handle_validation_error(_: Request, error: Exception) -> JSONResponse:
    """Respond to a request that does not fit its schema, naming the first invalid field."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    location = [str(part) for part in first["loc"] if not isinstance(part, int)]
    field = location[min(1, len(location) - 1)]
    return ApiError(422, "InvalidValue", f"{field}: {first['msg']}", field=field).response()


def handle_http_exception(request: Request, error: Exception) -> JSONResponse:
    """Respond to what Starlette and FastAPI refuse: unknown route, wrong method, body too large."""
    assert isinstance(error, HTTPException)
    if error.status_code == 413:
        return body_too_large_error(request.scope[MAX_BODY_SIZE_SCOPE_KEY]).response()
    code = {404: "NotFound", 405: "MethodNotAllowed"}.get(error.status_code, "BadRequest")
    headers = {"Allow": ", ".join(_allowed_methods(request))} if error.status_code == 405 else error.headers
    return ApiError(error.status_code, code, str(error.detail), headers=headers).response()


def _allowed_methods(request: Request) -> list[str]:
    scope = {name: request.scope[name] for name in ("type", "path", "headers")}
    methods = {
        method
        for method in ("DELETE", "GET", "POST", "PUT")
        for route in request.app.routes
        if route.matches({**scope, "method": method})[0] is Match.FULL
    }
    has_head = "GET" in methods and not scope["path"].endswith("/events")
    return sorted({*methods, "HEAD"} if has_head else methods)


def handle_unexpected(_: Request, error: Exception) -> JSONResponse:
    """Log type and location of an unexpected exception, not its message, which may hold user text."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    fields = {"error": type(error).__name__, "at": frames[-6:]}
    logging.getLogger("threads.api").error("bug", extra={"fields": fields})
    return ApiError(500, "Bug", "internal server error; it was logged").response()


EXCEPTION_HANDLERS: dict[Any, Any] = {
    errors.ThreadsError: handle_threads_error,
    OSError: handle_os_error,
    ApiError: handle_api_error,
    RequestValidationError: handle_validation_error,
    HTTPException: handle_http_exception,
    Exception: handle_unexpected,
}
