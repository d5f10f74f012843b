"""Clients and servers of the HTTP API, for tests."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi.testclient import TestClient
from run_helpers import until

import threads
from threads.api import Limits, create_app

PREFIX = "/api/v1"
HERE = "http://127.0.0.1:8000"


@contextmanager
def client(registry: Any, agents: Any, *, limits: Limits | None = None, **options: Any) -> Iterator[Any]:
    """Yield a test client of an application over this registry; its `runner` is the one of the application."""
    with threads.Runner(registry, agents) as runner:
        app = create_app(
            registry, runner, limits=limits or Limits(heartbeat=0.2, stream_seconds=20), **options
        )
        with TestClient(app, base_url=HERE, client=("127.0.0.1", 1)) as found:
            found.runner = runner
            yield found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def events(lines: Iterator[str]) -> Iterator[tuple[int | None, str, Any]]:
    """Yield the events of a stream: id, type, data."""
    fields: dict[str, str] = {}
    for line in lines:
        if line.strip():
            name, _, value = line.partition(":")
            fields[name] = value.strip()
            continue
        if "event" in fields:
            id = fields.get("id")
            yield (None if id is None else int(id)), fields["event"], json.loads(fields["data"])
        fields = {}


@contextmanager
def process(
    folder: Path,
    *words: str,
    port: int | None = 0,
    descriptors: tuple[int, int] | None = None,
    **environment: str,
) -> Iterator[Any]:
    """Run `threads serve` as a process with attribute `url`. `descriptors`: its soft and hard limit."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("THREADS_", "OPENAI_"))}
    at = () if port is None else ("--port", str(port))
    words = (sys.executable, "-m", "threads", "serve", *at, *words)
    environment = {**kept, "THREADS_MODEL": "offline", "THREADS_OFFLINE_DELAY": "0", **environment}
    with (folder / "serve.log").open("a") as log:  # a pipe that is not read would block the server
        server = subprocess.Popen(
            words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True,
            preexec_fn=descriptors and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, descriptors)),
        )  # fmt: skip
    try:
        assert server.stdout is not None
        server.url = server.stdout.readline().strip()  # type: ignore[attr-defined]
        yield server
    finally:
        server.terminate()
        try:
            server.communicate(timeout=30)
        finally:
            server.kill()


def log_lines(folder: Path) -> list[dict[str, Any]]:
    """The whole lines that the server has logged by now: it writes them a little later, in another thread."""
    written, _, _ = (folder / "serve.log").read_text().rpartition("\n")
    return [json.loads(line) for line in written.splitlines() if line.startswith("{")]


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """Serve the application on a TCP port; yields its URL."""
    with served_by(app) as url:
        yield url


@contextmanager
def served_by(app: Any, **options: Any) -> Iterator[str]:
    """Serve the application with these options of uvicorn; yields its URL, or the path of its Unix socket."""
    config = uvicorn.Config(
        app, port=0, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1, **options
    )
    sockets = [] if "uds" in options else [config.bind_socket()]
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": sockets or None}, daemon=True)
    thread.start()
    try:
        until(lambda: server.started)
        yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}" if sockets else options["uds"]
    finally:
        server.should_exit = True
        thread.join(30)
