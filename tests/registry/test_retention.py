"""Retention rules and cleanup."""

from datetime import UTC, datetime, timedelta

import pytest
from graphs import asking_graph, config, plain_graph, said, three_turns
from run_helpers import until

import threads
from agent import build_agent

DAY = timedelta(days=1)


class Clock:
    def __init__(self):
        self.now = datetime.now(UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def registry(tmp_path, clock):
    with threads.open(tmp_path / "threads.db", clock=clock) as registry:
        for id in ("old", "pinned", "kept", "tagged"):
            three_turns(plain_graph(registry.checkpointer), id)
        registry.create(id="empty")
        registry.update("pinned", pinned=True)
        registry.update("kept", tags=["legal", "vip"])
        registry.update("tagged", tags=["vip"], agent_id="tutor")
        yield registry


def cleaned(registry, **options):
    return {each.rule: set(each.threads) for each in registry.cleanup(**options)}


def test_rules_are_stored_listed_replaced_and_removed(registry):
    rule = registry.set_rule("old ones", "archive", inactive=30 * DAY, tag="vip")
    assert registry.rules() == [rule]
    rule = registry.set_rule("old ones", "trash", age=7 * DAY, abandoned=True)
    assert registry.rules() == [rule]
    registry.remove_rule("old ones")
    assert registry.rules() == []
    with pytest.raises(threads.InvalidValue, match="no rule"):
        registry.remove_rule("old ones")


@pytest.mark.parametrize("action", ["archive", "trash", "delete", "prune"])
def test_cleanup_applies_rule_to_old_threads(registry, clock, action):
    registry.set_rule("r", action, inactive=30 * DAY)
    registry.set_rule("legal", "keep", tag="legal")
    assert registry.cleanup() == []
    clock.now += 31 * DAY
    expected = {"r": {"old", "tagged"} | ({"empty"} if action != "prune" else set())}
    before = registry.history("old").total
    assert cleaned(registry, dry_run=True) == expected
    assert registry.history("old").total == before
    assert cleaned(registry) == expected
    if action == "prune":
        assert registry.history("old").total == 1 < before
        assert registry.messages("old")[0].text == "message 0 of old"
    else:
        assert {t.id for t in registry.list()} == {"pinned", "kept"}
        gone = {"archive": {"archived": True}, "trash": {"trashed": True}}.get(action)
        if gone:
            assert {t.id for t in registry.list(**gone)} == expected["r"]
        else:
            assert {t.id for t in registry.list(archived=None, trashed=None)} == {"pinned", "kept"}
        assert registry.cleanup() == []
    assert registry.verify() == []


def test_rules_match_tag_agent_and_thread(registry, clock):
    registry.set_rule("vip", "archive", tag="vip", age=DAY)
    registry.set_rule("tutor", "trash", agent_id="tutor", age=DAY)
    registry.set_rule("this one", "delete", thread_id="old", age=DAY)
    clock.now += 2 * DAY
    assert cleaned(registry) == {"this one": {"old"}, "tutor": {"tagged"}, "vip": {"kept"}}


def test_keep_rule_protects_matching_threads(registry, clock):
    assert registry.set_rule("vip", "keep", tag=" vip ").tag == "vip"
    with pytest.raises(threads.ThreadNotFound):
        registry.set_rule("one", "keep", thread_id="odl")
    registry.set_rule("one", "keep", thread_id="old")
    registry.set_rule("rest", "trash", age=DAY)
    assert {rule.name for rule in registry.rules()} == {"vip", "one", "rest"}
    clock.now += 2 * DAY
    assert cleaned(registry) == {"rest": {"empty"}}


def test_cleanup_deletes_threads_trashed_for_too_long(registry, clock):
    registry.set_rule("trash", "delete", trashed=30 * DAY)
    registry.trash("old")
    clock.now += 29 * DAY
    registry.trash("tagged")
    assert registry.cleanup() == []
    clock.now += 2 * DAY
    assert cleaned(registry) == {"trash": {"old"}}
    assert {t.id for t in registry.list(trashed=True)} == {"tagged"}


def test_abandoned_threads_are_those_without_answer(registry, clock):
    plain_graph(registry.checkpointer).update_state(config("asked"), said("anybody?"), as_node="__start__")
    assert registry.get("asked").message_count == 1
    registry.set_rule("abandoned", "delete", abandoned=True, age=7 * DAY)
    assert registry.cleanup() == []
    clock.now += 8 * DAY
    assert cleaned(registry) == {"abandoned": {"empty", "asked"}}


@pytest.mark.parametrize(
    ("action", "said_so", "field"),
    [
        ("burn", {"age": DAY}, "action"),
        ("delete", {}, "inactive"),
        ("trash", {"trashed": DAY}, "trashed"),
        ("trash", {"age": 7}, "age"),
        ("trash", {"age": -DAY}, "age"),
        ("trash", {"age": DAY, "owner": ""}, "owner"),
        ("trash", {"age": DAY, "abandoned": 1}, "abandoned"),
    ],
)
def test_invalid_rule_is_refused_with_field_name(registry, action, said_so, field):
    with pytest.raises(threads.InvalidValue) as caught:
        registry.set_rule("r", action, **said_so)
    assert caught.value.field == field
    assert registry.rules() == []


def test_trash_is_emptied_while_idle_if_rule_says_so(tmp_path, clock):
    path = tmp_path / "other.db"
    with threads.open(path, clock=clock) as registry:
        registry.set_rule("trash", "delete", trashed=30 * DAY)
        registry.create(id="a")
        registry.trash("a")
        clock.now += 31 * DAY
        plain_graph(registry.checkpointer).invoke(said("hello"), config("b"))
    with threads.open(path) as registry:
        assert [t.id for t in registry.list(trashed=None)] == ["b"]


def test_threads_changed_during_cleanup_are_not_deleted(tmp_path, clock):
    clock.now -= 31 * DAY
    with threads.open(tmp_path / "threads.db", clock=clock) as registry:
        ids = [registry.create(id=f"t{number:03}").id for number in range(106)]
        registry.set_rule("old", "delete", inactive=30 * DAY)
        registry.set_rule("kept", "keep", tag="keep")
        clock.now += 31 * DAY
        told = []

        def progress(what, done, total):
            if what == "cleaning up" and not told:
                registry.update("t100", pinned=True)
                registry.update("t101", tags=["keep"])
                plain_graph(registry.checkpointer).invoke(said("still here"), config("t102"))
                registry.delete("t103")
            told.append((done, total))

        assert registry.get(ids[0]).pinned is False
        assert cleaned(registry, progress=progress) == {"old": {*ids[:100], "t104", "t105"}}
        assert [each for each in told if each[1] == 106] == [(100, 106), (106, 106)]
        assert {thread.id for thread in registry.list()} == {"t100", "t101", "t102"}


def test_threads_restored_during_cleanup_are_not_deleted(tmp_path, clock):
    with threads.open(tmp_path / "threads.db", clock=clock) as registry:
        for number in range(102):
            registry.create(id=f"t{number:03}")
        registry.bulk([f"t{number:03}" for number in range(102)], trashed=True)
        registry.set_rule("trash", "delete", trashed=DAY)
        clock.now += 2 * DAY
        [emptied] = registry.cleanup(
            progress=lambda what, done, _: (what, done) == ("cleaning up", 100) and registry.restore("t101")
        )
        assert "t101" not in emptied.threads and len(emptied.threads) == 101
        assert registry.get("t101").trashed_at is None


def test_interrupted_thread_is_not_abandoned(registry, clock):
    asking_graph(registry.checkpointer).invoke(said("please"), config("asking"))
    assert registry.get("asking").status == "interrupted"
    registry.set_rule("abandoned", "delete", abandoned=True, age=7 * DAY)
    clock.now += 8 * DAY
    assert cleaned(registry) == {"abandoned": {"empty"}}
    registry.set_rule("old", "archive", inactive=7 * DAY, agent_id=None)
    assert "asking" in cleaned(registry)["old"]


@pytest.mark.slow
@pytest.mark.parametrize("status", ["pending", "running"])
@pytest.mark.parametrize("action", ["archive", "trash", "delete", "prune"])
def test_cleanup_skips_threads_with_active_or_queued_run(registry, clock, action, status):
    with threads.Runner(registry, plain_graph(None)) as runner:
        runner.start("old", "hello").result()
    registry._database.write(
        lambda connection: connection.execute("UPDATE threads_run SET status = ?", (status,)) and None
    )
    registry.set_rule("r", action, age=DAY)
    clock.now += 2 * DAY
    assert "old" not in cleaned(registry, dry_run=True)["r"]
    assert "old" not in cleaned(registry)["r"]
    assert registry.get("old").trashed_at is None


def test_cleanup_prunes_thread_once(registry, clock):
    agent = build_agent(checkpointer=registry.checkpointer)
    for text in ("one", "two", "three"):
        agent.invoke(said(text), config("delta"))
    before = registry.history("delta").total
    registry.set_rule("r", "prune", age=DAY)
    clock.now += 2 * DAY
    first = cleaned(registry, dry_run=True)
    assert registry.history("delta").total == before
    assert cleaned(registry) == first and {"old", "kept", "tagged"} <= first["r"]
    assert ("delta" in first["r"]) == (registry.history("delta").total < before)
    assert registry.cleanup(dry_run=True) == registry.cleanup() == []
    agent.invoke(said("four"), config("delta"))
    assert [message.text for message in registry.messages("delta") if message.role == "user"] == [
        "one", "two", "three", "four"
    ]  # fmt: skip


@pytest.mark.slow
def test_while_idle_the_trash_alone_is_emptied(registry, clock):
    for action in ("delete", "archive", "trash", "prune"):
        registry.set_rule(action, action, inactive=30 * DAY, agent_id="tutor")
    registry.set_rule("z", "delete", trashed=DAY)  # the last one that is looked at
    registry.trash("kept")
    history = len(registry.history("tagged"))
    clock.now += 31 * DAY
    plain_graph(registry.checkpointer).invoke(said("something is written"), config("new"))
    until(lambda: "kept" not in {thread.id for thread in registry.list(trashed=True, archived=None)})
    assert {thread.id for thread in registry.list()} == {"old", "pinned", "tagged", "empty", "new"}
    assert len(registry.history("tagged")) == history
