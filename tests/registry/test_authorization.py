"""Authorization of actors, users and their tokens."""

import itertools
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from click.testing import CliRunner
from graphs import config, plain_graph, said

import threads
from threads import LOCAL, Actor, authorize
from threads.cli.group import threads as group
from threads.store.authorization import Verb

ALICE, BOB, ROOT = Actor("alice"), Actor("bob"), Actor("root", is_admin=True)
VERBS = get_args(Verb)


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as opened:
        yield opened


def allowed(registry, actor, id, verb):
    try:
        return registry.admit(actor, id, verb) == id
    except threads.ThreadNotFound as error:
        assert str(error) == f"there is no thread {id!r}"  # no hint to what else there is
        return False


def test_user_may_do_all_but_administer_own_threads_and_nothing_with_others(registry):
    mine, ownerless = registry.create(owner="alice"), registry.create()
    for actor, thread, verb in itertools.product((ALICE, BOB, ROOT, LOCAL), (mine, ownerless), VERBS):
        expected = actor.is_admin or (actor is ALICE and thread is mine and verb != "administer")
        assert authorize(actor, thread, verb) is expected, (actor, thread, verb)
        assert allowed(registry, actor, thread.id, verb) is expected, (actor, thread, verb)


def test_unknown_actor_or_verb_is_refused(registry):
    thread = registry.create(owner="alice")
    assert not authorize(None, thread, "read")
    assert not authorize(ALICE, thread, "fly")
    assert not authorize(LOCAL, thread, "fly")
    assert not authorize(ALICE, None, "read")
    assert not authorize(Actor(None), registry.create(), "read")


def test_thread_of_another_owner_looks_like_no_thread(registry):
    theirs = registry.create(id="alice-1", owner="alice").id
    for id in (theirs, "alice-2"):
        assert not allowed(registry, BOB, id, "read")
    assert registry.admitted(BOB, [theirs, "alice-2"], "read") == []
    assert registry.admitted(ALICE, ["alice-2", theirs], "read") == [theirs]
    assert registry.admitted(ROOT, [theirs, "alice-2"], "delete") == [theirs]


def test_owner_comes_from_registry_not_from_checkpoint(registry):
    graph = plain_graph(registry.checkpointer)
    graph.invoke(said("hello"), {**config("a"), "metadata": {"owner": "bob", "user_id": "bob"}})
    assert not allowed(registry, BOB, "a", "read")


def test_token_is_valid_until_revoked(registry):
    registry.users.add("alice")
    token = registry.users.new_token("alice")
    assert registry.users.who(token) == (ALICE, registry.users.list()[0].tokens[0].id)
    for wrong in ("", token[:-1], token + "x", token.upper(), "thr_", "\ud800"):
        assert registry.users.who(wrong) is None
    other = registry.users.new_token("alice")
    assert registry.users.revoke("alice", registry.users.who(token)[1]) == 1
    assert registry.users.who(token) is None
    assert registry.users.who(other) is not None
    registry.users.remove("alice")
    assert registry.users.who(other) is None
    assert not registry.users


def test_token_is_not_stored_in_file(tmp_path, registry):
    registry.users.add("alice")
    token = registry.users.new_token("alice")
    registry.close()
    stored = (tmp_path / "threads.db").read_bytes()
    assert token.removeprefix("thr_").encode() not in stored
    assert b"alice" in stored


def test_token_expires(tmp_path):
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    with threads.open(tmp_path / "t.db", clock=lambda: now[0]) as registry:
        registry.users.add("alice")
        token = registry.users.new_token("alice", lifetime=timedelta(hours=1))
        [kept] = registry.users.list()[0].tokens
        assert registry.users.still_good([kept.id]) == {kept.id}
        now[0] += timedelta(hours=1)
        assert registry.users.who(token) is None
        assert registry.users.still_good([kept.id]) == set()
        assert registry.users.list()[0].tokens == ()


def test_invalid_user_is_refused_with_field_name(registry):
    registry.users.add("alice")
    for name in ("alice", "", None, "a\nb", "x" * 256):
        with pytest.raises(threads.InvalidValue):
            registry.users.add(name)
    for ask in (registry.users.remove, registry.users.new_token):
        with pytest.raises(threads.InvalidValue):
            ask("nobody")
    with pytest.raises(threads.InvalidValue):
        registry.users.new_token("alice", lifetime=timedelta(0))


def test_events_with_owner_are_of_own_threads_only(registry):
    theirs, mine = registry.create(owner="bob"), registry.create(owner="alice")
    registry.update(theirs.id, title="secret")
    registry.update(mine.id, title="hello")
    replayed = list(registry.events(owner="alice", follow=False))
    assert [(event.thread_id, event.data["title"]) for event in replayed] == [(mine.id, "hello")]
    with registry.events(owner="alice", after=None) as live, registry.events(after=None) as everything:
        registry.update(theirs.id, title="secret again")
        registry.update(mine.id, title="hello again")
        assert live.wait(20).data == {"title": "hello again"}
        assert [everything.wait(20).thread_id for _ in range(2)] == [theirs.id, mine.id]


def test_detach_removes_users(tmp_path):
    with threads.open(tmp_path / "t.db") as registry:
        registry.users.add("alice")
    threads.detach(tmp_path / "t.db")
    with sqlite3.connect(tmp_path / "t.db") as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert not any(name.startswith("threads_") for name in names)


def test_users_commands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*words, code=0):
        result = CliRunner().invoke(group, ["users", *words])
        assert result.exit_code == code, result.output
        return result.stdout

    token = call("add", "alice").strip()
    second = call("token", "alice", "--expires", "30d").strip()
    assert call("ls").split("\t")[:2] == ["alice", "user"]
    with threads.open("threads.db") as registry:
        assert registry.users.who(token)[0] == registry.users.who(second)[0] == ALICE
        [_, expiring] = registry.users.list()[0].tokens
        assert expiring.expires_at is not None
    call("token", "alice", "--revoke", expiring.id)
    call("token", "alice", "--revoke", "nonsense", code=2)
    call("token", "alice", "--expires", "soon", code=2)
    call("add", "alice", code=2)
    call("rm", "alice", code=2)  # nobody to ask
    call("rm", "alice", "--yes")
    assert call("ls") == ""
