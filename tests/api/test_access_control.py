"""Access control of the HTTP API: authentication, authorization, hosts, origins and limits."""

import gc
import io
import json
import logging
import os
import re
import socket
import sqlite3
import threading

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from run_helpers import until
from server_helpers import HERE, PREFIX, bearer, client, events, process

import threads
from agent import build_agent
from threads.api import Limits
from threads.api.log import JsonFormatter
from threads.api.openapi import openapi_schema
from threads.api.rate_limit import MAX_BUCKETS, RateLimiter
from threads.api.server import bind_socket
from threads.chat_models.offline import OfflineChatModel

REQUESTS = int(os.environ.get("THREADS_TEST_REQUESTS", "300"))
CANARY = "canary-of-alice-7f3a"

ACCESS = {
    # operation: who may use it, its body
    "list_threads": ("user", None),
    "create_thread": ("user", {}),
    "get_thread": ("read", None),
    "update_thread": ("write", {"pinned": True}),
    "delete_thread": ("delete", None),
    "restore_thread": ("write", None),
    "fork_thread": ("write", {}),
    "rewind_thread": ("write", {"to": "nowhere"}),
    "undo": ("write", {}),
    "list_messages": ("read", None),
    "send_message": ("write", {"message": "hello"}),
    "edit_message": ("write", {"message": "hello"}),
    "regenerate": ("write", {}),
    "resume": ("write", {"value": 1}),
    "retry": ("write", None),
    "list_interrupts": ("read", None),
    "list_checkpoints": ("read", None),
    "mark_read": ("read", {}),
    "run_temporarily": ("user", {"messages": [{"role": "user", "content": "hello"}]}),
    "list_runs": ("read", None),
    "get_run": ("read", None),
    "run_events": ("read", None),
    "stop_run": ("write", None),
    "stop": ("write", None),
    "make_title": ("write", None),
    "thread_events": ("read", None),
    "all_events": ("user", None),
    "search": ("user", None),
    "list_tags": ("user", None),
    "rename_tag": ("admin", {"name": "b"}),
    "bulk": ("user", {"ids": []}),
    "list_trash": ("user", None),
    "empty_trash": ("user", None),
    "unread": ("user", None),
    "analytics": ("user", None),
    "list_agents": ("user", None),
    "info": ("user", None),
    "me": ("user", None),
    "begin_session": ("user", None),
    "end_session": ("user", None),
    "list_rules": ("admin", None),
    "set_rule": ("admin", {"action": "archive", "age": 86_400}),
    "remove_rule": ("admin", None),
    "cleanup": ("admin", {"dry_run": True}),
    "healthz": ("public", None),
    "readyz": ("public", None),
}
"""The required role or verb of each operation. A new route fails a test until it has a row."""
STATUS = {
    "create_thread": 201,
    "delete_thread": 204,
    "fork_thread": 201,
    "rewind_thread": (404, "CheckpointNotFound"),
    "resume": (409, "NothingToResume"),
    "retry": (409, "NothingToResume"),
    "make_title": (422, "InvalidValue"),
    "begin_session": 201,
    "end_session": 204,
}
"""What those who may use an operation get of it, with the bodies above, where that is not 200."""
PARAMETERS = {"search": {"text": "x"}, "unread": {"id": "x"}, "thread_events": {"follow": False},
    "all_events": {"follow": False}}  # fmt: skip


def agents():
    return {"offline": build_agent(OfflineChatModel())}


@pytest.fixture(scope="module")
def tenants(tmp_path_factory):
    """Alice with a thread full of canaries, Bob with one of his own, and an admin."""
    with threads.open(tmp_path_factory.mktemp("tenants") / "threads.db") as registry:
        tokens = {}
        for name in ("alice", "bob", "root"):
            registry.users.add(name, admin=name == "root")
            tokens[name] = registry.users.new_token(name)
        limits = Limits(heartbeat=0.2, stream_seconds=2, per_second=10_000, burst=10_000,
            strangers_per_second=10_000)  # fmt: skip
        with client(registry, agents(), limits=limits) as api:
            yield Tenants(registry, api, tokens)


