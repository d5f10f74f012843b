"""Programs that tests need besides Python, and proxies that are run as Debian ships them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from run_helpers import until

NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass {upstream};
        }}
    }}
}}
"""
"""What Debian's nginx needs to run in a folder of its own; all about proxying is its default."""


def required(program: str) -> str:
    """The path of a program; without it the test is skipped, or fails where THREADS_TEST_REQUIRE=1."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    if found is None and os.environ.get("THREADS_TEST_REQUIRE") == "1":
        pytest.fail(f"{program} is needed: apt-get install {program}")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def nginx(folder: Path, upstream: str) -> Iterator[str]:
    """nginx before this address; gives its own."""
    program, port = required("nginx"), free_port()
    user = "user root;" if os.geteuid() == 0 else ""  # others may not enter the folder of the tests
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, upstream=upstream, user=user))
    with _running([program, "-c", str(config), "-p", str(folder)], folder, port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def caddy(folder: Path, upstream: str) -> Iterator[str]:
    """`caddy reverse-proxy` before this address; gives its own."""
    port = free_port()
    words = [
        required("caddy"),
        "reverse-proxy",
        "--from",
        f":{port}",
        "--to",
        upstream.removeprefix("http://"),
    ]
    with _running(words, folder, port, HOME=str(folder), XDG_DATA_HOME=str(folder), CADDY_ADMIN="off"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(words: list[str], folder: Path, port: int, **environment: str) -> Iterator[None]:
    with (folder / "proxy.log").open("w") as log:
        proxy = subprocess.Popen(words, env={**os.environ, **environment}, stdout=log, stderr=log)
    try:
        until(lambda: _answers(port) or proxy.poll() is not None)
        assert proxy.poll() is None, (folder / "proxy.log").read_text()
        yield
    finally:
        proxy.terminate()
        proxy.wait(20)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
