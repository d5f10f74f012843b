"""Threads of many turns for the benchmarks: their graphs, and files of one thread that are built once."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from graphs import Plain, compiled, config, said
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

import threads
from agent import build_agent

KINDS = ("plain", "agent")
"""A graph with `add_messages`, each of whose checkpoints holds all messages, and `build_agent`."""
THREAD = "long"
ANSWER = "The answer is a sentence or two, as long as such answers often are; it says the same each time."
FULL_STEPS = 20
"""The last turns of a file whose plain graph stores each step; those before store one checkpoint each."""


class FixedModel(BaseChatModel):
    """Answers the same at once, in one piece."""

    @property
    def _llm_type(self) -> str:
        return "fixed"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(ANSWER))])


def plain_agent(checkpointer: Any = None) -> Any:
    return compiled(Plain, lambda state: {"messages": [AIMessage(ANSWER)]}, checkpointer)


def bundled_agent(checkpointer: Any = None) -> Any:
    return build_agent(FixedModel(), checkpointer=checkpointer)


BUILDERS = {"plain": plain_agent, "agent": bundled_agent}
SERVED = {kind: f"long_threads:{build.__name__}" for kind, build in BUILDERS.items()}
"""What `threads serve --agents` takes."""


def question(turn: int) -> dict[str, Any]:
    """Return the input of a turn; one of its words is in no other."""
    return said(f"Question {turn}: what do we know about needle{turn}, and why does it matter to us?")


def build(folder: Path, kind: str, sizes: Collection[int]) -> dict[int, Path]:
    """Return a closed file for each number of turns, building those that are missing.

    The files are the states of one growing thread.
    """
    paths = {turns: folder / f"{kind}-{turns}.db" for turns in sorted(sizes)}
    missing = {turns: path for turns, path in paths.items() if not path.exists()}
    if not missing:
        return paths
    growing = folder / f"{kind}-growing.db"
    done = 0
    for turns in missing:
        _grow(growing, kind, range(done + 1, turns + 1))
        shutil.copyfile(growing, paths[turns])
        done = turns
    growing.unlink()
    return paths


def _grow(path: Path, kind: str, turns: range) -> None:
    with threads.open(path) as registry:
        graph = BUILDERS[kind](registry.checkpointer)
        for turn in turns:
            is_full = kind == "agent" or turn > turns[-1] - FULL_STEPS
            graph.invoke(question(turn), config(THREAD), durability="async" if is_full else "exit")
        registry.list()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def time_first_turn(path: Path, kind: str, clock: Callable[[], float]) -> float:
    """Return the milliseconds of this process's first turn in the thread; imports are done before."""
    with threads.open(path) as registry:
        graph = BUILDERS[kind](registry.checkpointer)
        graph.invoke(question(0), config("another"))
        start = clock()
        graph.invoke(question(0), config(THREAD))
        return (clock() - start) * 1000


def bytes_by_table(path: Path) -> dict[str, int]:
    """Return the bytes of a file's pages by table and index, the largest first.

    Under "(file)" stands the whole. Where SQLite was built without `dbstat`, there is nothing else.
    """
    with sqlite3.connect(path) as connection:
        pages, page = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")
        )
        found = Counter({"(file)": pages * page})
        try:
            rows = connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall()
        except sqlite3.OperationalError:
            rows = []
        found.update(dict(rows))
    connection.close()
    return dict(found.most_common())
