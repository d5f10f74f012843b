"""Who is let in, and for how long: sessions of browsers, the local user, pages of other sites."""

import threading
from datetime import timedelta

import pytest
from graphs import plain_graph
from serving import HERE, ROOT, bearer, client, process

import threads


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
    begun = api.post(f"{ROOT}/session", headers=bearer(token))
    assert begun.status_code == 201, begun.text
    api.cookies.clear()
    return {"cookie": begun.headers["set-cookie"].split(";")[0]}


def me(api, headers):
    return api.get(f"{ROOT}/me", headers=headers).status_code


def test_a_session_ends_with_the_token_that_it_was_begun_with(api, registry):
    ended, kept = (registry.users.new_token("alice") for _ in "ab")
    of_ended, of_kept = session(api, ended), session(api, kept)
    assert (me(api, of_ended), me(api, of_kept)) == (200, 200)
    registry.users.revoke("alice", registry.users.who(ended)[1])
    api.app.state.server.forget(of_ended["cookie"].partition("=")[2])
    assert (me(api, of_ended), me(api, of_kept)) == (401, 200)


def test_a_session_begins_no_other_session(api, registry):
    kept = session(api, registry.users.new_token("alice"))
    for shown in (kept, bearer(kept["cookie"].partition("=")[2])):
        again = api.post(f"{ROOT}/session", headers=shown)
        assert (again.status_code, again.json()["field"]) == (422, "Authorization")
        assert "set-cookie" not in again.headers


def test_a_session_lives_no_longer_than_its_token_and_at_most_twelve_hours(api, registry):
    for lifetime, longest in ((timedelta(minutes=1), timedelta(minutes=1)), (None, timedelta(hours=12))):
        session(api, registry.users.new_token("alice", lifetime=lifetime))
        newest = max(registry.users.list()[0].tokens, key=lambda token: (token.created_at, token.kind))
        assert newest.expires_at - newest.created_at <= longest


def test_a_token_has_so_many_sessions_and_one_more_ends_the_oldest(api, registry):
    token = registry.users.new_token("alice")
    first = session(api, token)
    others = [session(api, token) for _ in range(20)]
    kinds = [each.kind for each in registry.users.list()[0].tokens]
    assert (kinds.count("session"), kinds.count("token")) == (20, 1)
    api.app.state.server.forget(first["cookie"].partition("=")[2])
    assert (me(api, others[-1]), me(api, first)) == (200, 401)


def test_the_local_users_stream_ends_once_there_are_users(tmp_path):
    import httpx

    with (
        threads.open(tmp_path / "threads.db") as registry,
        process(tmp_path) as server,
        httpx.stream("GET", f"{server.url}{ROOT}/events", timeout=30) as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines).startswith("retry")
        registry.users.add("zoe")
        ended = threading.Event()
        threading.Thread(target=lambda: (list(lines), ended.set()), daemon=True).start()
        assert ended.wait(2)


@pytest.mark.parametrize("origin", ["http://[::1", "http://", "//", "http://127.0.0.1:8000/x", "\x7f"])
def test_an_origin_that_is_none_is_foreign(api, registry, origin):
    asked = {**bearer(registry.users.new_token("alice")), "origin": origin}
    answer = api.get(f"{ROOT}/me", headers=asked)
    assert (answer.status_code, answer.json()["code"]) == (403, "ForeignOrigin")
    assert me(api, {**asked, "origin": HERE}) == 200
