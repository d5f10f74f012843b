"""The gate before all routes: which host was meant, from where, who asks, how much; and the log.

Written as plain ASGI, so that streams pass through untouched. A log line tells the route, never what
was said: neither bodies nor query strings are in it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from typing import Any
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request, cookie_parser

from threads import ThreadsError
from threads.api.cors import foreign
from threads.api.errors import Refused, known, of_system, shutting_down
from threads.api.hosts import (
    absolute_target,
    host_of_target,
    is_address,
    is_loopback,
    is_own_origin,
    is_same_host,
    path_of_target,
    split_host,
)
from threads.api.schemas.responses import ROOT
from threads.api.state import Caller, Server

COOKIE = "threads_session"
SESSION = f"{ROOT}/session"
HEALTH = ("/healthz", "/readyz")
"""What probes ask for, by an address or without Host, also by HTTP/1.0."""
PUBLIC = (*HEALTH, "/docs", "/openapi.json")
"""What is shown without a token: nothing of it is anybody's."""
NEEDED = "a valid token is needed"
HOW = "Make one with `threads users add NAME` or `threads users token NAME`."
SLASH = "\udc2f"
"""Stands for an encoded slash inside an id until the route is found; no id can hold it."""
SAFE = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


class Gate:
    """Lets in what may come in."""

    def __init__(self, app: Any, server: Server) -> None:
        self._app = app
        self._server = server

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._server.ensure_started()
        asked, is_head = scope, scope["method"] == "HEAD" and not scope["path"].endswith("/events")
        scope = {**scope, "method": "GET"} if is_head else scope  # a copy: the server looks at its own
        visit = Visit(scope, send, asked["method"])
        try:
            scope["path"] = _path(scope)
            await self._check(scope, visit)
            await self._app(scope, self._counted(scope, receive), visit.send)
        except Refused as refused:
            await refused.response()(scope, receive, visit.send)
        except (ThreadsError, OSError) as error:  # the file cannot be asked now who this is
            answer = known if isinstance(error, ThreadsError) else of_system
            await answer(Request(scope), error)(scope, receive, visit.send)
        except asyncio.CancelledError:  # the server waits no longer
            if not visit.has_begun:
                await shutting_down().response()(scope, receive, visit.send)
            raise
        finally:
            visit.log()

    async def _check(self, scope: Any, visit: Visit) -> None:
        headers = Headers(scope=scope)
        path = _own_path(scope)
        self._check_host(headers, scope, path)
        self._check_origin(headers, path)
        if path in HEALTH:
            return
        if path in PUBLIC and not _is_old(scope):
            self._take_stranger(scope)
            return
        if _ends_session(headers, scope):
            self._take_stranger(scope)
            return
        caller = await self._caller(headers, scope)
        visit.caller = scope["threads.caller"] = caller
        if caller.actor.name is not None and (seconds := self._server.requests.take(caller.actor)):
            raise _too_many(seconds)

    def _check_host(self, headers: Headers, scope: Any, path: str) -> None:
        """A page elsewhere can make a name of its own point here; then the browser names it."""
        hosts, target = headers.getlist("host"), absolute_target(scope)
        if len(hosts) > 1:
            raise Refused(400, "UnknownHost", "the request has more than one Host header", field="Host")
        host = hosts[0] if hosts else host_of_target(target or "")
        if target is not None and not is_same_host(target, host):
            raise Refused(
                400,
                "UnknownHost",
                "the request's target names another host than Host",
                field="Host",
            )
        name, _ = split_host(host) or ("", None)
        if is_loopback(name) or name in self._server.hosts:
            return
        if path not in HEALTH or not (is_address(name) or not host):
            raise Refused(400, "UnknownHost", "this server is not known by that name", field="Host")

    def _check_origin(self, headers: Headers, path: str) -> None:
        if len(headers.getlist("origin")) > 1:
            raise foreign()
        origin = headers.get("origin")
        if origin in self._server.origins:
            return
        if origin is None:
            if "cross-site" in headers.getlist("sec-fetch-site") and path not in PUBLIC:
                raise foreign()
            return
        if not is_own_origin(origin, headers.get("host", "")):
            raise foreign()

    async def _caller(self, headers: Headers, scope: Any) -> Caller:
        kind, _, shown = headers.get("authorization", "").partition(" ")
        reason: str | None = None
        if kind:
            caller = await self._server.caller(shown.strip()) if kind.lower() == "bearer" else None
        else:
            cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE)
            caller = await self._server.caller(cookie) if cookie else None
            if caller is None:
                local = await self._server.local(scope)
                caller, reason = (local, None) if isinstance(local, Caller) else (None, local)
        if caller is None:
            self._take_stranger(scope)
            challenge = {"WWW-Authenticate": 'Bearer realm="threads"'}
            why = NEEDED if reason is None else f"{NEEDED}: {reason}. {HOW}"
            raise Refused(401, "Unauthorized", why, headers=challenge)
        return caller

    def _take_stranger(self, scope: Any) -> None:
        if seconds := self._server.strangers.take(_address(scope)):
            raise _too_many(seconds)

    def _counted(self, scope: Any, receive: Any) -> Any:
        most, taken = self._server.limits.body, 0
        told = Headers(scope=scope).get("content-length", "")
        if told.isdecimal() and int(told) > most:
            raise _too_large(most)

        async def counted() -> Any:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise HTTPException(413, f"at most {most} bytes are taken")
            return message

        return counted


