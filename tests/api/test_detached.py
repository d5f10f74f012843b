"""A registry that is detached while other processes have the file open."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from graphs import Plain, compiled, config, echo, plain_graph, said
from run_helpers import Gate
from server_helpers import PREFIX, client

import threads

BODIES = {
    "POST /threads/{thread_id}/messages": {"message": "x"},
    "PUT /threads/{thread_id}/messages/{message_id}": {"message": "x"},
    "POST /threads/{thread_id}/resume": {"value": "x"},
    "POST /threads/{thread_id}/rewind": {"to": "x"},
    "PUT /threads/{thread_id}": {"title": "x"},
    "PUT /tags/{tag}": {"name": "x"},
    "POST /bulk": {"ids": ["a"], "pinned": True},
    "PUT /rules/{name}": {"action": "archive", "age": 9},
    "POST /runs": {"messages": [{"role": "user", "content": "x"}]},
}
PARAMETERS = {"/search": {"text": "x"}, "/unread": {"id": "a"}}


def held(path):
    """The tables and how many rows each has, without those of the search index."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        names = [
            name for (name,) in found if not name.startswith(("threads_fts_words", "threads_fts_trigrams"))
        ]
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}


def readopt(path):
    with threads.open(path) as other:
        other.create(id="fresh")


@pytest.fixture(params=["detached", "adopted again"])
def taken_out(request):
    """Takes the registry out of a file; then another process may have made a new one of its checkpoints."""

    def take_out(path):
        threads.detach(path)
        if request.param == "adopted again":
            readopt(path)

    return take_out


def test_detached_registry_refuses_every_route_without_changes(tmp_path, taken_out):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry, client(registry, {"echo": plain_graph(None)}) as api:
        registry.create(id="a", agent_id="echo")
        assert api.post(f"{PREFIX}/threads/a/messages", json={"message": "hi"}).status_code == 200
        routes = api.get("/openapi.json").json()["paths"]
        taken_out(path)
        before = held(path)
        for route, methods in routes.items():
            for method in map(str.upper, methods):
                short = route.removeprefix(PREFIX)
                if short in ("/healthz", "/session", "/agents", "/me"):  # they may answer without the file
                    continue
                body = BODIES.get(f"{method} {short}", None if method == "GET" else {})
                url = route.replace("{thread_id}", "a").replace("{", "").replace("}", "")
                answer = api.request(method, url, json=body, params=PARAMETERS.get(short))
                assert (answer.status_code, answer.json()["code"]) == (503, "RegistryDetached"), (method, url)
                assert "start the server again" in answer.json()["error"]
                assert "retry-after" not in answer.headers
        assert api.get("/healthz").status_code == 200
        assert held(path) == before


def test_detached_registry_refuses_every_method_without_changes(tmp_path, taken_out):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry, threads.Runner(registry, plain_graph(None)) as runner:
        graph = plain_graph(registry.checkpointer)
        graph.invoke(said("hi"), config("a"))
        registry.list()
        taken_out(path)
        before = held(path)
        for work in (
            lambda: registry.create(id="b"),
            lambda: registry.get("a"),
            lambda: registry.list(),
            lambda: registry.update("a", title="x"),
            lambda: registry.delete("a"),
            lambda: registry.messages("a"),
            lambda: registry.users.add("alice"),
            lambda: bool(registry.users),
            lambda: registry.unread(["a"], "alice"),
            lambda: graph.invoke(said("more"), config("a")),
            lambda: graph.invoke(said("more"), config("b")),
            lambda: graph.get_state(config("a")),
            lambda: runner.start("a", "more"),
        ):
            with pytest.raises(threads.RegistryDetached, match="open the file again"):
                work()
        assert held(path) == before
    with threads.open(path) as registry:
        assert [message.text for message in registry.messages("a")] == ["hi", "re: hi"]
        assert registry.verify() == []


def test_active_run_fails_when_the_registry_is_detached(tmp_path, taken_out):
    path, gate = tmp_path / "threads.db", Gate()

    def node(state):
        gate.wait()
        return echo(state)

    with threads.open(path) as registry:
        with threads.Runner(registry, compiled(Plain, node, None)) as runner:
            run = runner.start("a", "hi", if_not_exists="create")
            assert gate.reached.wait(20)
            taken_out(path)
            before = held(path)
            gate.opened.set()
            with pytest.raises(threads.ThreadsError):
                run.result(30)
        assert held(path) == before


def test_other_process_notices_that_the_registry_was_detached(tmp_path):
    path = tmp_path / "threads.db"
    code = (
        "import sys, threads\n"
        "with threads.open(sys.argv[1]) as registry:\n"
        "    registry.create(id='a')\n"
        "    print('open', flush=True)\n"
        "    sys.stdin.readline()\n"
        "    try:\n"
        "        registry.create(id='b')\n"
        "    except threads.RegistryDetached as error:\n"
        "        print(type(error).__name__)\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "open\n"
    command = [sys.executable, "-m", "threads", "detach", "--yes", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    assert other.communicate("\n", timeout=60)[0] == "RegistryDetached\n"
    assert other.returncode == 0
    assert not [name for name in held(path) if name.startswith("threads_")]


def test_foreign_schema_change_does_not_detach_the_registry(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        registry.create(id="a")
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE notes (text TEXT)")
            other.execute("VACUUM")
        registry.create(id="b")
        assert [thread.id for thread in registry.list()] == ["b", "a"]
        registry.compact()
        assert registry.get("b").id == "b"
