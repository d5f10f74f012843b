"""Tags, bulk changes and unread counts."""

import gc
from datetime import timedelta
from types import FunctionType, ModuleType

import pytest
from graphs import config, in_stock_process, plain_graph, said
from langchain_core.messages import RemoveMessage

import threads
from agent import build_agent
from threads import Tag


@pytest.fixture(params=["memory", "file"])
def registry(request, tmp_path):
    where = ":memory:" if request.param == "memory" else tmp_path / "threads.db"
    with threads.open(where) as registry:
        yield registry


def speak(registry, thread_id, *texts):
    for text in texts:
        plain_graph(registry.checkpointer).invoke(said(text), config(thread_id))


def counted(registry):
    """The tags as a list of all threads tells them."""
    found: dict[str, int] = {}
    for thread in registry.list(limit=1000):
        for tag in thread.tags:
            found[tag] = found.get(tag, 0) + 1
    return found


def test_tag_counts_follow_all_changes(registry):
    for number in range(12):
        registry.create(id=f"t{number}", tags=["all", f"mod{number % 3}"], owner=f"o{number % 2}")
    steps = [
        lambda: None,
        lambda: registry.update("t0", archived=True),
        lambda: registry.trash("t1"),
        lambda: registry.update("t2", tags=["new", "all"]),
        lambda: registry.update("t0", tags=["hidden"]),
        lambda: registry.restore("t1"),
        lambda: registry.delete("t3"),
        lambda: registry.bulk(["t4", "t5", "nobody"], tag=["bulk"], untag=["all"]),
        lambda: registry.rename_tag("mod1", "mod2"),
        lambda: speak(registry, "t6", "hello"),
        lambda: registry.checkpointer.delete_thread("t6"),
        lambda: registry.update("t0", archived=False),
    ]
    for step in steps:
        step()
        tags = registry.tags()
        assert {tag.name: tag.threads for tag in tags if tag.threads} == counted(registry)
        assert tags == sorted(tags, key=lambda tag: (-tag.threads, tag.name))
        for tag in tags:
            assert registry.list(tag=tag.name).total == tag.threads
    assert Tag("hidden", 1) in registry.tags()
    assert {tag.name for tag in registry.tags(owner="o1")} == {
        tag for thread in registry.list(owner="o1") for tag in thread.tags
    }
    assert registry.verify() == []


def test_rename_tag_everywhere_and_into_existing_tag(registry):
    registry.create(id="a", tags=["old", "new"])
    registry.create(id="b", tags=["old"])
    assert registry.rename_tag("old", "new") == 2
    assert [registry.get(id).tags for id in "ab"] == [("new",), ("new",)]
    assert registry.rename_tag("old", "x") == 0
    with pytest.raises(threads.InvalidValue):
        registry.rename_tag("new", " ")


def test_bulk_changes_threads_in_one_transaction_and_reports(registry):
    for id in "abc":
        registry.create(id=id, metadata={"n": 1, "m": 2})
    registry.update("b", pinned=True)
    report = registry.bulk(["a", "b", "a", "nobody"], pinned=True)
    assert report == threads.Report(("a",), ("b",), ("nobody",))
    report = registry.bulk(
        ["a", "c"], archived=True, owner="alice", tag=["x"], metadata={"n": None, "k": "v"}
    )
    assert report.changed == ("a", "c")
    thread = registry.get("c")
    assert (thread.archived, thread.owner, thread.tags, thread.metadata) == (
        True,
        "alice",
        ("x",),
        {"m": 2, "k": "v"},
    )
    assert registry.bulk(["a", "c"], archived=True, owner="alice", tag=["x"]).unchanged == ("a", "c")
    assert registry.bulk(["a", "b"], trashed=True).changed == ("a", "b")
    assert registry.get("a").trashed_at is not None
    assert registry.bulk(["a", "b"], trashed=False).changed == ("a", "b")
    speak(registry, "c", "hello there")
    assert registry.bulk(["a", "c"], delete=True).changed == ("a", "c")
    assert [thread.id for thread in registry.list(archived=None)] == ["b"]
    assert registry.search("hello").total == 0


