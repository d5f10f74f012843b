"""What the checkpointer keeps in memory changes nothing: every turn reads what a stock saver would read."""

import gc
import itertools
import sqlite3
import tracemalloc
from dataclasses import dataclass
from typing import Annotated, TypedDict

import pytest
from graphs import compiled, config, stock_saver
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage, ToolMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Overwrite

import threads
from threads.checkpoint.delta_history import ByteLRUCache
from threads.checkpoint.fast_copy import plan_copy, plan_size
from threads.graphs import merge_messages

FREQUENCY = 6
"""Even, so that a snapshot is taken after a node, of what that left; during a node it is a race, as with any saver."""


class State(TypedDict):
    messages: Annotated[list[AnyMessage], DeltaChannel(merge_messages, snapshot_frequency=FREQUENCY)]


def rich(number: int) -> AIMessage:
    """A message with something in every part that can be changed in place."""
    return AIMessage(
        [{"type": "text", "text": f"answer {number}", "annotations": [{"page": 1}]}],
        id=f"a{number}",
        additional_kwargs={"seen": {"by": ["nobody"]}},
        response_metadata={"finish": {"reason": "stop"}},
        tool_calls=[{"name": "add", "args": {"to": [1, 2]}, "id": f"c{number}", "type": "tool_call"}],
        usage_metadata={
            "input_tokens": 1,
            "output_tokens": 2,
            "total_tokens": 3,
            "input_token_details": {"audio": 1},
        },
    )


def spoil(messages: list) -> None:
    """Change everything that can be changed in these messages."""
    for message in messages:
        message.additional_kwargs["spoilt"] = True
        message.additional_kwargs.get("seen", {}).get("by", []).append("me")
        message.response_metadata.setdefault("finish", {})["reason"] = "spoilt"
        message.name = "spoilt"
        message.unheard_of = ["spoilt"]
        if isinstance(message, AIMessage):
            message.tool_calls[0]["args"]["to"].append(3)
            message.tool_calls.append(dict(message.tool_calls[0]))
            message.usage_metadata["input_token_details"]["audio"] = 99
            message.content[0]["annotations"][0]["page"] = 99
            message.content.append({"type": "text", "text": "spoilt"})
        else:
            message.content += " spoilt"
    messages.reverse()
    del messages[1:]


def graph_of(saver, *, node=lambda state: {"messages": [rich(len(state["messages"]))]}):
    return compiled(State, node, saver)


def turn(graph, number: int, thread_id: str = "a"):
    said = HumanMessage(f"message {number}", id=f"h{number}")
    return graph.invoke({"messages": [said]}, config(thread_id))["messages"]


def dumped(messages: list) -> list:
    return [(type(message), message.model_dump()) for message in messages]


def known(graph, thread_id: str = "a") -> list:
    return dumped(graph.get_state(config(thread_id)).values["messages"])


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "kept.db") as registry:
        yield registry


def test_what_a_node_or_a_caller_changes_in_place_is_not_what_the_next_turn_reads(registry):
    read: dict[str, list] = {}

    def run(name: str, saver) -> None:
        def node(state):
            read[name].append(dumped(state["messages"]))
            answer = rich(len(state["messages"]))
            spoil(state["messages"][:-1])
            return {"messages": [answer]}

        graph, read[name] = graph_of(saver, node=node), []
        for number in range(2 * FREQUENCY):
            spoil(turn(graph, number))
            spoil(graph.get_state(config("a")).values["messages"])
            read[name].append(known(graph))

    run("ours", registry.checkpointer)
    run("stock", InMemorySaver())
    assert read["ours"] == read["stock"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["overwrite", "removal", "replacement", "nothing"])
def test_whatever_a_turn_writes_the_next_one_reads_what_is_on_file(registry, tmp_path, kind):
    def node(state):
        first, count = state["messages"][0].id, len(state["messages"])
        if kind == "nothing" or count % 4 != 3:
            return {"messages": [rich(count)]} if kind != "nothing" else {}
        return {
            "overwrite": {"messages": Overwrite(state["messages"][1:])},
            "removal": {"messages": [RemoveMessage(first)]},
            "replacement": {"messages": [ToolMessage("replaced", tool_call_id="c", id=first)]},
        }[kind]

    graph = graph_of(registry.checkpointer, node=node)
    for number in range(4 * FREQUENCY):
        turn(graph, number)
        with threads.open(tmp_path / "kept.db") as other:  # has read nothing yet
            assert known(graph) == known(graph_of(other.checkpointer, node=node))


