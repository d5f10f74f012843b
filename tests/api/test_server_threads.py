"""Threads and descriptors of a server under many clients: how many there are, and what waits for what."""

import asyncio
import inspect
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from faults import foreign_lock, impatient
from graphs import plain_graph
from locations import ROOT, SUPPORT
from run_helpers import until
from server_helpers import PREFIX, bearer, process

import threads
from threads.api import create_app
from threads.api.app import ROUTES
from threads.api.server import UvicornServer
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


@contextmanager
def served(app):
    """Serve the application as `threads serve` does, in a thread; yields its URL."""
    config = uvicorn.Config(app, port=0, log_config=None, ws="none", timeout_graceful_shutdown=1)
    socket, started = config.bind_socket(), threading.Event()
    server = UvicornServer(config, app, started.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
    thread.start()
    assert started.wait(30)
    yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


def test_reads_do_not_wait_behind_writes_that_wait_for_a_lock(tmp_path):
    path, count = tmp_path / "threads.db", WRITE_THREADS + 4
    with (
        threads.open(path) as registry,
        threads.Runner(registry, plain_graph(None)) as runner,
        served(create_app(registry, runner)) as url,
        ThreadPoolExecutor(count) as pool,
    ):
        impatient(registry, milliseconds=120_000)
        registry.users.add("alice")
        headers = bearer(registry.users.new_token("alice"))
        ids = [registry.create(owner="alice").id for _ in range(count)]

        def send(id):
            body = {"message": "hello"}
            return httpx.post(f"{url}{PREFIX}/threads/{id}/messages", json=body, headers=headers, timeout=120)

        def count_writers():
            return sum(each.name.startswith("threads-api") for each in threading.enumerate())

        with foreign_lock(path):
            waiting = [pool.submit(send, id) for id in ids]
            until(lambda: count_writers() == WRITE_THREADS)  # all of them wait for the lock
            for read in ("/readyz", f"{PREFIX}/me", f"{PREFIX}/threads", f"{PREFIX}/threads/{ids[0]}"):
                assert httpx.get(f"{url}{read}", headers=headers, timeout=60).status_code == 200
            assert not any(each.done() for each in waiting)
        assert {each.result().status_code for each in waiting} == {200}


def test_no_handler_waits_for_a_commit_in_a_read_thread():
    routes = [route for module in ROUTES for route in module.router.routes]
    writing = [route for route in routes if route.methods - {"GET", "HEAD"}]
    assert len(writing) > 20
    assert [route.name for route in writing if not inspect.iscoroutinefunction(route.endpoint)] == []
