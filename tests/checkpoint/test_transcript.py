"""Messages read from the file are those the graph would give, with what the history tells about them."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from graphs import Plain, asking_graph, compiled, config, plain_graph, said, three_turns
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.caches import InMemoryCache
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.channels.delta import DeltaChannel
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.types import Command, Overwrite

import threads
from agent import build_agent
from threads.checkpoint.message_channel import replay
from threads.graphs import MessageRefused, merge_messages

IDS = st.sampled_from([None, "a", "b", "c", "d"])
MESSAGES = st.one_of(
    st.builds(HumanMessage, content=st.sampled_from(["x", "y", ""]), id=IDS),
    st.builds(AIMessage, content=st.sampled_from(["x", "y", ""]), id=IDS),
    st.sampled_from(["a", "b", REMOVE_ALL_MESSAGES]).map(lambda id: RemoveMessage(id=id)),
    st.sampled_from(["said plainly", ["user", "in a pair"]]),
)
UPDATES = st.lists(MESSAGES, max_size=4)


OVERWRITES = st.lists(MESSAGES.filter(lambda m: not isinstance(m, RemoveMessage)), max_size=3).flatmap(
    lambda value: st.sampled_from(
        [Overwrite(value), {"__overwrite__": value}, {"type": "__overwrite__", "value": value}]
    )
)


@pytest.mark.slow
@settings(max_examples=500)
@given(st.lists(UPDATES | OVERWRITES, max_size=6))
def test_the_reader_replays_writes_as_a_delta_channel_does(updates):
    channel = DeltaChannel(merge_messages, list).from_checkpoint(None)
    try:
        channel.replay_writes([("task", "messages", update) for update in updates])
    except MessageRefused:
        with pytest.raises(MessageRefused):
            replay(merge_messages, [], updates)
        return
    assert replay(merge_messages, [], updates) == channel.value


@pytest.fixture(params=["plain", "ours"])
def opened(request: pytest.FixtureRequest, tmp_path: Path):
    with threads.open(tmp_path / "threads.db") as registry:
        build = plain_graph if request.param == "plain" else lambda saver: build_agent(checkpointer=saver)
        yield registry, build(registry.checkpointer)


def same_as_live(registry, graph, thread_id="a"):
    live = graph.get_state(config(thread_id)).values["messages"]
    found = registry.messages(thread_id)
    assert [(m.id, m.text) for m in found] == [(m.id, m.text) for m in live]
    return found


def test_every_way_to_say_something_is_read_back_the_same(opened):
    registry, graph = opened
    for messages in (
        "plain text",
        [("user", "in a pair")],
        {"role": "user", "content": "a dict"},
        HumanMessage("an object"),
        [HumanMessage("with an id", id="mine"), {"role": "user", "content": "and another"}],
    ):
        graph.invoke({"messages": messages}, config("a"))
        found = same_as_live(registry, graph)
    assert len(found) == 11
    assert [message.role for message in found[:4]] == ["user", "assistant", "user", "assistant"]


def test_edits_removals_and_overwrites_are_followed(opened):
    registry, graph = opened
    three_turns(graph, "a")
    first = registry.messages("a")[0].id
    graph.update_state(config("a"), {"messages": [HumanMessage("edited", id=first)]})
    assert registry.get("a").title == "edited"
    graph.update_state(config("a"), {"messages": [RemoveMessage(id=first)]})
    assert len(same_as_live(registry, graph)) == 5
    graph.update_state(config("a"), {"messages": Overwrite([HumanMessage("anew", id="n")])})
    assert [m.text for m in same_as_live(registry, graph)] == ["anew"]
    graph.update_state(config("a"), {"messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)]})
    assert len(same_as_live(registry, graph)) == 0
    assert registry.get("a").title == "New conversation"
    assert registry.verify() == []


@pytest.mark.slow
def test_snapshots_of_a_long_conversation_are_read(opened):
    registry, graph = opened
    for number in range(70):
        graph.invoke(said(f"turn {number}"), config("a"))
    assert len(same_as_live(registry, graph)) == 140
    assert registry.get("a").message_count == 140


def test_times_and_runs_are_told(opened):
    registry, graph = opened
    graph.invoke(said("one"), {**config("a"), "metadata": {"run_id": "run-1"}})
    graph.invoke(said("two"), {**config("a"), "metadata": {"run_id": "run-2"}})
    found = registry.messages("a")
    assert [message.run_id for message in found] == ["run-1", "run-1", "run-2", "run-2"]
    times = [message.created_at for message in found]
    assert times == sorted(times)
    assert abs(times[-1] - registry.get("a").updated_at) < timedelta(seconds=1)


def test_tool_calls_results_and_usage_are_shown(tmp_path):
    @tool
    def look_up(number: str) -> str:
        """Look an order up."""
        return f"order {number} is on its way"

    calls = iter(
        [
            AIMessage(
                "",
                tool_calls=[{"name": "look_up", "args": {"number": "7"}, "id": "call-1"}],
                usage_metadata={"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
            ),
            AIMessage([{"type": "text", "text": "On its "}, {"type": "text", "text": "way."}]),
        ]
    )
    with threads.open(tmp_path / "threads.db") as registry:
        state = {"n": 0}

        def node(_):
            state["n"] += 1
            message = next(calls)
            extra = (
                [ToolMessage(look_up.invoke({"number": "7"}), tool_call_id="call-1")]
                if state["n"] == 1
                else []
            )
            return {"messages": [message, *extra]}

        graph = compiled(Plain, node, registry.checkpointer)
        graph.invoke(said("where is order 7?"), config("a"))
        graph.invoke({"messages": []}, config("a"))
        question, call, result, answer = registry.messages("a")
        assert (call.text, call.tool_calls[0].name, dict(call.tool_calls[0].args)) == (
            "",
            "look_up",
            {"number": "7"},
        )
        assert (result.role, result.tool_call_id, result.text) == ("tool", "call-1", "order 7 is on its way")
        assert (answer.text, question.content[0]["type"]) == ("On its way.", "text")
        assert call.usage == threads.Usage(3, 2, 5)
        assert registry.get("a").message_count == 2


def test_pages_of_messages_go_back_in_time(opened):
    registry, graph = opened
    three_turns(graph, "a")
    whole = [message.id for message in registry.messages("a")]
    newest = registry.messages("a", limit=4)
    older = registry.messages("a", limit=4, before=newest.next_cursor)
    assert [m.id for m in older] + [m.id for m in newest] == whole
    assert (older.next_cursor, newest.total) == (None, 6)
    with pytest.raises(threads.InvalidValue, match="before"):
        registry.messages("a", before="nothing")


def test_pending_writes_are_not_counted(opened):
    registry, graph = opened
    graph.invoke(said("one"), config("a"))
    head = registry.checkpointer.get_tuple(config("a"))
    registry.checkpointer.put_writes(head.config, [("messages", [AIMessage("not yet")])], "task")
    assert registry.get("a").message_count == 2
    assert len(registry.messages("a")) == 2


def test_a_fork_remembers_up_to_its_checkpoint_and_goes_its_own_way(opened):
    registry, graph = opened
    three_turns(graph, "a")
    after_two = next(
        state.config["configurable"]["checkpoint_id"]
        for state in graph.get_state_history(config("a"))
        if len(state.values["messages"]) == 4 and state.next == ()
    )
    registry.update("a", tags=["x"], owner="alice", title="Mine")
    forked = registry.fork("a", at=after_two)
    assert (forked.message_count, forked.tags, forked.owner, forked.title) == (4, ("x",), "alice", "Mine")
    graph.invoke(said("another way"), forked.config)
    found = same_as_live(registry, graph, forked.id)
    assert [m.text for m in found if m.role == "user"] == ["message 0 of a", "message 1 of a", "another way"]
    assert len(same_as_live(registry, graph)) == 6
    assert len(registry.history(forked.id)) < len(registry.history("a")) + 3
    assert registry.verify() == []


def test_a_fork_of_an_open_question_can_be_answered_on_its_own(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        graph = asking_graph(registry.checkpointer)
        graph.invoke(said("do it"), config("a"))
        forked = registry.fork("a")
        assert forked.status == "interrupted"
        graph.invoke(Command(resume="yes"), forked.config)
        assert [registry.get(id).message_count for id in ("a", forked.id)] == [1, 2]
        assert registry.get("a").status == "interrupted"


def test_a_message_cut_in_half_in_the_file_is_unknown_not_wrong(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        three_turns(plain_graph(registry.checkpointer), "a")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE checkpoints SET checkpoint = substr(checkpoint, 1, 40)")
        connection.execute("UPDATE threads_thread SET projected_id = NULL")
    connection.close()
    with threads.open(path) as registry:
        assert (registry.get("a").message_count, registry.get("a").title) == (None, "message 0 of a")


def test_an_answer_from_the_cache_of_a_model_has_no_usage_and_can_be_read(tmp_path):
    model = FakeMessagesListChatModel(responses=[AIMessage("Noted.")], cache=InMemoryCache())

    def answer(state):
        return {"messages": [model.invoke([HumanMessage("the same each time")])]}

    with threads.open(tmp_path / "threads.db") as registry:
        graph = compiled(Plain, answer, registry.checkpointer)
        for thread_id in "ab":
            graph.invoke(said("hello"), config(thread_id))
        assert [registry.messages(each)[-1].usage for each in "ab"] == [None, None]
        assert registry.list().total == 2


def test_a_message_that_is_replaced_keeps_its_first_time_and_run(tmp_path):
    with (
        threads.open(tmp_path / "threads.db") as registry,
        threads.Runner(registry, plain_graph(None)) as runner,
    ):
        run = runner.start("a", "hi", if_not_exists="create")
        run.result(30)
        first = registry.messages("a")[0]
        runner.start("a", "more").result(30)
        change = {"messages": [HumanMessage("hi again", id=first.id)]}
        plain_graph(registry.checkpointer).update_state(config("a"), change)
        now = registry.messages("a")[0]
        assert (now.text, now.created_at, now.run_id) == ("hi again", first.created_at, run.id)
