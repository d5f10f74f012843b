"""The messages channel: `add_messages`, folded in any batches, live and read back."""

import copy
from typing import Annotated, Any, TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES, add_messages

from threads.graphs import MessageRefused, merge_messages

IDS = ["a", "b", "c", "d"]
texts = st.sampled_from(["", "hi", "Grüße 👋", "line\nline"])
ids = st.sampled_from(IDS)
maybe_ids = st.none() | ids

messages = st.builds(
    lambda kind, content, id: (
        ToolMessage(content, id=id, tool_call_id="call") if kind is ToolMessage else kind(content, id=id)
    ),
    st.sampled_from([HumanMessage, AIMessage, SystemMessage, ToolMessage, AIMessageChunk, HumanMessageChunk]),
    texts,
    maybe_ids,
)
dicts = st.builds(
    lambda role, content, id: {"role": role, "content": content} | ({"id": id} if id else {}),
    st.sampled_from(["user", "human", "assistant", "ai", "system", "developer"]),
    texts,
    maybe_ids,
)
pairs = st.tuples(st.sampled_from(["user", "ai", "system"]), texts)
removals = ids.map(lambda id: RemoveMessage(id=id))
remove_all = st.just(None).map(lambda _: RemoveMessage(id=REMOVE_ALL_MESSAGES))
items = st.one_of(messages, messages, dicts, texts, pairs, removals, remove_all)
updates = st.lists(items, max_size=4) | messages | dicts | texts | removals | remove_all
histories = st.lists(updates, max_size=8)


def reference(updates: list[Any]) -> list[BaseMessage] | None:
    """What `add_messages` makes of the updates, one after another; None if it refuses one."""
    state: list[Any] = []
    for update in copy.deepcopy(updates):
        try:
            state = add_messages(state, update)
        except ValueError:
            return None
        if any(isinstance(message, RemoveMessage) for message in state):
            return None  # the one case where we refuse and it does not
    return state


def ours(updates: list[Any], state: list[Any] | None = None) -> list[BaseMessage] | None:
    try:
        return merge_messages(state, updates)
    except MessageRefused:
        return None


def without_drawn_ids(state: list[BaseMessage] | None) -> list[dict[str, Any]] | None:
    """The messages as plain values; an id that nobody gave is only known to be there."""
    if state is None:
        return None
    assert all(message.id for message in state)
    return [
        {"class": type(m).__name__, **m.model_dump(), "id": m.id if m.id in IDS else "drawn"} for m in state
    ]


@pytest.mark.slow
@settings(max_examples=1500)
@given(histories)
def test_any_history_folds_to_what_add_messages_makes_of_it(history):
    assert without_drawn_ids(ours(history)) == without_drawn_ids(reference(history))


@pytest.mark.slow
@settings(max_examples=800)
@given(histories, st.data())
def test_batches_may_be_cut_anywhere(history, data):
    whole = ours(history)
    if whole is None:
        return
    state: list[BaseMessage] = []
    at = 0
    while at < len(history):
        size = data.draw(st.integers(1, len(history) - at))
        state = merge_messages(state, history[at : at + size])
        at += size
    assert state == whole


@settings(max_examples=400)
@given(histories, histories)
def test_neither_the_state_nor_the_updates_are_changed(before, after):
    state = ours(before) or []
    state_as_it_was, after_as_it_was = copy.deepcopy(state), copy.deepcopy(after)
    ours(after, state)
    assert state == state_as_it_was
    assert after == after_as_it_was


@settings(max_examples=400)
@given(histories)
def test_a_second_fold_finds_the_same_ids(history):
    assert ours(copy.deepcopy(history)) == ours(history)


def test_the_same_text_twice_is_two_messages():
    state = merge_messages([], ["hi", ["hi", "hi"], [("user", "hi")]])
    assert [m.content for m in state] == ["hi"] * 4
    assert len({m.id for m in state}) == 4


def test_a_made_id_never_replaces_a_message_that_is_there():
    first, second = merge_messages([], [["hi", "hi"]])
    state = merge_messages([first, second], [[RemoveMessage(id=first.id)], ["hi"]])
    assert len(state) == 2
    assert state[0] == second


def test_a_pair_reads_the_same_as_the_list_it_comes_back_as():
    assert merge_messages([], [[("user", "hi")]]) == merge_messages([], [[["user", "hi"]]])


def test_a_removed_id_that_is_said_again_in_one_update_keeps_its_place():
    state = merge_messages([], [[HumanMessage("1", id="a"), HumanMessage("2", id="b")]])
    again = merge_messages(state, [[RemoveMessage(id="a"), HumanMessage("3", id="a")]])
    assert [m.content for m in again] == ["3", "2"]
    later = merge_messages(state, [[RemoveMessage(id="a")], [HumanMessage("3", id="a")]])
    assert [m.content for m in later] == ["2", "3"]


