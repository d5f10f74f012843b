"""A process that talks in threads until it is killed, and says what was acknowledged."""

from __future__ import annotations

import multiprocessing
import random
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from graphs import config, plain_graph, said

import threads
from agent import build_agent

WARM = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


def talk(path: Path, name: str, told: Connection) -> None:
    """Talk, update, list, delete and begin anew for ever; tell what is done, or about to be undone."""
    registry = threads.open(path)
    graphs = [plain_graph(registry.checkpointer), build_agent(checkpointer=registry.checkpointer)]
    told.send(("ready", ""))
    number = 0
    while True:
        number += 1
        id = f"{name}-{number % 2}"
        graphs[number % 2].invoke(said(f"message {number}"), config(id))
        told.send(("said", id))
        if number % 7 == 3:
            registry.update(id, tags=["x"], metadata={"n": number})
        if number % 11 == 5:
            told.send(("deleting", id))
            registry.delete(id)
        if number % 5 == 2:
            registry.list()


def killed_at_random(path: Path, kills: int, seed: int) -> Iterator[Counter[str]]:
    """Kill a talking process at random moments, with -9; yields after each the messages acknowledged by thread."""
    warm = multiprocessing.get_context(WARM)
    if WARM == "forkserver":
        warm.set_forkserver_preload(["talker", "agent.graph", "threads.checkpoint.saver"])
    chance = random.Random(seed)
    acknowledged: Counter[str] = Counter()
    for number in range(kills):
        here, there = warm.Pipe(duplex=False)
        process = warm.Process(target=talk, args=(path, str(number), there))
        process.start()
        there.close()
        assert here.recv() == ("ready", "")
        told = [here.recv() for _ in range(chance.randrange(8))]  # however slow this machine is just now
        process.join(chance.uniform(0, 0.03))
        process.kill()
        process.join()
        for what, id in (*told, *heard(here)):
            acknowledged[id] = acknowledged[id] + 2 if what == "said" else 0
        yield acknowledged


def heard(told: Connection) -> Iterator[tuple[str, str]]:
    """What the process could still say."""
    while True:
        try:
            yield told.recv()
        except EOFError:
            told.close()
            return
