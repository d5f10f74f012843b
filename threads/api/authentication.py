"""Who sends a request: bearer token, session cookie, or the local user (`threads.api.trust`)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from threads import LOCAL, Actor, Registry
from threads.api.errors import ApiError
from threads.api.trust import LocalTrust

SESSION_COOKIE = "threads_session"
TOKEN_REQUIRED = "a valid token is required"
HOW_TO_MAKE_TOKENS = "Make one with `threads users add NAME` or `threads users token NAME`."
CACHE_SECONDS = 0.4
"""How long a valid token is not looked up again; revoking takes effect within the promised second."""
MAX_CACHED_TOKENS = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """The actor of a request, and the token it was authenticated with; None for the local user."""

    actor: Actor
    token_id: str | None = None

    @property
    def reader(self) -> str:
        """The name under which read marks are stored."""
        return self.actor.reader


class Authenticator:
    """Finds the caller of a request."""

    def __init__(self, registry: Registry, trust: LocalTrust) -> None:
        self._registry = registry
        self._trust = trust
        self._cache: dict[str, tuple[float, Caller]] = {}
        self._users_checked_at = float("-inf")

    async def authenticate(self, headers: Headers, scope: Any) -> Caller:
        """Return the caller; raises `ApiError` (401) without valid credentials.

        An Authorization header decides alone. Without one the cookie counts, then local trust.
        """
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        reason: str | None = None
        if scheme:
            token = credentials.strip() if scheme.lower() == "bearer" else None
            caller = None if token is None else await self._find_by_token(token)
        else:
            cookie = session_cookie(headers)
            caller = await self._find_by_token(cookie) if cookie else None
            if caller is None:
                caller, reason = await self._find_local_user(scope)
        if caller is not None:
            return caller
        message = TOKEN_REQUIRED if reason is None else f"{TOKEN_REQUIRED}: {reason}. {HOW_TO_MAKE_TOKENS}"
        challenge = {"WWW-Authenticate": 'Bearer realm="threads"'}
        raise ApiError(401, "Unauthorized", message, headers=challenge)

    def forget(self, token: str) -> None:
        """Drop a token that was revoked from the cache."""
        self._cache.pop(token, None)

    async def _find_by_token(self, token: str) -> Caller | None:
        now = time.monotonic()
        until, caller = self._cache.get(token, (0.0, None))
        if caller is not None and now < until:
            return caller
        found = await run_in_threadpool(self._registry.users.who, token)
        if found is None:
            self._cache.pop(token, None)
            return None
        if len(self._cache) >= MAX_CACHED_TOKENS:
            self._cache.clear()
        caller = Caller(*found)
        self._cache[token] = (now + CACHE_SECONDS, caller)
        return caller

    async def _find_local_user(self, scope: Any) -> tuple[Caller | None, str | None]:
        """Return the local user, or why the request is not theirs."""
        now = time.monotonic()
        if self._trust.is_open and now >= self._users_checked_at + CACHE_SECONDS:
            await run_in_threadpool(self._trust.check_users)
            self._users_checked_at = now
        reason = self._trust.refusal_reason(scope)
        return (Caller(LOCAL), None) if reason is None else (None, reason)


def session_cookie(headers: Headers) -> str | None:
    """Return the session token that the request's cookie holds, if any."""
    return cookie_parser(headers.get("cookie", "")).get(SESSION_COOKIE)
