"""The application outside `threads serve`: mounted, without a lifespan, in another uvicorn."""

import asyncio
import subprocess
import sys
import threading
from contextlib import contextmanager

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from graphs import plain_graph
from run_helpers import until
from server_helpers import HERE, PREFIX, bearer, events, served_by

import threads
from threads.api import create_app
from threads.api.state import WATCH_INTERVAL

WAYS = {
    "mounted": ("/chat", {}),
    "without a lifespan": ("", {"lifespan": "off"}),
    "own uvicorn": ("", {}),
    "mounted, with h11": ("/chat", {"http": "h11"}),
}


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as opened:
        yield opened


@contextmanager
def embedded(registry, way):
    """The application as it is embedded this way; gives the address of its API."""
    prefix, options = WAYS[way]
    with threads.Runner(registry, plain_graph(None)) as runner:
        app = create_app(registry, runner)
        outer = FastAPI()
        outer.mount(prefix or "/other", app)
        with served_by(outer if prefix else app, **options) as url:
            yield f"{url}{prefix}"


@contextmanager
def stream(url, headers=None):
    """An open stream of all events: the types that were heard, and whether it has ended."""
    heard, opened, ended = [], threading.Event(), threading.Event()

    def listen():
        with httpx.stream("GET", f"{url}{PREFIX}/events", headers=headers, timeout=30) as found:
            assert found.status_code == 200
            opened.set()
            heard.extend(type for _, type, _ in events(found.iter_lines()))
        ended.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    assert opened.wait(20)
    yield heard, ended
    listener.join(20)
    assert not listener.is_alive()


def users(folder, *words):
    """`threads users` in a process of its own."""
    words = (sys.executable, "-m", "threads", "users", *words)
    subprocess.run(words, cwd=folder, capture_output=True, timeout=60, check=True)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["a token", "a user", "in the same process"])
@pytest.mark.parametrize("way", WAYS)
def test_revoked_token_closes_its_stream_within_a_second(registry, tmp_path, way, how):
    for name in ("alice", "bob"):
        registry.users.add(name)
    token, other = (registry.users.new_token(name) for name in ("alice", "bob"))
    with (
        embedded(registry, way) as url,
        stream(url, bearer(token)) as (_, ended),
        stream(url, bearer(other)) as (_, others),
    ):
        if how == "a token":
            users(tmp_path, "token", "alice", "--revoke", registry.users.who(token)[1])
        elif how == "a user":
            users(tmp_path, "rm", "alice", "--yes")
        else:
            registry.users.revoke("alice")
        assert ended.wait(20) and WATCH_INTERVAL < 0.5
        assert not others.is_set()
        until(lambda: httpx.get(f"{url}{PREFIX}/me", headers=bearer(token), timeout=60).status_code == 401)
        registry.users.revoke("bob")


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_first_user_closes_streams_of_the_local_user(registry, tmp_path, way):
    with embedded(registry, way) as url:
        with stream(url) as (_, ended):
            users(tmp_path, "add", "alice")
            assert ended.wait(20)
        registry.users.remove("alice")
        assert httpx.get(f"{url}{PREFIX}/events", timeout=60).status_code == 401


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_health_checks_work_mounted_and_without_lifespan(registry, way):
    registry.users.add("alice")
    with embedded(registry, way) as url:
        for path in ("/healthz", "/readyz"):
            assert httpx.get(f"{url}{path}", headers={"host": "192.0.2.1"}, timeout=60).status_code == 200


class Flaky:
    """A registry whose users cannot be looked at while `is_broken`."""

    def __init__(self, registry):
        self._registry = registry
        self.is_broken = False

    def __getattr__(self, name):
        if name == "users" and self.is_broken:
            raise RuntimeError("broken")
        return getattr(self._registry, name)


def test_streams_are_closed_when_access_cannot_be_checked(registry):
    registry.users.add("alice")
    token = registry.users.new_token("alice")
    flaky = Flaky(registry)
    with (
        threads.Runner(registry, plain_graph(None)) as runner,
        served_by(create_app(flaky, runner), lifespan="off") as url,
    ):
        with stream(url, bearer(token)) as (_, ended):
            flaky.is_broken = True
            assert ended.wait(20)
        flaky.is_broken = False
        with stream(url, bearer(token)) as (_, ended):
            registry.users.revoke("alice")
            assert ended.wait(20)


def test_watcher_task_ends_with_the_lifespan(registry):
    async def live():
        with threads.Runner(registry, plain_graph(None)) as runner:
            app = create_app(registry, runner)
            transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(transport=transport, base_url=HERE) as web,
            ):
                for _ in "abc":
                    assert (await web.get(f"{PREFIX}/me")).status_code == 200
                assert len(asyncio.all_tasks()) == 2
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(live())


def test_shutdown_notice_works_in_several_event_loops(registry):
    with threads.Runner(registry, plain_graph(None)) as runner:
        app = create_app(registry, runner)
        web = TestClient(app, base_url=HERE, client=("127.0.0.1", 1))  # a loop for each request
        id = web.post(f"{PREFIX}/threads", json={}).json()["id"]
        for _ in "abc":
            said = web.post(f"{PREFIX}/threads/{id}/messages", json={"message": "hello"})
            assert (said.status_code, said.json()["run"]["status"]) == (200, "success")


def test_application_serves_in_a_second_lifespan(registry):
    with threads.Runner(registry, plain_graph(None)) as runner:
        app = create_app(registry, runner)
        for _ in "ab":
            with TestClient(app, base_url=HERE, client=("127.0.0.1", 1)) as web:
                said = web.post(f"{PREFIX}/threads", json={"initial_message": "hello"})
                assert said.status_code == 201
                id = said.json()["id"]
                until(lambda web=web, id=id: web.get(f"{PREFIX}/threads/{id}").json()["status"] == "idle")
                said = web.post(f"{PREFIX}/threads/{id}/messages", json={"message": "again"})
                assert said.status_code == 200
                assert web.get(f"{PREFIX}/events", params={"follow": False}).status_code == 200


def test_mounted_application_names_its_addresses_with_the_prefix(registry):
    with embedded(registry, "mounted") as url, httpx.Client(base_url=url, timeout=30) as http:
        created = http.post(f"{PREFIX}/threads", json={"initial_message": "hi"})
        streamed = http.post(
            f"{PREFIX}/threads", json={"initial_message": "hi"}, headers={"accept": "text/event-stream"}
        )
        sent = http.post(
            f"{created.headers['location'].removeprefix('/chat')}/messages", json={"message": "x"}
        )
        base = url.removesuffix("/chat")
        for answer, name in (
            (created, "location"), (streamed, "location"), (streamed, "content-location"), (sent, "content-location"),
        ):  # fmt: skip
            address = answer.headers[name]
            assert address.startswith(f"/chat{PREFIX}/threads/")
            assert httpx.get(f"{base}{address}").status_code == 200
        assert http.get("/openapi.json").json()["servers"] == [{"url": "/chat"}]
        assert 'href="/chat/openapi.json"' in http.get("/docs").text
    with embedded(registry, "own uvicorn") as url:
        answer = httpx.post(f"{url}{PREFIX}/threads", json={})
        assert answer.headers["location"].startswith(f"{PREFIX}/threads/")
        assert "servers" not in httpx.get(f"{url}/openapi.json").json()