class Tenants:
    def __init__(self, registry, api, tokens):
        self.registry, self.api, self.tokens = registry, api, tokens
        self.openapi = openapi_schema(api.app)
        self.operations = {
            operation["operationId"]: (method.upper(), path)
            for path, found in self.openapi["paths"].items()
            for method, operation in found.items()
        }
        self.alices = self.create_thread("alice", CANARY)
        self.bobs = self.create_thread("bob", "the word of bob")

    def create_thread(self, name, word):
        """Create a thread whose title, tag, metadata and messages hold the word; return its ids."""
        made = self.api.post(
            f"{PREFIX}/threads",
            json={
                "title": f"title {word}", "tags": [f"tag {word}"], "metadata": {word: word},
                "initial_message": f"please remember {word} for me",
            },
            headers=bearer(self.tokens[name]),
        )  # fmt: skip
        assert made.status_code == 201, made.text
        thread = made.json()["id"]
        [run] = self.registry.runs(thread)
        return {
            "thread_id": thread, "run_id": run.id, "tag": f"tag {word}", "name": f"rule {name}",
            "message_id": self.registry.messages(thread)[0].id,
            "checkpoint": self.registry.history(thread)[0].id,
        }  # fmt: skip

    def send(self, operation, ids, token=None, body=None, params=None):
        method, path = self.operations[operation]
        path = path.format(**ids)
        headers = {} if token is None else bearer(token)
        body = ACCESS[operation][1] if body is None else body
        return self.api.request(
            method, path, json=body, params=params or PARAMETERS.get(operation), headers=headers
        )


def outline(response, id):
    """Return status, text and headers of a response, with the requested id replaced."""
    headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}
    return response.status_code, response.text.replace(id, "ID"), {**headers, "content-length": ""}


# authorization


def test_access_table_has_every_route(tenants):
    assert set(ACCESS) == set(tenants.operations)


@pytest.mark.parametrize("operation", [name for name, (who, _) in ACCESS.items() if who != "public"])
def test_request_without_a_valid_token_is_unauthorized(tenants, operation):
    for token in (None, "", "thr_nonsense", tenants.tokens["alice"][:-1]):
        answer = tenants.send(operation, tenants.alices, token)
        assert answer.status_code == 401, answer.text
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert CANARY not in answer.text


@pytest.mark.parametrize(
    "operation", [name for name, (who, _) in ACCESS.items() if who in ("read", "write", "delete")]
)
def test_thread_of_another_owner_answers_as_a_missing_one(tenants, operation):
    none = {**tenants.alices, "thread_id": "01a20000-0000-7000-8000-000000000000"}
    theirs = tenants.send(operation, tenants.alices, tenants.tokens["bob"])
    assert theirs.status_code == 404, theirs.text
    assert outline(theirs, tenants.alices["thread_id"]) == outline(
        tenants.send(operation, none, tenants.tokens["bob"]), none["thread_id"]
    )
    wrong = tenants.api.request(
        tenants.operations[operation][0],
        tenants.operations[operation][1].format(**tenants.alices),
        json={"nonsense": 1},
        headers=bearer(tenants.tokens["bob"]),
    )
    assert wrong.status_code in (404, 422)
    if wrong.status_code == 422:  # about the body alone, the same for any id
        assert (
            wrong.text
            == tenants.api.request(
                tenants.operations[operation][0],
                tenants.operations[operation][1].format(**none),
                json={"nonsense": 1},
                headers=bearer(tenants.tokens["bob"]),
            ).text
        )
    ownerless = {**tenants.alices, "thread_id": tenants.registry.create(title="local").id}
    assert tenants.send(operation, ownerless, tenants.tokens["bob"]).status_code == 404


@pytest.mark.parametrize("operation", [name for name, (who, _) in ACCESS.items() if who == "admin"])
def test_admin_routes_refuse_other_users(tenants, operation):
    for name in ("alice", "bob"):
        answer = tenants.send(operation, tenants.alices, tenants.tokens[name])
        assert (answer.status_code, answer.json()["code"]) == (403, "AdminsOnly")
    answer = tenants.send(operation, {**tenants.alices, "tag": "none"}, tenants.tokens["root"])
    assert answer.status_code in (200, 204, 404) and answer.text.find("AdminsOnly") < 0


@pytest.mark.slow
@pytest.mark.parametrize("operation", [name for name, (who, _) in ACCESS.items() if who != "admin"])
def test_owner_and_admin_are_authorized(tenants, operation):
    for name in ("alice", "root"):
        mine = tenants.create_thread("alice", "something")
        token = tenants.registry.users.new_token(name)  # some of these end what they are asked with
        answer = tenants.send(operation, mine, token)
        failed = answer.status_code >= 400
        got = (answer.status_code, answer.json()["code"]) if failed else answer.status_code
        assert got == STATUS.get(operation, 200), answer.text
    tenants.registry.delete(mine["thread_id"])


