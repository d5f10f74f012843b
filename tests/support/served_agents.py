"""Agents for `threads serve --agents served_agents:GRAPHS`: quick ones, and ones that never let go."""

import asyncio
import contextlib
import json
import re
import threading
import time
from collections import Counter
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


async def inspected(state):
    """Answers with what its process has: threads by their names, connections to the file, descriptors."""
    names = Counter(re.sub(r"[\W_]?\d+$", "", thread.name) for thread in threading.enumerate())
    files = []
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            files.append(each.readlink().name)
    connections = files.count("threads.db-wal")
    found = {"threads": names, "connections": connections, "descriptors": len(files)}
    return {"messages": [AIMessage(json.dumps(found))]}


NODES = {"inspected": inspected, "blocked": blocked, "blocking": blocking, "deaf": deaf, "slow": slow}
GRAPHS = {"quick": plain_graph(None), **{id: compiled(Plain, node, None) for id, node in NODES.items()}}
RECOVERING = dict.fromkeys(GRAPHS, GRAPHS["quick"])
"""The same agents, healed."""