@pytest.fixture
def elsewhere(tmp_path):
    """The same file in a program that has the stock saver only; a connection of its own, as a process has."""
    saver = stock_saver(tmp_path / "kept.db")
    yield saver
    saver.conn.close()


FIRST = "(SELECT min(rowid) FROM writes WHERE channel = 'messages')"
SNAPSHOT = "(SELECT max(rowid) FROM checkpoints WHERE instr(checkpoint, CAST('message 0' AS BLOB)))"


def altered(stored: bytes) -> bytes:
    """A value as it might have been stored, as long as it was."""
    return stored.replace(b"message 0", b"another 0").replace(b"h0", b"z0")


def stored_late(connection: sqlite3.Connection) -> None:
    columns = "thread_id, checkpoint_ns, checkpoint_id, 'late', task_path, idx, channel, type, altered(value)"
    connection.execute(f"INSERT INTO writes SELECT {columns} FROM writes WHERE rowid = {FIRST}")


def put_again(connection: sqlite3.Connection) -> None:
    """As the stock saver does."""
    columns = "thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata"
    changed = columns.replace(" checkpoint,", " altered(checkpoint),")
    connection.execute(
        f"INSERT OR REPLACE INTO checkpoints ({columns}) SELECT {changed} FROM checkpoints WHERE rowid = {SNAPSHOT}"
    )


def deleted_and_put_back(connection: sqlite3.Connection) -> None:
    rows = {}
    for table in ("writes", "checkpoints"):
        rows[table] = connection.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()
        connection.execute(f"DELETE FROM {table}")
    connection.execute("DELETE FROM threads_tombstone")
    for table, stored in rows.items():
        for row in stored:
            other = [altered(value) if isinstance(value, bytes) else value for value in row]
            connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", other)


def by(statement: str):
    return lambda connection: connection.execute(statement)


@pytest.mark.parametrize(
    ("change", "turns"),
    [
        pytest.param(stored_late, 1, id="a late result"),
        pytest.param(by(f"DELETE FROM writes WHERE rowid = {FIRST}"), 1, id="a deleted result"),
        pytest.param(by("UPDATE writes SET value = altered(value)"), 1, id="a changed result"),
        pytest.param(by("DELETE FROM checkpoints WHERE rowid = 2"), 1, id="a deleted checkpoint"),
        pytest.param(put_again, 4, id="a checkpoint stored again"),
        pytest.param(
            by(f"UPDATE checkpoints SET checkpoint = altered(checkpoint) WHERE rowid = {SNAPSHOT}"),
            4,
            id="a changed checkpoint",
        ),
        pytest.param(deleted_and_put_back, 1, id="another conversation with the same ids"),
    ],
)
def test_what_another_process_changes_behind_the_head_is_seen_by_the_next_turn(
    registry, elsewhere, change, turns
):
    read: list[list] = []

    def node(state):
        read.append(dumped(state["messages"]))
        return {"messages": [AIMessage("answer", id=f"a{len(read)}")]}

    graph = graph_of(registry.checkpointer, node=node)
    for number in range(turns):
        turn(graph, number)
    known(graph)
    turn(graph, turns)  # now what this one began with is kept
    assert registry.checkpointer._deltas._cache.size > 0
    before = known(graph_of(elsewhere))
    elsewhere.conn.create_function("altered", 1, altered)
    with elsewhere.conn:
        change(elsewhere.conn)
    after = known(graph_of(elsewhere))
    assert after != before
    turn(graph, turns + 1)
    assert read[-1][:-1] == after


