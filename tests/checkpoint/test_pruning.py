"""Letting go of history: what is remembered stays as it is."""

import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from graphs import (
    Case,
    CaseState,
    Plain,
    asking_graph,
    compiled,
    config,
    plain_graph,
    said,
    spoilt,
    stock_saver,
    three_turns,
    trimming_graph,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command

import threads
from agent import build_agent

BUILDERS = {
    "plain": plain_graph,
    "ours": lambda saver: build_agent(checkpointer=saver),
    "trimming": trimming_graph,
}


@pytest.fixture
def registry(tmp_path: Path):
    with threads.open(tmp_path / "threads.db") as opened:
        yield opened


def state(graph, id="a"):
    found = graph.get_state(config(id))
    return [(m.id, m.text) for m in found.values["messages"]], found.next, found.interrupts


@pytest.mark.slow
@pytest.mark.parametrize("kind", BUILDERS)
@pytest.mark.parametrize("keep", [1, 2, 5])
@pytest.mark.parametrize("turns", [1, 3, 60])
def test_the_state_is_the_same_before_and_after_and_goes_on(registry, kind, keep, turns):
    graph = BUILDERS[kind](registry.checkpointer)
    for number in range(turns):
        graph.invoke(said(f"turn {number}"), config("a"))
    before, listed = state(graph), registry.get("a")
    read = None if kind == "trimming" else registry.messages("a")
    would = registry.prune(keep=keep, dry_run=True)
    assert len(registry.history("a")) == 3 * turns
    assert registry.prune(keep=keep) == would
    assert (state(graph), registry.get("a")) == (before, listed)
    assert read is None or registry.messages("a") == read  # with times and runs
    assert would.checkpoints == 3 * turns - len(registry.history("a"))
    if kind == "plain":
        assert len(registry.history("a")) == min(keep, 3 * turns)
    graph.invoke(said("and on"), config("a"))
    assert len(state(graph)[0]) == (3 if kind == "trimming" else len(before[0]) + 2)
    assert registry.verify() == []


@pytest.mark.slow
def test_every_kept_checkpoint_reads_as_before(registry):
    graph = BUILDERS["ours"](registry.checkpointer)
    for number in range(60):
        graph.invoke(said(f"turn {number}"), config("a"))
    before = {s.config["configurable"]["checkpoint_id"]: len(s.values["messages"])
              for s in list(graph.get_state_history(config("a")))[:30]}  # fmt: skip
    registry.prune(keep=30)
    for id, count in before.items():
        kept = graph.get_state({"configurable": {"thread_id": "a", "checkpoint_id": id}})
        assert len(kept.values["messages"]) == count


def test_an_open_question_can_still_be_answered(registry):
    graph = asking_graph(registry.checkpointer)
    graph.invoke(said("do it"), config("a"))
    before = state(graph)
    registry.prune()
    assert state(graph) == before
    assert registry.get("a").status == "interrupted"
    assert graph.invoke(Command(resume="yes"), config("a"))["messages"][-1].text == "you said yes"


@pytest.mark.parametrize("remembers", [True, None], ids=["remembers", "forgets"])
def test_a_subgraphs_memory_stays_if_it_has_one(registry, remembers):
    inner = compiled(
        Plain, lambda s: {"messages": [("assistant", f"inner saw {len(s['messages'])}")]}, remembers
    )
    outer = compiled(Plain, inner, registry.checkpointer)
    for number in range(3):
        outer.invoke(said(f"turn {number}"), config("a"))
    before = state(outer)
    registry.prune()
    spaces = {t.config["configurable"]["checkpoint_ns"] for t in registry.checkpointer.list(config("a"))}
    assert (len(spaces) > 1) == bool(remembers)
    assert state(outer) == before
    outer.invoke(said("and on"), config("a"))
    assert registry.verify() == []


def test_pruning_by_the_checkpointers_own_method(registry):
    graph = plain_graph(registry.checkpointer)
    for id in ("a", "b", "c"):
        three_turns(graph, id)
    registry.checkpointer.prune(["a"], strategy="keep_latest")
    registry.checkpointer.prune(["b"], strategy="keep_n", n=4)
    registry.checkpointer.prune(["c"], strategy="delete")
    assert [len(registry.history(id)) for id in ("a", "b")] == [1, 4]
    assert {t.id for t in registry.list()} == {"a", "b"}
    with pytest.raises(threads.InvalidValue, match="strategy"):
        registry.checkpointer.prune(["a"], strategy="keep_most")
    with pytest.raises(threads.InvalidValue, match="at least 1"):
        registry.prune(keep=0)


def test_dropping_a_run_keeps_what_a_later_state_is_the_sum_of(registry):
    graphs = {
        "plain": plain_graph(registry.checkpointer),
        "ours": build_agent(checkpointer=registry.checkpointer),
    }
    for id, graph in graphs.items():
        for run in ("one", "two", "three"):
            graph.invoke(said(f"in run {run}"), {**config(id), "metadata": {"run_id": run}})
        before = state(graph, id)
        registry.checkpointer.delete_for_runs(["two"])
        assert state(graph, id) == before
        registry.checkpointer.delete_for_runs(["three"])
        assert registry.verify() == []
    left = {t.metadata.get("run_id") for t in registry.checkpointer.list(config("plain"))}
    assert left == {"one"}
    assert registry.get("plain").message_count == 2
    registry.checkpointer.delete_for_runs(["one", "two"])
    assert registry.list().total == 0


def test_a_copy_is_whole_and_apart(registry):
    for id, graph in (
        ("p", plain_graph(registry.checkpointer)),
        ("o", build_agent(checkpointer=registry.checkpointer)),
    ):
        three_turns(graph, id)
        registry.checkpointer.copy_thread(id, f"{id} copy")
        assert state(graph, f"{id} copy") == state(graph, id)
        graph.invoke(said("only here"), config(f"{id} copy"))
        assert registry.get(id).message_count == 6
        with pytest.raises(threads.ThreadExists):
            registry.checkpointer.copy_thread(id, f"{id} copy")
    assert registry.verify() == []


def test_compacting_an_add_messages_file_wins_most_of_it(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        graph = plain_graph(registry.checkpointer)
        for number in range(100):
            graph.invoke(said("x" * 300 + str(number)), config("a"))
    big = path.stat().st_size
    with threads.open(path) as registry:
        pruned = registry.prune()
        registry.compact()
        assert registry.get("a").message_count == 200
    assert path.stat().st_size < big / 20
    assert pruned.bytes > big / 2


def test_what_was_pruned_or_deleted_is_in_no_byte_of_the_file(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        graph = plain_graph(registry.checkpointer)
        for id in ("a", "b"):
            graph.invoke(said(f"the canary sings in {id} {'x' * 5000}"), config(id))
        registry.update("a", title="canary title", tags=["canary-tag"], metadata={"canary": 1})
        registry.list()
        registry.delete("a")
        registry.checkpointer.delete_thread("b")
        for beside in path.parent.iterdir():
            assert b"canary" not in beside.read_bytes(), beside.name


def test_a_backup_taken_while_turns_go_on_is_whole(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        graph = build_agent(checkpointer=registry.checkpointer)
        three_turns(graph, "a")
        stop = threading.Event()

        def talk() -> None:
            while not stop.is_set():
                graph.invoke(said("on"), config("busy"))

        talker = threading.Thread(target=talk)
        talker.start()
        registry._database.write(
            lambda connection: (
                connection.execute("CREATE TABLE much AS SELECT zeroblob(60000000) AS room") and None
            )
        )
        told = []
        for number in range(3):
            registry.backup(tmp_path / f"copy{number}.db", progress=lambda *what: told.append(what))
        stop.set()
        talker.join()
        with pytest.raises(threads.UsageError, match="there already"):
            registry.backup(tmp_path / "copy0.db")
    assert told
    for number in range(3):
        with threads.open(tmp_path / f"copy{number}.db") as copy:
            assert copy.verify() == []
            assert copy.get("a").message_count == 6
    with threads.open(":memory:") as registry:
        plain_graph(registry.checkpointer).invoke(said("kept"), config("m"))
        registry.backup(tmp_path / "saved.db")
    connection = sqlite3.connect(tmp_path / "saved.db")
    assert connection.execute("SELECT thread_id FROM threads_thread").fetchall() == [("m",)]
    connection.close()


@pytest.mark.slow
@settings(max_examples=25)
@given(st.lists(st.sampled_from(["turn", "prune", "fork", "branch", "copy", "rewrite"]), max_size=14))
def test_nothing_changes_what_is_remembered_but_turns(steps):
    """Turns with prunes, copies and forks between them, on our agent; the same turns alone on a plain graph."""
    with threads.open(":memory:") as registry, threads.open(":memory:") as model:
        ours = build_agent(checkpointer=registry.checkpointer)
        plain = build_agent(checkpointer=model.checkpointer)
        for number, step in enumerate(steps):
            if step == "turn":
                ours.invoke(said(f"turn {number}"), config("a"))
                plain.invoke(said(f"turn {number}"), config("a"))
            elif registry.list().total == 0:
                continue
            elif step == "prune":
                registry.prune(["a"], keep=1 + number % 3)
            elif step == "fork":
                registry.fork("a")
            elif step == "copy":
                registry.checkpointer.copy_thread("a", f"copy {number}")
            elif step == "branch":
                oldest = registry.history("a")[-1].id
                registry.fork("a", at=oldest)
            else:
                first = ours.get_state(config("a")).values["messages"]
                update = {"messages": [first[0].model_copy(update={"content": f"edited {number}"})]}
                ours.update_state(config("a"), update)
                first = plain.get_state(config("a")).values["messages"]
                plain.update_state(config("a"), {"messages": [first[0].model_copy(update=update_of(update))]})
        if registry.list().total:
            words = [m.text for m in ours.get_state(config("a")).values["messages"]]
            assert words == [m.text for m in plain.get_state(config("a")).values["messages"]]
            assert [m.text for m in registry.messages("a")] == words
        assert registry.verify() == []


def update_of(update) -> dict[str, str]:
    return {"content": update["messages"][0].content}


def test_a_thread_that_cannot_be_read_is_skipped_and_named(registry):
    graph = plain_graph(registry.checkpointer)
    spoilt(registry, "bad")
    three_turns(graph, "a")
    would = registry.prune(dry_run=True)
    assert would.skipped == ("bad",) and would.checkpoints == 8
    assert registry.prune() == would
    assert len(registry.history("a")) == 1 and len(registry.history("bad")) == 3
    for call in (registry.prune, registry.checkpointer.prune):
        with pytest.raises(threads.TypeNotAllowed, match="thread 'bad': ") as refused:
            call(["bad"])
        assert refused.value.thread_id == "bad"


def test_a_plain_graph_is_pruned_though_its_types_are_not_named(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path, types=[Case]) as registry:
        graph = compiled(CaseState, lambda state: {"case": Case("C-7")}, registry.checkpointer)
        graph.invoke(said("hello"), config("a"))
    with threads.open(path) as registry:
        assert registry.prune().skipped == () and len(registry.history("a")) == 1
    with threads.open(path, types=[Case]) as registry:
        graph = compiled(CaseState, lambda state: {}, registry.checkpointer)
        assert graph.get_state(config("a")).values["case"] == Case("C-7")


def test_a_rule_that_prunes_goes_past_a_thread_that_cannot_be_read(registry):
    spoilt(registry, "bad")
    three_turns(plain_graph(registry.checkpointer), "a")
    registry.set_rule("short", "prune", inactive=timedelta(0))
    assert [cleaned.threads for cleaned in registry.cleanup()] == [("a",)]
    assert len(registry.history("a")) == 1


def test_a_single_id_is_no_list_of_ids(registry):
    three_turns(plain_graph(registry.checkpointer), "a")
    for ids in ("a", "bc"):
        with pytest.raises(threads.InvalidValue, match="must be a list of ids"):
            registry.prune(ids)
    assert len(registry.history("a")) == 9


def test_a_copy_is_made_of_what_is_there_and_to_where_nothing_is(registry):
    three_turns(plain_graph(registry.checkpointer), "a")
    registry.create(id="empty")
    with pytest.raises(threads.ThreadNotFound):
        registry.checkpointer.copy_thread("nothing", "b")
    with pytest.raises(threads.ThreadExists, match="take another id"):
        registry.checkpointer.copy_thread("a", "a")
    registry.checkpointer.copy_thread("empty", "b")
    registry.checkpointer.copy_thread("a", "empty")
    assert registry.get("empty").message_count == 6


def test_pruning_keeps_the_head_where_another_program_stored_an_older_checkpoint_again(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        three_turns(plain_graph(registry.checkpointer), "a")
        older = registry.history("a")[2].id
        with closing(stock_saver(path).conn) as connection:
            saver = SqliteSaver(connection)
            again = saver.get_tuple(
                {"configurable": {**config("a")["configurable"], "checkpoint_ns": "", "checkpoint_id": older}}
            )
            saver.put(again.parent_config, again.checkpoint, again.metadata, {})
        registry.prune(keep=1)
        assert [message.text for message in registry.messages("a")][-1] == "re: message 2 of a"
        assert registry.get("a").message_count == 6
        assert registry.verify() == []
