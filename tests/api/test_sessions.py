"""Browser sessions, the local user, CORS, HEAD requests and the Allow header."""

import threading
from datetime import timedelta

import httpx
import pytest
from click.testing import CliRunner
from graphs import plain_graph
from server_helpers import HERE, PREFIX, bearer, client, process

import threads
from threads.cli.group import threads as group


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as opened:
        opened.users.add("alice")
        yield opened


@pytest.fixture
def api(registry):
    with client(registry, {"echo": plain_graph(None)}) as found:
        yield found


def session(api, token):
    """The header that shows a session begun with this token."""
    begun = api.post(f"{PREFIX}/session", headers=bearer(token))
    assert begun.status_code == 201, begun.text
    api.cookies.clear()
    return {"cookie": begun.headers["set-cookie"].split(";")[0]}


def me(api, headers):
    return api.get(f"{PREFIX}/me", headers=headers).status_code


def test_session_ends_with_its_token(api, registry):
    ended, kept = (registry.users.new_token("alice") for _ in "ab")
    of_ended, of_kept = session(api, ended), session(api, kept)
    assert (me(api, of_ended), me(api, of_kept)) == (200, 200)
    registry.users.revoke("alice", registry.users.who(ended)[1])
    api.app.state.threads.authenticator.forget(of_ended["cookie"].partition("=")[2])
    assert (me(api, of_ended), me(api, of_kept)) == (401, 200)


def test_session_cannot_create_another_session(api, registry):
    kept = session(api, registry.users.new_token("alice"))
    for shown in (kept, bearer(kept["cookie"].partition("=")[2])):
        again = api.post(f"{PREFIX}/session", headers=shown)
        assert (again.status_code, again.json()["field"]) == (422, "Authorization")
        assert "set-cookie" not in again.headers


def test_session_lifetime_is_bounded_by_its_token_and_twelve_hours(api, registry):
    for lifetime, longest in ((timedelta(minutes=1), timedelta(minutes=1)), (None, timedelta(hours=12))):
        session(api, registry.users.new_token("alice", lifetime=lifetime))
        newest = max(registry.users.list()[0].tokens, key=lambda token: (token.created_at, token.kind))
        assert newest.expires_at - newest.created_at <= longest


def test_session_limit_of_a_token_ends_the_oldest(api, registry):
    token = registry.users.new_token("alice")
    first = session(api, token)
    others = [session(api, token) for _ in range(20)]
    kinds = [each.kind for each in registry.users.list()[0].tokens]
    assert (kinds.count("session"), kinds.count("token")) == (20, 1)
    api.app.state.threads.authenticator.forget(first["cookie"].partition("=")[2])
    assert (me(api, others[-1]), me(api, first)) == (200, 401)


@pytest.mark.slow
def test_local_user_stream_is_closed_when_users_are_added(tmp_path):
    with (
        threads.open(tmp_path / "threads.db") as registry,
        process(tmp_path) as server,
        httpx.stream("GET", f"{server.url}{PREFIX}/events", timeout=30) as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines).startswith("retry")
        registry.users.add("zoe")
        ended = threading.Event()
        threading.Thread(target=lambda: (list(lines), ended.set()), daemon=True).start()
        assert ended.wait(20)


@pytest.mark.parametrize("origin", ["http://[::1", "http://", "//", "http://127.0.0.1:8000/x", "\x7f"])
def test_invalid_origin_is_foreign(api, registry, origin):
    asked = {**bearer(registry.users.new_token("alice")), "origin": origin}
    answer = api.get(f"{PREFIX}/me", headers=asked)
    assert (answer.status_code, answer.json()["code"]) == (403, "ForeignOrigin")
    assert me(api, {**asked, "origin": HERE}) == 200


def test_expired_session_cookie_can_be_deleted(api, registry):
    kept = session(api, registry.users.new_token("alice"))
    registry.users.revoke("alice")
    for shown in (kept, {"cookie": "threads_session=nonsense"}):
        ended = api.delete(f"{PREFIX}/session", headers=shown)
        assert ended.status_code == 204
        assert 'threads_session=""; ' in ended.headers["set-cookie"]
    assert api.delete(f"{PREFIX}/session").status_code == 401
    assert api.delete(f"{PREFIX}/session", headers={**kept, **bearer("nonsense")}).status_code == 401