def test_a_refused_and_an_old_read_leave_what_is_kept_as_it_is(registry):
    graph = graph_of(registry.checkpointer)
    for number in range(2 * FREQUENCY):
        turn(graph, number)
    before = known(graph)
    for each in graph.get_state_history(config("a")):
        assert graph.get_state(each.config).values == each.values
    assert known(graph) == before
    assert len(turn(graph, 2 * FREQUENCY)) == len(before) + 2


def test_cache_is_bounded_by_bytes(registry):
    cache = ByteLRUCache(max_bytes=100_000)
    registry.checkpointer._deltas._cache = cache
    graph = graph_of(registry.checkpointer)
    for number in range(30):
        for thread_id in ("a", "b", "c", "d"):
            turn(graph, number, thread_id)
            assert cache.size <= 100_000
    assert cache.size > 0
    assert {len(known(graph, thread_id)) for thread_id in "abcd"} == {60}


def test_cache_evicts_the_least_recently_used_entry():
    cache = ByteLRUCache(max_bytes=300)
    for name in ("one", "two", "three"):
        cache.put((name, 0, "", ""), name, 100)
    assert cache.get(("one", 0, "", "")) == "one"
    cache.put(("four", 0, "", ""), "four", 100)
    assert [cache.get((name, 0, "", "")) for name in ("one", "two", "three", "four")] == [
        "one",
        None,
        "three",
        "four",
    ]
    cache.put(("five", 0, "", ""), "five", 301)
    assert (cache.get(("five", 0, "", "")), cache.size) == (None, 0)
    cache.put(("one", 0, "", ""), "one", 100)
    cache.discard_thread("one")
    assert (cache.get(("one", 0, "", "")), cache.size) == (None, 0)


PARTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.just(RuntimeError),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
        | st.tuples(inner, inner)
        | st.sets(st.integers(), max_size=1)
        | st.builds(
            lambda said, more: AIMessage(said, id="m", additional_kwargs={"more": more}, extra=more),
            st.text(max_size=5),
            inner,
        )
    ),
    max_leaves=8,
)


def places(value, found: set) -> set:
    """Where all that can be changed in `value` stands."""
    if isinstance(value, AIMessage):
        inside = (value.__dict__, value.__pydantic_extra__, value.__pydantic_fields_set__)
        found.add(id(value))
    else:
        inside = (
            tuple(value.values())
            if isinstance(value, dict)
            else value
            if isinstance(value, (list, tuple))
            else ()
        )
        found |= {id(value)} if isinstance(value, (list, dict, set)) else set()
    for part in inside:
        places(part, found)
    return found


@given(PARTS)
def test_a_copy_is_equal_and_shares_nothing_that_can_be_changed(value):
    make, of = plan_copy(value)
    first, second = make(of), make(of)
    assert first == second == value
    assert repr(first) == repr(value)
    assert type(first) is type(value)
    assert not places(first, set()) & places(second, set())
    assert not places(first, set()) & places(value, set())


@pytest.mark.slow
def test_the_weight_of_messages_is_about_what_they_take():
    def made() -> list:
        return [plan_copy([HumanMessage("x" * 200 + str(number), id=f"{number}")]) for number in range(1000)]

    made()  # what is loaded at the first time
    gc.collect()
    tracemalloc.start()
    try:
        several = made()
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / 2 < sum(map(plan_size, several)) < 2 * taken


@dataclass
class Handle:
    """Known to msgpack, and to nobody who copies."""

    number: int

    def __reduce__(self):
        raise TypeError("not this one")


def test_values_that_cannot_be_copied_are_read_from_the_file_at_every_turn(tmp_path):
    class Handles(TypedDict):
        handles: Annotated[list, DeltaChannel(lambda state, writes: [*state, *itertools.chain(*writes)])]

    with threads.open(tmp_path / "kept.db", types=[Handle]) as registry:
        graph = compiled(
            Handles, lambda state: {"handles": [Handle(len(state["handles"]))]}, registry.checkpointer
        )
        for number in range(3):
            graph.invoke({"handles": [Handle(-number)]}, config("a"))
        found = graph.get_state(config("a")).values["handles"]
    assert found == [Handle(n) for n in (0, 1, -1, 3, -2, 5)]
    assert registry.checkpointer._deltas._cache.size == 0