def test_only_an_admin_sets_the_owner(tenants):
    for ask, path in (
        (tenants.api.post, "threads"),
        (tenants.api.put, f"threads/{tenants.bobs['thread_id']}"),
    ):
        answer = ask(f"{PREFIX}/{path}", json={"owner": "alice"}, headers=bearer(tenants.tokens["bob"]))
        assert (answer.status_code, answer.json()["field"]) == (403, "owner")
    made = tenants.api.post(
        f"{PREFIX}/threads", json={"owner": "bob"}, headers=bearer(tenants.tokens["root"])
    ).json()
    assert made["owner"] == "bob"
    tenants.registry.delete(made["id"])


def test_lists_search_and_statistics_cover_only_own_threads(tenants):
    mine = bearer(tenants.tokens["bob"])
    for asked in ("threads", "threads?owner=alice", "trash?owner=alice", "search?text=canary",
            "search?text=remember owner:alice", "search?text=tag&owner=alice", "tags", "tags?owner=alice",
            "analytics?by=owner", "analytics?by=tag", "analytics?owner=alice",
            f"unread?id={tenants.alices['thread_id']}"):  # fmt: skip
        answer = tenants.api.get(f"{PREFIX}/{asked}", headers=mine)
        assert answer.status_code == 200, answer.text
        assert "alice" not in answer.text, asked
    total = tenants.api.get(f"{PREFIX}/threads?archived=any&trashed=any", headers=mine)
    assert int(total.headers["x-total-count"]) == len(total.json())
    bulk = {
        "ids": [tenants.alices["thread_id"], tenants.bobs["thread_id"], "none"],
        "delete": False,
        "tag": ["x"],
    }
    report = tenants.api.post(f"{PREFIX}/bulk", json=bulk, headers=mine).json()
    assert report["missing"] == [tenants.alices["thread_id"], "none"]
    assert "x" not in tenants.registry.get(tenants.alices["thread_id"]).tags


def test_idempotency_keys_are_separate_for_each_user(tenants):
    made = [
        tenants.api.post(
            f"{PREFIX}/threads", json={}, headers={**bearer(tenants.tokens[name]), "idempotency-key": "same"}
        ).json()
        for name in ("alice", "bob", "root")
    ]
    assert len({thread["id"] for thread in made}) == 3
    assert [thread["owner"] for thread in made] == ["alice", "bob", None]
    for thread in made:
        tenants.registry.delete(thread["id"])


def test_idempotency_key_gives_no_access_to_a_thread_with_a_new_owner(tenants):
    keyed = {**bearer(tenants.tokens["bob"]), "idempotency-key": "mine once"}
    id = tenants.api.post(f"{PREFIX}/threads", json={}, headers=keyed).json()["id"]
    tenants.registry.update(id, owner="alice", title=CANARY)
    again = tenants.api.post(f"{PREFIX}/threads", json={}, headers=keyed)
    assert (again.status_code, again.json()["code"]) == (404, "ThreadNotFound")
    other = tenants.api.post(f"{PREFIX}/threads", json={"initial_message": "hi"}, headers=keyed)
    assert (other.status_code, other.json()["code"]) == (422, "KeyReused") and CANARY not in other.text
    assert CANARY not in again.text and tenants.registry.get(id).message_count == 0
    tenants.registry.delete(id)


def is_open(connection):
    try:
        return connection.total_changes >= 0
    except sqlite3.ProgrammingError:
        return False


def test_foreign_thread_costs_the_same_statements_as_a_missing_one(tenants):
    """What decides is the owner in the SQL: no step is taken for one of the two that the other is spared."""
    none = "01a20000-0000-7000-8000-000000000000"
    connections = [
        each for each in gc.get_objects() if isinstance(each, sqlite3.Connection) and is_open(each)
    ]

    def statements(id):
        run = []
        for connection in connections:
            connection.set_trace_callback(run.append)
        tenants.send("get_thread", {"thread_id": id}, tenants.tokens["bob"])
        for connection in connections:
            connection.set_trace_callback(None)
        return [re.sub(r"\d+", "0", each.replace(id, "ID")) for each in run]

    def least(id):  # maintenance in the background may add statements of its own
        return min((statements(id) for _ in range(10)), key=len)

    theirs = least(tenants.alices["thread_id"])
    assert theirs == least(none)
    assert any("ID" in each for each in theirs)


