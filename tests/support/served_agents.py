"""Agents for `threads serve --agents served_agents:GRAPHS`: quick ones, and ones that never let go."""

import asyncio
import contextlib
import time
from pathlib import Path

from graphs import Plain, compiled, plain_graph
from langchain_core.messages import AIMessage


def blocked(state):
    """Keeps its thread."""
    time.sleep(600)


async def blocking(state):
    """Keeps the loop of all runs."""
    time.sleep(600)


async def deaf(state):
    """Does not let itself be cancelled."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)


async def slow(state):
    """Answers once there is a file `finish` in the server's folder."""
    while not Path("finish").exists():
        await asyncio.sleep(0.05)
    return {"messages": [AIMessage("at last")]}


NODES = {"blocked": blocked, "blocking": blocking, "deaf": deaf, "slow": slow}
GRAPHS = {"quick": plain_graph(None), **{id: compiled(Plain, node, None) for id, node in NODES.items()}}
RECOVERING = dict.fromkeys(GRAPHS, GRAPHS["quick"])
"""The same agents, healed."""
