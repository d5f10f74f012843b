"""A server without free file descriptors: requests and runs wait, or get 503."""

import os
import resource
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from contextlib import closing

import httpx
import pytest
from graphs import Plain, compiled
from langchain_core.messages import AIMessage
from locations import SUPPORT
from run_helpers import until
from server_helpers import PREFIX, process

import threads


def served(folder, **options):
    return process(folder, "--agents", "served_agents:GRAPHS", PYTHONPATH=str(SUPPORT), **options)


def talk(url, seen, done, begun=None):
    """Begins threads, again and again."""
    with httpx.Client(timeout=60) as client:
        client.get(f"{url}/healthz")
        if begun:
            begun.wait()
            begun.wait()
        while not done.is_set():
            body = {"agent_id": "quick", "initial_message": "hi"}
            answer = client.post(f"{url}{PREFIX}/threads", json=body)
            seen[answer.status_code, answer.json().get("code")] += 1


def talking(count, *arguments):
    found = [threading.Thread(target=talk, args=arguments, daemon=True) for _ in range(count)]
    for each in found:
        each.start()
    return found


def statuses(folder):
    """How the runs of the file ended, once all have."""
    with closing(sqlite3.connect(folder / "threads.db")) as connection:

        def ended():
            found = Counter(
                dict(connection.execute("SELECT status, count(*) FROM threads_run GROUP BY status"))
            )
            return None if found["running"] or found["pending"] else found

        return until(ended, 60)


@pytest.mark.slow
def test_server_without_descriptors_fails_no_run_and_answers_503_at_worst(tmp_path):
    seen, done, begun = Counter(), threading.Event(), threading.Barrier(5)
    with served(tmp_path) as server:
        clients = talking(4, server.url, seen, done, begun)
        begun.wait()
        looking = httpx.Client(base_url=server.url, timeout=60)
        looking.get("/healthz")
        before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        begun.wait()
        others = [
            socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) for _ in range(20)
        ]
        until(lambda: sum(seen.values()) > 50, 120)
        for path in ("analytics", "rules", "search?text=hi", "trash"):
            assert looking.get(f"{PREFIX}/{path}").status_code == 200
        looking.close()
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)
        until(lambda: httpx.get(f"{server.url}/readyz", timeout=60).status_code == 200)
        done.set()
        for each in clients:
            each.join(60)
        for each in others:
            each.close()
        found = statuses(tmp_path)
    assert seen.keys() <= {(201, None), (503, "DatabaseBusy")}
    assert found.keys() <= {"success"} and found["success"] >= seen[201, None] > 0
    assert (tmp_path / "serve.log").stat().st_size < 1_000_000


@pytest.mark.slow
def test_idle_unauthenticated_connections_leave_room_for_others(tmp_path):
    seen, done = Counter(), threading.Event()
    with served(tmp_path, descriptors=(64, 64)) as server:
        strangers: list[socket.socket] = []
        for _ in range(100):
            strangers.append(
                socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=60)
            )
        clients = talking(20, server.url, seen, done)
        until(lambda: sum(seen.values()) > 100, 120)
        assert httpx.get(f"{server.url}/healthz", timeout=30).status_code == 200
        done.set()
        for each in clients:
            each.join(60)
        for each in strangers:
            each.close()
        found = statuses(tmp_path)
    assert seen.keys() <= {(201, None), (503, "DatabaseBusy"), (503, "TooManyConnections")}
    assert found["error"] == 0 and found["success"] >= seen[201, None] > 0
    assert (tmp_path / "serve.log").stat().st_size < 1_000_000


def program(folder, text):
    """What this program, which is handed a file, writes; `without` is a block without descriptors."""
    begun = """
        import resource, sys, threading
        from contextlib import contextmanager
        from graphs import plain_graph
        import threads
        from threads.api.descriptors import preload

        preload()

        @contextmanager
        def without():
            limit = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, limit[1]))
            try:
                yield
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(begun) + textwrap.dedent(text), str(folder / "threads.db")],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "PYTHONPATH": str(SUPPORT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_reader_waits_for_the_connection_of_another_one(tmp_path):
    [found, error] = program(
        tmp_path,
        """
        with threads.open(sys.argv[1]) as registry:
            database, found = registry._database, []
            registry.create(id="a")
            with without():
                with database.read():
                    reader = threading.Thread(target=lambda: found.append(registry.get("a").id))
                    reader.start()
                    reader.join(0.3)
                    assert not found
                reader.join(30)
            print(found)
            try:
                with without():
                    threads.open(sys.argv[1])
            except threads.DatabaseBusy as error:
                print(error)
        """,
    )
    assert found == "['a']" and "too many files are open" in error


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "kept"), [(64, 4), (256, 16)])
def test_few_idle_connections_stay_open_where_few_files_may_be_open(tmp_path, limit, kept):
    [at_once, after] = program(
        tmp_path,
        f"""
        import contextlib, os
        from pathlib import Path
        resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        path = Path(sys.argv[1])

        def opened():
            found = []
            for each in os.listdir("/proc/self/fd"):
                with contextlib.suppress(OSError):
                    found.append(os.readlink(f"/proc/self/fd/{{each}}"))
            return found.count(str(path.resolve()) + "-wal")

        with threads.open(path) as registry, contextlib.ExitStack() as readers:
            before = opened()
            for _ in range(20):
                readers.enter_context(registry._database.read())
            print(opened() - before)
            readers.close()
            print(opened() - before)
        """,
    )
    assert int(at_once) >= 19 and int(after) <= kept


@pytest.mark.slow
def test_writing_needs_no_descriptor(tmp_path):
    found = program(
        tmp_path,
        """
        with threads.open(sys.argv[1]) as registry, threads.Runner(registry, plain_graph(None)) as runner:
            runner.start("a", "hi", if_not_exists="create").result(30)
            with without():
                for number in range(20):
                    run = runner.start("a", f"hi {number}")
                    run.result(60)
                    print(run.info.status, run.info.attempts)
        """,
    )
    assert found == ["success 1"] * 20


def test_run_whose_agent_can_open_nothing_is_recovered(tmp_path, caplog):
    limits, used, attempts = resource.getrlimit(resource.RLIMIT_NOFILE), [], []

    def node(state):
        attempts.append(state)
        while len(attempts) == 1:  # the first time: takes all descriptors there are
            used.append(os.open(os.devnull, os.O_RDONLY))
        return {"messages": [AIMessage("done")]}

    with (
        threads.open(tmp_path / "threads.db") as registry,
        threads.Runner(registry, compiled(Plain, node, None), lease_seconds=4) as runner,
    ):  # so long a lease is recovered only when there are descriptors again
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 50, limits[1]))
        try:
            run = runner.start("a", "hi", if_not_exists="create")
            until(lambda: [each for each in caplog.records if "will be recovered" in each.message])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            for each in used:
                os.close(each)
        run.result(30)
        assert (run.info.status, run.info.attempts) == ("success", 2)
