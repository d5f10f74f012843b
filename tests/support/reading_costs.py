"""The measures of `tests/benchmarks/reading.py`: what reading and changing a thread of many turns costs."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from graphs import config, stock_saver
from http_client import Client, cpu_seconds
from locations import ROOT, SUPPORT
from long_threads import BUILDERS, SERVED, THREAD, build, question
from server_helpers import PREFIX, process

import threads

LIMIT = 20
"""Messages of a page."""


@dataclass(frozen=True)
class Plan:
    """What is measured, and how often."""

    turns: tuple[int, ...]
    branch_turns: tuple[int, ...]
    served_turns: tuple[int, ...]
    rounds: int = 30
    copies: int = 5
    """Copies of a file that branch operations and new processes get, each a new one."""
    served_threads: int = 20
    typical: Callable[[Sequence[float]], float] = statistics.median
    """What is taken of the rounds: on a busy machine the least says more."""
    clock: Callable[[], float] = time.perf_counter
    """Seconds; `time.process_time` on a very busy machine."""

    def milliseconds(self, work: Callable[[], Any]) -> float:
        start = self.clock()
        work()
        return (self.clock() - start) * 1000


QUICK = Plan((2, 6), (3, 6), (2, 6), rounds=2, copies=1, served_threads=2)
Figures = dict[str, float]


class Open(NamedTuple):
    """A copy of the file, open and warm."""

    registry: threads.Registry
    graph: Any
    runner: threads.Runner

    def turn(self, number: int = 0) -> None:
        self.graph.invoke(question(number), config(THREAD))

    def run(self, number: int = 0) -> threads.Run:
        run = self.runner.start(THREAD, question(number)["messages"][0]["content"])
        run.result()
        return run


@contextmanager
def copied(path: Path) -> Iterator[Path]:
    """A copy of the file that is removed afterwards."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        yield Path(shutil.copyfile(path, Path(folder) / path.name))


@contextmanager
def opened(path: Path, kind: str) -> Iterator[Open]:
    with copied(path) as copy, threads.open(copy) as registry:
        graph = BUILDERS[kind](registry.checkpointer)
        with threads.Runner(registry, BUILDERS[kind]()) as runner:
            found = Open(registry, graph, runner)
            found.turn()
            found.run().messages()
            registry.list()
            registry.messages(THREAD, limit=LIMIT)
            yield found


def typical(work: Callable[[], Any], plan: Plan, seconds: float = 10) -> float:
    """Typical milliseconds of the plan's rounds of calls, or of those that began within the seconds."""
    end = time.monotonic() + seconds
    taken = [plan.milliseconds(work)]
    while len(taken) < plan.rounds and time.monotonic() < end:
        taken.append(plan.milliseconds(work))
    return plan.typical(taken)


