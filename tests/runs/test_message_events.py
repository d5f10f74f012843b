"""Message events carry the message as `registry.messages` gives it, with all fields."""

import json
import operator
import sqlite3
from contextlib import closing
from typing import Annotated, TypedDict

import pytest
from graphs import Plain, compiled
from langchain_core.messages import AIMessage, SystemMessage, ToolMessage
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import interrupt
from run_helpers import Talking, approving_graph, calls, slow_agent, told, until

import threads
from agent import build_agent, catalog
from threads.models import Message
from threads.serialization import to_jsonable

FIELDS = set(Message.__dataclass_fields__)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "threads.db"


@pytest.fixture
def registry(path):
    with threads.open(path) as registry:
        yield registry


def told_messages(registry, id):
    """The messages of the stored events, in their order."""
    return told(registry.events(id, follow=False), "message", "message")


def stored_messages(registry, id):
    return [to_jsonable(message) for message in registry.messages(id)]


def parallel_tools():
    """Calls two tools at once beside a system message, and ends without a word."""

    def look(n: int) -> str:
        """Look at shelf n."""
        return "" if n else "a lamp"

    def model(state):
        if not isinstance(state["messages"][-1], ToolMessage):
            return {"messages": [SystemMessage("Look twice."), calls("look", {"n": 0}, {"n": 1})]}
        return {"messages": [AIMessage("")]}

    builder = StateGraph(Plain)
    builder.add_node("model", model)
    builder.add_node("tools", ToolNode([look]))
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", lambda s: "tools" if s["messages"][-1].tool_calls else END)
    builder.add_edge("tools", "model")
    return builder.compile()


def blocks(state):
    """An answer of several blocks, with a name and arguments that JSON does not know."""
    content = [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "here"}]
    call = {"name": "look", "args": {"n": float("nan"), "deep": {"tags": ["a", None]}}, "id": "call-0"}
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    answer = AIMessage(content, name="Clerk", tool_calls=[call], usage_metadata=usage)
    return {"messages": [answer, ToolMessage("", tool_call_id="call-0", name="look")]}


class Appended(TypedDict):
    messages: Annotated[list, operator.add]


def inner_graph():
    """A subgraph that shares the messages and returns the whole list."""
    builder = StateGraph(Plain)
    builder.add_node("inner", compiled(Plain, lambda state: {"messages": [AIMessage("from within")]}, None))
    builder.add_edge(START, "inner")
    return builder.compile()


AGENTS = {
    "support": lambda: catalog.build("support"),
    "parallel tools": parallel_tools,
    "blocks": lambda: compiled(Plain, blocks, None),
    "appended": lambda: compiled(Appended, lambda state: {"messages": [AIMessage("ok")]}, None),
    "subgraph": inner_graph,
    "a talking model": lambda: build_agent(Talking(words=5, delay=0)),
}


@pytest.mark.parametrize("name", AGENTS)
def test_message_events_equal_the_stored_messages(registry, name):
    with threads.Runner(registry, AGENTS[name]()) as runner:
        runner.start("a", "Where is order 1001?", if_not_exists="create").result(30)
        first = told_messages(registry, "a")
        assert first == stored_messages(registry, "a") and len(first) > 1
        runner.start("a", "And order 1002?").result(30)
    assert told_messages(registry, "a") == stored_messages(registry, "a")
    assert all(each.keys() == FIELDS for each in first)


def test_message_event_of_a_stopped_message_equals_the_stored_one(registry):
    with threads.Runner(registry, slow_agent()) as runner:
        run = runner.start("a", "Talk", if_not_exists="create")
        until(lambda: any(event.type == "token" for event in registry.events("a", follow=False)))
        run.stop()
        run.result(30)
    messages = told_messages(registry, "a")
    assert messages == stored_messages(registry, "a")
    assert [each["stopped"] for each in messages] == [False, True]


def test_message_events_around_an_interrupt_equal_the_stored_messages(registry, tmp_path):
    with threads.Runner(registry, approving_graph(tmp_path / "effects")) as runner:
        runner.start("a", "pay", if_not_exists="create").result(30)
        runner.resume("a", "yes").result(30)
    assert told_messages(registry, "a") == stored_messages(registry, "a")


@pytest.mark.parametrize("written", [{"role": "developer", "content": "x"}, [("assistant", "x")]])
def test_message_event_has_no_id_that_the_reducer_assigns(registry, written):
    with threads.Runner(registry, compiled(Plain, lambda state: {"messages": written}, None)) as runner:
        runner.start("a", "Hi", if_not_exists="create").result(30)
    [asked, answer] = stored_messages(registry, "a")
    assert answer["id"] is not None
    assert told_messages(registry, "a") == [asked, {**answer, "id": None}]


def test_message_event_of_a_later_version_has_no_versions(registry):
    """Which versions there are follows from other branches, also from ones that are yet to come."""
    with threads.Runner(registry, build_agent()) as runner:
        runner.start("a", "Hi, I'm Alice", if_not_exists="create").result(30)
        runner.regenerate("a").result(30)
    [_, answer] = stored_messages(registry, "a")
    last = told_messages(registry, "a")[-1]
    assert (answer["version"], len(answer["versions"])) == (2, 2)
    assert last == {**answer, "version": 1, "versions": []}


def test_message_events_with_missing_fields_are_read_with_defaults(path, registry):
    with threads.Runner(registry, catalog.build("support")) as runner:
        runner.start("a", "Where is order 1001?", if_not_exists="create").result(30)
    fields = ("created_at", "version", "versions")
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute(
            "SELECT position, data FROM threads_event WHERE type = 'message'"
        ).fetchall()
        for position, data in rows:
            message = {k: v for k, v in json.loads(data)["message"].items() if v and k not in fields}
            row = (json.dumps({"message": message}), position)
            connection.execute("UPDATE threads_event SET data = ? WHERE position = ?", row)
    wanted = [{**each, "created_at": None} for each in stored_messages(registry, "a")]
    assert told_messages(registry, "a") == wanted


def test_message_events_are_stored_without_defaults(path, registry):
    with threads.Runner(registry, build_agent()) as runner:
        runner.start("a", "Hi", if_not_exists="create").result(30)
    with closing(sqlite3.connect(path)) as connection:
        [(data,), *_] = connection.execute("SELECT data FROM threads_event WHERE type = 'message'")
    assert json.loads(data)["message"].keys() == {"id", "role", "text", "content", "created_at", "run_id"}


def test_subscribers_do_not_share_the_lists_of_an_event(registry):
    with threads.Runner(registry, build_agent()) as runner:
        runner.start("a", "Hi", if_not_exists="create").result(30)
    told_messages(registry, "a")[0]["tool_calls"].append("mine")
    assert told_messages(registry, "a")[0]["tool_calls"] == []


def test_interrupted_event_at_a_breakpoint_has_an_empty_list(registry):
    graph = compiled(Plain, lambda state: {"messages": [AIMessage(interrupt("sure?"))]}, None)
    graph.interrupt_before_nodes = ["model"]
    with threads.Runner(registry, graph) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        run.result(30)
        assert told(run, "interrupted", "interrupts") == [[]]
        answered = runner.resume("a")
        answered.result(30)
        assert [each["value"] for each in told(answered, "interrupted", "interrupts")[0]] == ["sure?"]
