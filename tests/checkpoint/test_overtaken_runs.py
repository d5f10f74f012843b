"""A run that a deletion overtakes leaves nothing behind, and what others left is nobody's."""

import threading

import pytest
from graphs import Plain, asking_graph, compiled, config, plain_graph, said, stock_saver
from langchain_core.messages import AIMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from run_helpers import Gate, waiting_graph

import threads
from agent import build_agent
from threads.langgraph_internals import RUNTIME_KEY


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as opened:
        yield opened


def rows_of(registry, id="a"):
    """How many checkpoints and results are stored of a thread."""
    with registry._database.read() as connection:
        return [
            connection.execute(f"SELECT count(*) FROM {table} WHERE thread_id = ?", (id,)).fetchone()[0]
            for table in ("checkpoints", "writes")
        ]


def by_another_program(registry):
    with threads.open(registry._database.where) as other:
        other.delete("a")


def and_begun_anew(registry):
    registry.delete("a")
    plain_graph(registry.checkpointer).invoke(said("new words"), config("a"))


DELETE = {
    "here": lambda registry: registry.delete("a"),
    "by another program": by_another_program,
    "and begun anew": and_begun_anew,
}


def asks(registry, delete, state):
    delete(registry)
    return {"messages": [interrupt("sure?")]}


def fails(registry, delete, state):
    delete(registry)
    raise OSError("the model is on fire")


def answers(registry, delete, state):
    delete(registry)
    return {"messages": [AIMessage("late words")]}


def begins_a_subgraph(registry, delete, state):
    delete(registry)
    return plain_graph(None).invoke(state)


def ends_in_a_subgraph(registry, delete, state):
    return compiled(Plain, lambda state: answers(registry, delete, state), None).invoke(state)


def asks_in_a_subgraph(registry, delete, state):
    return compiled(Plain, lambda state: asks(registry, delete, state), None).invoke(state)


NODES = (asks, fails, answers, begins_a_subgraph, ends_in_a_subgraph, asks_in_a_subgraph)


@pytest.mark.slow
@pytest.mark.parametrize("durability", ["sync", "async"])
@pytest.mark.parametrize("delete", DELETE)
@pytest.mark.parametrize("node", NODES, ids=lambda node: node.__name__)
def test_it_leaves_nothing_behind(registry, node, delete, durability, record_property):
    saver = registry.checkpointer
    plain_graph(saver).invoke(said("old words"), config("a"))
    late = compiled(Plain, lambda state: node(registry, DELETE[delete], state), saver)
    with pytest.raises((threads.ThreadDeleted, threads.ThreadMoved, OSError)):
        late.invoke(said("late question"), config("a"), durability=durability)
    saver.flush()
    assert registry.verify() == []
    if delete == "and begun anew":
        assert [m.text for m in registry.messages("a")] == ["new words", "re: new words"]
        registry.delete("a")  # what does not belong to it would be seen now, by its number
    assert rows_of(registry) == [0, 0]
    with registry._database.read() as connection:
        words = connection.execute(
            "SELECT * FROM writes UNION ALL SELECT *, '', '' FROM checkpoints"
        ).fetchall()
    assert words == []
    record_property("a thread deleted while a run goes on (nothing comes back)", [1, 0])


@pytest.mark.parametrize("durability", ["sync", "async"])
@pytest.mark.parametrize("delete", DELETE)
def test_its_later_steps_leave_nothing_behind_either(registry, delete, durability):
    saver = registry.checkpointer
    plain_graph(saver).invoke(said("old words"), config("a"))
    builder = StateGraph(Plain)
    builder.add_node("deletes", lambda state: answers(registry, DELETE[delete], state))
    builder.add_node(
        "waits", lambda state: threading.Event().wait(0.05) or {"messages": []}
    )  # late ones are stored
    builder.add_node("answers", lambda state: {"messages": [AIMessage("later words")]})
    builder.add_node("asks", lambda state: {"messages": [interrupt("sure?")]})
    names = ("deletes", "waits", "answers", "asks")
    for first, then in zip((START, *names), (*names, END), strict=True):
        builder.add_edge(first, then)
    with pytest.raises((threads.ThreadDeleted, threads.ThreadMoved)):
        builder.compile(checkpointer=saver).invoke(said("late question"), config("a"), durability=durability)
    saver.flush()
    assert registry.verify() == []
    if delete != "and begun anew":
        assert rows_of(registry) == [0, 0]


