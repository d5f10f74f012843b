"""The server in one run: turns per second, time to the first token, a long list, many listeners, memory.

    python tests/benchmarks/server.py [--clients 50] [--turns 10] [--threads 20000] [--listeners 1000]

`threads serve` runs as a process of its own with the offline model, on a file that holds many threads.
The client is a few lines on asyncio's streams, so that the server is what is measured; both share the
machine's cores. The first token is timed from sending the request to reading its event; where the whole answer was
stored before it was read, to that.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from server_helpers import PREFIX, process

import threads
from threads.store.threads import NewThread
from threads.store.transaction import Store, Transaction

STREAMED = {"Accept": "text/event-stream"}


class Client:
    """One connection that is kept."""

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
            "Host": "127.0.0.1",
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


def fill(path: Path, count: int) -> None:
    """A file with so many threads, made in one transaction."""

    def create_threads(tx: Transaction) -> None:
        for number in range(count):
            tx.threads.create(
                NewThread(
                    f"thread-{number}", f"Thread {number}", "support", None, "{}", ["x"], 1_700_000_000_000
                )
            )

    with threads.open(path) as registry:
        Store(registry._database).write(create_threads)


def memory(pid: int) -> float:
    """Resident megabytes of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


async def talk(place: tuple[str, int], clients: int, turns: int) -> None:
    """So many clients at once, each in a thread of its own."""
    people = [Client(*place) for _ in range(clients)]
    made = [await people[0].ask("POST", f"{PREFIX}/threads", {}) for _ in people]
    ids = [thread["id"] for _, thread, _ in made]
    await asyncio.gather(*(person.turn(id, "Hi, I'm Alice") for person, id in zip(people, ids, strict=True)))

    async def one(person: Client, id: str) -> list[tuple[float, float]]:
        return [await person.turn(id, f"What is my name? {number}") for number in range(turns)]

    begun = time.perf_counter()
    found = await asyncio.gather(*(one(person, id) for person, id in zip(people, ids, strict=True)))
    seconds = time.perf_counter() - begun
    firsts, wholes = zip(*[each for mine in found for each in mine], strict=True)
    print(
        f"{clients:5} clients: {clients * turns / seconds:6.0f} turns/s, first token p50 {ms(firsts)}, "
        f"answer p50 {ms(wholes)}, p99 {max_but(wholes, 0.01):.0f} ms"
    )


async def listed(place: tuple[str, int]) -> None:
    """Pages of a long list, and a search."""
    client = Client(*place)
    for path in (
        "threads?limit=20&offset=0",
        "threads?limit=20&count=false",
        "search?text=thread&count=false",
    ):
        spent = [(await client.ask("GET", f"{PREFIX}/{path}"))[2] for _ in range(100)]
        print(f"  GET /{path}: p50 {ms(spent)}, p99 {max_but(spent, 0.01):.1f} ms")


async def idle(place: tuple[str, int], count: int, pid: int, turns: int) -> None:
    """Many who listen and hear nothing, while one talks."""
    before = memory(pid)
    listeners = [Client(*place) for _ in range(count)]
    begun = time.perf_counter()
    for start in range(0, count, 50):
        await asyncio.gather(
            *(
                each.listen(f"thread-{number}")
                for number, each in enumerate(listeners[start : start + 50], start)
            )
        )
    print(
        f"  {count} listeners came in {time.perf_counter() - begun:.1f} s: {before:.0f} -> {memory(pid):.0f} MB"
    )
    await talk(place, 1, turns)


def ms(seconds: Any) -> str:
    return f"{statistics.median(seconds) * 1000:.1f} ms"


def max_but(seconds: Any, part: float) -> float:
    return sorted(seconds)[-1 - int(len(seconds) * part)] * 1000


async def measured(url: str, pid: int, asked: argparse.Namespace) -> None:
    host, port = url.removeprefix("http://").split(":")
    place = (host, int(port))
    print(f"memory at the start: {memory(pid):.0f} MB")
    await talk(place, 1, 50)
    await talk(place, asked.clients, asked.turns)
    print(f"{asked.threads} threads, memory {memory(pid):.0f} MB")
    await listed(place)
    await idle(place, asked.listeners, pid, 50)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("clients", 50), ("turns", 10), ("threads", 20_000), ("listeners", 1000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder) / "threads.db", asked.threads)
        with process(Path(folder)) as server:
            asyncio.run(measured(server.url, server.pid, asked))


if __name__ == "__main__":
    main()
