"""What a page of 20 costs among ever more threads, and counting them all.

    python tests/benchmarks/listing.py [--most 1000000]

Each figure is the median over 200 pages, in ms: the first page, a page from the middle by cursor,
and pages through filters. `total` is measured apart. Beside it, stock LangGraph's way to list
threads, `checkpointer.list(None)`, over 60 threads of 15 turns.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite import SqliteSaver

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from graphs import config, plain_graph, said

import threads


def fill(path: Path, count: int) -> None:
    """Rows as the ledger leaves them, up to date."""
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM threads_thread")
    connection.executemany(
        "INSERT INTO threads_thread (thread_id, activity, created_at, updated_at, auto_title, preview, "
        "message_count, owner, agent_id, pinned) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (f"thread-{n:08}", n + 1, n, n, f"Title {n % 997}", "What was said last " * 4, n % 40,
             f"owner-{n % 1000}", "support" if n % 3 else "tutor", n % 50 == 0)
            for n in range(count)
        ),
    )  # fmt: skip
    connection.commit()
    connection.close()


def median(work: Callable[[], Any], times: int = 200) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=1_000_000)
    asked = parser.parse_args()
    print(f"{'threads':>9}  {'first':>7} {'middle':>7} {'owner':>7} {'agent':>7} {'pinned':>7} {'total':>8}")
    with tempfile.TemporaryDirectory() as folder:
        count = 1000
        while count <= asked.most:
            path = Path(folder) / f"{count}.db"
            threads.open(path).close()
            fill(path, count)
            with threads.open(path) as registry:
                middle = registry.list(offset=count // 2, limit=1).next_cursor
                first = registry.list()
                asks = ({}, {"cursor": middle}, {"owner": "owner-7"}, {"agent_id": "tutor"}, {"pinned": True})
                figures = [median(partial(registry.list, **ask)) for ask in asks]
                figures.append(median(first.counted, 5))
            print(f"{count:9}  " + " ".join(f"{figure:7.2f}" for figure in figures), flush=True)
            path.unlink()
            count *= 10
        saver = SqliteSaver(sqlite3.connect(Path(folder) / "stock.db", check_same_thread=False))
        graph = plain_graph(saver)
        for turn in range(15):
            for number in range(60):
                graph.invoke(said(f"turn {turn}"), config(f"t{number}"))
        taken = median(lambda: {t.config["configurable"]["thread_id"] for t in saver.list(None)}, 3)
        print(f"stock: checkpointer.list(None) over 60 threads of 15 turns: {taken:.0f} ms")


if __name__ == "__main__":
    main()
