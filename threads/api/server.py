"""Running the application: uvicorn, one process, and an end that loses nothing.

On a signal no new requests are taken, those who only listen are sent away, and answers under way have
some seconds to be finished. Who waits for a longer one is told where it will be found; its run is left to
whoever opens the file next (`threads.api.shutdown` has the times).
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from threads.api.descriptors import open_early, raise_limit
from threads.api.log import JsonLines, ServerLog
from threads.api.protocol import check_connections, limited_protocol, limits_of
from threads.api.shutdown import ANSWERS_WITHIN, LAST_WORDS, Deadline, end_now
from threads.api.state import Server
from threads.api.unix_socket import UnixSocket

__all__ = ["JsonLines", "Serving", "bound", "serve"]

KEEP_ALIVE = 75
WAITING_TO_CONNECT = 1_024
"""Connections that the system keeps until they are accepted."""
ACCEPTED_AT_ONCE = 64
"""Connections that are accepted before those that are open are looked at; fewer where fewer may be open."""
INTERRUPTED = 130
"""The exit code after a second Ctrl+C, as shells have it."""


class Serving(uvicorn.Server):
    """A server that sends its listeners away before it waits for the others."""

    def __init__(
        self,
        config: uvicorn.Config,
        app: FastAPI,
        announce: Callable[[], None],
        *,
        deadline: Deadline | None = None,
        log: ServerLog | None = None,
    ) -> None:
        super().__init__(config)
        self._app = app
        self._announce = announce
        self._deadline = deadline
        self._log = log
        self.is_hurried = False
        """Whether Ctrl+C was pressed again."""

    @property
    def _server(self) -> Server:
        found = self._app.state.server
        assert isinstance(found, Server)
        return found

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say so once requests are taken."""
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(WAITING_TO_CONNECT)  # asyncio takes one number for this and for `ACCEPTED_AT_ONCE`
        if self.started:
            self._announce()

    async def on_tick(self, counter: int) -> bool:
        """What uvicorn does ten times a second, and what is ours to do once."""
        if counter % 10 == 0:
            check_connections([each for each in self.server_state.connections if hasattr(each, "check")])
            if self._log is not None:
                self._log.tick()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End soon; on a second Ctrl+C now. Not raised again: runs are handed over after this."""
        if self._deadline is not None:
            self._deadline.begin()
        self.is_hurried = self.is_hurried or (self.should_exit and sig == signal.SIGINT)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, in this order: listeners, answers under way, connections."""
        self._server.streams.close(answers=False)
        self._say_what_is_waited_for()
        patience = (self.config.timeout_graceful_shutdown or 0) - LAST_WORDS
        asyncio.get_running_loop().call_later(max(0, patience), self._server.call_last)
        hurrying = asyncio.ensure_future(self._hurry())
        await super().shutdown(sockets)
        hurrying.cancel()

    def _say_what_is_waited_for(self) -> None:
        requests, runs = len(self.server_state.tasks), self._server.runner._under_way()
        told = {"requests": requests, "runs": runs}
        event = "shutting down"
        if requests or runs:
            seconds = self.config.timeout_graceful_shutdown
            event += (
                f": waiting up to {seconds:g} seconds for requests and runs; Ctrl+C again ends it at once"
            )
        logging.getLogger("threads.api").info(event, extra={"told": told})

    async def _hurry(self) -> None:
        """After a second Ctrl+C: answer the open requests with where to look, and wait no longer."""
        while not self.is_hurried:  # noqa: ASYNC110  set by a signal handler, which may set nothing else
            await asyncio.sleep(0.05)
        self._server.call_last()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=LAST_WORDS)
        self.force_exit = True  # the tasks that are left are cancelled, and the gate answers


def serve(
    app: FastAPI, *, host: str, port: int, announce: Callable[[str], None], uds: Path | None = None
) -> Callable[[], None]:
    """Serve until a signal says to end; `announce(url)` is called once it can be reached.

    `uds`: the path of a Unix socket to listen at instead of host and port. The runner is closed in the end.
    Returns what has to be called when the registry is closed, too: it raises `SystemExit`, or ends the
    process itself where something would keep it.
    """
    limits = limits_of(raise_limit())
    config = uvicorn.Config(
        app, host=host, port=port, log_config=None, access_log=False, server_header=False,
        timeout_graceful_shutdown=int(ANSWERS_WITHIN), timeout_keep_alive=KEEP_ALIVE, proxy_headers=False,
        ws="none", http=limited_protocol(limits), backlog=min(ACCEPTED_AT_ONCE, limits.connections // 4),
    )  # fmt: skip
    unix = None if uds is None else UnixSocket(uds)
    listening = bound(config) if unix is None else unix.listening
    open_early()
    log = ServerLog()
    log.begin()
    app.state.server.trust.decide(socket=None if unix is None else unix.path)
    name = f"[{host}]" if ":" in host else host
    url = f"http://{name}:{listening.getsockname()[1]}" if unix is None else f"unix:{unix.path}"
    deadline = Deadline()
    server = Serving(config, app, lambda: announce(url), deadline=deadline, log=log)
    with _signals(server):
        try:
            server.run(sockets=[listening])
        finally:
            if unix is not None:
                unix.remove()
        deadline.begin()  # where it ended without a signal
        app.state.server.runner._close(deadline.left(ANSWERS_WITHIN), lambda: server.is_hurried)

    def leave() -> None:
        code = INTERRUPTED if server.is_hurried else 0
        if not log.end():
            end_now(code)
        deadline.exit(code)
        raise SystemExit(code)

    return leave


@contextmanager
def _signals(server: Serving) -> Iterator[None]:
    """Signals reach `server` also when uvicorn has ended and the runs are closed."""
    before = {each: signal.signal(each, server.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def bound(config: uvicorn.Config) -> socket.socket:
    """The socket to listen at, whose connections send what is written to them at once.

    By itself a socket that uvicorn bound keeps the body of each answer back until the client has
    acknowledged the head, which clients do after 40 ms. `OSError` if it cannot be.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in config.host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((config.host, config.port))
    except OSError as error:
        listening.close()
        why = f"cannot listen at port {config.port} of {config.host}: {error.strerror}"
        raise OSError(f"{why}; --port names another") from error
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # those that are accepted inherit it
    return listening
