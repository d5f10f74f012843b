"""What all routes work with: the registry, the runner, who asks, and the open streams."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from threads import LOCAL, Actor, Registry, Runner, ThreadsError
from threads.api.cors import checked_origin
from threads.api.hosts import is_loopback
from threads.api.rate_limit import Buckets, Limits
from threads.api.shutdown import uvicorn_is_ending
from threads.api.shutdown_notice import LastCall
from threads.api.sse import Streams
from threads.api.trust import Trust

REMEMBERED = 0.4
"""Seconds for which a token that was good is good without asking; below the second that is promised."""
MOST_REMEMBERED = 10_000
WATCH_INTERVAL = 0.3
"""Seconds between two looks at whether users, tokens and streams are still what they were."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and by what he came in."""

    actor: Actor
    token_id: str | None = None

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
        require_login: bool = False,
    ) -> None:
        self.registry = registry
        self.runner = runner
        self.limits = limits
        self.hosts = frozenset(host.lower() for host in hosts)
        self.origins = frozenset(map(checked_origin, origins))
        self.is_https = is_https
        self.default_agent = default_agent or runner.agent_ids[0]
        reasons = {
            "login is required": require_login,
            "it is served over https": is_https,
            "it has other names than localhost": not all(map(is_loopback, self.hosts)),
        }
        self.trust = Trust(registry, [reason for reason, holds in reasons.items() if holds])
        self.streams = Streams(registry, limits, self.trust)
        self.last_call = LastCall()
        """Set when the server ends and waits for answers no longer."""
        self._watchers: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}
        self.requests = Buckets(limits.per_second, limits.burst)
        self.strangers = Buckets(limits.strangers_per_second, limits.strangers_per_second * 2)
        self._known: dict[str, tuple[float, Caller]] = {}
        self._users_checked = float("-inf")

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

    async def local(self, scope: Any) -> Caller | str:
        """The local user, or why this request is not theirs."""
        now = time.monotonic()
        if self.trust.is_open and now >= self._users_checked + REMEMBERED:
            await asyncio.to_thread(self.trust.check_users)
            self._users_checked = now
        return self.trust.refusal_reason(scope) or Caller(LOCAL)

    def ensure_started(self) -> None:
        """Start, in the running event loop, what has to run while requests are served; idempotent.

        Called with each request: an application that is mounted or has no lifespan is not started otherwise.
        """
        self.trust.decide()
        loop = asyncio.get_running_loop()
        if loop in self._watchers:
            return
        for closed in [each for each in list(self._watchers) if each.is_closed()]:
            self._watchers.pop(closed, None)
        task = loop.create_task(self._watch(), context=contextvars.Context())
        self._watchers[loop] = task
        task.add_done_callback(lambda _: self._watchers.pop(loop, None))

    def reopen(self) -> None:
        """Serve again after an earlier end, as with an application that has a second lifespan."""
        self.last_call.clear()
        self.streams.reopen()

    async def shut_down(self) -> None:
        """Wait for no answer, end all streams, and stop what `ensure_started` started in this event loop."""
        self.call_last()
        watcher = self._watchers.get(asyncio.get_running_loop())
        if watcher is not None:
            watcher.cancel()
            await asyncio.wait([watcher])

    async def _watch(self) -> None:
        """End the streams of those who may listen no more, and notice users, until this is cancelled."""
        while True:
            await asyncio.sleep(WATCH_INTERVAL)
            if uvicorn_is_ending():
                self.streams.close(answers=False)
            if not self.trust.is_open and not len(self.streams):
                continue
            try:
                await asyncio.to_thread(self._look)
            except ThreadsError as error:  # locked for a moment: the next look finds it
                logging.getLogger(__name__).debug("users and tokens cannot be read now: %s", error)
            except Exception as error:  # this task must not end
                logging.getLogger(__name__).error("readers of streams cannot be checked", exc_info=error)
                self.streams.end_all()

    def _look(self) -> None:
        self.trust.check_users()
        self.streams.end_unwelcome()

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
