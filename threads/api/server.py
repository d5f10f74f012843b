"""What all routes work with: the registry, the runner, who asks, and the open streams."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from threads import LOCAL, Actor, Registry, Runner
from threads.api.limits import Buckets, Limits
from threads.api.origins import checked_origin
from threads.api.streams import Streams, told_to

REMEMBERED = 0.4
"""Seconds for which a token that was good is good without asking; below the second that is promised."""
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and by what he came in."""

    actor: Actor
    token_id: str | None = None

    def told(self, reason: str) -> str:
        """Why something failed, as far as he may know: the words of an error may hold anybody's secrets."""
        return told_to(self.actor, reason)

    @property
    def reader(self) -> str:
        """The name under which he reads."""
        return self.actor.reader


class Server:
    """One registry and one runner, behind a door."""

    def __init__(
        self,
        registry: Registry,
        runner: Runner,
        *,
        limits: Limits,
        hosts: Sequence[str],
        origins: Sequence[str],
        is_https: bool,
        default_agent: str | None,
    ) -> None:
        self.registry = registry
        self.runner = runner
        self.limits = limits
        self.hosts = frozenset(host.lower() for host in hosts)
        self.origins = frozenset(map(checked_origin, origins))
        self.is_https = is_https
        self.default_agent = default_agent or runner.agent_ids[0]
        self.streams = Streams(registry, limits)
        self.last_call = asyncio.Event()
        """Set when the server ends and waits for answers no longer."""
        self.requests = Buckets(limits.per_second, limits.burst)
        self.strangers = Buckets(limits.strangers_per_second, limits.strangers_per_second * 2)
        self._known: dict[str, tuple[float, Caller]] = {}
        self._has_users: tuple[float, bool] = (0.0, True)

    async def caller(self, token: str) -> Caller | None:
        """Whose token this is."""
        now = time.monotonic()
        until, caller = self._known.get(token, (0.0, None))
        if caller is not None and now < until:
            return caller
        found = await asyncio.to_thread(self.registry.users.who, token)
        if found is None:
            self._known.pop(token, None)
            return None
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        caller = Caller(*found)
        self._known[token] = (now + REMEMBERED, caller)
        return caller

    async def local(self) -> Caller | None:
        """The local user, as long as there are no others."""
        until, has_users = self._has_users
        now = time.monotonic()
        if now >= until:
            has_users = await asyncio.to_thread(bool, self.registry.users)
            self._has_users = (now + REMEMBERED, has_users)
        return None if has_users else Caller(LOCAL)

    def forget(self, token: str) -> None:
        """This token was ended here."""
        self._known.pop(token, None)

    def call_last(self) -> None:
        """Wait for no answer any longer: who waits is told where to look for it."""
        self.last_call.set()
        self.streams.close(answers=True)

    async def check_ready(self) -> None:
        """Raise a `ThreadsError` if threads cannot be read now."""
        await asyncio.to_thread(lambda: self.registry.list(limit=1))


def server_of(scope: Any) -> Server:
    """The server that a request came to."""
    server = scope["app"].state.server
    assert isinstance(server, Server)
    return server
