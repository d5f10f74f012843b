"""A server under lasting use: turns per second and what the server takes, while its threads grow.

    python tests/benchmarks/soak.py [--threads 200] [--clients 50] [--turns 60] [--kinds agent plain] [--quick] [--json]

`threads serve` runs as a process of its own, with `build_agent` and then with a plain `add_messages` graph, whose
models answer at once. Each client has as many threads as the others and adds a turn to each before the next turn.
A line for each tenth of the turns: turns per second, time to the answer, CPU of the server for a turn, memory,
OS threads, descriptors and file at its end. At last the turns per second of the first and of the last minute, or
tenth where all lasts less than three minutes; what follows after the first client has finished does not count.
Clients and server share the machine's cores; where others use them too, the ratio of CPU says more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from http_client import Client, cpu_seconds, memory, open_descriptors, os_threads
from locations import ROOT, SUPPORT
from long_threads import KINDS, SERVED
from server_helpers import PREFIX, process

PARTS = 10
BOUNDS = {"agent": 0.8, "plain": 0.6}
"""The least that the last minute's turns per second may be of the first's."""


@dataclass
class Sample:
    """The server after a part of the turns; `answer_*` are of that part, in ms."""

    seconds: float
    turns: int
    turns_per_second: float
    answer_p50: float
    answer_p99: float
    cpu_ms_per_turn: float
    memory_mb: float
    os_threads: int
    descriptors: int
    file_mb: float


@dataclass
class Soak:
    """The clients of one server, and what is seen of it."""

    server: Any
    path: Path
    begun: float = field(default_factory=time.perf_counter)
    ends: list[float] = field(default_factory=list)
    """When turns ended, in seconds from the begin."""
    answers: list[float] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    first_client_finished: float | None = None
    _cpu: float = 0.0

    async def run(self, thread_count: int, clients: int, turns: int) -> None:
        host, port = self.server.url.removeprefix("http://").split(":")
        connections = [Client(host, int(port)) for _ in range(clients)]
        made = [await connections[0].ask("POST", f"{PREFIX}/threads", {}) for _ in range(thread_count)]
        ids = [thread["id"] for _, thread, _ in made]
        await asyncio.gather(
            *(self._add_turn(client, id, 0) for client, id in zip(connections, ids, strict=False))
        )
        self.ends, self.answers, self.begun = [], [], time.perf_counter()
        self._cpu, part = cpu_seconds(self.server.pid), max(1, thread_count * turns // PARTS)
        await asyncio.gather(
            *(self._talk(client, ids[n::clients], turns, part) for n, client in enumerate(connections))
        )

    async def _talk(self, client: Client, ids: list[str], turns: int, part: int) -> None:
        for turn in range(1, turns + 1):
            for id in ids:
                await self._add_turn(client, id, turn)
                if len(self.ends) % part == 0:
                    self._take_sample(part)
        if self.first_client_finished is None:
            self.first_client_finished = self.ends[-1]

    async def _add_turn(self, client: Client, id: str, turn: int) -> None:
        body = {"message": f"Question {turn}: what do we know, and why does it matter to us?"}
        status, answer, seconds = await client.ask("POST", f"{PREFIX}/threads/{id}/messages", body)
        assert status == 200, (status, answer)
        self.ends.append(time.perf_counter() - self.begun)
        self.answers.append(seconds * 1000)

    def _take_sample(self, part: int) -> None:
        cpu, pid = cpu_seconds(self.server.pid), self.server.pid
        start = self.ends[-part - 1] if len(self.ends) > part else 0.0
        answers = sorted(self.answers[-part:])
        files = self.path.parent.glob(f"{self.path.name}*")
        self.samples.append(
            Sample(
                self.ends[-1], len(self.ends), part / (self.ends[-1] - start), statistics.median(answers),
                answers[-1 - len(answers) // 100], (cpu - self._cpu) * 1000 / part, memory(pid), os_threads(pid),
                open_descriptors(pid), sum(file.stat().st_size for file in files) / 1e6,
            )
        )  # fmt: skip
        self._cpu = cpu

    def first_and_last(self) -> tuple[float, float]:
        """Turns per second of the first and of the last minute, or tenth, while all clients were there."""
        while_all = [each for each in self.ends if each <= (self.first_client_finished or self.ends[-1])]
        tenth = max(1, len(while_all) // PARTS)
        first, last = while_all[tenth - 1], while_all[-1] - while_all[-1 - tenth]
        if while_all[-1] < 180:
            return tenth / first, tenth / last
        first_minute = sum(1 for each in while_all if each <= 60)
        last_minute = sum(1 for each in while_all if each > while_all[-1] - 60)
        return first_minute / 60, last_minute / 60


def measure(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "threads.db"
        python_path = os.pathsep.join(map(str, (SUPPORT, ROOT)))
        words = ("--db", str(path), "--agents", SERVED[kind])
        with process(Path(folder), *words, PYTHONPATH=python_path) as server:
            soak = Soak(server, path)
            asyncio.run(soak.run(options.threads, options.clients, options.turns))
    first, last = soak.first_and_last()
    samples = [asdict(each) for each in soak.samples]
    return {"samples": samples, "first": first, "last": last, "ratio": last / first}


def report(kind: str, found: dict[str, Any]) -> None:
    print(f"\n{kind}")
    print(
        f"{'seconds':>8}{'turns':>8}{'turns/s':>9}{'p50 ms':>8}{'p99 ms':>8}{'CPU ms/turn':>13}"
        f"{'MB':>6}{'OS threads':>12}{'descriptors':>13}{'file MB':>9}"
    )
    for sample in found["samples"]:
        each = Sample(**sample)
        print(
            f"{each.seconds:8.0f}{each.turns:8}{each.turns_per_second:9.1f}{each.answer_p50:8.0f}{each.answer_p99:8.0f}"
            f"{each.cpu_ms_per_turn:13.1f}{each.memory_mb:6.0f}{each.os_threads:12}{each.descriptors:13}{each.file_mb:9.0f}"
        )
    verdict = "met" if found["ratio"] >= BOUNDS[kind] else "MISSED"
    print(
        f"turns/s in the first and the last minute: {found['first']:.1f} and {found['last']:.1f}, "
        f"{found['ratio']:.2f}; at least {BOUNDS[kind]}: {verdict}"
    )
    first, last = (found["samples"][place]["cpu_ms_per_turn"] for place in (0, -1))
    print(
        f"CPU for a turn in the first and the last tenth: {first:.1f} and {last:.1f} ms, {first / last:.2f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("threads", 200), ("clients", 50), ("turns", 60)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["agent", "plain"])
    parser.add_argument("--folder", type=Path, help="where the files are made, and removed afterwards")
    parser.add_argument("--quick", action="store_true", help="4 threads, 2 clients, 5 turns")
    parser.add_argument("--json", action="store_true", help="print samples and ratios by kind")
    options = parser.parse_args()
    if options.quick:
        options.threads, options.clients, options.turns = 4, 2, 5
    found = {}
    for kind in options.kinds:
        found[kind] = measure(kind, options)
        if not options.json:
            report(kind, found[kind])
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
