"""The state that all routes share, and the task that watches users and open streams."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool

from threads import Registry, Runner, ThreadsError
from threads.api.authentication import Authenticator
from threads.api.cors import normalize_origin
from threads.api.hosts import is_loopback
from threads.api.rate_limit import Limits, RateLimiter
from threads.api.shutdown import ShutdownNotice, uvicorn_is_stopping
from threads.api.sse import Streams
from threads.api.trust import LocalTrust
from threads.web import PageAssets

WATCH_INTERVAL = 0.3
"""Seconds between two checks of users, tokens and streams."""


class AppState:
    """The state of one application; the registry and the runner stay the caller's to close."""

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
        page: PageAssets | None = None,
    ) -> None:
        self.registry = registry
        self.runner = runner
        self.limits = limits
        self.hosts = frozenset(host.lower() for host in hosts)
        self.origins = frozenset(map(normalize_origin, origins))
        self.is_https = is_https
        self.page = page
        self.default_agent = default_agent or runner.agent_ids[0]
        reasons = {
            "login is required": require_login,
            "it is served over https": is_https,
            "it has other names than localhost": not all(map(is_loopback, self.hosts)),
        }
        self.trust = LocalTrust(registry, [reason for reason, holds in reasons.items() if holds])
        self.authenticator = Authenticator(registry, self.trust)
        self.streams = Streams(registry, limits, self.trust)
        self.user_rate = RateLimiter(limits.per_second, limits.burst)
        self.address_rate = RateLimiter(limits.strangers_per_second, limits.strangers_per_second * 2)
        self.shutting_down = ShutdownNotice()
        """Set when the server waits no longer for runs under way."""
        self._watchers: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}

    def ensure_started(self) -> None:
        """Start the watcher task in the running event loop; idempotent.

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
        """Serve again after an earlier shutdown, as in an application with a second lifespan."""
        self.shutting_down.clear()
        self.streams.reopen()

    def begin_shutdown(self) -> None:
        """Stop waiting for runs: their requests are answered with where to find the result."""
        self.shutting_down.set()
        self.streams.close(run_responses=True)

    async def shut_down(self) -> None:
        """Close all streams, and stop the watcher task of this event loop."""
        self.begin_shutdown()
        watcher = self._watchers.get(asyncio.get_running_loop())
        if watcher is not None:
            watcher.cancel()
            await asyncio.wait([watcher])

    async def check_ready(self) -> None:
        """Raise a `ThreadsError` if threads cannot be read now."""
        await run_in_threadpool(lambda: self.registry.list(limit=1))

    async def _watch(self) -> None:
        """Close streams whose access was revoked, and notice new users, until this task is cancelled."""
        while True:
            await asyncio.sleep(WATCH_INTERVAL)
            if uvicorn_is_stopping():
                self.streams.close(run_responses=False)
            if not self.trust.is_open and not len(self.streams):
                continue
            try:
                await run_in_threadpool(self._check_users_and_streams)
            except ThreadsError as error:  # locked for a moment: the next check finds it
                logging.getLogger(__name__).debug("users and tokens cannot be read now: %s", error)
            except Exception as error:  # this task must not end
                logging.getLogger(__name__).error("access to streams cannot be checked", exc_info=error)
                self.streams.close_open()

    def _check_users_and_streams(self) -> None:
        self.trust.check_users()
        self.streams.close_revoked()


def state_of(app: Any) -> AppState:
    """Return the state of an application made by `create_app`."""
    state = app.state.threads
    assert isinstance(state, AppState)
    return state