def measure_reads(path: Path, kind: str, plan: Plan) -> Figures:
    """A page of messages from the end and from the middle, unread counts, a search that finds one message."""
    with opened(path, kind) as it:
        registry, turns = it.registry, int(path.stem.split("-")[1])
        found = registry.messages(THREAD)
        registry.mark_read(THREAD, "reader", upto=found[len(found) // 2].id)
        middle = partial(registry.messages, THREAD, limit=LIMIT, before=found[len(found) // 2].id)
        needle = partial(registry.search, f"needle{turns // 2 + 1}")
        assert [hit.thread.id for hit in needle()] == [THREAD]
        return {
            "messages(limit=20)": typical(partial(registry.messages, THREAD, limit=LIMIT), plan),
            "messages(limit=20, before=middle)": typical(middle, plan),
            "unread()": typical(partial(registry.unread, [THREAD], "reader"), plan),
            "search() with one hit": typical(needle, plan),
            "bytes per message": path.stat().st_size / len(found),
        }


def measure_turns(path: Path, kind: str, plan: Plan) -> Figures:
    """A turn and a run, alone and with what is read after them."""
    taken: dict[str, list[float]] = {
        name: [] for name in ("turn", "turn and list()", "run", "run and run.messages()", "run.messages()")
    }
    turns = int(path.stem.split("-")[1])
    block = max(2, min(10, turns // 4))
    for _ in range(0, plan.rounds, block):
        with opened(path, kind) as it:

            def turn_and_list(it: Open = it) -> None:
                it.turn()
                it.registry.list()

            taken["turn"] += [plan.milliseconds(it.turn) for _ in range(block)]
            it.registry.list()
            taken["turn and list()"] += [plan.milliseconds(turn_and_list) for _ in range(block)]
        with opened(path, kind) as it:
            for _ in range(block):
                start = plan.clock()
                run = it.run()
                middle = plan.clock()
                found = run.messages()
                end = plan.clock()
                assert found and len(found) == 2
                taken["run"].append((middle - start) * 1000)
                taken["run and run.messages()"].append((end - start) * 1000)
                taken["run.messages()"].append((end - middle) * 1000)
    figures = {name: plan.typical(values) for name, values in taken.items()}
    return figures | {"list() after a turn costs": figures["turn and list()"] - figures["turn"]}


def measure_branches(path: Path, kind: str, plan: Plan) -> Figures:
    """Operations near the end of the thread; `edit` and `regenerate` with their run."""

    def operations(it: Open) -> dict[str, Callable[[], Any]]:
        *_, earlier, _, asked, answer = it.registry.messages(THREAD, limit=8)
        return {
            "undo": lambda: it.registry.undo(THREAD),
            "rewind": lambda: it.registry.rewind(THREAD, to=str(earlier.id)),
            "edit": lambda: it.runner.edit(THREAD, str(asked.id), "Something else?").result(),
            "regenerate": lambda: it.runner.regenerate(THREAD, answer.id).result(),
            "fork": lambda: it.registry.fork(THREAD),
        }

    taken: dict[str, list[float]] = {}
    for _ in range(plan.copies):
        for name in ("undo", "rewind", "edit", "regenerate", "fork"):
            with opened(path, kind) as it:
                taken.setdefault(name, []).append(plan.milliseconds(operations(it)[name]))
                if name in ("undo", "edit"):
                    next_page = partial(it.registry.messages, THREAD, limit=LIMIT)
                    taken.setdefault(f"messages after {name}", []).append(plan.milliseconds(next_page))
    return {name: plan.typical(values) for name, values in taken.items()}


def measure_first_turn(path: Path, kind: str, plan: Plan) -> Figures:
    code = (
        f"import sys; sys.path.insert(0, {str(SUPPORT)!r}); import pathlib, time, long_threads; "
        f"print(long_threads.time_first_turn(pathlib.Path(sys.argv[1]), {kind!r}, time.{plan.clock.__name__}))"
    )
    taken = []
    for _ in range(plan.copies):
        with copied(path) as copy:
            done = subprocess.run(
                [sys.executable, "-c", code, str(copy)], capture_output=True, text=True, check=True
            )
            taken.append(float(done.stdout))
    return {"first turn in a new process": plan.typical(taken)}


def measure_stock(path: Path, kind: str, plan: Plan) -> Figures:
    with copied(path) as copy:
        saver = stock_saver(copy)
        graph = BUILDERS[kind](saver)
        turn, state = (
            partial(graph.invoke, question(0), config(THREAD)),
            partial(graph.get_state, config(THREAD)),
        )
        turn()
        figures = {
            "stock: get_state()": typical(state, plan),
            "stock: turn": typical(turn, replace(plan, rounds=min(plan.rounds, 10))),
        }
        saver.conn.close()
    return figures


async def cpu_of(server: Any, plan: Plan, method: str, path: str, body: Any) -> float:
    """Milliseconds of the server's processor for one such request, over all its threads."""
    host, port = server.url.removeprefix("http://").split(":")
    client, before = Client(host, int(port)), cpu_seconds(server.pid)
    for number in range(plan.served_threads):
        status, answer, _ = await client.ask(method, f"{PREFIX}/threads/{THREAD}-{number}/{path}", body)
        assert status == 200, (status, answer)
    return (cpu_seconds(server.pid) - before) * 1000 / plan.served_threads


def measure_server(paths: dict[int, Path], kind: str, plan: Plan) -> dict[int, Figures]:
    """What a reply and a page of messages cost a server; the lengths take turns, so that noise is shared."""
    taken: dict[int, dict[str, list[float]]] = {turns: {} for turns in paths}
    with ExitStack() as stack:
        servers = {}
        for turns, path in paths.items():
            copy = stack.enter_context(copied(path))
            with threads.open(copy) as registry:
                for number in range(plan.served_threads):
                    registry.fork(THREAD, new_id=f"{THREAD}-{number}")
            words = ("--db", str(copy), "--agents", SERVED[kind])
            servers[turns] = stack.enter_context(
                process(copy.parent, *words, PYTHONPATH=os.pathsep.join(map(str, (SUPPORT, ROOT))))
            )
        requests = {
            "HTTP reply, CPU": ("POST", "messages", {"message": "What else do we know?"}),
            "HTTP page of messages, CPU": ("GET", f"messages?limit={LIMIT}", None),
        }
        for attempt in range(4):
            for turns, server in servers.items():
                for name, request in requests.items():
                    ms = asyncio.run(cpu_of(server, plan, *request))
                    if attempt:  # the first warms the server
                        taken[turns].setdefault(name, []).append(ms)
    return {
        turns: {name: plan.typical(each) for name, each in found.items()} for turns, found in taken.items()
    }


def measure(folder: Path, kind: str, plan: Plan) -> dict[int, Figures]:
    """All figures of one kind of graph, by the number of turns."""
    sizes = {*plan.turns, *plan.branch_turns, *plan.served_turns}
    paths = build(folder, kind, sizes)
    found: dict[int, Figures] = {turns: {} for turns in sorted(sizes)}
    for turns in plan.turns:
        for measured in (measure_reads, measure_turns, measure_first_turn, measure_stock):
            found[turns] |= measured(paths[turns], kind, plan)
    for turns in plan.branch_turns:
        found[turns] |= measure_branches(paths[turns], kind, plan)
    if Path("/proc/self/stat").exists():
        served = measure_server({turns: paths[turns] for turns in plan.served_turns}, kind, plan)
        for turns, figures in served.items():
            found[turns] |= figures
    return found
