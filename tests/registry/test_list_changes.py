"""`changed` events: lists of threads that follow what any process changes."""

import pytest
from commands import run_threads
from graphs import config, plain_graph, stock_saver

import threads
from threads.registry.event_poller import MANY_CHANGES


@pytest.fixture
def path(tmp_path):
    return tmp_path / "threads.db"


@pytest.fixture
def registry(path):
    with threads.open(path) as opened:
        yield opened


def changes(subscription, thread_id, change):
    """Return the changes that come until this one."""
    found = []
    while True:
        event = subscription.wait(20)
        assert event is not None, f"no {change} of {thread_id!r}, only {found}"
        if event.type == "changed":
            found.append((event.thread_id, event.data["change"]))
            assert (event.sequence, event.position) == (0, 0)
            if found[-1] == (thread_id, change):
                return found


def test_each_change_of_a_list_has_its_event(registry):
    registry.create(id="a", owner="bob")
    with registry.events(owner="bob", after=None, changes=True) as events:
        for change in (
            lambda: registry.update("a", title="T"),
            lambda: registry.update("a", tags=["x"]),
            lambda: registry.update("a", tags=[]),
            lambda: registry.update("a", pinned=True),
            lambda: registry.update("a", archived=True),
            lambda: registry.update("a", metadata={"k": 1}),
            lambda: registry.update("a", agent_id="other"),
            lambda: registry.bulk(["a"], tag=["y"]),
            lambda: registry.rename_tag("y", "z"),
            lambda: registry.trash("a"),
            lambda: registry.restore("a"),
            lambda: plain_graph(registry.checkpointer).invoke({"messages": [("user", "hi")]}, config("a")),
        ):
            change()
            assert set(changes(events, "a", "updated")) == {("a", "updated")}
            while events.wait(0.2) is not None:
                pass
        registry.create(id="b", owner="bob")
        changes(events, "b", "updated")
        registry.list(owner="bob")
        registry.mark_read("a", "bob")
        changes(events, "a", "read")
        registry.delete("a")
        changes(events, "a", "removed")


def test_changes_of_other_processes_arrive(path, registry):
    registry.create(id="a")
    with registry.events(after=None, changes=True) as events:
        assert run_threads("pin", "a", "--db", path).returncode == 0
        changes(events, "a", "updated")
        saver = stock_saver(path)
        plain_graph(saver).invoke({"messages": [("user", "hi")]}, config("by stock"))
        changes(events, "by stock", "updated")
        saver.delete_thread("by stock")
        saver.conn.close()
        changes(events, "by stock", "removed")


def test_owner_gets_the_changes_of_their_own_list_only(registry):
    for id, owner in (("mine", "bob"), ("hers", "alice"), ("none", None)):
        registry.create(id=id, owner=owner)
        plain_graph(registry.checkpointer).invoke({"messages": [("user", "hi")]}, config(id))
    registry.list()
    with registry.events(owner="bob", after=None, changes=True) as events:
        registry.update("hers", title="secret")
        registry.update("none", title="secret")
        registry.mark_read("hers", "alice")
        registry.mark_read("mine", "root")
        registry.create(id="new of alice", owner="alice")
        registry.delete("hers")
        registry.update("mine", title="end")
        assert changes(events, "mine", "updated") == [("mine", "updated")]
        registry.update("mine", owner="alice")
        assert changes(events, "mine", "removed") == [("mine", "removed")]
        registry.update("mine", title="of Alice now")
        registry.update("none", owner="bob")
        assert changes(events, "none", "updated") == [("none", "updated")]
    with registry.events(after=None, changes=True) as events:
        registry.update("mine", owner="bob")
        assert changes(events, "mine", "updated") == [("mine", "updated")]


def test_many_changes_at_once_are_one_event(registry):
    ids = [registry.create(id=f"t{n}", owner="bob").id for n in range(MANY_CHANGES + 1)]
    with registry.events(owner="bob", after=None, changes=True) as events:
        registry.bulk(ids, archived=True)
        assert changes(events, "", "many")[-1] == ("", "many")
        registry.update(ids[0], pinned=True)
        changes(events, ids[0], "updated")


def test_changes_are_sent_only_where_they_are_wanted(registry):
    registry.create(id="a", owner="bob")
    with registry.events(owner="bob", after=None) as events:
        registry.update("a", pinned=True)
        registry.update("a", title="T")
        assert events.wait(20).type == "title"
        assert events.wait(0.1) is None
    with registry.events(owner="bob", changes=True, follow=False) as events:
        assert [event.type for event in events] == ["title"]
    with pytest.raises(threads.InvalidValue, match="changes"):
        registry.events("a", changes=True)


def test_changes_are_deleted_after_a_minute(registry):
    def backdate(connection):
        connection.execute("UPDATE threads_change SET changed_at = changed_at - 61000")

    def count(connection):
        return connection.execute("SELECT count(*) FROM threads_change").fetchone()[0]

    for number in range(5):
        registry.create(id=f"t{number}")
    assert registry._database.write(count) >= 5
    registry._database.write(backdate)
    registry.create(id="new")
    registry.update("new", pinned=True)
    assert registry._database.write(count) == 2
