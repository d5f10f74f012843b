"""What a turn costs, against stock LangGraph in the same run.

    python tests/benchmarks/turns.py [--turns 500] [--empty 200]

Stock is `add_messages` and `SqliteSaver`; ours is `build_agent` and `registry.checkpointer`. Both
have the same model (an answer of 400 characters) and take turns at being measured, so that a noisy
machine disturbs both alike. Figures are medians; what counts are the ratios.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langgraph.checkpoint.sqlite import SqliteSaver

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from graphs import Plain, compiled, config, said

import threads
from agent import build_agent

ANSWER = "All work and no play makes Jack a dull boy. " * 9
QUESTION = "x" * 250


def stock(path: Path) -> Any:
    model = FakeListChatModel(responses=[ANSWER])
    saver = SqliteSaver(sqlite3.connect(path, check_same_thread=False))
    return compiled(Plain, lambda state: {"messages": [model.invoke(state["messages"])]}, saver)


def timed(graph: Any, thread_id: str) -> float:
    start = time.perf_counter()
    graph.invoke(said(QUESTION), config(thread_id))
    return (time.perf_counter() - start) * 1000


def size(path: Path) -> int:
    return sum(beside.stat().st_size for beside in path.parent.glob(f"{path.name}*"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=500)
    parser.add_argument("--empty", type=int, default=200)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.db" for name in ("stock", "plain", "ours")}
        registries = {name: threads.open(paths[name]) for name in ("plain", "ours")}
        model = FakeListChatModel(responses=[ANSWER])
        graphs = {
            "stock": stock(paths["stock"]),
            "plain": compiled(
                Plain,
                lambda state: {"messages": [model.invoke(state["messages"])]},
                registries["plain"].checkpointer,
            ),
            "ours": build_agent(model, checkpointer=registries["ours"].checkpointer),
        }
        for graph in graphs.values():
            timed(graph, "warm")
        print(f"first turn on an empty thread, median of {asked.empty} threads, ms")
        first: dict[str, list[float]] = {name: [] for name in graphs}
        for number in range(asked.empty):
            for name, graph in graphs.items():
                first[name].append(timed(graph, f"t{number}"))
        report({name: statistics.median(times) for name, times in first.items()})
        print(f"\none thread, median of 10 turns up to turn n, ms ({asked.turns} turns)")
        times: dict[str, list[float]] = {name: [] for name in graphs}
        for turn in range(1, asked.turns + 1):
            for name, graph in graphs.items():
                times[name].append(timed(graph, "long"))
            if turn in (10, 125, 250, 450, asked.turns):
                print(f"turn {turn:4}", end="  ")
                report({name: statistics.median(each[-10:]) for name, each in times.items()})
        for registry in registries.values():
            registry.close()
        print("\nfile after all that, MB")
        report({name: size(path) / 1e6 for name, path in paths.items()}, digits=1)


def report(figures: dict[str, float], digits: int = 2) -> None:
    ratios = {name: figure / figures["stock"] for name, figure in figures.items() if name != "stock"}
    print(
        "  ".join(f"{name} {figure:.{digits}f}" for name, figure in figures.items()),
        "  ratio to stock:",
        "  ".join(f"{name} {ratio:.3f}" for name, ratio in ratios.items()),
    )


if __name__ == "__main__":
    main()
