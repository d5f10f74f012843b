"""The server process of `threads serve`: uvicorn, its socket and signals, and a graceful shutdown.

On a signal no new requests are accepted, event streams are closed, and requests under way have some seconds
to be finished. A client that waits for a longer run gets the run's location; the run is left to the next
process that opens the file (`threads.api.shutdown` has the times).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from threads.api.connection_limits import limits_for
from threads.api.descriptors import preload, raise_descriptor_limit
from threads.api.log import ServerLog
from threads.api.protocol import check_connections, limited_protocol
from threads.api.shutdown import NOTICE_TIMEOUT, REQUEST_TIMEOUT, Deadline, exit_now
from threads.api.state import state_of
from threads.api.unix_socket import UnixSocket
from threads.api.worker_threads import limit_worker_threads

KEEP_ALIVE = 75
BACKLOG = 1_024
"""Connections that the system queues until they are accepted."""
ACCEPT_BATCH = 64
"""Connections that asyncio accepts in a row; fewer where fewer may be open."""
GC_THRESHOLDS = (20_000, 20, 50)
"""Of the garbage collector. A full collection walks the cached states of all conversations, and with Python's
own thresholds (700, 10, 10) that is up to a fifth of the time in long threads."""
INTERRUPTED = 130
"""The exit code after a second Ctrl+C, as shells have it."""


class UvicornServer(uvicorn.Server):
    """uvicorn that closes event streams before it waits for other requests, and limits connections."""

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
        self._state = state_of(app)
        self._announce = announce
        self._deadline = deadline
        self._log = log
        self.was_interrupted_twice = False
        """True after a second Ctrl+C."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and announce the server once requests are accepted."""
        limit_worker_threads()
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(BACKLOG)  # asyncio takes one number for this and for `ACCEPT_BATCH`
        if self.started:
            self._announce()

    async def on_tick(self, counter: int) -> bool:
        """Check connections and log once a second; uvicorn calls this ten times a second."""
        if counter % 10 == 0:
            check_connections([each for each in self.server_state.connections if hasattr(each, "check")])
            if self._log is not None:
                self._log.tick()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Shut down; on a second Ctrl+C at once. The signal is not raised again: runs must be handed over."""
        if self._deadline is not None:
            self._deadline.start()
        self.was_interrupted_twice = self.was_interrupted_twice or (self.should_exit and sig == signal.SIGINT)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close event streams, wait for requests under way, close connections."""
        self._state.streams.close(run_responses=False)
        self._log_open_work()
        delay = (self.config.timeout_graceful_shutdown or 0) - NOTICE_TIMEOUT
        asyncio.get_running_loop().call_later(max(0, delay), self._state.begin_shutdown)
        watcher = asyncio.ensure_future(self._force_exit_on_second_interrupt())
        await super().shutdown(sockets)
        watcher.cancel()

    def _log_open_work(self) -> None:
        requests, runs = len(self.server_state.tasks), self._state.runner._under_way()
        fields = {"requests": requests, "runs": runs}
        event = "shutting down"
        if requests or runs:
            seconds = self.config.timeout_graceful_shutdown
            event += (
                f": waiting up to {seconds:g} seconds for requests and runs; press Ctrl+C again to stop now"
            )
        logging.getLogger("threads.api").info(event, extra={"fields": fields})

    async def _force_exit_on_second_interrupt(self) -> None:
        """After a second Ctrl+C answer the open requests with the run's location, and wait no longer."""
        while not self.was_interrupted_twice:  # noqa: ASYNC110  a signal handler can set no asyncio.Event
            await asyncio.sleep(0.05)
        self._state.begin_shutdown()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=NOTICE_TIMEOUT)
        self.force_exit = True  # the remaining tasks are cancelled, and ShutdownMiddleware answers


def serve(
    app: FastAPI, *, host: str, port: int, announce: Callable[[str], None], uds: Path | None = None
) -> Callable[[], None]:
    """Serve until a signal arrives; `announce(url)` is called once requests are accepted.

    `uds`: the path of a Unix socket to listen on instead of host and port. Closes the runner at the end.
    Returns a function to call once the registry is closed, too: it raises `SystemExit`, or ends the process
    itself where a blocked thread would prevent that.
    """
    limits = limits_for(raise_descriptor_limit())
    config = uvicorn.Config(
        app, host=host, port=port, log_config=None, access_log=False, server_header=False,
        timeout_graceful_shutdown=int(REQUEST_TIMEOUT), timeout_keep_alive=KEEP_ALIVE, proxy_headers=False,
        ws="none", http=limited_protocol(limits), backlog=min(ACCEPT_BATCH, limits.connections // 4),
    )  # fmt: skip
    unix = None if uds is None else UnixSocket(uds)
    listener = bind_socket(config) if unix is None else unix.listener
    preload()
    gc.freeze()  # modules and routes are no garbage
    gc.set_threshold(*GC_THRESHOLDS)
    log = ServerLog()
    log.start()
    state = state_of(app)
    state.trust.decide(socket=None if unix is None else unix.path)
    name = f"[{host}]" if ":" in host else host
    url = f"http://{name}:{listener.getsockname()[1]}" if unix is None else f"unix:{unix.path}"
    deadline = Deadline()
    server = UvicornServer(config, app, lambda: announce(url), deadline=deadline, log=log)
    with _signals(server):
        try:
            server.run(sockets=[listener])
        finally:
            if unix is not None:
                unix.remove()
        deadline.start()  # where it ended without a signal
        state.runner._close(deadline.remaining(REQUEST_TIMEOUT), lambda: server.was_interrupted_twice)

    def exit_process() -> None:
        code = INTERRUPTED if server.was_interrupted_twice else 0
        if not log.stop():
            exit_now(code)
        deadline.exit(code)
        raise SystemExit(code)

    return exit_process


@contextmanager
def _signals(server: UvicornServer) -> Iterator[None]:
    """Send signals to `server` also after uvicorn has ended, while runs are closed."""
    before = {each: signal.signal(each, server.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def bind_socket(config: uvicorn.Config) -> socket.socket:
    """Return a socket bound to host and port, with TCP_NODELAY for its connections; raises `OSError`.

    Without it, as uvicorn binds a socket, the body of each response waits until the client has acknowledged
    the head, which clients do after 40 ms.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in config.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except OSError as error:
        listener.close()
        why = f"cannot listen on port {config.port} of {config.host}: {error.strerror}"
        raise OSError(f"{why}; choose another with --port") from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted connections inherit it
    return listener