@pytest.mark.parametrize("delete", DELETE)
def test_what_it_stored_under_a_checkpoint_that_is_then_refused_is_taken_back(registry, delete):
    """With durability "async" a step's subgraphs may be stored before the checkpoint that they run under."""
    saver = registry.checkpointer
    plain_graph(saver).invoke(said("old words"), config("a"))
    head = saver.get_tuple(config("a"))
    DELETE[delete](registry)
    before = rows_of(registry)
    inside = {"configurable": {"thread_id": "a", "checkpoint_ns": "model:task"}}
    metadata = {"source": "input", "step": -1, "parents": {"": "f"}}
    stored = saver.put(inside, {**empty_checkpoint(), "id": "1"}, metadata, {})
    saver.put_writes(stored, [("messages", "late words")], "task")
    saver.flush()
    assert rows_of(registry) != before
    with pytest.raises((threads.ThreadDeleted, threads.ThreadMoved)):
        later = {"configurable": {**head.config["configurable"], RUNTIME_KEY: None}}
        saver.put(later, {**head.checkpoint, "id": "f"}, {"source": "loop", "step": 2}, {})
    saver.flush()
    assert rows_of(registry) == before
    with pytest.raises(threads.ThreadDeleted):
        saver.put(inside, {**empty_checkpoint(), "id": "2"}, metadata, {})
    at_refused = {"configurable": {**later["configurable"], "checkpoint_id": "f"}}
    saver.put_writes(at_refused, [("__error__", "late words")], "task")
    assert rows_of(registry) == before


def test_an_id_that_was_deleted_begins_anew_with_subgraphs_in_every_durability(registry):
    inner = compiled(Plain, lambda state: {"messages": [AIMessage(f"saw {len(state['messages'])}")]}, True)
    outer = compiled(Plain, inner, registry.checkpointer)
    for durability in ("sync", "async", "exit"):
        for _ in range(2):
            outer.invoke(said("hello"), config("a"), durability=durability)
        assert [m.text for m in registry.messages("a")][1::2] == ["saw 1", "saw 3"]
        registry.delete("a")
        assert rows_of(registry) == [0, 0]
    assert registry.verify() == []


def test_results_that_come_before_their_checkpoint_are_kept_in_an_id_that_was_deleted(registry):
    saver = registry.checkpointer
    plain_graph(saver).invoke(said("old"), config("a"))
    registry.delete("a")
    early = {"configurable": {"thread_id": "a", "checkpoint_ns": "", "checkpoint_id": "1"}}
    saver.put_writes(early, [("__interrupt__", "sure?")], "task")
    begun = {"configurable": {"thread_id": "a", "checkpoint_ns": ""}}
    saver.put(begun, {**empty_checkpoint(), "id": "1"}, {"source": "input", "step": -1, "parents": {}}, {})
    assert saver.get_tuple(config("a")).pending_writes == [("task", "__interrupt__", "sure?")]


# what a program with the stock saver left


def left_behind(registry):
    """A thread that was deleted while a program with the stock saver was in a subgraph of it."""
    plain_graph(registry.checkpointer).invoke(said("old words"), config("gone"))
    registry.delete("gone")
    saver = stock_saver(registry._database.where)
    inside = {"configurable": {"thread_id": "gone", "checkpoint_ns": "model"}}
    stored = saver.put(inside, {**empty_checkpoint(), "id": "1"}, {"source": "input", "step": -1}, {})
    saver.put_writes(stored, [("messages", "late words")], "task")
    saver.conn.close()
    assert rows_of(registry, "gone") == [1, 1]
    assert {problem.kind for problem in registry.verify()} == {"leftover"}


@pytest.mark.parametrize("how", ["copy", "fork", "create"])
def test_leftovers_of_a_deleted_thread_do_not_get_into_one_that_is_made_under_its_id(registry, how):
    three = plain_graph(registry.checkpointer)
    three.invoke(said("hello"), config("a"))
    left_behind(registry)
    if how == "copy":
        registry.checkpointer.copy_thread("a", "gone")
    elif how == "fork":
        registry.fork("a", new_id="gone")
    else:
        registry.create(id="gone", title="kept")
    assert rows_of(registry, "gone") == ([0, 0] if how == "create" else rows_of(registry))
    assert registry.verify() == []


@pytest.mark.parametrize("durability", ["sync", "async"])
def test_a_new_thread_of_that_id_does_not_remember_what_was_left_behind(registry, durability):
    inner = compiled(Plain, lambda state: {"messages": [AIMessage(f"saw {len(state['messages'])}")]}, True)
    outer = compiled(Plain, inner, registry.checkpointer)
    outer.invoke(said("old words"), config("a"))
    inside = {"configurable": {"thread_id": "a", "checkpoint_ns": "model"}}
    saver = stock_saver(registry._database.where)
    old = saver.get_tuple(inside)
    registry.delete("a")
    saver.put(inside, old.checkpoint, old.metadata, {})
    saver.conn.close()
    for _ in range(2):
        outer.invoke(said("new words"), config("a"), durability=durability)
    assert [m.text for m in registry.messages("a")] == ["new words", "saw 1", "new words", "saw 3"]
    assert registry.verify() == []


def test_repair_takes_leftovers_away_and_leaves_a_new_thread_of_that_id(registry):
    left_behind(registry)
    with registry._database.read() as connection:
        words = connection.execute("SELECT * FROM writes WHERE thread_id = 'gone'").fetchall()
    registry.create(id="gone", title="kept")
    marks = ", ".join("?" * len(words[0]))
    registry._database.write(
        lambda c: c.execute(f"INSERT INTO writes VALUES ({marks})", tuple(words[0])) and None
    )
    assert [problem.kind for problem in registry.repair()] == ["leftover"]
    assert registry.verify() == []
    assert rows_of(registry, "gone") == [0, 0]
    assert registry.get("gone").title == "kept"


