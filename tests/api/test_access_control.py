"""The doors of the HTTP API: who comes in, what he may do, and what he never learns."""

import io
import json
import logging
import os
import socket
import statistics
import threading
import time

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running import until
from serving import HERE, PREFIX, bearer, client, events, process

import threads
from agent import build_agent
from threads.api import Limits
from threads.api.app import described
from threads.api.server import JsonLines, bound
from threads.chat_models.offline import OfflineChatModel

REQUESTS = int(os.environ.get("THREADS_TEST_REQUESTS", "300"))
CANARY = "canary-of-alice-7f3a"

ROWS = {
    # operation: who may, how it is asked
    "list_threads": ("user", None),
    "create_thread": ("user", {}),
    "get_thread": ("read", None),
    "update_thread": ("write", {"pinned": True}),
    "delete_thread": ("delete", None),
    "restore_thread": ("write", None),
    "fork_thread": ("write", {}),
    "rewind_thread": ("write", {"to": "nowhere"}),
    "list_messages": ("read", None),
    "send_message": ("write", {"message": "hello"}),
    "edit_message": ("write", {"message": "hello"}),
    "regenerate": ("write", {}),
    "resume": ("write", {"value": 1}),
    "retry": ("write", None),
    "list_interrupts": ("read", None),
    "list_checkpoints": ("read", None),
    "mark_read": ("read", {}),
    "list_runs": ("read", None),
    "get_run": ("read", None),
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
"""The table of who may do what. A new route fails the test below until it has a row."""
PARAMETERS = {"search": {"text": "x"}, "unread": {"id": "x"}, "thread_events": {"follow": False},
    "all_events": {"follow": False}}  # fmt: skip


def agents():
    return {"offline": build_agent(OfflineChatModel())}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Alice with threads, runs and a canary in all she owns; Bob with his own; an admin."""
    with threads.open(tmp_path_factory.mktemp("house") / "threads.db") as registry:
        tokens = {}
        for name in ("alice", "bob", "root"):
            registry.users.add(name, admin=name == "root")
            tokens[name] = registry.users.new_token(name)
        limits = Limits(heartbeat=0.2, stream_seconds=2, per_second=10_000, burst=10_000,
            strangers_per_second=10_000)  # fmt: skip
        with client(registry, agents(), limits=limits) as api:
            yield House(registry, api, tokens)


class House:
    def __init__(self, registry, api, tokens):
        self.registry, self.api, self.tokens = registry, api, tokens
        self.openapi = described(api.app)
        self.operations = {
            operation["operationId"]: (method.upper(), path)
            for path, found in self.openapi["paths"].items()
            for method, operation in found.items()
        }
        self.alices = self.begin("alice", CANARY)
        self.bobs = self.begin("bob", "the word of bob")

    def begin(self, name, word):
        """A thread with a title, tags, metadata, a tag, runs, checkpoints: all with a word in it."""
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

    def ask(self, operation, ids, token=None, body=None, params=None):
        method, path = self.operations[operation]
        path = path.format(**ids)
        headers = {} if token is None else bearer(token)
        body = ROWS[operation][1] if body is None else body
        return self.api.request(
            method, path, json=body, params=params or PARAMETERS.get(operation), headers=headers
        )


def outline(response, id):
    """All of an answer that could tell something, the id that was asked for aside."""
    headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}
    return response.status_code, response.text.replace(id, "ID"), {**headers, "content-length": ""}


# who may do what


def test_every_route_has_a_row_in_the_table_and_no_other(house):
    assert set(ROWS) == set(house.operations)


@pytest.mark.parametrize("operation", [name for name, (who, _) in ROWS.items() if who != "public"])
def test_nobody_comes_in_without_a_token_that_is_good(house, operation):
    for token in (None, "", "thr_nonsense", house.tokens["alice"][:-1]):
        answer = house.ask(operation, house.alices, token)
        assert answer.status_code == 401, answer.text
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert CANARY not in answer.text


@pytest.mark.parametrize(
    "operation", [name for name, (who, _) in ROWS.items() if who in ("read", "write", "delete")]
)
def test_a_thread_of_somebody_else_is_like_none_at_all(house, operation):
    none = {**house.alices, "thread_id": "01a20000-0000-7000-8000-000000000000"}
    theirs = house.ask(operation, house.alices, house.tokens["bob"])
    assert theirs.status_code == 404, theirs.text
    assert outline(theirs, house.alices["thread_id"]) == outline(
        house.ask(operation, none, house.tokens["bob"]), none["thread_id"]
    )
    wrong = house.api.request(
        house.operations[operation][0],
        house.operations[operation][1].format(**house.alices),
        json={"nonsense": 1},
        headers=bearer(house.tokens["bob"]),
    )
    assert wrong.status_code in (404, 422)
    if wrong.status_code == 422:  # told of the form alone, the same for any id
        assert (
            wrong.text
            == house.api.request(
                house.operations[operation][0],
                house.operations[operation][1].format(**none),
                json={"nonsense": 1},
                headers=bearer(house.tokens["bob"]),
            ).text
        )
    ownerless = {**house.alices, "thread_id": house.registry.create(title="local").id}
    assert house.ask(operation, ownerless, house.tokens["bob"]).status_code == 404


@pytest.mark.parametrize("operation", [name for name, (who, _) in ROWS.items() if who == "admin"])
def test_what_is_for_admins_is_refused_to_others(house, operation):
    for name in ("alice", "bob"):
        answer = house.ask(operation, house.alices, house.tokens[name])
        assert (answer.status_code, answer.json()["code"]) == (403, "AdminsOnly")
    answer = house.ask(operation, {**house.alices, "tag": "none"}, house.tokens["root"])
    assert answer.status_code in (200, 204, 404) and answer.text.find("AdminsOnly") < 0


@pytest.mark.parametrize("operation", [name for name, (who, _) in ROWS.items() if who != "admin"])
def test_the_owner_and_an_admin_may(house, operation):
    for name in ("alice", "root"):
        mine = house.begin("alice", "something")
        token = house.registry.users.new_token(name)  # some of these end what they are asked with
        answer = house.ask(operation, mine, token)
        assert answer.status_code not in (401, 403), answer.text
        assert answer.status_code < 500
        assert answer.status_code != 404 or answer.json()["code"] != "ThreadNotFound"
    house.registry.delete(mine["thread_id"])


def test_nobody_but_an_admin_gives_a_thread_away(house):
    for ask, path in ((house.api.post, "threads"), (house.api.put, f"threads/{house.bobs['thread_id']}")):
        answer = ask(f"{PREFIX}/{path}", json={"owner": "alice"}, headers=bearer(house.tokens["bob"]))
        assert (answer.status_code, answer.json()["field"]) == (403, "owner")
    made = house.api.post(
        f"{PREFIX}/threads", json={"owner": "bob"}, headers=bearer(house.tokens["root"])
    ).json()
    assert made["owner"] == "bob"
    house.registry.delete(made["id"])


def test_lists_searches_and_sums_are_of_ones_own_threads(house):
    mine = bearer(house.tokens["bob"])
    for asked in ("threads", "threads?owner=alice", "trash?owner=alice", "search?text=canary",
            "search?text=remember owner:alice", "search?text=tag&owner=alice", "tags", "tags?owner=alice",
            "analytics?by=owner", "analytics?by=tag", "analytics?owner=alice",
            f"unread?id={house.alices['thread_id']}"):  # fmt: skip
        answer = house.api.get(f"{PREFIX}/{asked}", headers=mine)
        assert answer.status_code == 200, answer.text
        assert "alice" not in answer.text, asked
    total = house.api.get(f"{PREFIX}/threads?archived=any&trashed=any", headers=mine)
    assert int(total.headers["x-total-count"]) == len(total.json())
    bulk = {
        "ids": [house.alices["thread_id"], house.bobs["thread_id"], "none"],
        "delete": False,
        "tag": ["x"],
    }
    report = house.api.post(f"{PREFIX}/bulk", json=bulk, headers=mine).json()
    assert report["missing"] == [house.alices["thread_id"], "none"]
    assert "x" not in house.registry.get(house.alices["thread_id"]).tags


def test_one_tenants_keys_open_nothing_of_anothers(house):
    made = [
        house.api.post(
            f"{PREFIX}/threads", json={}, headers={**bearer(house.tokens[name]), "idempotency-key": "same"}
        ).json()
        for name in ("alice", "bob", "root")
    ]
    assert len({thread["id"] for thread in made}) == 3
    assert [thread["owner"] for thread in made] == ["alice", "bob", None]
    for thread in made:
        house.registry.delete(thread["id"])


def test_a_key_does_not_open_a_thread_that_was_given_away(house):
    keyed = {**bearer(house.tokens["bob"]), "idempotency-key": "mine once"}
    id = house.api.post(f"{PREFIX}/threads", json={}, headers=keyed).json()["id"]
    house.registry.update(id, owner="alice", title=CANARY)
    again = house.api.post(f"{PREFIX}/threads", json={}, headers=keyed)
    assert (again.status_code, again.json()["code"]) == (404, "ThreadNotFound")
    other = house.api.post(f"{PREFIX}/threads", json={"initial_message": "hi"}, headers=keyed)
    assert (other.status_code, other.json()["code"]) == (422, "KeyReused") and CANARY not in other.text
    assert CANARY not in again.text and house.registry.get(id).message_count == 0
    house.registry.delete(id)


def test_not_mine_takes_as_long_as_not_there(house):
    def medians():
        spent = {house.alices["thread_id"]: [], "01a20000-0000-7000-8000-000000000000": []}
        for _ in range(150):
            for id, times in spent.items():
                begun = time.perf_counter()
                house.ask("get_thread", {"thread_id": id}, house.tokens["bob"])
                times.append(time.perf_counter() - begun)
        return [statistics.median(times) for times in spent.values()]

    for _ in range(5):
        theirs, none = medians()
        if abs(theirs - none) < 0.35 * none:  # the rest is what else this machine is doing
            break
    assert abs(theirs - none) < 0.35 * none


PICKS = st.sampled_from(["alice", "bob", "junk"])
TEXTS = st.sampled_from(
    ["canary", "remember", "please", "owner:alice", "tag:vip", "title", "is:archived", "a"]
)


@st.composite
def requests(draw):
    """One request of Bob's: any route, with ids of Alice, of himself, or of nobody, mixed."""
    operation = draw(st.sampled_from([name for name in sorted(ROWS) if name not in ("empty_trash",)]))
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


@given(requests())
@settings(
    max_examples=REQUESTS, derandomize=REQUESTS < 1000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_no_word_of_another_tenant_comes_out_whatever_is_asked(house, asked):
    operation, picks, params = asked
    junk = dict.fromkeys(picks, "junk")
    ids = {
        name: {"alice": house.alices, "bob": house.bobs, "junk": junk}[who][name]
        for name, who in picks.items()
    }
    params = {
        name: ids.get(value, value) if isinstance(value, str) else value for name, value in params.items()
    }
    body = ROWS[operation][1]
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
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("threads")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        answer = house.ask(operation, {**ids, "tag": "x" if operation == "rename_tag" else ids["tag"]},
            house.tokens["bob"], body, params)  # fmt: skip
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    assert answer.status_code < 500, answer.text
    said = answer.text + json.dumps(dict(answer.headers)) + log.getvalue()
    for own in (ids["tag"], "tag canary"):
        said = said.replace(own, "")
    assert CANARY not in said, (operation, picks, params)
    assert house.registry.get(house.alices["thread_id"]).tags == (f"tag {CANARY}",)


# where from, and how much


def test_a_name_or_a_site_that_is_not_ours_is_refused(house):
    token = bearer(house.tokens["alice"])
    for host in ("evil.example", "127.0.0.1.evil.example", "", "evil.example:8000"):
        answer = house.api.get(f"{PREFIX}/threads", headers={**token, "host": host})
        assert (answer.status_code, answer.json()["code"]) == (400, "UnknownHost"), host
    for origin in ("http://evil.example", "null", "http://127.0.0.1:9999", "file://127.0.0.1:8000"):
        answer = house.api.post(f"{PREFIX}/threads", json={}, headers={**token, "origin": origin})
        assert (answer.status_code, answer.json()["code"]) == (403, "ForeignOrigin"), origin
    for host in ("localhost", "127.0.0.1:8000", "[::1]:8000"):
        assert house.api.get(f"{PREFIX}/threads", headers={**token, "host": host}).status_code == 200
    assert house.api.get(f"{PREFIX}/threads", headers={**token, "origin": HERE}).status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_a_server_known_by_other_names_answers_to_them(tmp_path):
    with (
        threads.open(tmp_path / "t.db") as registry,
        client(registry, agents(), hosts=["chat.example"], origins=["https://app.example"]) as api,
    ):
        headers = {"host": "chat.example", "origin": "https://app.example"}
        assert api.get(f"{PREFIX}/threads", headers=headers).status_code == 401
        registry.users.add("alice")
        token = bearer(registry.users.new_token("alice"))
        assert api.get(f"{PREFIX}/threads", headers={**headers, **token}).status_code == 200


def test_without_users_this_machine_is_the_local_user_and_others_are_strangers(tmp_path):
    from fastapi.testclient import TestClient

    with threads.open(tmp_path / "t.db") as registry, client(registry, agents()) as api:
        assert api.get(f"{PREFIX}/me").json() == {"name": None, "is_admin": True}
        far = TestClient(api.app, base_url=HERE, client=("10.0.0.7", 1))
        assert far.get(f"{PREFIX}/me").status_code == 401
        registry.users.add("alice")
        until(lambda: api.get(f"{PREFIX}/me").status_code == 401)
        assert far.get(f"{PREFIX}/me", headers=bearer(registry.users.new_token("alice"))).status_code == 200


def test_too_large_a_body_is_refused_however_it_comes(house):
    token = {**bearer(house.tokens["alice"]), "content-type": "application/json"}
    large = b'{"title": "' + b"x" * 1_100_000 + b'"}'

    def in_pieces():
        for start in range(0, len(large), 65_536):
            yield large[start : start + 65_536]

    for content in (large, in_pieces()):
        answer = house.api.post(f"{PREFIX}/threads", content=content, headers=token)
        assert (answer.status_code, answer.json()["code"]) == (413, "TooLarge")


def test_too_many_requests_are_refused_and_the_others_are_not_held_up(tmp_path):
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


def test_a_log_line_tells_the_route_and_nothing_that_was_said(house):
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("threads")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    token = bearer(house.tokens["alice"])
    try:
        house.api.post(
            f"{PREFIX}/threads/{house.alices['thread_id']}/messages",
            json={"message": f"say {CANARY}"},
            headers=token,
        )
        house.api.get(f"{PREFIX}/search", params={"text": CANARY}, headers=token)
        house.api.get(f"{PREFIX}/threads", params={"limit": CANARY}, headers=token)
    finally:
        logger.removeHandler(handler)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(line["method"], line["status"], line["user"]) for line in lines] == [
        ("POST", 200, "alice"), ("GET", 200, "alice"), ("GET", 422, "alice"),
    ]  # fmt: skip
    assert CANARY not in log.getvalue() and house.tokens["alice"] not in log.getvalue()


# sessions and streams


def test_a_browsers_session_is_a_cookie_that_scripts_cannot_read_and_can_be_ended(house):
    begun = house.api.post(f"{PREFIX}/session", headers=bearer(house.tokens["alice"]))
    assert begun.status_code == 201
    cookie = begun.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie
    assert house.tokens["alice"] not in cookie
    house.api.cookies.clear()
    kept = {"cookie": cookie.split(";")[0]}
    assert house.api.get(f"{PREFIX}/me", headers=kept).json()["name"] == "alice"
    assert house.api.delete(f"{PREFIX}/session", headers=kept).status_code == 204
    assert house.api.get(f"{PREFIX}/me", headers=kept).status_code == 401
    assert house.api.get(f"{PREFIX}/me", headers=bearer(house.tokens["alice"])).status_code == 200
    house.api.cookies.clear()


@pytest.fixture
def served(tmp_path):
    """A server in a process of its own, with users."""
    with threads.open(tmp_path / "threads.db") as registry:
        tokens = {}
        for name in ("alice", "bob"):
            registry.users.add(name)
            tokens[name] = registry.users.new_token(name)
        with process(tmp_path) as server:
            yield registry, server.url, tokens


def listening(url, path, token, heard, done):
    """Reads a stream into `heard` until it ends."""
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


@pytest.mark.parametrize("how", ["token", "user", "owner"])
def test_a_stream_ends_within_a_second_once_its_reader_may_read_no_more(served, how):
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
    assert done.wait(1.0)
    registry.update(mine, title="second")
    assert heard.count(("title", mine)) == 1


def test_a_stream_of_all_my_threads_holds_nothing_of_others(served):
    registry, url, tokens = served
    mine, theirs, nobodys = (registry.create(owner=owner).id for owner in ("alice", "bob", None))
    heard, _ = listener(url, "events", tokens["alice"])
    for thread in (theirs, nobodys, mine):
        registry.update(thread, title="news")
    until(lambda: ("title", mine) in heard)
    assert {thread for _, thread in heard[1:]} == {mine}


def test_others_cannot_reach_a_server_without_users(tmp_path):
    from click.testing import CliRunner

    from threads.cli.group import threads as group

    result = CliRunner().invoke(group, ["serve", "--host", "0.0.0.0", "--db", str(tmp_path / "t.db")])
    assert result.exit_code == 2 and "no users" in result.output


def test_an_answer_is_not_kept_back_until_its_head_was_acknowledged():
    with bound(uvicorn.Config(lambda: None, host="127.0.0.1", port=0)) as listening:
        listening.listen()
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
