"""Compare the speed of two versions of this project, in one run.

    python tests/benchmarks/compare.py OLD NEW [--rounds 7] [--only turns,runs]

OLD and NEW are folders with a clone each; both are run by this Python, with the folder first on its path. A round measures
OLD, NEW and OLD once more, in turns, each in a process of its own, so that a busy machine is busy for all of them. Printed is
the median over the rounds of NEW / OLD, and beside it how far OLD is from itself (the least and the greatest of the second
OLD / the first). A ratio passes when its median is at most 1.05, or is within that spread. Figures are times: less is better.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages

MOST = 1.05
"""The ratio that is allowed."""
Figures = dict[str, float]


class State(TypedDict):
    messages: Annotated[list[Any], add_messages]


def plain_graph(saver: Any) -> Any:
    builder = StateGraph(State)
    builder.add_node("model", lambda state: {"messages": [AIMessage("An answer of a few words. " * 8)]})
    builder.add_edge(START, "model")
    return builder.compile(checkpointer=saver)


def said(text: str) -> dict[str, Any]:
    return {"messages": [("user", text)]}


def config(thread_id: str) -> Any:
    return {"configurable": {"thread_id": thread_id}}


def milliseconds(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


def timed_turn(graph: Any, thread_id: str) -> float:
    return milliseconds(lambda: graph.invoke(said("hi"), config(thread_id)))


def turns(folder: Path) -> Figures:
    """A turn on an empty thread, and on one with a hundred turns: a plain graph, and the one of this repository."""
    import threads
    from agent import build_agent

    found = {}
    with threads.open(folder / "turns.db") as registry:
        model = FakeListChatModel(responses=["An answer of a few words. " * 8])
        graphs = {
            "plain": plain_graph(registry.checkpointer),
            "agent": build_agent(checkpointer=registry.checkpointer, model=model),
        }
        for name, graph in graphs.items():
            turn = partial(timed_turn, graph)
            turn(f"{name}-warm")
            first = [turn(f"{name}-{number}") for number in range(40)]
            later = [turn(name) for _ in range(110)]
            found |= {
                f"{name}, first turn": statistics.median(first),
                f"{name}, turn 100": statistics.median(later[-20:]),
            }
    return found


def crowd(folder: Path) -> Figures:
    """Turns of twenty tasks at once."""
    import threads

    async def task(graph: Any, number: int) -> None:
        for _ in range(8):
            await graph.ainvoke(said("hi"), config(f"t{number}"))

    async def all_tasks() -> float:
        with threads.open(folder / "crowd.db") as registry:
            graph = plain_graph(registry.checkpointer)
            await graph.ainvoke(said("warm"), config("warm"))
            begin = time.perf_counter()
            await asyncio.gather(*(task(graph, number) for number in range(20)))
            return (time.perf_counter() - begin) * 1000 / 160

    return {"turn, 20 tasks": asyncio.run(all_tasks())}


def runs(folder: Path) -> Figures:
    """A run from `start` to its result, on a short thread; one after another, and twenty threads at once."""
    import threads

    with threads.open(folder / "runs.db") as registry, threads.Runner(registry, plain_graph(None)) as runner:

        def run(thread_id: str) -> None:
            runner.start(thread_id, "hi", if_not_exists="create").result()

        run("warm")
        alone = [milliseconds(lambda n=n: run(f"a{n % 20}")) for n in range(100)]

        def many() -> None:
            begun = [runner.start(f"b{n}", "hi", if_not_exists="create") for n in range(100)]
            for each in begun:
                each.result()

        return {"run": statistics.median(alone), "run, 100 at once": milliseconds(many) / 100}


def finding(folder: Path) -> Figures:
    """Pages of a list and of a search among 1,500 threads, of which 150 have messages."""
    import threads

    with threads.open(folder / "finding.db") as registry:
        graph = plain_graph(registry.checkpointer)
        for number in range(1500):
            registry.create(
                id=f"t{number}", title=f"Trip {number % 97} to Rome", metadata={"n": number % 7}, tags=["x"]
            )
        for number in range(150):
            graph.invoke(said(f"where is hotel {number % 13}?"), config(f"t{number}"))
        registry.search("hotel")
        looks: dict[str, Callable[[], Any]] = {
            "list": lambda: registry.list(limit=20),
            "list by metadata": lambda: registry.list(metadata={"n": 3}, limit=20),
            "search": lambda: registry.search("hotel"),
            "search, rare": lambda: registry.search("rome 96"),
            "messages": lambda: registry.messages("t3"),
        }
        return {
            name: statistics.median(milliseconds(look) for _ in range(60)) for name, look in looks.items()
        }


SUITES = {each.__name__: each for each in (turns, crowd, runs, finding)}


def measured(version: Path, suite: str) -> Figures:
    """The figures of one suite in a process that has `version` first on its path."""
    environment = {**os.environ, "PYTHONPATH": str(version), "THREADS_MODEL": "offline"}
    done = subprocess.run(
        [sys.executable, __file__, "--measure", suite],
        env=environment,
        cwd=version,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    where, figures = json.loads(done.stdout)
    if not Path(where).is_relative_to(version):
        sys.exit(f"{version}: `threads` was imported from {where}")
    return dict(figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("versions", nargs="*", type=Path, metavar="OLD NEW")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default=",".join(SUITES), help="suites, separated by commas")
    parser.add_argument("--measure", choices=SUITES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        import threads

        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps([threads.__file__, SUITES[options.measure](Path(folder))]))
        return
    if len(options.versions) != 2:
        parser.error("give the folders of two versions: OLD NEW")
    old, new = (each.resolve() for each in options.versions)
    slower = 0
    print(f"{'':28}{'NEW / OLD':>10}{'OLD / OLD':>16}{'OLD, ms':>10}")
    for suite in options.only.split(","):
        rounds = [[measured(each, suite) for each in (old, new, old)] for _ in range(options.rounds)]
        for name in rounds[0][0]:
            ratio = statistics.median(
                second[name] / ((first[name] + third[name]) / 2) for first, second, third in rounds
            )
            spread = [third[name] / first[name] for first, _, third in rounds]
            is_slower = ratio > MOST and ratio > max(spread)
            slower += is_slower
            print(
                f"{suite + ': ' + name:28}{ratio:10.2f}{min(spread):9.2f}-{max(spread):.2f}"
                f"{statistics.median(first[name] for first, _, _ in rounds):12.2f}{'  SLOWER' if is_slower else ''}"
            )
    sys.exit(f"{slower} figures are slower" if slower else 0)


if __name__ == "__main__":
    main()
