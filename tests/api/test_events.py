"""Event streams over HTTP: replay, following, reconnecting, slots, and a server killed while streaming."""

import asyncio
import re
import signal
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from locations import SUPPORT
from run_helpers import Gate, Talking, slow_agent, until, waiting_graph
from server_helpers import PREFIX, bearer, client, events, listening, process

import threads
from agent import build_agent
from threads.api import Limits, create_app
from threads.api.sse import EventStreamResponse, Streams
from threads.api.trust import LocalTrust

AGENTS = """
import os, sys
sys.path.insert(0, {tests!r})
from run_helpers import slow_agent
agents = {{"slow": slow_agent(words=60, delay=float(os.environ["WORD_SECONDS"]))}}
"""


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as opened:
        yield opened


def read(api, path, **headers):
    """All events of a stream that ends."""
    with api.stream("GET", f"{PREFIX}/{path}", headers=headers) as stream:
        assert stream.status_code == 200
        return list(events(stream.iter_lines()))


def test_stream_continues_after_last_event_id(registry):
    with client(registry, slow_agent(words=3, delay=0)) as api:
        id = api.post(f"{PREFIX}/threads", json={"initial_message": "hi"}).json()["id"]
        whole = read(api, f"threads/{id}/events?after=0&follow=false")
        for number, _, _ in whole:
            rest = read(api, f"threads/{id}/events?follow=false", **{"last-event-id": str(number)})
            assert rest == [each for each in whole if each[0] > number]
            assert read(api, f"threads/{id}/events?after={number}&follow=false") == rest
        everything = read(api, "events?after=0&follow=false")
        assert [data for _, _, data in everything] == [data for _, _, data in whole]
        for wrong in ("x", "-1", "1.5", "9" * 30, "²"):
            answer = api.get(f"{PREFIX}/events", headers={"last-event-id": wrong.encode()})
            assert (answer.status_code, answer.json()["field"]) == (422, "Last-Event-ID"), wrong


def test_stream_of_all_events_has_changes_of_ones_own_lists(registry):
    for name in ("alice", "bob"):
        registry.users.add(name)
        registry.create(id=f"of {name}", owner=name)
    token = bearer(registry.users.new_token("bob"))
    with threads.Runner(registry, waiting_graph(Gate())) as runner:
        app = create_app(registry, runner, limits=Limits(heartbeat=0.2))
        with listening(app) as url, httpx.Client(base_url=url, timeout=30, headers=token) as http:

            def until_removed(**params):
                """Return the events until the thread of Bob is removed."""
                with http.stream("GET", f"{PREFIX}/events", params=params) as stream:
                    lines = stream.iter_lines()
                    until(lambda: len(app.state.threads.streams) == 1)
                    registry.update("of alice", title="secret", pinned=True)
                    registry.update("of bob", pinned=True)
                    registry.trash("of bob")
                    registry.delete("of alice")
                    registry.update("of bob", title="new")
                    for event in events(lines):
                        yield event
                        if event[1] == "title":
                            registry.delete("of bob")
                        if event[2]["data"].get("change") == "removed":
                            return

            found = list(until_removed(changes=True))
    assert {(type, event["thread_id"]) for _, type, event in found} == {
        ("changed", "of bob"), ("title", "of bob"),
    }  # fmt: skip
    assert [id for id, type, _ in found if type == "changed"] == [None] * (len(found) - 1)
    changes = [event["data"]["change"] for _, type, event in found if type == "changed"]
    assert set(changes[:-1]) == {"updated"}
    assert "secret" not in str(found)


def test_stream_of_one_thread_has_no_changes_of_lists(registry):
    id = registry.create().id
    with client(registry, waiting_graph(Gate())) as api:
        answer = api.get(f"{PREFIX}/threads/{id}/events", params={"changes": True})
        assert (answer.status_code, answer.json()["field"]) == (422, "changes")


def test_idle_stream_sends_heartbeat_comments(registry):
    thread = registry.create()
    limits = Limits(heartbeat=0.05, stream_seconds=0.4)
    with client(registry, waiting_graph(Gate()), limits=limits) as api:
        text = api.get(f"{PREFIX}/threads/{thread.id}/events").text
        assert text.startswith("retry: ")
        assert text.count(": still here") >= 3


def test_stream_sends_a_gap_for_trimmed_events(registry):
    thread = registry.create()
    for number in range(30):
        registry.update(thread.id, title=f"title {number}")
    with client(registry, waiting_graph(Gate())) as api:
        _drop(registry, thread.id, 20)
        [gap, first, *_] = read(api, f"threads/{thread.id}/events?after=5&follow=false")
        assert gap == (None, "gap", gap[2]) and gap[2]["data"] == {"after": 5, "before": 21}
        assert first[0] == 21
        [gap, *_] = read(api, "events?after=5&follow=false")
        assert gap[1] == "gap"
        assert "gap" not in [type for _, type, _ in read(api, "events?after=25&follow=false")]