class Visit:
    """One request, as the log tells of it."""

    def __init__(self, scope: Any, send: Any, method: str) -> None:
        self.caller: Caller | None = None
        self._method = method
        self._scope = scope
        self._send = send
        self._status = 0
        self._begun = time.monotonic()
        self._id = secrets.token_hex(8)

    @property
    def has_begun(self) -> bool:
        """Whether something of the answer was sent."""
        return self._status != 0

    async def send(self, message: Any) -> None:
        """Pass it on; the first part gets our headers."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            there = {name for name, _ in message["headers"]}
            added = {**SAFE, b"x-request-id": self._id.encode()}
            more = [(name, value) for name, value in added.items() if name not in there]
            message = {**message, "headers": [*message["headers"], *more]}
        elif self._method == "HEAD":
            message = {**message, "body": b""}
        await self._send(message)

    def log(self) -> None:
        """One line, once the answer is sent."""
        route = self._scope.get("route")
        told = {
            "request_id": self._id,
            "method": self._method,
            "route": getattr(route, "path", None),
            "status": self._status,
            "milliseconds": round((time.monotonic() - self._begun) * 1000, 1),
            "user": self.caller.actor.name if self.caller else None,
        }
        logging.getLogger("threads.api").info(
            "request", extra={"told": told, "is_known": self.caller is not None}
        )


def _path(scope: Any) -> str:
    """The path, with slashes that stand inside of an id kept apart from those between its parts."""
    target = absolute_target(scope)
    raw = scope.get("raw_path") or scope["path"].encode()
    if target is not None and not raw.startswith(b"/"):
        raw = path_of_target(target).encode()
    parts = raw.split(b"?")[0].decode("ascii", errors="replace").split("/")
    return "/".join(unquote(part).replace("/", SLASH) for part in parts)


def _ends_session(headers: Headers, scope: Any) -> bool:
    """Whether a browser wants to be rid of its cookie, which may be dead already."""
    return (
        (scope["method"], _own_path(scope)) == ("DELETE", SESSION)
        and "authorization" not in headers
        and COOKIE in cookie_parser(headers.get("cookie", ""))
    )


def _own_path(scope: Any) -> str:
    """The path below the place where the application is mounted."""
    path, root = str(scope["path"]), scope.get("root_path", "")
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


def _is_old(scope: Any) -> bool:
    """Whether it is HTTP/1.0, as nginx speaks it to a server behind it."""
    return scope.get("http_version", "") in ("0.9", "1.0")


def _address(scope: Any) -> str:
    return scope["client"][0] if scope.get("client") else ""


def _too_many(seconds: float) -> Refused:
    wait = {"Retry-After": str(max(1, round(seconds)))}
    return Refused(429, "TooManyRequests", "too many requests; wait a little", headers=wait)


def _too_large(most: int) -> Refused:
    return Refused(413, "TooLarge", f"at most {most} bytes are taken")