PICKS = st.sampled_from(["alice", "bob", "junk"])
TEXTS = st.sampled_from(
    ["canary", "remember", "please", "owner:alice", "tag:vip", "title", "is:archived", "a"]
)


@st.composite
def requests(draw):
    """One request of Bob to any operation, with ids of Alice, of Bob, or unknown ones, mixed."""
    operation = draw(st.sampled_from([name for name in sorted(ACCESS) if name not in ("empty_trash",)]))
    picks = {name: draw(PICKS) for name in ("thread_id", "run_id", "message_id", "tag", "name", "checkpoint")}
    params = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "owner": st.sampled_from(["alice", "bob", ""]), "text": TEXTS, "archived": st.just("any"),
                "trashed": st.just("any"), "sort_by": st.sampled_from(["title", "thread_id", "nonsense"]),
                "limit": st.integers(-1, 30), "by": st.sampled_from(["owner", "tag", "agent", "all"]),
                "after": st.integers(0, 50), "offset": st.integers(0, 3), "at": st.just("checkpoint"),
                "before": st.just("message_id"), "metadata": st.sampled_from(['{"a": 1}', "[", "{}"]),
            },
        )
    )  # fmt: skip
    follow = {"follow": "false"} if operation.endswith("events") else {}
    return (
        operation,
        picks,
        {**params, **follow} if draw(st.booleans()) else {**PARAMETERS.get(operation, {}), **follow},
    )


