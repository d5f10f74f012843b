"""Kills, cancellations, foreign locks and clocks: what is stored stays whole, what is acknowledged stays."""

import asyncio
import contextlib
import itertools
import random
import shutil
import sqlite3
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, TypedDict

import langgraph.checkpoint.base.id as clock
import pytest
from faults import (
    LONG,
    OPERATIONS,
    PRUNES,
    TURNS,
    CancelledAnywhere,
    CancelledAt,
    foreign_lock,
    impatient,
    integrity,
    killed_at_each,
    operate,
    ours,
    seen,
    talk_for,
    template,
    warm,
)
from graphs import compiled, config, echo, plain_graph, said
from langchain_core.messages import HumanMessage
from langgraph.channels.delta import DeltaChannel

import threads
from threads.graphs import merge_messages

STRIDE = 1 if LONG else 3
"""At every which statement of a turn it is killed; at each in the long version."""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "threads.db"
    template(path)
    return path


def messages_in(found):
    """How many messages there are in what is seen of a file."""
    return sum(len(each[1] or ()) for each in found.values() if each[0] != "unlisted")


@pytest.mark.crash
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_killed_at_any_statement_is_wholly_there_or_not_at_all(source, name, record_property):
    with threads.open(source, read_only=True) as registry:
        before = seen(registry)
    outcomes = []
    for path, survived in killed_at_each(source, operate, name):
        assert integrity(path) == "ok"
        with threads.open(path) as registry:
            assert registry.verify() == []
            outcomes.append((survived, seen(registry)))
    survived, after = outcomes.pop()
    assert survived
    assert after != before
    assert outcomes, "it was never killed"
    assert all(found in (before, after) for _, found in outcomes)
    assert before in [found for _, found in outcomes]
    record_property("kill -9 at an SQL statement of create, update, trash, restore, delete, prune, fork, copy, put",
                    [len(outcomes), messages_in(before) * len(outcomes)])  # fmt: skip


@pytest.mark.crash
@pytest.mark.parametrize("name", TURNS)
def test_a_turn_killed_at_any_statement_is_whole_up_to_a_checkpoint_and_the_thread_goes_on(
    source, name, record_property
):
    id = "new" if "first" in name else "delta" if "delta" in name else "plain"
    build = ours if "delta" in name else plain_graph
    with threads.open(source, read_only=True) as registry:
        told = [] if id == "new" else [m.text for m in registry.messages(id)]
    kills = 0
    for path, survived in killed_at_each(source, operate, name, STRIDE):
        kills += not survived
        assert integrity(path) == "ok"
        with threads.open(path) as registry:
            assert registry.verify() == []
            listed = id in {thread.id for thread in registry.list()}
            texts = [m.text for m in registry.messages(id)] if listed else []
            assert texts[: len(told)] == told
            assert texts[len(told) :][:1] in ([], ["new words"])
            assert len(texts) <= len(told) + 2
            if survived:
                assert len(texts) == len(told) + 2
            build(registry.checkpointer).invoke(said("and on"), config(id))
            assert [m.text for m in registry.messages(id)][: len(texts) + 1] == [*texts, "and on"]
            assert registry.verify() == []
    record_property("kill -9 at an SQL statement of a turn", [kills, kills * len(told)])


@pytest.fixture(scope="module")
def long_thread(tmp_path_factory):
    """A file with a delta thread that has several snapshots."""
    path = tmp_path_factory.mktemp("long") / "threads.db"
    with threads.open(path) as registry:
        for number in range(6):
            often(registry.checkpointer).invoke(said(f"turn {number}"), config("long"))
    return path


class Often(TypedDict):
    messages: Annotated[list, DeltaChannel(merge_messages, snapshot_frequency=4)]


def often(saver):
    """A delta graph that makes a snapshot every few steps."""
    return compiled(Often, echo, saver)


def remembered(registry):
    state = often(registry.checkpointer).get_state(config("long"))
    return [(m.id, m.text) for m in state.values["messages"]], registry.messages("long"), registry.get("long")