def test_unknown_event_id_gives_a_gap(registry):
    thread = registry.create(owner="bob")
    registry.users.add("bob")
    token = bearer(registry.users.new_token("bob"))
    for number in range(3):
        registry.update(thread.id, title=f"title {number}")
    with client(registry, waiting_graph(Gate())) as api:
        api.headers.update(token)
        ids = [number for number, _, _ in read(api, "events?after=0&follow=false")]
        later = Path(registry._database.where).with_name("later.db")
        registry.backup(later)
        with threads.open(later) as other:  # what became of the file before an older copy was restored
            for number in range(3):
                other.update(thread.id, title=f"lost {number}")
            lost = list(other.events(owner="bob", follow=False))[-1].position
        [gap] = read(api, f"threads/{thread.id}/events?after=6&follow=false")
        assert gap == (None, "gap", gap[2]) and gap[2]["data"] == {"after": 6, "before": 3}
        [gap] = read(api, "events?follow=false", **{"last-event-id": str(lost)})
        assert gap == (None, "gap", gap[2]) and gap[2]["data"] == {"after": lost, "before": ids[-1]}
        with registry.events(owner="bob", after=lost) as events:
            assert next(events).type == "gap"
            registry.update(thread.id, title="after that")
            assert next(events).data == {"title": "after that"}


def test_event_ids_reveal_nothing_about_other_users(registry):
    mine, theirs = registry.create(owner="bob"), registry.create(owner="alice")
    for name in ("alice", "bob"):
        registry.users.add(name)
    tokens = {name: bearer(registry.users.new_token(name)) for name in ("alice", "bob")}
    for number in range(4):
        registry.update(mine.id, title=f"mine {number}")
        registry.update(theirs.id, title=f"theirs {number}")
    with client(registry, waiting_graph(Gate())) as api:
        api.headers.update(tokens["bob"])
        whole = read(api, "events?after=0&follow=false")
        ids = [number for number, _, _ in whole]
        assert [data["data"]["title"] for _, _, data in whole] == [f"mine {number}" for number in range(4)]
        assert all(len(str(number)) == 16 for number in ids) and len(set(ids)) == 4
        assert [data["position"] for _, _, data in whole] == ids
        own = read(api, f"threads/{mine.id}/events?after=0&follow=false")
        assert [(number, data["position"]) for number, _, data in own] == list(enumerate(ids, start=1))
        for place, number in enumerate(ids):
            assert read(api, "events?follow=false", **{"last-event-id": str(number)}) == whole[place + 1 :]
            assert read(api, f"events?after={number}&follow=false") == whole[place + 1 :]
        api.headers.update(tokens["alice"])
        last = read(api, "events?after=0&follow=false")[-1][0]
        for number in (
            ids[0],
            3,
        ):  # another user's, or none of this file: a page that is open goes on at the end
            for path, headers in (
                ("?follow=false", {"last-event-id": str(number)}),
                (f"?after={number}&follow=false", {}),
            ):
                [(id, type, data)] = read(api, f"events{path}", **headers)
                assert (id, type, data["data"]) == (None, "gap", {"after": number, "before": last})
    with threads.open(
        registry._database.where
    ) as other:  # another process, or a server that was started anew
        rest = list(other.events(owner="bob", after=ids[1], follow=False))
        assert [event.position for event in rest] == ids[2:]
        with pytest.raises(threads.ThreadNotFound):
            other.events(theirs.id, owner="bob")
        with other.events(owner="bob", after=None) as live:
            assert live.last == ids[-1]
            registry.update(theirs.id, title="more")
            registry.update(mine.id, title="more")
            assert live.wait(20).data == {"title": "more"}
            assert live.last not in ids


def test_gap_of_another_user_is_not_sent(registry):
    mine, theirs = registry.create(owner="bob"), registry.create(owner="alice")
    for number in range(30):
        registry.update(mine.id, title=f"mine {number}")
        registry.update(theirs.id, title=f"theirs {number}")
    first, *_ = positions = [event.position for event in registry.events(owner="bob", follow=False)]
    _drop(registry, theirs.id, 20)
    rest = list(registry.events(owner="bob", after=first, follow=False))
    assert [event.position for event in rest] == positions[1:]
    _drop(registry, mine.id, 20)
    [gap, *rest] = registry.events(owner="bob", after=first, follow=False)
    assert (gap.type, gap.data) == ("gap", {"after": first, "before": positions[20]})
    assert gap.position == first and rest[0].position == positions[20]