def test_bulk_changes_all_threads_or_none(registry):
    registry.create(id="a")
    registry.create(id="b", tags=[f"tag{n}" for n in range(100)])
    with pytest.raises(threads.InvalidValue):
        registry.bulk(["a", "b"], tag=["one more"])
    assert registry.get("a").tags == ()


@pytest.mark.parametrize(
    ("ids", "changes", "field"),
    [
        ("abc", {}, "ids"),
        (["a"], {"pinned": 1}, "pinned"),
        (["a"], {"delete": True, "pinned": True}, "delete"),
        (["a"], {"tag": "vip"}, "tags"),
        (["a"] * 10_001, {}, "ids"),
        (["a"], {"owner": ""}, "owner"),
    ],
)
def test_invalid_bulk_change_is_refused_with_field_name(registry, ids, changes, field):
    with pytest.raises(threads.InvalidValue) as caught:
        registry.bulk(ids, **changes)
    assert caught.value.field == field


def test_read_marks_are_per_user(registry):
    speak(registry, "a", "one", "two")
    registry.create(id="b")
    assert registry.unread(["a", "b", "nobody"], "alice") == {"a": 4, "b": 0}
    second = registry.messages("a")[1]
    assert registry.mark_read("a", "alice", upto=second.id) == 2
    assert registry.mark_read("a", "bob") == 0
    assert registry.mark_read("a", "bob", upto=second.id) == 0  # it never goes back
    speak(registry, "a", "three")
    assert registry.unread(["a"], "alice") == {"a": 4}
    assert registry.unread(["a"], "bob") == {"a": 2}
    assert registry.unread(["a"], "carol") == {"a": 6}
    with pytest.raises(threads.InvalidValue, match="upto"):
        registry.mark_read("a", "bob", upto="nothing")
    with pytest.raises(threads.ThreadNotFound):
        registry.mark_read("nobody", "bob")


