"""Running the application: uvicorn, one process, and an end that loses nothing.

On a signal no new requests are taken, those who only listen are sent away, and answers under way have
some seconds to be finished. Who waits for a longer one is told where it will be found; its run is handed
over to whoever opens the file next.
"""

from __future__ import annotations

import asyncio
import json
import logging
import logging.handlers
import queue
import signal
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from threads.api.target import TargetProtocol
from threads.api.unix_socket import UnixSocket

GRACE = 10
"""Seconds that answers under way have when the server is to end."""
LAST_WORDS = 1
"""Seconds of them in which who still waits is told where to look for his answer."""
KEEP_ALIVE = 75
LINES_KEPT = 10_000
"""Lines of the log that wait for a slow reader."""


class JsonLines(logging.Formatter):
    """A log record as a line of JSON; of exceptions the class, never the words."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        made = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told: dict[str, Any] = {"time": made, "level": record.levelname.lower(), "logger": record.name}
        told["event"] = record.getMessage() if record.exc_info is None else "exception"
        if record.exc_info and record.exc_info[0]:
            told["error"] = record.exc_info[0].__name__
        return json.dumps({**told, **getattr(record, "told", {})})


class Serving(uvicorn.Server):
    """A server that sends its listeners away before it waits for the others."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say so once requests are taken."""
        await super().startup(sockets)
        if self.started:
            self._announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End soon; on a second Ctrl+C now. Not raised again: runs are handed over after this."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, in this order: listeners, answers under way, connections."""
        server = self._app.state.server
        server.streams.close(answers=False)
        patience = (self.config.timeout_graceful_shutdown or 0) - LAST_WORDS
        asyncio.get_running_loop().call_later(max(0, patience), server.call_last)
        await super().shutdown(sockets)


def serve(
    app: FastAPI, *, host: str, port: int, announce: Callable[[str], None], uds: Path | None = None
) -> None:
    """Serve until a signal says to end; `announce(url)` is called once it can be reached.

    `uds`: the path of a Unix socket to listen at instead of host and port.
    """
    config = uvicorn.Config(
        app, host=host, port=port, log_config=None, access_log=False, server_header=False,
        timeout_graceful_shutdown=GRACE, timeout_keep_alive=KEEP_ALIVE, proxy_headers=False, ws="none",
        http=TargetProtocol,
    )  # fmt: skip
    unix = None if uds is None else UnixSocket(uds)
    listening = bound(config) if unix is None else unix.listening
    log = log_as_json()
    app.state.server.trust.decide(socket=None if unix is None else unix.path)
    name = f"[{host}]" if ":" in host else host
    url = f"http://{name}:{listening.getsockname()[1]}" if unix is None else f"unix:{unix.path}"
    try:
        Serving(config, app, lambda: announce(url)).run(sockets=[listening])
    finally:
        if unix is not None:
            unix.remove()
    log.stop()


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


class Waiting(logging.handlers.QueueHandler):
    """Takes records without waiting for whoever reads them; lets go of those that are too many."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """As it is: made into text by the one that writes."""
        return record

    def handleError(self, record: logging.LogRecord) -> None:
        """The queue is full: nobody reads the log, and nobody shall be held up by that."""


def log_as_json() -> logging.handlers.QueueListener:
    """Lines of JSON on stderr, of this server and of what it stands on; written by a thread of their own."""
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(JsonLines())
    records: queue.Queue[logging.LogRecord] = queue.Queue(LINES_KEPT)
    handler = Waiting(records)
    for name, level in (("threads", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
    listener = logging.handlers.QueueListener(records, lines)
    listener.start()
    return listener