def _drop(registry, id, upto):
    def work(connection):
        connection.execute("DELETE FROM threads_event WHERE thread_id = ? AND sequence <= ?", (id, upto))

    registry._database.write(work)


class Gated(Talking):
    """Says its words, and ends once its gate is opened."""

    gate: Any

    async def _astream(self, *arguments, **options):
        async for chunk in super()._astream(*arguments, **options):
            yield chunk
        await self.gate.await_()


@pytest.mark.slow
def test_disconnected_client_stops_no_run_and_releases_its_stream_slot(registry):
    gate = Gate()
    with (
        threads.Runner(registry, build_agent(Gated(words=30, gate=gate))) as runner,
        listening(app := create_app(registry, runner)) as url,
    ):
        id = registry.create().id
        with (
            httpx.Client(base_url=url, timeout=20) as web,
            web.stream(
                "POST", f"{PREFIX}/threads/{id}/messages", json={"message": "go"},
                headers={"accept": "text/event-stream"},
            ) as stream,
        ):  # fmt: skip
            heard = events(stream.iter_lines())  # held until he leaves: httpx hangs up when it is dropped
            assert any(type == "token" for _, type, _ in heard)
            assert len(app.state.threads.streams) == 1
        until(lambda: len(app.state.threads.streams) == 0)
        [run] = registry.runs(id)
        assert run.status == "running"
        gate.opened.set()
        runner.run(run.id).result(20)
        assert registry.messages(id)[-1].text.split() == [f"w{number}" for number in range(30)]


@pytest.mark.parametrize("version", ["2.3", "2.4"])
def test_stream_slot_is_released_whatever_way_the_server_reports_a_disconnect(registry, version):
    """By ASGI 2.4 `send` raises after a disconnect; before, only `receive` reports it."""
    streams = Streams(registry, Limits(heartbeat=0.05), LocalTrust(registry, []))
    left = asyncio.Event()

    async def receive():
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        if message.get("body", b"").startswith(b": still here"):
            left.set()
            if version == "2.4":
                raise OSError("the client has disconnected")

    async def respond():
        slot = streams.acquire(threads.LOCAL, None, None)
        slot.attach(registry.events())
        scope = {"type": "http", "asgi": {"spec_version": version}}
        await EventStreamResponse(streams, slot, Limits(heartbeat=0.05))(scope, receive, send)

    asyncio.run(asyncio.wait_for(respond(), 20))
    assert len(streams) == 0


def test_slow_client_blocks_no_other_and_misses_no_event(registry):
    with (
        threads.Runner(registry, slow_agent(words=1, delay=0)) as runner,
        listening(create_app(registry, runner)) as url,
    ):
        thread = registry.create().id
        host, port = url.removeprefix("http://").split(":")
        sleeper = socket.create_connection((host, int(port)))
        sleeper.sendall(
            f"GET {PREFIX}/threads/{thread}/events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
        )
        assert sleeper.recv(10)  # it is open; from here on he sleeps
        heard, seen = [], threading.Event()

        def listen():
            with httpx.stream("GET", f"{url}{PREFIX}/threads/{thread}/events?after=0", timeout=30) as stream:
                for _, _, data in events(stream.iter_lines()):
                    heard.append(data["data"]["title"])
                    if len(heard) == 1200:
                        seen.set()
                        return

        threading.Thread(target=listen, daemon=True).start()
        registry._database.write(lambda connection: _many(connection, thread))
        assert seen.wait(20)
        assert [int(title.split()[0]) for title in heard] == list(range(1200))
        told = b""
        while b"1199 xxx" not in told[-100_000:]:
            told += sleeper.recv(65_536)
        sleeper.close()
        assert [int(number) for number in re.findall(rb"(\d+) xxx", told)] == list(range(1200))


def _many(connection, thread):
    for number in range(1200):
        title = f"{number} " + "x" * 4000
        connection.execute("UPDATE threads_thread SET title = ? WHERE thread_id = ?", (title, thread))


def test_stream_limit_per_user_and_released_slots(registry):
    registry.users.add("alice")
    token = {"Authorization": f"Bearer {registry.users.new_token('alice')}"}
    with (
        threads.Runner(registry, waiting_graph(Gate())) as runner,
        listening(create_app(registry, runner, limits=Limits(streams=2))) as url,
        httpx.Client(base_url=url, headers=token, timeout=20) as web,
    ):
        with web.stream("GET", f"{PREFIX}/events") as one, web.stream("GET", f"{PREFIX}/events") as two:
            assert (one.status_code, two.status_code) == (200, 200)
            assert web.get(f"{PREFIX}/events").json()["code"] == "TooManyStreams"

        def free():
            with web.stream("GET", f"{PREFIX}/events") as found:
                return found.status_code == 200

        until(free)