# memory of subgraphs alone


def test_dropping_the_runs_a_thread_is_made_of_takes_its_subgraphs_along(registry):
    inner = compiled(Plain, lambda state: {"messages": [AIMessage("inner words")]}, True)
    outer = compiled(Plain, inner, registry.checkpointer)
    outer.invoke(said("hello"), {**config("a"), "metadata": {"run_id": "one"}})
    registry._database.write(
        lambda c: c.execute(  # another run's
            "UPDATE checkpoints SET metadata = json_set(CAST(metadata AS TEXT), '$.run_id', 'two') "
            "WHERE checkpoint_ns <> ''"
        ) and None
    )  # fmt: skip
    registry.checkpointer.delete_for_runs(["one"])
    assert registry.list().total == 0
    assert rows_of(registry) == [0, 0]
    assert registry.verify() == []
    plain_graph(registry.checkpointer).invoke(said("hello"), config("b"))
    registry.checkpointer.copy_thread("b", "a")
    assert registry.get("a").message_count == 2


def put_inside(saver, thread_id):
    """Memory of a subgraph, without a checkpoint of the thread itself."""
    inside = {"configurable": {"thread_id": thread_id, "checkpoint_ns": "helper"}}
    saver.put(inside, {**empty_checkpoint(), "id": "1"}, {"source": "input", "step": -1}, {})


def test_a_thread_with_memory_of_subgraphs_only_is_listed_and_no_copy_is_laid_over_it(registry):
    asking_graph(registry.checkpointer).invoke(said("hello"), config("a"))
    put_inside(registry.checkpointer, "b")
    assert {thread.id for thread in registry.list()} == {"a", "b"}
    assert registry.get("b").message_count == 0
    with pytest.raises(threads.ThreadExists):
        registry.checkpointer.copy_thread("a", "b")
    with pytest.raises(threads.ThreadExists):
        registry.fork("a", new_id="b")
    assert rows_of(registry, "b") == [1, 0]
    assert registry.verify() == []
    registry.delete("b")
    assert rows_of(registry, "b") == [0, 0]


@pytest.mark.parametrize("way", ["adopted", "repaired"])
def test_a_thread_with_memory_of_subgraphs_only_is_found_where_nobody_kept_a_ledger(tmp_path, way):
    path = tmp_path / "threads.db"
    saver = stock_saver(path)
    plain_graph(saver).invoke(said("hello"), config("a"))
    if way == "adopted":
        put_inside(saver, "b")
    saver.conn.close()
    with threads.open(path) as registry:
        if way == "repaired":
            registry._database.write(
                lambda connection: connection.execute("DROP TRIGGER threads_ledger_subgraph") and None
            )
            put_inside(registry.checkpointer, "b")
            assert {problem.kind for problem in registry.verify()} == {"missing", "unlisted"}
            registry.repair()
        assert {thread.id: thread.message_count for thread in registry.list()} == {"a": 2, "b": 0}
        assert registry.verify() == []
        build_agent(checkpointer=registry.checkpointer).invoke(said("hi"), config("b"))
        assert registry.get("b").message_count == 2


def test_a_turn_whose_thread_a_run_took_meanwhile_leaves_nothing_of_its_step(registry):
    gate = Gate()
    with threads.Runner(registry, waiting_graph(gate)) as runner:

        def node(state):
            runner.start("a", "a run's question")
            assert gate.reached.wait(20)
            return {"messages": [AIMessage("late words")]}

        plain_graph(registry.checkpointer).invoke(said("old words"), config("a"))
        with pytest.raises(threads.ThreadBusy):
            compiled(Plain, node, registry.checkpointer).invoke(said("a turn's question"), config("a"))
        registry.checkpointer.flush()
        gate.opened.set()
        runner.run(registry.runs("a")[0].id).result(20)
    registry.checkpointer.flush()
    assert not any(b"late words" in blob for blob in blobs(registry))
    assert registry.messages("a")[-1].text == "at last"
    assert registry.verify() == []


def test_a_run_that_lost_its_thread_leaves_nothing_of_its_step(registry):
    def node(state):
        registry._database.write(
            lambda connection: connection.execute("UPDATE threads_run SET attempt = attempt + 1")
        )
        return {"messages": [AIMessage("late words")]}

    with threads.Runner(registry, compiled(Plain, node, None), recover=False) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        with pytest.raises(threads.LeaseLost):
            run.result(20)
    registry._database.write(lambda connection: connection.execute("UPDATE threads_run SET status = 'error'"))
    registry.checkpointer.flush()
    assert not any(b"late words" in blob for blob in blobs(registry))
    assert registry.verify() == []


def blobs(registry):
    with registry._database.read() as connection:
        found = connection.execute("SELECT value FROM writes UNION ALL SELECT checkpoint FROM checkpoints")
        return [bytes(row[0]) for row in found]