@pytest.mark.slow
def test_read_marks_are_deleted_with_thread(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        speak(registry, "a", "one")
        registry.mark_read("a", "secret reader")
        in_stock_process(path, "saver.delete_thread('a')")
        speak(registry, "a", "two")
        assert registry.unread(["a"], "secret reader") == {"a": 2}
        registry.mark_read("a", "secret reader")
        registry.delete("a")
    assert b"secret reader" not in path.read_bytes()


def test_messages_after_rewind_are_unread(registry):
    agent = build_agent(checkpointer=registry.checkpointer)
    for text in ("one", "two", "three"):
        agent.invoke(said(text), config("a"))
    assert registry.mark_read("a", "bob") == 0
    assert registry.mark_read("a", "carol", upto=registry.messages("a")[1].id) == 4
    registry.undo("a")
    registry.undo("a")
    assert registry.unread(["a"], "bob") == {"a": 0}
    agent.invoke(said("something else"), config("a"))
    assert [registry.unread(["a"], user) for user in ("bob", "carol")] == [{"a": 2}, {"a": 2}]
    registry.mark_read("a", "bob")
    agent.invoke(said("more"), config("a"))
    assert registry.unread(["a"], "bob") == {"a": 2}


def test_undo_of_turn_without_message_ids_removes_that_turn_only(registry):
    speak(registry, "a", "one", "two", "three")
    for left in (["one", "re: one", "two", "re: two"], ["one", "re: one"], []):
        registry.undo("a")
        assert [message.text for message in registry.messages("a")] == left
    speak(registry, "a", "anew")
    assert [message.text for message in registry.messages("a")] == ["anew", "re: anew"]


def test_read_mark_survives_removal_of_earlier_messages(registry):
    speak(registry, "a", "one", "two")
    registry.mark_read("a", "bob")
    first = registry.messages("a")[0]
    plain_graph(registry.checkpointer).update_state(config("a"), {"messages": [RemoveMessage(first.id)]})
    assert registry.unread(["a"], "bob") == {"a": 0}
    speak(registry, "a", "three")
    assert registry.unread(["a"], "bob") == {"a": 2}


def test_read_marks_survive_repair(registry):
    speak(registry, "a", "one", "two", "three")
    assert registry.unread(["a"], "bob") == {"a": 6}
    first = registry.messages("a")[0]
    plain_graph(registry.checkpointer).update_state(config("a"), {"messages": [RemoveMessage(first.id)]})
    registry.mark_read("a", "bob")
    registry.mark_read("a", "carol", upto=registry.messages("a")[1].id)
    registry._database.write(
        lambda connection: connection.execute("DROP TABLE threads_fts_trigrams") and None
    )
    registry.repair()
    speak(registry, "a", "four")
    assert [registry.unread(["a"], user) for user in ("bob", "carol")] == [{"a": 2}, {"a": 5}]


def test_own_messages_are_not_unread(registry):
    registry.create(id="a", owner="alice")
    registry.create(id="b")
    for id in ("a", "b"):
        speak(registry, id, "one", "two")
    assert registry.unread(["a", "b"], "alice") == {"a": 2, "b": 4}
    assert registry.unread(["a", "b"], threads.LOCAL.reader) == {"a": 4, "b": 2}
    assert registry.mark_read("a", "alice", upto=registry.messages("a")[1].id) == 1
    registry.update("a", owner="bob")
    assert [registry.unread(["a"], user)["a"] for user in ("alice", "bob")] == [2, 2]


def test_run_mark_read_marks_its_messages(registry):
    registry.create(id="a", owner="alice")
    with threads.Runner(registry, plain_graph(None)) as runner:
        first = runner.start("a", "one")
        first.result()
        assert registry.unread(["a"], "alice") == {"a": 1}
        runner.start("a", "in the background").result()
        assert first.mark_read("alice") == 1  # what came after it is not read with it
        assert first.mark_read("carol") == 2
        assert registry.unread(["a"], "alice") == {"a": 1}
        assert registry.unread(["a"], "carol") == {"a": 2}


def texts_in(root):
    """All texts that can be reached from an object, but by modules, classes and functions."""
    found, seen, left = [], set(), [root]
    while left:
        each = left.pop()
        if id(each) in seen or isinstance(each, type | ModuleType | FunctionType):
            continue
        seen.add(id(each))
        if isinstance(each, str | bytes):
            found.append(str(each))
        left += gc.get_referents(each)
    return found


def deleted_at_once(registry):
    registry.bulk(["a"], delete=True)


def deleted_from_the_trash(registry):
    registry.bulk(["a"], trashed=True)
    registry.bulk([thread.id for thread in registry.list(trashed=True)], delete=True)


def deleted_by_a_rule(registry):
    registry.set_rule("all", "delete", tag="old", inactive=timedelta(0))
    registry.update("a", tags=["old"])
    assert registry.cleanup()[0].threads == ("a",)


@pytest.mark.parametrize("delete", [deleted_at_once, deleted_from_the_trash, deleted_by_a_rule])
def test_no_word_of_threads_deleted_at_once_stays_in_file_or_memory(tmp_path, delete):
    with threads.open(tmp_path / "threads.db") as registry:
        graph = build_agent(checkpointer=registry.checkpointer)
        for id, word in (("a", "zanzibar"), ("b", "timbuktu")):
            for _ in range(2):  # the second turn reads, and what was read stays in memory
                graph.invoke(said(f"{word} " * 50), config(id))
            assert word in registry.list()[0].title
        delete(registry)
        remembered = texts_in(registry.checkpointer)
        assert any("timbuktu" in text for text in remembered)
        assert not any("zanzibar" in text for text in remembered)
        assert [each.name for each in tmp_path.iterdir() if b"zanzibar" in each.read_bytes()] == []


def test_fork_at_the_position_of_a_deleted_thread_has_its_own_messages(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        speak(registry, "a", "one", "two")
        speak(registry, "b", "three", "four", "five")
        registry.list()
        in_stock_process(path, "saver.delete_thread('b')")
        registry.fork("a", new_id="c")
        assert registry.messages("c")[0].text == "one"
        assert [hit.thread.id for hit in registry.search("three")] == []
        assert {hit.thread.id for hit in registry.search("one")} == {"a", "c"}
        assert registry.verify() == []