def tell(url, id, heard, after=None):
    """Reads the thread's events into `heard` until its run has ended or the server is gone."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    path = f"{url}{PREFIX}/threads/{id}/events" + ("?after=0" if after is None else "")
    with suppress(httpx.HTTPError), httpx.stream("GET", path, headers=headers, timeout=60) as stream:
        for event in events(stream.iter_lines()):
            heard.append(event)
            if event[1] in ("finished", "failed"):
                return


@pytest.mark.crash
def test_stream_and_run_are_recovered_after_the_server_is_killed(tmp_path):
    (tmp_path / "mine.py").write_text(AGENTS.format(tests=str(SUPPORT)))
    words = ("--agents", "mine:agents")
    heard = []
    with process(tmp_path, *words, WORD_SECONDS="0.3") as server:
        id = httpx.post(f"{server.url}{PREFIX}/threads", json={}, timeout=30).json()["id"]
        listener = threading.Thread(target=tell, args=(server.url, id, heard))
        listener.start()
        begun = httpx.post(
            f"{server.url}{PREFIX}/threads/{id}/messages", json={"message": "go"}, timeout=30,
            headers={"prefer": "respond-async", "idempotency-key": "click"},
        )  # fmt: skip
        assert begun.status_code == 202
        until(lambda: sum(type == "token" for _, type, _ in heard) > 5)
        server.send_signal(signal.SIGKILL)
        server.wait()
        listener.join(30)
    last = max(number for number, _, _ in heard if number is not None)
    with threads.open(tmp_path / "threads.db") as registry:  # 15 seconds later
        registry._database.write(
            lambda connection: connection.execute("UPDATE threads_run SET expires_at = 0")
        )
    with process(tmp_path, *words, WORD_SECONDS="0") as server:
        tell(server.url, id, heard, after=last)
        again = httpx.post(
            f"{server.url}{PREFIX}/threads/{id}/messages", json={"message": "go"}, timeout=60,
            headers={"idempotency-key": "click"},
        )  # fmt: skip
        stored = httpx.get(f"{server.url}{PREFIX}/threads/{id}/messages", timeout=60).json()
    whole = [f"w{number}" for number in range(60)]
    said = [data["data"]["message"] for _, type, data in heard if type == "message"]
    assert [message["role"] for message in said] == ["user", "assistant"]  # once each
    assert said[1]["text"].split() == whole
    assert [message["text"].split() for message in stored] == [["go"], whole]
    assert again.json()["reply"].split() == whole
    numbers = [number for number, _, _ in heard if number is not None]
    assert numbers == sorted(set(numbers))
    assert [type for _, type, _ in heard][-1] == "finished"


@pytest.mark.slow
def test_serve_streams_the_offline_model_at_reading_pace(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from agent import build_agent, load_model\n"
        "from langchain_core.language_models import FakeListChatModel\n"
        "agent = build_agent(FakeListChatModel(responses=[str(load_model('offline').delay)]), name='mine')\n"
    )
    with process(tmp_path, "--agents", "mine:agent", THREADS_OFFLINE_DELAY="") as server:
        id = httpx.post(f"{server.url}{PREFIX}/threads", json={}, timeout=30).json()["id"]
        answered = httpx.post(
            f"{server.url}{PREFIX}/threads/{id}/messages", json={"message": "go"}, timeout=30
        )
    assert float(answered.json()["reply"]) > 0


@pytest.mark.slow
def test_server_hands_runs_over_on_sigterm(tmp_path):
    (tmp_path / "mine.py").write_text(AGENTS.format(tests=str(SUPPORT)))
    with process(tmp_path, "--agents", "mine:agents", WORD_SECONDS="0.3") as server:
        id = httpx.post(f"{server.url}{PREFIX}/threads", json={}, timeout=30).json()["id"]
        httpx.post(
            f"{server.url}{PREFIX}/threads/{id}/messages", json={"message": "go"},
            headers={"prefer": "respond-async"}, timeout=30,
        )  # fmt: skip
        heard = []
        listener = threading.Thread(target=tell, args=(server.url, id, heard))
        listener.start()
        until(lambda: any(type == "token" for _, type, _ in heard))
        server.terminate()
        listener.join(30)
        assert not listener.is_alive()  # who only listens is sent away at once
        assert server.wait(30) == 0
    with threads.open(tmp_path / "threads.db") as registry:
        [run] = registry.runs(id)
        assert run.status == "running"
        with threads.Runner(registry, {"slow": slow_agent(words=3, delay=0)}) as runner:
            runner.run(run.id).result(20)
        assert [message.text.split() for message in registry.messages(id)] == [["go"], ["w0", "w1", "w2"]]
