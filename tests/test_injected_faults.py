"""Kills, cancellations, foreign locks and clocks: what is stored stays whole, what is acknowledged stays."""

import pytest
from faults import (
    LONG,
    OPERATIONS,
    TURNS,
    foreign_lock,
    impatient,
    integrity,
    killed_at_each,
    operate,
    ours,
    seen,
    template,
)
from graphs import config, plain_graph, said
from langchain_core.messages import HumanMessage

import threads

STRIDE = 1 if LONG else 3
"""At every which statement of a turn it is killed; at each in the long version."""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "threads.db"
    template(path)
    return path


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_killed_at_any_statement_is_wholly_there_or_not_at_all(source, name):
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


@pytest.mark.parametrize("name", TURNS)
def test_a_turn_killed_at_any_statement_is_whole_up_to_a_checkpoint_and_the_thread_goes_on(source, name):
    id = "new" if "first" in name else "delta" if "delta" in name else "plain"
    build = ours if "delta" in name else plain_graph
    with threads.open(source, read_only=True) as registry:
        told = [] if id == "new" else [m.text for m in registry.messages(id)]
    for path, survived in killed_at_each(source, operate, name, STRIDE):
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


def test_results_that_cannot_be_stored_while_the_file_is_locked_wait_for_their_checkpoint(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        impatient(registry)
        saver = registry.checkpointer
        ours(saver).invoke(said("one"), config("a"))
        head = saver.get_tuple(config("a"))
        with foreign_lock(path):
            saver.put_writes(head.config, [("messages", [HumanMessage("kept")])], "task")
            saver.flush()
            for refused in (
                saver.delete_thread,
                lambda id: saver.copy_thread(id, "b"),
                lambda id: saver.prune([id]),
            ):
                with pytest.raises(threads.DatabaseBusy):
                    refused("a")
        saver.put(head.config, {**head.checkpoint, "id": "f" + head.checkpoint["id"][1:]}, head.metadata, {})
        assert [m.text for m in registry.messages("a")][-1] == "kept"
        assert registry.verify() == []
