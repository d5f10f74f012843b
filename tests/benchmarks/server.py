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
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from http_client import Client, memory
from server_helpers import PREFIX, process

import threads
from threads.store.threads import NewThread
from threads.store.transaction import Store, Transaction


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
