"""ASGI middleware, outermost first: log, security headers, prefix, HEAD, shutdown, path, access, body limit.

Written as plain ASGI, so that event streams pass through unbuffered.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from typing import Any
from urllib.parse import quote, unquote

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from threads.api.access import AccessMiddleware
from threads.api.errors import body_too_large_error, shutting_down_error
from threads.api.hosts import absolute_target, path_of_target
from threads.api.state import AppState

ENCODED_SLASH = "\udc2f"
"""Stands for an encoded slash inside an id until the route is matched; no id can hold it."""
LOCATIONS = (b"location", b"content-location")
SECURITY_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


def middleware_stack(state: AppState) -> list[Middleware]:
    """Return the middleware of the application, outermost first."""
    return [
        Middleware(RequestLogMiddleware),
        Middleware(SecurityHeadersMiddleware),
        Middleware(PrefixMiddleware),
        Middleware(HeadMiddleware),
        Middleware(ShutdownMiddleware),
        Middleware(PathMiddleware),
        Middleware(AccessMiddleware, state=state),
        Middleware(BodyLimitMiddleware, max_body_size=state.limits.body),
    ]


class RequestLogMiddleware:
    """Gives each request an `X-Request-Id` and a log line: route and status, no query, no body."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = dict(scope)  # the middleware below changes it; uvicorn still reads its own
        method, started_at, request_id, status = scope["method"], time.monotonic(), secrets.token_hex(8), 0

        async def send_with_id(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = _with_headers(message, {b"x-request-id": request_id.encode()})
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            caller = scope.get("threads.caller")
            fields = {
                "request_id": request_id,
                "method": method,
                "route": getattr(scope.get("route"), "path", None),
                "status": status,
                "milliseconds": round((time.monotonic() - started_at) * 1000, 1),
                "user": caller.actor.name if caller else None,
            }
            logging.getLogger("threads.api").info(
                "request", extra={"fields": fields, "is_authenticated": caller is not None}
            )


class SecurityHeadersMiddleware:
    """Adds `SECURITY_HEADERS` to responses that do not set them."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = _with_headers(message, SECURITY_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class PrefixMiddleware:
    """Puts the mount point of the application before the paths that `Location` headers name."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        prefix = quote(scope.get("root_path", "")).rstrip("/").encode()

        async def send_with_prefix(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [
                    (name, prefix + value if name in LOCATIONS and value.startswith(b"/") else value)
                    for name, value in message["headers"]
                ]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, send_with_prefix if prefix else send)


class HeadMiddleware:
    """Answers HEAD as GET without a body, except on event streams, which would not end."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        if not scope["path"].endswith("/events"):
            scope["method"] = "GET"

        async def send_without_body(message: Any) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app(scope, receive, send_without_body)


class ShutdownMiddleware:
    """Answers 503 to a request that uvicorn cancels at the end of its shutdown."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        has_started = False

        async def send_and_note(message: Any) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except asyncio.CancelledError:
            if not has_started and scope["type"] == "http":
                await shutting_down_error().response()(scope, receive, send)
            raise


class PathMiddleware:
    """Decodes the path part by part, so that an encoded slash inside an id separates no parts."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            target = absolute_target(scope)
            raw = scope.get("raw_path") or scope["path"].encode()
            if target is not None and not raw.startswith(b"/"):
                raw = path_of_target(target).encode()
            parts = raw.split(b"?")[0].decode("ascii", errors="replace").split("/")
            scope["path"] = "/".join(unquote(part).replace("/", ENCODED_SLASH) for part in parts)
        await self._app(scope, receive, send)


class BodyLimitMiddleware(RequestBodyLimitMiddleware):
    """Starlette's limit. Ours also refuses a Content-Length before the route runs, with the API's JSON."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            length = Headers(scope=scope).get("content-length", "")
            if length.isdecimal() and int(length) > self.max_body_size:
                await body_too_large_error(self.max_body_size).response()(scope, receive, send)
                return
        await super().__call__(scope, receive, send)


def _with_headers(message: Any, headers: dict[bytes, bytes]) -> Any:
    """Return a response start with these headers added, where it does not have them."""
    names = {name for name, _ in message["headers"]}
    added = [(name, value) for name, value in headers.items() if name not in names]
    return {**message, "headers": [*message["headers"], *added]}