def test_of_two_messages_with_one_id_the_last_is_replaced_and_both_are_removed():
    """As `add_messages` has it; they come from one update that begins with "remove all"."""
    start = [RemoveMessage(id=REMOVE_ALL_MESSAGES), *(HumanMessage(text, id="a") for text in "12")]
    for after in ([AIMessage("3", id="a")], [RemoveMessage(id="a")]):
        history = [start, [SystemMessage("s", id="b")], after]
        assert merge_messages([], history) == reference(history)


def test_a_bare_tuple_is_refused_with_the_remedy():
    with pytest.raises(MessageRefused, match="wrap it in a list"):
        merge_messages([], [("user", "hi")])


REFUSED = {
    "an unknown role": [{"role": "nobody", "content": "x"}],
    "nothing": None,
    "nothing in a list": [None],
    "a number": 7,
    "a dict without content": [{"role": "user"}],
    "a triple": [("user", "a", "b")],
    "an unknown id to remove": [RemoveMessage(id="unknown")],
    "a removal after remove all": [RemoveMessage(id=REMOVE_ALL_MESSAGES), RemoveMessage(id="a")],
    "bytes": b"hi",
    "a role that is no text": [(1, "x")],
    "content that is no text": [{"role": "user", "content": 7}],
    "a tool result for no call": [{"role": "tool", "content": "x"}],
    "tool calls that are no calls": [{"role": "ai", "content": "", "tool_calls": "x"}],
}


@pytest.mark.parametrize("update", REFUSED.values(), ids=REFUSED)
def test_what_is_no_message_is_refused_by_name(update):
    with pytest.raises(MessageRefused):
        merge_messages([HumanMessage("1", id="a")], [update])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["", "user", "ai", "tool", "a", "{}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "type", "content", "id", "tool_calls", "tool_call_id", "name", "lc", "kwargs"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)


@pytest.mark.slow
@settings(max_examples=1500)
@given(json_values)
def test_whatever_json_comes_in_is_folded_or_refused(value):
    try:
        state = merge_messages([], [value])
    except MessageRefused:
        return
    assert all(isinstance(message, BaseMessage) and message.id is not None for message in state)


def test_a_state_that_is_no_list_is_refused():
    with pytest.raises(MessageRefused, match="are a list"):
        merge_messages(("user", "hi"), [])


def test_a_state_of_dicts_is_read_as_messages():
    state = merge_messages([{"role": "user", "content": "hi"}], [AIMessage("ho", id="b")])
    assert [(m.type, m.content) for m in state] == [("human", "hi"), ("ai", "ho")]
    assert state[0].id


def told(frequency: int, turns: list[list[Any]], where: str) -> tuple[list[Any], list[Any]]:
    """Every turn's updates, one a superstep, through a graph on a file: the live and the stored state."""

    class State(TypedDict):
        messages: Annotated[list[AnyMessage], DeltaChannel(merge_messages, snapshot_frequency=frequency)]

    queue: list[Any] = []
    graph = StateGraph(State)
    graph.add_node("say", lambda state: {"messages": queue.pop(0)})
    graph.add_edge(START, "say")
    graph.add_conditional_edges("say", lambda state: "say" if queue else END, ["say", END])
    config = {"configurable": {"thread_id": "t"}}
    live: Any = {"messages": []}
    for first, *rest in turns:
        queue[:] = [*rest, []]
        with SqliteSaver.from_conn_string(where) as saver:
            live = graph.compile(saver).invoke({"messages": first}, config)
    with SqliteSaver.from_conn_string(where) as saver:
        stored = graph.compile(saver).get_state(config)
    return live["messages"], stored.values["messages"]


@settings(max_examples=40)
@given(
    st.lists(st.lists(updates, min_size=1, max_size=3), min_size=1, max_size=4),
    st.sampled_from([1, 2, 1000]),
)
def test_the_state_read_back_from_a_file_is_the_live_state(tmp_path_factory, turns, frequency):
    history = [update for turn in turns for update in turn]
    expected = reference(history)
    if expected is None:
        return
    live, stored = told(frequency, copy.deepcopy(turns), str(tmp_path_factory.mktemp("db") / "memory.db"))
    assert stored == live
    assert without_drawn_ids(live) == without_drawn_ids(expected)


def test_a_thousand_writes_are_folded_in_one_pass():
    """Work, not time: every message is asked for its id a fixed number of times."""
    asked = 0

    class Counted(HumanMessage):
        def __getattribute__(self, name: str) -> Any:
            nonlocal asked
            asked += name == "id"
            return super().__getattribute__(name)

    def cost(count: int) -> int:
        nonlocal asked
        writes = [[Counted("x", id=str(n))] for n in range(count)]
        asked = 0
        assert len(merge_messages([], writes)) == count
        return asked

    assert cost(1000) <= 10 * cost(100) + 100
