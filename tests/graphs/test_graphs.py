"""`threads.graphs`: any graph with a `MessageChannel` can be guarded, and the examples of the docstrings run."""

import asyncio
import contextlib
import inspect
import io
import re
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES, MessagesState

import threads
from threads import graphs, message_reducer
from threads.graphs import MessageChannel, MessageRefused, create_node, guard_messages, merge_messages

CONFIG: Any = {"configurable": {"thread_id": "a"}}


class State(TypedDict, total=False):
    messages: MessageChannel
    topic: str


def build(node: Any, schema: Any = State) -> StateGraph:
    builder = StateGraph(schema)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder


def answer(state: State) -> State:
    return {"messages": [AIMessage(f"You said {state['messages'][-1].text}")], "topic": "echo"}


def texts(graph: Any) -> list[str]:
    return [message.text for message in graph.get_state(CONFIG).values.get("messages", [])]


def test_a_guarded_graph_answers_and_other_channels_are_untouched():
    graph = guard_messages(build(answer).compile(checkpointer=InMemorySaver()))
    state = graph.invoke({"messages": "hi"}, CONFIG)
    assert (texts(graph), state["topic"]) == (["hi", "You said hi"], "echo")
    assert type(graph) is type(build(answer).compile())


@pytest.mark.parametrize("invalid", [[("robot", "x")], 7, ("user", "hi")])
def test_invalid_input_is_refused_and_nothing_is_stored(invalid):
    graph = guard_messages(build(answer).compile(checkpointer=InMemorySaver()))
    with pytest.raises(MessageRefused):
        graph.invoke({"messages": invalid}, CONFIG)
    assert list(graph.get_state_history(CONFIG)) == []


@pytest.mark.parametrize("written", [[("robot", "x")], [RemoveMessage(id="unknown")]])
def test_an_invalid_write_of_a_node_is_refused_and_the_thread_stays_readable(written):
    graph = guard_messages(build(lambda state: {"messages": written}).compile(checkpointer=InMemorySaver()))
    with pytest.raises(MessageRefused):
        graph.invoke({"messages": "hi"}, CONFIG)
    assert texts(graph) == ["hi"]


def test_an_invalid_write_is_stored_without_the_guard():
    graph = build(lambda state: {"messages": [RemoveMessage(id="unknown")]}).compile(
        checkpointer=InMemorySaver()
    )
    with pytest.raises(MessageRefused):
        graph.invoke({"messages": "hi"}, CONFIG)
    with pytest.raises(MessageRefused):
        graph.get_state(CONFIG)


def test_guarding_twice_changes_nothing():
    graph = guard_messages(guard_messages(build(answer).compile(checkpointer=InMemorySaver())))
    graph.invoke({"messages": "hi"}, CONFIG)
    assert texts(graph) == ["hi", "You said hi"]


def test_a_channel_with_the_reducer_and_another_snapshot_frequency_can_be_guarded():
    class Frequent(TypedDict):
        messages: Annotated[list[AnyMessage], DeltaChannel(merge_messages, snapshot_frequency=1)]

    guard_messages(build(lambda state: {}, Frequent).compile())


class Topic(TypedDict):
    topic: str


@pytest.mark.parametrize("schema", [MessagesState, Topic])
def test_a_graph_without_a_message_channel_cannot_be_guarded(schema):
    with pytest.raises(TypeError, match="declare it as such"):
        guard_messages(build(lambda state: {}, schema).compile())


def test_checkpoints_name_the_reducer_and_the_agent():
    with threads.open(":memory:") as registry:
        graph = guard_messages(build(answer).compile(checkpointer=registry.checkpointer), agent_id="echo")
        graph.invoke({"messages": [HumanMessage("hi")]}, CONFIG)
        metadata = graph.get_state(CONFIG).metadata
        assert (metadata["messages_reducer"], metadata["agent_id"]) == ("add_messages", "echo")
        thread = registry.get("a")
        assert (thread.agent_id, thread.message_count) == ("echo", 2)


def test_a_node_has_a_sync_and_an_async_implementation():
    async def async_answer(state: State, config: Any) -> State:
        return {"topic": f"async {config['configurable']['thread_id']}"}

    node = create_node(lambda state, config: {"topic": "sync"}, async_answer, name="node")
    graph = build(node).compile()
    assert graph.invoke({"topic": ""}, CONFIG)["topic"] == "sync"
    assert asyncio.run(graph.ainvoke({"topic": ""}, CONFIG))["topic"] == "async a"


def test_remove_all_is_langgraphs():
    assert message_reducer.REMOVE_ALL_MESSAGES == REMOVE_ALL_MESSAGES


@pytest.mark.parametrize("documented", [graphs, merge_messages, create_node])
def test_examples_of_the_docstrings_run(documented):
    (code,) = re.findall(r"```python\n(.*?)```", inspect.getdoc(documented), re.DOTALL)
    expected = [line.removeprefix("# -> ") for line in code.splitlines() if line.startswith("# -> ")]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "<docstring>", "exec"), {"__name__": "example"})
    assert printed.getvalue().splitlines() == expected
