"""Access control before any route: host, origin, credentials, rate limits; and which paths need no token."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request

from threads import ThreadsError
from threads.api.authentication import session_cookie
from threads.api.cors import check_origin
from threads.api.errors import ApiError, handle_os_error, handle_threads_error
from threads.api.hosts import check_host
from threads.api.schemas.responses import API_PREFIX
from threads.api.state import AppState
from threads.web import is_page_path

SESSION_PATH = f"{API_PREFIX}/session"
HEALTH_PATHS = ("/healthz", "/readyz")
"""Health checks name the server by an address or not at all, also by HTTP/1.0."""
PUBLIC_PATHS = (*HEALTH_PATHS, "/docs", "/openapi.json")
"""Paths that need no token: they show no data of a user."""


class AccessMiddleware:
    """Checks host, origin, credentials and rate limit, and stores the caller in the scope."""

    def __init__(self, app: Any, state: AppState) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self._state.ensure_started()
            try:
                await self._check(scope)
            except ApiError as error:
                await error.response()(scope, receive, send)
                return
            except (ThreadsError, OSError) as error:  # the database cannot look up the caller now
                handle = handle_threads_error if isinstance(error, ThreadsError) else handle_os_error
                await handle(Request(scope), error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _check(self, scope: Any) -> None:
        headers, state = Headers(scope=scope), self._state
        path = _mounted_path(scope)
        is_page = state.page is not None and is_page_path(path)
        check_host(headers, scope, state.hosts, is_health_check=path in HEALTH_PATHS)
        check_origin(headers, state.origins, is_public=is_page or path in PUBLIC_PATHS)
        if is_page or path in HEALTH_PATHS:
            return
        is_old = scope.get("http_version", "") in ("0.9", "1.0")  # as nginx speaks to a server behind it
        if (path in PUBLIC_PATHS and not is_old) or _ends_session(headers, scope, path):
            self._limit_unauthenticated(scope)
            return
        try:
            caller = await state.authenticator.authenticate(headers, scope)
        except ApiError:
            self._limit_unauthenticated(scope)
            raise
        scope["threads.caller"] = caller
        if caller.actor.name is not None:
            _raise_if_limited(state.user_rate.take(caller.actor))

    def _limit_unauthenticated(self, scope: Any) -> None:
        address = scope["client"][0] if scope.get("client") else ""
        _raise_if_limited(self._state.address_rate.take(address))


def _mounted_path(scope: Any) -> str:
    """Return the path below the mount point of the application."""
    path, root = str(scope["path"]), scope.get("root_path", "")
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


def _ends_session(headers: Headers, scope: Any, path: str) -> bool:
    """True if a browser deletes its session cookie, which may have expired already."""
    return (
        (scope["method"], path) == ("DELETE", SESSION_PATH)
        and "authorization" not in headers
        and session_cookie(headers) is not None
    )


def _raise_if_limited(seconds: float) -> None:
    if seconds:
        headers = {"Retry-After": str(max(1, round(seconds)))}
        raise ApiError(429, "TooManyRequests", "too many requests; try again later", headers=headers)
