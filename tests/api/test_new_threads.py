"""Threads that begin with a message: created and streamed in one request, or by their first message."""

import pytest
from graphs import Plain, compiled, plain_graph
from server_helpers import PREFIX, bearer, client, events

import threads
from threads.api import Limits

STREAMED = {"accept": "text/event-stream"}


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as opened:
        yield opened


@pytest.fixture
def api(registry):
    agents = {
        "one": plain_graph(None),
        "two": plain_graph(None),
        "no-messages": compiled(dict, lambda _: {}, None),
    }
    with client(registry, agents) as found:
        yield found


@pytest.fixture
def users(registry):
    for name in ("alice", "bob"):
        registry.users.add(name)
    return {name: bearer(registry.users.new_token(name)) for name in ("alice", "bob")}


def streamed(api, path, body, **headers):
    with api.stream("POST", f"{PREFIX}/{path}", json=body, headers={**STREAMED, **headers}) as answer:
        return answer, list(events(answer.iter_lines())) if answer.status_code < 400 else answer.read()


def test_new_thread_streams_the_run_of_its_initial_message(api, registry):
    answer, found = streamed(api, "threads", {"initial_message": "hi", "agent_id": "two", "title": "T"})
    assert answer.status_code == 201
    thread = registry.list()[0]
    assert (thread.title, thread.agent_id, thread.message_count) == ("T", "two", 2)
    assert answer.headers["location"] == f"{PREFIX}/threads/{thread.id}"
    run_id = answer.headers["x-run-id"]
    assert answer.headers["content-location"] == f"{PREFIX}/threads/{thread.id}/runs/{run_id}"
    assert (found[0][1], found[-1][1]) == ("started", "finished")
    assert {data["run_id"] for _, _, data in found} == {run_id}
    assert {data["thread_id"] for _, _, data in found} == {thread.id}
    after = found[0][0]
    rest = api.get(f"{PREFIX}/threads/{thread.id}/events", params={"after": after, "follow": False})
    assert [id for id, _, _ in events(rest.iter_lines())] == [id for id, _, _ in found[1:]]
    assert registry.unread([thread.id], "local user") == {thread.id: 0}


def test_new_thread_without_a_message_or_without_a_stream_is_json(api):
    created = api.post(f"{PREFIX}/threads", json={"title": "T"}, headers=STREAMED)
    assert (created.status_code, created.json()["title"]) == (201, "T")
    preferring = {"accept": "application/json, text/event-stream;q=0.5"}
    created = api.post(f"{PREFIX}/threads", json={"initial_message": "hi"}, headers=preferring)
    assert (created.status_code, created.json()["message_count"]) == (201, 2)


def test_streamed_creation_with_one_key_makes_one_thread_and_one_run(api, registry):
    first, found = streamed(api, "threads", {"initial_message": "hi"}, **{"idempotency-key": "k"})
    again, replayed = streamed(api, "threads", {"initial_message": "hi"}, **{"idempotency-key": "k"})
    assert first.headers["location"] == again.headers["location"]
    assert first.headers["x-run-id"] == again.headers["x-run-id"]
    assert replayed[-1] == found[-1]
    assert registry.list(trashed=None).total == 1


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("threads", {"initial_message": "hi", "agent_id": "nobody"}),
        ("threads", {"initial_message": "hi", "agent_id": "no-messages"}),
        ("threads", {"initial_message": " "}),
        ("threads/new/messages", {"message": "hi", "if_not_exists": "create", "agent_id": "nobody"}),
        ("threads/new/messages", {"message": "hi", "if_not_exists": "create", "agent_id": "no-messages"}),
        ("threads/new/messages", {"message": " ", "if_not_exists": "create"}),
        ("threads/new/messages", {"message": "hi", "if_not_exists": "perhaps"}),
        (f"threads/{'x' * 256}/messages", {"message": "hi", "if_not_exists": "create"}),
    ],
)
def test_refused_first_message_creates_no_thread(api, registry, path, body, accept):
    answer = api.post(f"{PREFIX}/{path}", json=body, headers={"accept": accept})
    assert answer.status_code == 422, answer.text
    assert registry.list(trashed=None).total == 0
    key = {"accept": accept, "idempotency-key": ""}
    assert api.post(f"{PREFIX}/{path}", json={**body, "agent_id": "one"}, headers=key).status_code == 422
    assert registry.list(trashed=None).total == 0


def test_request_over_the_stream_limit_creates_no_thread(registry, users):
    with client(registry, plain_graph(None), limits=Limits(streams=0)) as api:
        for path, body in (
            ("threads", {"initial_message": "hi"}),
            ("threads/new/messages", {"message": "hi", "if_not_exists": "create"}),
        ):
            assert streamed(api, path, body, **users["alice"])[0].status_code == 429
    assert registry.list(trashed=None).total == 0


def failing(state):
    raise RuntimeError("out of paper")


def test_failed_run_of_a_new_thread_is_streamed_with_its_reason(registry):
    with client(registry, compiled(Plain, failing, None)) as api:
        answer, found = streamed(api, "threads", {"initial_message": "hi"})
        assert (answer.status_code, found[-1][1]) == (201, "failed")
        assert "out of paper" in found[-1][2]["data"]["reason"]


def test_message_creates_its_thread_only_if_it_says_so(api, registry):
    refused = api.post(f"{PREFIX}/threads/mine/messages", json={"message": "hi"})
    assert (refused.status_code, refused.json()["code"]) == (404, "ThreadNotFound")
    body = {"message": "hi", "if_not_exists": "create", "agent_id": "two"}
    assert api.post(f"{PREFIX}/threads/mine/messages", json=body).json()["run"]["thread_id"] == "mine"
    assert api.post(f"{PREFIX}/threads/mine/messages", json={**body, "agent_id": "one"}).status_code == 200
    assert (registry.get("mine").agent_id, registry.get("mine").message_count) == ("two", 4)
    answer, found = streamed(api, "threads/other/messages", {"message": "hi", "if_not_exists": "create"})
    assert (answer.status_code, found[-1][1], registry.get("other").agent_id) == (200, "finished", "one")


def test_user_gets_a_thread_of_their_own_for_any_given_id(api, registry, users):
    body = {"message": "hi", "if_not_exists": "create"}
    own, taken = "7f3c9a52-0000-4000-8000-000000000001", "7f3c9a52-0000-4000-8000-000000000002"
    registry.create(id=taken, owner="alice", title="of Alice")
    found = {}
    for id in (own, taken):
        answer = api.post(f"{PREFIX}/threads/{id}/messages", json=body, headers=users["bob"])
        found[id] = answer.json()["run"]["thread_id"]
        again = api.post(f"{PREFIX}/threads/{id}/messages", json=body, headers=users["bob"])
        assert again.json()["run"]["thread_id"] == found[id] != id
        assert (registry.get(found[id]).owner, registry.get(found[id]).message_count) == ("bob", 4)
    assert registry.get(taken).message_count == 0
    there = api.post(f"{PREFIX}/threads/{found[own]}/messages", json=body, headers=users["bob"])
    assert there.json()["run"]["thread_id"] == found[own]
    reply = api.post(f"{PREFIX}/threads/{taken}/messages", json=body, headers=users["alice"])
    assert reply.json()["run"]["thread_id"] == taken
    assert registry.list(owner="bob").total == 2
    registry.delete(found[own])
    gone = api.post(f"{PREFIX}/threads/{own}/messages", json=body, headers=users["bob"])
    assert gone.json()["run"]["thread_id"] == found[own]