@pytest.mark.slow
@given(requests())
@settings(
    max_examples=REQUESTS, derandomize=REQUESTS < 1000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_no_request_reveals_text_of_another_user(tenants, asked):
    operation, picks, params = asked
    junk = dict.fromkeys(picks, "junk")
    ids = {
        name: {"alice": tenants.alices, "bob": tenants.bobs, "junk": junk}[who][name]
        for name, who in picks.items()
    }
    params = {
        name: ids.get(value, value) if isinstance(value, str) else value for name, value in params.items()
    }
    body = ACCESS[operation][1]
    if operation == "rewind_thread":
        body = {"to": ids["checkpoint"]}
    elif operation == "fork_thread":
        body = {"at": ids["checkpoint"]}
    elif operation == "regenerate":
        body = {"message_id": ids["message_id"]}
    elif operation == "bulk":
        body = {"ids": [ids["thread_id"]], "tag": ["seen"]}
    if operation == "delete_thread" and picks["thread_id"] == "bob":
        return
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("threads")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        answer = tenants.send(operation, {**ids, "tag": "x" if operation == "rename_tag" else ids["tag"]},
            tenants.tokens["bob"], body, params)  # fmt: skip
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    assert answer.status_code < 500, answer.text
    said = answer.text + json.dumps(dict(answer.headers)) + log.getvalue()
    for own in (ids["tag"], "tag canary"):
        said = said.replace(own, "")
    assert CANARY not in said, (operation, picks, params)
    assert tenants.registry.get(tenants.alices["thread_id"]).tags == (f"tag {CANARY}",)


# hosts, origins and limits


def test_unknown_host_and_foreign_origin_are_refused(tenants):
    token = bearer(tenants.tokens["alice"])
    for host in ("evil.example", "127.0.0.1.evil.example", "", "evil.example:8000"):
        answer = tenants.api.get(f"{PREFIX}/threads", headers={**token, "host": host})
        assert (answer.status_code, answer.json()["code"]) == (400, "UnknownHost"), host
    for origin in ("http://evil.example", "null", "http://127.0.0.1:9999", "file://127.0.0.1:8000"):
        answer = tenants.api.post(f"{PREFIX}/threads", json={}, headers={**token, "origin": origin})
        assert (answer.status_code, answer.json()["code"]) == (403, "ForeignOrigin"), origin
    for host in ("localhost", "127.0.0.1:8000", "[::1]:8000"):
        assert tenants.api.get(f"{PREFIX}/threads", headers={**token, "host": host}).status_code == 200
    assert tenants.api.get(f"{PREFIX}/threads", headers={**token, "origin": HERE}).status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_configured_hosts_and_origins_are_accepted(tmp_path):
    with (
        threads.open(tmp_path / "t.db") as registry,
        client(registry, agents(), hosts=["chat.example"], origins=["https://app.example"]) as api,
    ):
        headers = {"host": "chat.example", "origin": "https://app.example"}
        assert api.get(f"{PREFIX}/threads", headers=headers).status_code == 401
        registry.users.add("alice")
        token = bearer(registry.users.new_token("alice"))
        assert api.get(f"{PREFIX}/threads", headers={**headers, **token}).status_code == 200


def test_without_users_only_loopback_requests_are_the_local_user(tmp_path):
    from fastapi.testclient import TestClient

    with threads.open(tmp_path / "t.db") as registry, client(registry, agents()) as api:
        assert api.get(f"{PREFIX}/me").json() == {"name": None, "is_admin": True}
        far = TestClient(api.app, base_url=HERE, client=("10.0.0.7", 1))
        assert far.get(f"{PREFIX}/me").status_code == 401
        registry.users.add("alice")
        until(lambda: api.get(f"{PREFIX}/me").status_code == 401)
        assert far.get(f"{PREFIX}/me", headers=bearer(registry.users.new_token("alice"))).status_code == 200


def test_body_over_the_limit_is_refused_with_length_or_chunked(tenants):
    token = {**bearer(tenants.tokens["alice"]), "content-type": "application/json"}
    large = b'{"title": "' + b"x" * 1_100_000 + b'"}'

    def in_pieces():
        for start in range(0, len(large), 65_536):
            yield large[start : start + 65_536]

    for content in (large, in_pieces()):
        answer = tenants.api.post(f"{PREFIX}/threads", content=content, headers=token)
        assert (answer.status_code, answer.json()["code"]) == (413, "TooLarge")
        assert answer.json()["error"] == "the request body may have at most 1048576 bytes"
        assert answer.headers["x-content-type-options"] == "nosniff" and "x-request-id" in answer.headers


def test_body_over_the_limit_is_refused_before_the_route_runs(tenants):
    """Starlette's own limit lets a route run that reads no body, and replaces its response afterwards."""
    made = tenants.create_thread("alice", "something")
    token = {**bearer(tenants.tokens["alice"]), "content-type": "application/json"}
    answer = tenants.api.request(
        "DELETE", f"{PREFIX}/threads/{made['thread_id']}", content=b"x" * 1_100_000, headers=token
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "TooLarge")
    assert tenants.registry.get(made["thread_id"]).trashed_at is None
    tenants.registry.delete(made["thread_id"])


def test_body_over_the_limit_without_a_valid_token_is_unauthorized(tenants):
    answer = tenants.api.post(f"{PREFIX}/threads", content=b"x" * 1_100_000, headers=bearer("thr_nonsense"))
    assert (answer.status_code, answer.json()["code"]) == (401, "Unauthorized")


def test_rate_limit_of_one_user_does_not_affect_others(tmp_path):
    with threads.open(tmp_path / "t.db") as registry:
        tokens = {}
        for name in ("alice", "bob"):
            registry.users.add(name)
            tokens[name] = bearer(registry.users.new_token(name))
        limits = Limits(per_second=0.05, burst=5, strangers_per_second=0.5, streams=1)
        with client(registry, agents(), limits=limits) as api:
            codes = [api.get(f"{PREFIX}/me", headers=tokens["alice"]).status_code for _ in range(7)]
            assert codes == [200] * 5 + [429] * 2
            refused = api.get(f"{PREFIX}/me", headers=tokens["alice"])
            assert int(refused.headers["retry-after"]) >= 1
            assert api.get(f"{PREFIX}/me", headers=tokens["bob"]).status_code == 200
            assert {api.get(f"{PREFIX}/me").status_code for _ in range(5)} == {401, 429}
            assert api.get("/healthz").status_code == 200


def test_request_log_has_the_route_and_no_user_text(tenants):
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("threads")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    token = bearer(tenants.tokens["alice"])
    try:
        tenants.api.post(
            f"{PREFIX}/threads/{tenants.alices['thread_id']}/messages",
            json={"message": f"say {CANARY}"},
            headers=token,
        )
        tenants.api.get(f"{PREFIX}/search", params={"text": CANARY}, headers=token)
        tenants.api.get(f"{PREFIX}/threads", params={"limit": CANARY}, headers=token)
    finally:
        logger.removeHandler(handler)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(line["method"], line["status"], line["user"]) for line in lines] == [
        ("POST", 200, "alice"), ("GET", 200, "alice"), ("GET", 422, "alice"),
    ]  # fmt: skip
    assert CANARY not in log.getvalue() and tenants.tokens["alice"] not in log.getvalue()


