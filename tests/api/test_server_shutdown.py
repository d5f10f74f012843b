"""Shutdown of the server: in bounded time whatever an agent does, without losing a run."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from locations import SUPPORT
from run_helpers import until
from served_agents import RECOVERING
from server_helpers import PREFIX, log_lines, process

import threads

ENDED = 25
"""Seconds after which a server that has not ended is said to hang; it promises ten."""


def served(folder, **options):
    return process(folder, "--agents", "served_agents:GRAPHS", PYTHONPATH=str(SUPPORT), **options)


def asked(url, agent):
    """Begins a thread in which `agent` is at work; gives it and what becomes of the request."""
    id = httpx.post(f"{url}{PREFIX}/threads", json={"agent_id": agent}, timeout=60).json()["id"]
    pool = ThreadPoolExecutor(1)
    answer = pool.submit(
        httpx.post, f"{url}{PREFIX}/threads/{id}/messages", json={"message": "hi"}, timeout=60
    )
    pool.shutdown(wait=False)
    until(
        lambda: (
            [each["status"] for each in httpx.get(f"{url}{PREFIX}/threads/{id}/runs", timeout=60).json()]
            == ["running"]
        )
    )
    return id, answer


@pytest.mark.crash
@pytest.mark.parametrize("agent", ["blocked", "blocking", "deaf"])
def test_server_exits_with_a_blocked_node_and_the_next_one_recovers_the_run(tmp_path, agent):
    with served(tmp_path) as server:
        id, answer = asked(server.url, agent)
        server.send_signal(signal.SIGTERM)
        assert server.wait(ENDED) == 0
    assert answer.result(30).status_code == 202
    run_id = answer.result().json()["id"]
    [left] = [line for line in log_lines(tmp_path) if "left to the next process" in line["event"]]
    assert run_id in left["event"]
    with threads.open(tmp_path / "threads.db") as registry, threads.Runner(registry, RECOVERING) as runner:
        runner.run(run_id).result(30)
        assert [message.text for message in registry.messages(id)] == ["hi", "re: hi"]


@pytest.mark.crash
def test_first_interrupt_logs_open_work_and_completes_it(tmp_path):
    with served(tmp_path) as server:
        _, answer = asked(server.url, "slow")
        server.send_signal(signal.SIGINT)
        [line] = until(lambda: [line for line in log_lines(tmp_path) if "shutting down" in line["event"]])
        assert line["requests"] >= 1 and line["runs"] == 1 and "waiting" in line["event"]
        (tmp_path / "finish").touch()
        assert server.wait(ENDED) == 0
    assert answer.result(30).json()["reply"] == "at last"


@pytest.mark.crash
def test_second_interrupt_answers_waiting_clients_and_exits(tmp_path):
    with served(tmp_path) as server, socket.create_connection(("127.0.0.1", int(server.url[-5:]))) as sending:
        _, answer = asked(server.url, "blocked")
        headers = "content-type: application/json\r\ncontent-length: 100"
        sending.sendall(
            f"POST {PREFIX}/threads HTTP/1.1\r\nhost: {server.url[7:]}\r\n{headers}\r\n\r\n{{".encode()
        )
        server.send_signal(signal.SIGINT)
        until(lambda: [line for line in log_lines(tmp_path) if "shutting down" in line["event"]])
        server.send_signal(signal.SIGINT)
        sending.settimeout(ENDED)
        head, _, body = sending.makefile("rb").read().partition(b"\r\n\r\n")
        assert b" 503 " in head and json.loads(body)["code"] == "ShuttingDown"
        assert server.wait(ENDED) == 130
    assert answer.result(30).status_code == 202 and "location" in answer.result().headers


@pytest.mark.crash
def test_server_exits_though_its_log_is_not_read(tmp_path):
    words = (sys.executable, "-m", "threads", "serve", "--port", "0", "--agents", "served_agents:GRAPHS")
    server = subprocess.Popen(
        words, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(SUPPORT)}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        url = server.stdout.readline().strip()
        with httpx.Client(timeout=60) as client:
            for _ in range(600):  # more lines than the pipe holds
                assert client.get(f"{url}/healthz").status_code == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(ENDED) == 0
    finally:
        server.kill()
        server.communicate()


@pytest.mark.crash
def test_embedded_uvicorn_exits_with_open_streams(tmp_path):
    program = """
import sys, uvicorn, threads
from served_agents import GRAPHS
from threads.api import create_app
with threads.open(sys.argv[1]) as registry, threads.Runner(registry, GRAPHS) as runner:
    config = uvicorn.Config(create_app(registry, runner, default_agent="quick"), port=0, log_config=None)
    listening = config.bind_socket()
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listening])
"""
    server = subprocess.Popen(
        (sys.executable, "-c", program, str(tmp_path / "threads.db")), stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(SUPPORT)},
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        is_open = threading.Event()

        def listen():
            with httpx.stream("GET", f"{url}{PREFIX}/events", timeout=60) as stream:
                is_open.set()
                return list(stream.iter_lines())

        with ThreadPoolExecutor(1) as pool:
            heard = pool.submit(listen)
            assert is_open.wait(30)
            server.send_signal(signal.SIGTERM)
            server.wait(ENDED)
            assert heard.result(30)
    finally:
        server.kill()
        server.communicate()
