"""A client of the HTTP API on asyncio's streams, and what a server process uses; for the benchmarks.

It does so little that the server is what is measured.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from server_helpers import PREFIX

STREAMED = {"Accept": "text/event-stream"}


class Client:
    """One connection to a server, used for one request after the other."""

    def __init__(self, host: str, port: int) -> None:
        self._place = (host, port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, float]:
        """Status, body and seconds."""
        begun = time.perf_counter()
        status, told, reader = await self._send(method, path, body, headers)
        content = await reader.readexactly(int(told.get("content-length", 0)))
        return status, json.loads(content) if content else None, time.perf_counter() - begun

    async def turn(self, thread: str, text: str) -> tuple[float, float]:
        """Seconds to the first token and to the end of a streamed answer."""
        begun, first = time.perf_counter(), 0.0
        path = f"{PREFIX}/threads/{thread}/messages"
        status, _, reader = await self._send("POST", path, {"message": text}, STREAMED)
        assert status == 200, status
        async for words in _chunks(reader):
            if not first and (b"event: token" in words or b'"role":"assistant"' in words):
                first = time.perf_counter() - begun
        return first, time.perf_counter() - begun

    async def listen(self, thread: str) -> asyncio.StreamReader:
        """Open a stream of events."""
        status, _, reader = await self._send("GET", f"{PREFIX}/threads/{thread}/events", None, {})
        assert status == 200, status
        return reader

    async def _send(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], Any]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._place)
        reader, writer = self._streams
        content = b"" if body is None else json.dumps(body).encode()
        told = {
            "Host": "{}:{}".format(*self._place),
            "Content-Type": "application/json",
            "Content-Length": len(content),
            **headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + content)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        found = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        return int(head[0].split()[1]), found, reader


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int(await reader.readline(), 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)


def memory(pid: int) -> float:
    """Resident megabytes of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def cpu_seconds(pid: int) -> float:
    """Seconds of the processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def os_threads(pid: int) -> int:
    """Threads of a process."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def open_descriptors(pid: int) -> int:
    """File descriptors that a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
