"""Processes with a runner that break off: killed at an event of their run, at any moment, or stopped and woken."""

from __future__ import annotations

import os
import signal
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from faults import warm
from langchain_core.tools import tool
from running import Talking, counting_agent, noting, tool_agent

import threads
from agent import build_agent


def slow_counting_agent(path: Path) -> Any:
    """The bundled agent; it notes the calls of its model, which takes its time."""
    return counting_agent(path.with_name("calls"), delay=0.01)


def careless_agent(path: Path) -> Any:
    """Uses a tool that must not run twice unasked."""
    return _tool_agent(path, idempotent=False)


def careful_agent(path: Path) -> Any:
    """Uses a tool that may run twice."""
    return _tool_agent(path, idempotent=True)


def _tool_agent(path: Path, *, idempotent: bool) -> Any:
    @tool
    def book(n: int) -> str:
        """Books."""
        noting(path.with_name("effects"), "booked")
        if path.with_name("hang").exists():
            threading.Event().wait(60)
        return "booked"

    book.metadata = {"idempotent": idempotent}
    return tool_agent(book)


def talking_agent(path: Path) -> Any:
    """Talks for long."""
    return build_agent(Talking(words=400, delay=0.02))


AGENTS = {
    "slow": slow_counting_agent,
    "careless": careless_agent,
    "careful": careful_agent,
    "talking": talking_agent,
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def perform(path: Path, agent: str, die_at: int | None, seconds: float, told: Connection) -> None:
    """Let one message through; die when its event number `die_at` is heard, or wait to be killed."""
    registry = threads.open(path)
    runner = threads.Runner(registry, AGENTS[agent](path), lease_seconds=seconds)
    run = runner.start("a", "Hi, I'm Alice", key="k", if_not_exists="create")
    told.send(run.id)
    for number, _ in enumerate(run):
        if number == die_at:
            die()
    told.send("ended")
    threading.Event().wait(60)


def performing(
    path: Path, agent: str, die_at: int | None = None, seconds: float = 1.0
) -> tuple[Any, Connection]:
    """Such a process, under way: the process, and what it tells."""
    here, there = warm().Pipe(duplex=False)
    process = warm().Process(target=perform, args=(path, agent, die_at, seconds, there))
    process.start()
    there.close()
    return process, here


def heard(told: Connection) -> list[Any]:
    """All that it said."""
    said = []
    try:
        while told.poll(0):
            said.append(told.recv())
    except EOFError:
        pass
    return said
