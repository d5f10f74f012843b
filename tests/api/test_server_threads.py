"""Threads and descriptors of a server under many clients: how many there are, and that each is documented."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import httpx
import pytest
from locations import ROOT, SUPPORT
from server_helpers import PREFIX, process

from threads.api.worker_threads import READ_THREADS, WRITE_THREADS
from threads.checkpoint.aio import READER_THREADS
from threads.runs.heartbeat import HEARTBEAT_WORKERS

CLIENTS, TURNS = 50, 4
POOLS = {
    "AnyIO worker thread": READ_THREADS,
    "threads-api": WRITE_THREADS,
    "threads-reader": READER_THREADS,
    "threads-heartbeat": 1 + HEARTBEAT_WORKERS,
}
"""Names of threads of which there are several, and how many there may be; there is one of each other name."""
CONNECTIONS = sum(POOLS.values()) + 3
"""Connections to the file at most: one for each thread that reads, and the writer's, the poller's and a run's."""
OTHERS = 20
"""Descriptors of event loops, the listening socket, standard streams and the log's index at most."""


async def talk(client, id):
    """What the process of the agent was seen to have in each turn: threads by name, connections, descriptors."""
    found = []
    for number in range(TURNS):
        body = {"message": f"turn {number}", "agent_id": "inspected"}
        answer = await client.post(f"{PREFIX}/threads/{id}/messages", json=body)
        found.append(json.loads(answer.raise_for_status().json()["reply"]))
    return found


async def crowd(url):
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        made = await asyncio.gather(*(client.post(f"{PREFIX}/threads", json={}) for _ in range(CLIENTS)))
        seen = await asyncio.gather(*(talk(client, each.json()["id"]) for each in made))
    return [each for turns in seen for each in turns]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are listed there")
def test_threads_and_descriptors_of_a_server_with_many_clients_are_bounded_and_documented(tmp_path):
    with process(tmp_path, "--agents", "served_agents:GRAPHS", PYTHONPATH=str(SUPPORT)) as server:
        seen = asyncio.run(crowd(server.url))
    most = Counter()
    for each in seen:
        most |= Counter(each["threads"])
    assert {name: count for name, count in most.items() if count > POOLS.get(name, 1)} == {}
    assert max(each["connections"] for each in seen) <= CONNECTIONS
    assert max(each["descriptors"] for each in seen) <= CLIENTS + 2 * CONNECTIONS + OTHERS
    readme = (ROOT / "threads" / "api" / "README.md").read_text(encoding="utf-8")
    assert [name for name in most if f"`{name}`" not in readme] == []