# sessions and streams


def test_session_is_an_httponly_cookie_that_can_be_revoked(tenants):
    begun = tenants.api.post(f"{PREFIX}/session", headers=bearer(tenants.tokens["alice"]))
    assert begun.status_code == 201
    cookie = begun.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie
    assert tenants.tokens["alice"] not in cookie
    tenants.api.cookies.clear()
    kept = {"cookie": cookie.split(";")[0]}
    assert tenants.api.get(f"{PREFIX}/me", headers=kept).json()["name"] == "alice"
    assert tenants.api.delete(f"{PREFIX}/session", headers=kept).status_code == 204
    assert tenants.api.get(f"{PREFIX}/me", headers=kept).status_code == 401
    assert tenants.api.get(f"{PREFIX}/me", headers=bearer(tenants.tokens["alice"])).status_code == 200
    tenants.api.cookies.clear()


@pytest.fixture
def served(tmp_path):
    """A server process with two users."""
    with threads.open(tmp_path / "threads.db") as registry:
        tokens = {}
        for name in ("alice", "bob"):
            registry.users.add(name)
            tokens[name] = registry.users.new_token(name)
        with process(tmp_path) as server:
            yield registry, server.url, tokens


def listening(url, path, token, heard, done):
    """Read a stream into `heard` until it ends."""
    import httpx

    with httpx.stream("GET", f"{url}{PREFIX}/{path}", headers=bearer(token), timeout=30) as stream:
        assert stream.status_code == 200
        heard.append("open")
        for _, type, data in events(stream.iter_lines()):
            heard.append((type, data["thread_id"]))
    done.set()


def listener(*arguments):
    heard, done = [], threading.Event()
    threading.Thread(target=listening, args=(*arguments, heard, done), daemon=True).start()
    until(lambda: heard)
    return heard, done


@pytest.mark.slow
@pytest.mark.parametrize("how", ["token", "user", "owner"])
def test_stream_is_closed_after_access_is_revoked(served, how):
    registry, url, tokens = served
    mine = registry.create(owner="alice").id
    heard, done = listener(url, f"threads/{mine}/events" if how == "owner" else "events", tokens["alice"])
    registry.update(mine, title="first")
    until(lambda: ("title", mine) in heard)
    if how == "token":
        registry.users.revoke("alice")
    elif how == "user":
        registry.users.remove("alice")
    else:
        registry.update(mine, owner="bob")
    assert done.wait(20)
    registry.update(mine, title="second")
    assert heard.count(("title", mine)) == 1


@pytest.mark.slow
def test_stream_of_all_threads_has_only_own_events(served):
    registry, url, tokens = served
    mine, theirs, unowned = (registry.create(owner=owner).id for owner in ("alice", "bob", None))
    heard, _ = listener(url, "events", tokens["alice"])
    for thread in (theirs, unowned, mine):
        registry.update(thread, title="news")
    until(lambda: ("title", mine) in heard)
    assert {thread for _, thread in heard[1:]} == {mine}


def test_serve_refuses_a_public_host_without_users(tmp_path):
    from click.testing import CliRunner

    from threads.cli.group import threads as group

    result = CliRunner().invoke(group, ["serve", "--host", "0.0.0.0", "--db", str(tmp_path / "t.db")])
    assert result.exit_code == 2 and "no users" in result.output


def test_server_socket_sets_tcp_nodelay():
    with bind_socket(uvicorn.Config(lambda: None, host="127.0.0.1", port=0)) as listening:
        listening.listen()
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_throttled_caller_stays_throttled_among_many_others():
    clock = [0.0]
    buckets = RateLimiter(rate=0.1, burst=2, clock=lambda: clock[0])
    assert [buckets.take("one") > 0 for _ in range(3)] == [False, False, True]
    for number in range(MAX_BUCKETS + 5):
        buckets.take(number)
    clock[0] += 9
    assert buckets.take("one") > 0
    clock[0] += 9
    assert buckets.take("one") == 0
