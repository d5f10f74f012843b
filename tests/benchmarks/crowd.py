"""Turns per second with one user and with many at once, against stock LangGraph in the same run.

    python tests/benchmarks/crowd.py [--users 50] [--workers 8] [--turns 160] [--rounds 3]

Stock is `add_messages` with `AsyncSqliteSaver` (tasks) or `SqliteSaver` (OS threads); plain is the
same graph on ours; ours is `build_agent` on ours. The model answers at once, so the memory is what is
measured. Each user has a thread. The three take turns at being measured, each time in a new file, so
that a noisy machine disturbs all alike. Figures are medians; what counts are the ratios. Commits are
counted by SQLite's trace in a run of their own; bytes are those of the file after it was closed.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from graphs import Plain, compiled, config, said, stock_saver

import threads
from agent import build_agent

ANSWER = "All work and no play makes Jack a dull boy. " * 9
QUESTION = "x" * 250
KINDS = ("stock", "plain", "ours")
Trace = Callable[[str], None]


class Crowd(NamedTuple):
    """Who talks at once: `users` tasks of one loop, or as many OS threads."""

    name: str
    users: int
    turns: int
    by_tasks: bool


class Figures(NamedTuple):
    """What one crowd's turns came to."""

    per_second: float
    bytes: float


@asynccontextmanager
async def opened(kind: str, path: Path, by_tasks: bool, trace: Trace | None) -> AsyncIterator[Any]:
    """The graph with its checkpointer; `trace` is told each statement that writes."""
    if kind != "stock":
        with threads.open(path) as registry:
            saver = registry.checkpointer
            saver._database.write(lambda connection: connection.set_trace_callback(trace))
            yield saver
    elif by_tasks:
        async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
            await saver.conn.set_trace_callback(trace)
            yield saver
    else:
        saver = stock_saver(path)
        saver.conn.set_trace_callback(trace)
        yield saver
        saver.conn.close()


def graph_of(kind: str, saver: Any) -> Any:
    model = FakeListChatModel(responses=[ANSWER])
    if kind == "ours":
        return build_agent(model, checkpointer=saver)
    return compiled(Plain, lambda state: {"messages": [model.invoke(state["messages"])]}, saver)


async def talk(graph: Any, crowd: Crowd) -> float:
    """Seconds until all have had their turns."""
    turns = crowd.turns // crowd.users

    async def user(number: int) -> None:
        for _ in range(turns):
            await graph.ainvoke(said(QUESTION), config(f"user {number}"))

    def blocking(number: int) -> None:
        for _ in range(turns):
            graph.invoke(said(QUESTION), config(f"user {number}"))

    start = time.perf_counter()
    if crowd.by_tasks:
        await asyncio.gather(*map(user, range(crowd.users)))
    else:
        with ThreadPoolExecutor(crowd.users) as pool:
            list(pool.map(blocking, range(crowd.users)))
    return time.perf_counter() - start


async def measured(kind: str, crowd: Crowd, path: Path, trace: Trace | None = None) -> Figures:
    async with opened(kind, path, crowd.by_tasks, trace) as saver:
        seconds = await talk(graph_of(kind, saver), crowd)
    turns = crowd.turns // crowd.users * crowd.users
    return Figures(turns / seconds, path.stat().st_size / turns)


async def commits(kind: str, crowd: Crowd, path: Path) -> float:
    """Commits a turn, in a run that is not timed."""
    done: list[str] = []

    def trace(statement: str) -> None:
        if statement == "COMMIT":
            done.append(statement)

    await measured(kind, crowd, path, trace)
    return len(done) / (crowd.turns // crowd.users * crowd.users)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--turns", type=int, default=160, help="in total, shared out among the users")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    crowds = (
        Crowd("1 task", 1, asked.turns // 3, by_tasks=True),
        Crowd(f"{asked.users} tasks", asked.users, asked.turns, by_tasks=True),
        Crowd(f"{asked.workers} OS threads", asked.workers, asked.turns, by_tasks=False),
    )
    print(f"{'':14}{'':7}{'turns/s':>9}{'ratio':>8}{'commits/turn':>14}{'bytes/turn':>12}")
    with tempfile.TemporaryDirectory() as folder:
        paths = (Path(folder) / f"{number}.db" for number in range(10**6))
        for crowd in crowds:
            found: dict[str, list[Figures]] = {kind: [] for kind in KINDS}
            for kind in KINDS:
                await measured(kind, crowd._replace(turns=2 * crowd.users), next(paths))  # warm
            for _ in range(asked.rounds):
                for kind in KINDS:
                    found[kind].append(await measured(kind, crowd, next(paths)))
            for kind, rounds in found.items():
                speed = statistics.median(each.per_second for each in rounds)
                ratios = (
                    each.per_second / stock.per_second
                    for each, stock in zip(rounds, found["stock"], strict=True)
                )
                print(
                    f"{crowd.name:14}{kind:7}{speed:9.1f}{statistics.median(ratios):8.2f}"
                    f"{await commits(kind, crowd, next(paths)):14.2f}{rounds[-1].bytes:12.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    asyncio.run(main())