@pytest.mark.parametrize(
    ("options", "headers", "is_secure"),
    [
        ({}, {}, False), ({"is_https": True}, {}, True),
        ({"hosts": ["chat.example"]}, {"host": "chat.example", "origin": "https://chat.example"}, True),
        ({}, {"origin": HERE}, False),
    ],
)  # fmt: skip
def test_session_cookie_is_secure_over_https(registry, options, headers, is_secure):
    token = bearer(registry.users.new_token("alice"))
    with client(registry, plain_graph(None), **options) as api:
        cookie = api.post(f"{PREFIX}/session", headers={**token, **headers}).headers["set-cookie"]
    assert ("Secure" in cookie) == is_secure


# pages of other sites

APP = "https://app.example"


def test_allowed_origin_gets_cors_headers(registry):
    token = bearer(registry.users.new_token("alice"))
    with client(registry, plain_graph(None), origins=["HTTPS://App.example:443"]) as api:
        wish = {
            "origin": APP, "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,idempotency-key",
        }  # fmt: skip
        before = api.options(f"{PREFIX}/threads", headers=wish)
        assert before.status_code == 200
        assert before.headers["access-control-allow-origin"] == APP
        made = api.post(f"{PREFIX}/threads", json={}, headers={**token, "origin": APP})
        assert (made.status_code, made.headers["access-control-allow-origin"]) == (201, APP)
        seen = made.headers["access-control-expose-headers"].lower()
        for name in (
            "x-total-count",
            "x-next-cursor",
            "location",
            "content-location",
            "x-run-id",
            "x-request-id",
        ):
            assert name in seen
        stranger = api.get(f"{PREFIX}/threads", headers={"origin": APP})
        assert (stranger.status_code, stranger.headers["access-control-allow-origin"]) == (401, APP)
        for origin in ("https://evil.example", "http://app.example", f"{APP}:444", "null"):
            refused = api.options(f"{PREFIX}/threads", headers={**wish, "origin": origin})
            assert (refused.status_code, refused.json()["code"]) == (403, "ForeignOrigin")
            assert "access-control-allow-origin" not in refused.headers
            refused = api.get(f"{PREFIX}/threads", headers={**token, "origin": origin})
            assert refused.status_code == 403 and "access-control-allow-origin" not in refused.headers
        odd = api.options(f"{PREFIX}/threads", headers={**wish, "access-control-request-method": "PATCH"})
        assert (odd.status_code, odd.json()["code"]) == (403, "ForeignOrigin")


@pytest.mark.parametrize("origin", ["*", "app.example", "https://", "https://a/b", "https://a/", "file://a",
    "https://a:x", "http://[::1", "https://u@a", "https://a?b", ""])  # fmt: skip
def test_create_app_refuses_an_invalid_origin(tmp_path, origin):
    asked = ["serve", "--port", "0", "--db", str(tmp_path / "t.db"), "--origin", origin]
    result = CliRunner().invoke(group, asked)
    assert result.exit_code == 2 and "origin: " in result.output, result.output


@pytest.mark.slow
def test_port_in_use_is_reported(tmp_path):
    with process(tmp_path) as server:
        port = server.url.rpartition(":")[2]
        result = CliRunner().invoke(group, ["serve", "--port", port, "--db", str(tmp_path / "t.db")])
    assert result.exit_code == 1
    assert f"cannot listen on port {port} of 127.0.0.1: " in result.output and "{" not in result.output


# how addresses can be asked


def test_allow_header_lists_all_methods(api, registry):
    token = bearer(registry.users.new_token("alice"))
    for path, methods in (
        ("/threads", "GET, HEAD, POST"), ("/threads/x", "DELETE, GET, HEAD, PUT"), ("/threads/x/fork", "POST"),
        ("/events", "GET"), ("/session", "DELETE, POST"),
    ):  # fmt: skip
        answer = api.patch(f"{PREFIX}{path}", headers=token)
        assert (answer.status_code, answer.headers["allow"]) == (405, methods)


def test_head_is_answered_as_get_except_on_streams(api, registry):
    token = bearer(registry.users.new_token("alice"))
    registry.create(owner="alice")
    for path in ("/healthz", "/openapi.json", f"{PREFIX}/threads", f"{PREFIX}/me"):
        head, got = (ask(path, headers=token) for ask in (api.head, api.get))
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-length", "content-type", "x-total-count"):
            assert head.headers.get(name) == got.headers.get(name)
    assert api.head(f"{PREFIX}/me").status_code == 401
    assert api.head(f"{PREFIX}/events", headers=token).status_code == 405


@pytest.mark.slow
def test_head_request_leaves_the_connection_usable(tmp_path):
    with process(tmp_path) as server, httpx.Client(base_url=server.url, timeout=20) as web:
        for _ in range(3):
            assert web.head("/healthz").status_code == 200
            assert web.get("/healthz").json() == {"status": "alive"}