@pytest.mark.crash
@pytest.mark.parametrize("name", PRUNES)
def test_a_prune_killed_at_any_statement_changes_nothing_that_is_remembered(
    long_thread, name, record_property
):
    with threads.open(long_thread, reducer=merge_messages) as registry:
        before, all_of_it = remembered(registry), len(registry.history("long"))
    left = []
    for path, _ in killed_at_each(long_thread, operate, name, 1 if LONG else 10):
        assert integrity(path) == "ok"
        with threads.open(path, reducer=merge_messages) as registry:
            assert registry.verify() == []
            assert remembered(registry) == before
            left.append(len(registry.history("long")))
            often(registry.checkpointer).invoke(said("and on"), config("long"))
            assert [m.text for m in registry.messages("long")][: len(before[0])] == [t for _, t in before[0]]
    assert left[-1] < all_of_it, "nothing was pruned"
    assert set(left[:-1]) <= {all_of_it, left[-1]}
    assert all_of_it in left
    record_property("kill -9 at an SQL statement of a prune", [len(left) - 1, len(before[0]) * len(left)])


def test_results_that_cannot_be_stored_while_the_file_is_locked_wait_for_their_checkpoint(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        impatient(registry)
        saver = registry.checkpointer
        ours(saver).invoke(said("one"), config("a"))
        head = saver.get_tuple(config("a"))
        with foreign_lock(path):
            saver.put_writes(head.config, [("messages", [HumanMessage("kept")])], "task")
            for refused in (
                lambda _: saver.flush(),
                saver.delete_thread,
                lambda id: saver.copy_thread(id, "b"),
                lambda id: saver.prune([id]),
            ):
                with pytest.raises(threads.DatabaseBusy):
                    refused("a")
        saver.put(head.config, {**head.checkpoint, "id": "f" + head.checkpoint["id"][1:]}, head.metadata, {})
        assert [m.text for m in registry.messages("a")][-1] == "kept"
        assert registry.verify() == []


# a task cancelled at an await


async def a_turn(saver, id):
    return await plain_graph(saver).ainvoke(said("new words"), config(id), durability="sync")


async def put_by_hand(saver, id):
    head = await saver.aget_tuple(config(id))
    await saver.aput_writes(head.config, [("messages", ["x"])], "task")
    await saver.aput(
        head.config, {**head.checkpoint, "id": "f" + head.checkpoint["id"][1:]}, head.metadata, {}
    )


async def ask_by_hand(saver, id):
    head = await saver.aget_tuple(config(id))
    await saver.aput_writes(head.config, [("__interrupt__", ["sure?"])], "task")


CANCELLED = {
    "aput": put_by_hand,
    "aput_writes": ask_by_hand,
    "adelete_thread": lambda saver, id: saver.adelete_thread(id),
    "aprune": lambda saver, id: saver.aprune([id]),
    "adelete_for_runs": lambda saver, id: saver.adelete_for_runs(["a run"]),
    "acopy_thread": lambda saver, id: saver.acopy_thread(id, "new"),
    "ainvoke": a_turn,
    "ainvoke, first": lambda saver, _: a_turn(saver, "new"),
}


def counted(path):
    """What is stored of the threads, and what of it belongs to no checkpoint."""
    with threads.open(path) as registry:
        assert registry.verify() == []
        return seen(registry)


@pytest.mark.crash
@pytest.mark.parametrize("name", CANCELLED)
def test_a_task_cancelled_at_any_await_leaves_nothing_half_done(tmp_path, source, name, record_property):
    before, wholes = counted(source), []

    async def trial(path, step):
        with threads.open(path) as registry:
            impatient(registry)
            cancelling = CancelledAt(CANCELLED[name](registry.checkpointer, "plain"), step)
            try:
                await cancelling.run()
            except asyncio.CancelledError:
                assert cancelling.cancelled
            other = sqlite3.connect(path, timeout=0.05)  # another program's write gets through
            registry._database.submit(lambda connection: None).result()  # what was under way has ended
            with registry._database._writer._lock:  # what follows a deletion may be in its own transaction
                assert not registry._database._writer._connection.in_transaction
            with other:
                other.execute("CREATE TABLE other (x)")
            other.close()
            await plain_graph(registry.checkpointer).ainvoke(said("y"), config("another user"))
        return cancelling.cancelled

    for step in itertools.count(1):
        path = tmp_path / f"{step}.db"
        shutil.copy(source, path)
        cancelled = asyncio.run(trial(path, step))
        found = counted(path)
        assert found.pop("another user")[1] == ["y", "re: y"]
        wholes.append(found)
        if not cancelled:
            break
    after = wholes.pop()
    assert after != before
    assert wholes, "it was never cancelled"
    if "ainvoke" in name:
        told = [] if "first" in name else before["plain"][1]
        id = "new" if "first" in name else "plain"
        for found in wholes:
            texts = found[id][1] if id in found else []
            assert texts in (told, [*told, "new words"], [*told, "new words", "re: new words"])
    elif name == "aput":
        assert all(found["plain"][:3] in (before["plain"][:3], after["plain"][:3]) for found in wholes)
    else:
        assert all(found in (before, after) for found in wholes)
    record_property("a write cancelled at an await", [len(wholes), messages_in(before) * len(wholes)])


@pytest.mark.crash
@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
@pytest.mark.parametrize("build", [plain_graph, ours], ids=["add_messages", "delta"])
def test_a_run_cancelled_while_any_task_of_it_waits_loses_nothing_acknowledged(
    tmp_path, source, build, durability, record_property
):
    id = "plain" if build is plain_graph else "delta"
    with threads.open(source, read_only=True) as registry:
        told = [m.text for m in registry.messages(id)]

    async def trial(path, step):
        with threads.open(path) as registry:
            graph = build(registry.checkpointer)
            turn = graph.ainvoke(said("new words"), config(id), durability=durability)
            cancelling, answer = CancelledAnywhere(turn, step), None
            try:
                answer = (await cancelling.run())["messages"][-1].text
            except asyncio.CancelledError:
                assert cancelling.cancelled
            assert registry.verify() == []
            for _ in range(3):  # LangGraph may go on storing what it had begun to; that is not hidden either
                with contextlib.suppress(threads.ThreadMoved):
                    await graph.ainvoke(said("and on"), config(id))
                    break
            return cancelling.cancelled, answer, [m.text for m in registry.messages(id)]

    acknowledged = 0
    for step in itertools.count(1):
        path = tmp_path / f"{step}.db"
        shutil.copy(source, path)
        cancelled, answer, texts = asyncio.run(trial(path, step))
        assert texts[: len(told)] == told
        assert texts[-2] == "and on"
        between = texts[len(told) : -2]
        if answer is not None:  # it was acknowledged
            acknowledged += 2
            assert between == ["new words", answer]
        assert between[:1] in ([], ["new words"])
        assert len(between) <= 2
        with threads.open(path) as registry:
            assert registry.verify() == []
        if not cancelled:
            break
    assert step > 5, "it was hardly ever cancelled"
    record_property("a run cancelled while a task of it waits", [step - 1, acknowledged + len(told) * step])


# a foreign lock

SECONDS = (0, 0.05, 0.3, 1, 3, 9, 12, 30) if LONG else (0, 0.05, 0.3)


@pytest.mark.crash
@pytest.mark.parametrize("patience", [50, 10_000], ids=["impatient", "patient"])
@pytest.mark.parametrize("seconds", SECONDS)
def test_a_foreign_lock_is_waited_for_or_named_and_over_when_it_is_over(
    tmp_path, seconds, patience, record_property
):
    path = tmp_path / "threads.db"
    acknowledged = []
    with threads.open(path) as registry:
        impatient(registry, patience)
        graph = ours(registry.checkpointer)
        graph.invoke(said("before"), config("0"))

        def talk(id):
            for number in range(3):
                try:
                    graph.invoke(said(f"{id} {number}"), config(id), durability="sync")
                except threads.DatabaseBusy:
                    continue
                acknowledged.append((id, f"{id} {number}"))

        with foreign_lock(path) as connection, ThreadPoolExecutor(3) as pool:
            talking = [pool.submit(talk, str(number)) for number in range(3)]
            threading.Event().wait(seconds)  # how long the lock is held is what is measured
            connection.execute("COMMIT")
            graph.invoke(said("after"), config("another"))
            for each in talking:
                each.result()
        for id, text in acknowledged:
            assert [m.text for m in registry.messages(id)].count(text) == 1
        if seconds * 1000 < patience / 2 and patience > 50:
            assert len(acknowledged) == 9
        assert registry.verify() == []
    record_property(f"another program's write lock, up to {SECONDS[-1]} s", [1, 2 * len(acknowledged)])


DELETED = {
    "the registry": lambda registry: registry.delete("a"),
    "the checkpointer": lambda registry: registry.checkpointer.delete_thread("a"),
    "a pruning": lambda registry: registry.checkpointer.prune(["a"], strategy="delete"),
}


@pytest.mark.parametrize("by", DELETED)
def test_results_that_wait_or_come_late_are_not_stored_in_a_deleted_thread(tmp_path, by):
    with threads.open(tmp_path / "threads.db") as registry:
        saver = registry.checkpointer
        ours(saver).invoke(said("one"), config("a"))
        head = saver.get_tuple(config("a"))
        saver.put_writes(head.config, [("messages", [HumanMessage("waiting")])], "task 1")
        DELETED[by](registry)
        saver.put_writes(head.config, [("messages", [HumanMessage("late")])], "task 2")
        saver.flush()
        assert registry.verify() == []


# a clock that steps


@pytest.mark.parametrize("build", [plain_graph, ours], ids=["add_messages", "delta"])
def test_turns_and_lists_keep_their_order_whatever_the_clock_does(
    tmp_path, monkeypatch, build, record_property
):
    chance = random.Random(3)
    turns = 300 if LONG else 30
    spoken = {"a": [], "b": [], "c": []}
    last = []
    with threads.open(tmp_path / "threads.db") as registry:
        for number in range(turns):
            at = 1_800_000_000 + chance.choice((-86_400, -5, -0.001, 0, 0.001, 5, 86_400))
            monkeypatch.setattr(clock, "_last_v6_timestamp", None)  # as a process that has just begun
            monkeypatch.setattr(clock, "time", types.SimpleNamespace(time_ns=lambda at=at: int(at * 10**9)))
            id = chance.choice("abc")
            build(registry.checkpointer).invoke(said(f"turn {number}"), config(id))
            spoken[id].append(f"turn {number}")
            last = [id, *(other for other in last if other != id)]
            assert [thread.id for thread in registry.list()] == last
        for id in last:
            assert [m.text for m in registry.messages(id) if m.role == "user"] == spoken[id]
            state = build(registry.checkpointer).get_state(config(id))
            assert [m.text for m in state.values["messages"] if m.type == "human"] == spoken[id]
            steps = [found.metadata["step"] for found in registry.checkpointer.list(config(id))]
            assert steps == sorted(steps, reverse=True)
        assert registry.verify() == []
    record_property("the clock stepped between two turns, up to a day", [turns, 2 * turns])


# several processes


def test_what_four_processes_say_at_once_is_there_once(tmp_path, record_property):
    path = tmp_path / "threads.db"
    turns = 250 if LONG else 10
    context = warm()
    talkers = []
    for number in range(4):
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=talk_for, args=(path, str(number), turns, there))
        process.start()
        there.close()
        talkers.append((process, here))
    acknowledged = [told for _, here in talkers for told in here.recv()]
    for process, here in talkers:
        here.close()
        process.join()
        assert process.exitcode == 0
    with threads.open(path) as registry:
        said_in = {thread.id: [m.text for m in registry.messages(thread.id)] for thread in registry.list()}
        assert registry.verify() == []
    assert set(said_in) == {"common", "0", "1", "2", "3"}
    assert all(said_in[id].count(text) == 1 for id, text in acknowledged)
    assert sum(id != "common" for id, _ in acknowledged) == 4 * turns
    assert any(id == "common" for id, _ in acknowledged)
    record_property("turns by four processes at once", [8 * turns, 2 * len(acknowledged)])
