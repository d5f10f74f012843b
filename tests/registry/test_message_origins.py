"""Branch operations find where a message first stood, whether its id came with it, later, or never."""

import operator
from typing import Annotated, Any, TypedDict

import pytest
from conversation_shapes import SHAPES, Script, keep_last
from graphs import Plain, compiled, config, echo, plain_graph, said, stock_saver
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import START, StateGraph
from langgraph.graph.message import _messages_delta_reducer
from langgraph.types import Command, interrupt

import threads
from threads.checkpoint.branches import Branch
from threads.store.message_versions import with_versions


class Added(TypedDict):
    messages: Annotated[list, operator.add]


def quoting(state: Any) -> Any:
    last = state["messages"][-1]
    return {"messages": [AIMessage(f"re: {last['content'] if isinstance(last, dict) else last.text}")]}


def everything(state: Any) -> Any:
    return {"messages": [*state["messages"], *echo(state)["messages"]]}


def adding(saver: Any = None) -> Any:
    return compiled(Added, quoting, saver)


def returning_all(saver: Any = None) -> Any:
    return compiled(Plain, everything, saver)


def with_subgraph(saver: Any = None) -> Any:
    builder = StateGraph(Plain)
    builder.add_node("inner", compiled(Plain, echo, None))
    builder.add_edge(START, "inner")
    return builder.compile(checkpointer=saver)


LATE_IDS = {"plain": plain_graph, "whole list": returning_all, "subgraph": with_subgraph}
BUILDS = {"operator.add": adding, **LATE_IDS}


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db", reducer=_messages_delta_reducer) as registry:
        yield registry
        assert registry.verify() == []


@pytest.fixture(params=[False, True], ids=["ours", "adopted"])
def three_turns(request, tmp_path):
    """Returns a registry with three turns of a graph, by our checkpointer or from a file of LangGraph's."""
    opened = []

    def open_with(build: Any) -> threads.Registry:
        path = tmp_path / "threads.db"
        if request.param:
            saver = stock_saver(path)
            for number in "123":
                build(saver).invoke(said(f"q{number}"), config("a"))
            saver.conn.close()
        opened.append(registry := threads.open(path))
        if not request.param:
            for number in "123":
                build(registry.checkpointer).invoke(said(f"q{number}"), config("a"))
        return registry

    yield open_with
    for registry in opened:
        assert registry.verify() == []
        registry.close()


def texts(registry: threads.Registry, id: str = "a") -> list[str]:
    return [message.text for message in registry.messages(id)]


TURNS = ["q1", "re: q1", "q2", "re: q2", "q3", "re: q3"]


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_undo_takes_the_last_turn(three_turns, build):
    registry = three_turns(build)
    graph = build(registry.checkpointer)
    for length in (4, 2, 0):
        assert registry.undo("a").text == TURNS[length]
        assert texts(registry) == TURNS[:length]
        assert graph.get_state(config("a")).next == (), "what was undone is not due"
    with pytest.raises(threads.InvalidValue, match="no user message"):
        registry.undo("a")
    graph.invoke(said("again"), config("a"))
    assert texts(registry) == ["again", "re: again"]


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_regenerate_answers_the_last_question(three_turns, build):
    registry = three_turns(build)
    before = registry.messages("a")[-1].created_at
    with threads.Runner(registry, build(None)) as runner:
        runner.regenerate("a").result(20)
    assert texts(registry) == TURNS
    assert registry.messages("a")[-1].created_at > before


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_undo_after_runs_and_plain_invokes_takes_one_turn(registry, build):
    with threads.Runner(registry, build(None)) as runner:
        runner.start("a", "q1", if_not_exists="create").result(20)
    for text in ("q2", "q3"):
        build(registry.checkpointer).invoke(said(text), config("a"))
    assert registry.undo("a").text == "q3"
    assert texts(registry) == TURNS[:4]


@pytest.mark.parametrize("build", LATE_IDS.values(), ids=LATE_IDS)
def test_fork_and_rewind_end_with_the_message(three_turns, build):
    registry = three_turns(build)
    for place, message in enumerate(registry.messages("a")):
        assert texts(registry, registry.fork("a", at=message.id).id) == TURNS[: place + 1]
    for place, message in reversed([*enumerate(registry.messages("a"))]):
        registry.rewind("a", to=message.id)
        assert texts(registry) == TURNS[: place + 1]


@pytest.mark.parametrize("build", LATE_IDS.values(), ids=LATE_IDS)
def test_edit_replaces_the_question(three_turns, build):
    registry = three_turns(build)
    with threads.Runner(registry, build(None)) as runner:
        runner.edit("a", registry.messages("a")[4].id, "Q3").result(20)
        assert texts(registry) == [*TURNS[:4], "Q3", "re: Q3"]
        runner.edit("a", registry.messages("a")[2].id, "Q2").result(20)
        assert texts(registry) == [*TURNS[:2], "Q2", "re: Q2"]
        runner.edit("a", registry.messages("a")[0].id, "Q1").result(20)
    assert texts(registry) == ["Q1", "re: Q1"]


def test_equal_messages_without_ids_are_told_apart_by_position(registry):
    graph = compiled(Added, lambda _: {"messages": [AIMessage("yes")]}, registry.checkpointer)
    for _ in range(3):
        graph.invoke(said("yes"), config("a"))
    for length in (4, 2, 0):
        registry.undo("a")
        assert texts(registry) == ["yes"] * length


def test_equal_messages_of_a_trimmed_list_are_told_apart_by_what_was_written(registry):
    class State(TypedDict):
        messages: Annotated[list, keep_last]

    answer = {"messages": [AIMessage("yes"), AIMessage("yes")]}
    graph = compiled(State, lambda _: answer, registry.checkpointer)
    for _ in range(3):
        graph.invoke(said("yes"), config("a"))
    for length in (3, 3, 0):
        assert registry.undo("a").role == "user"
        assert texts(registry) == ["yes"] * length


def test_undo_after_a_regeneration_that_waits_takes_its_question_alone(registry):
    """The fork that the regeneration began with holds nothing of what the forked checkpoint's tasks wrote."""

    class State(TypedDict):
        messages: Annotated[list, keep_last]

    graph = compiled(State, lambda _: {"messages": [AIMessage(interrupt("sure?"))]}, None)
    plain = graph.copy(update={"checkpointer": registry.checkpointer})
    plain.invoke(said("go"), config("a"))
    plain.invoke(said("other"), config("a"))
    registry.undo("a")
    plain.invoke(said("go"), config("a"))
    plain.invoke(Command(resume="yes"), config("a"))
    with threads.Runner(registry, graph) as runner:
        runner.regenerate("a").result()
    assert texts(registry) == ["go", "go"] and registry.interrupts("a")
    registry.undo("a")
    assert texts(registry) == ["go"]


def test_whole_list_that_is_added_again_belongs_to_its_turn(registry):
    graph = compiled(Added, everything, registry.checkpointer)
    for number in "12":
        graph.invoke({"messages": [HumanMessage(f"q{number}", id=number)]}, config("a"))
    first = ["q1", "q1", "re: q1"]
    assert texts(registry) == [*first, "q2", *first, "q2", "re: q2"]
    with threads.Runner(registry, compiled(Added, everything, None)) as runner:
        runner.regenerate("a").result(20)
        assert texts(registry) == [*first, "q2", *first, "q2", "re: q2"]
        runner.edit("a", "2", "Q2").result(20)
    assert texts(registry) == [*first, "Q2", *first, "Q2", "re: Q2"]
    assert registry.undo("a").text == "Q2"
    assert texts(registry) == first


def test_message_that_a_node_writes_as_the_user_begins_no_turn(registry):
    def node(state: Any) -> Any:
        return {"messages": [AIMessage("which?"), HumanMessage("the first"), AIMessage("done")]}

    graph = compiled(Plain, node, registry.checkpointer)
    graph.invoke(said("q1"), config("a"))
    graph.invoke(said("q2"), config("a"))
    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        runner.regenerate("a").result(20)
        assert texts(registry) == ["q1", "which?", "the first", "done", "q2", "which?", "the first", "done"]
        with pytest.raises(threads.MessageNotFound, match="the agent wrote it"):
            runner.edit("a", registry.messages("a")[6].id, "the second")
    assert registry.undo("a").text == "q2"
    assert texts(registry) == ["q1", "which?", "the first", "done"]


def test_undo_of_an_interrupted_turn_asks_no_more(registry):
    shape = SHAPES["add_messages, append"]
    graph = shape.build(Script()).copy(update={"checkpointer": registry.checkpointer})
    for text in ("hello", "ask"):
        graph.invoke(said(text), config("a"))
    assert registry.interrupts("a")
    assert registry.undo("a").text == "ask"
    assert (texts(registry), registry.interrupts("a")) == (["hello", "done 0"], ())
    assert graph.get_state(config("a")).next == ()


@pytest.mark.parametrize("way", ["update_state", "Command"])
def test_message_that_came_without_an_input_can_be_undone(registry, way):
    graph = plain_graph(registry.checkpointer)
    graph.invoke(said("q1"), config("a"))
    if way == "update_state":
        graph.update_state(config("a"), said("q2"), as_node="__start__")
        graph.invoke(None, config("a"))
    else:
        graph.invoke(Command(update=said("q2"), goto="model"), config("a"))
    assert texts(registry) == TURNS[:4]
    assert registry.undo("a").text == "q2"
    assert texts(registry) == TURNS[:2]


@pytest.mark.parametrize("build", [plain_graph, adding])
def test_turns_stored_at_their_end_only(registry, build):
    """With `durability="exit"` no checkpoint is between a question and its answer."""
    for number in "123":
        build(registry.checkpointer).invoke(said(f"q{number}"), config("a"), durability="exit")
    history = registry.history("a").total
    messages = registry.messages("a").items
    with threads.Runner(registry, build(None)) as runner:
        with pytest.raises(threads.MessageNotFound, match="in one checkpoint with its answer"):
            runner.regenerate("a")
        if messages[0].id:
            for refused in (
                lambda: registry.fork("a", at=messages[2].id),
                lambda: registry.rewind("a", to=messages[2].id),
            ):
                with pytest.raises(threads.MessageNotFound, match="in one checkpoint with its answer"):
                    refused()
            with pytest.raises(threads.MessageNotFound, match="first checkpoint"):
                runner.edit("a", messages[0].id, "Q1")
        assert registry.history("a").total == history, "nothing was changed"
        if messages[0].id:
            runner.edit("a", messages[4].id, "Q3").result(20)
            assert texts(registry) == [*TURNS[:4], "Q3", "re: Q3"]
    for length in (4, 2, 0):
        registry.undo("a")
        assert texts(registry) == TURNS[:length]


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_what_pruning_took_is_refused_with_the_reason(three_turns, build):
    registry = three_turns(build)
    registry.prune(["a"])
    history, messages = registry.history("a").total, registry.messages("a").items
    with threads.Runner(registry, build(None)) as runner:
        calls = [lambda: registry.undo("a"), lambda: runner.regenerate("a")]
        if messages[0].id:
            calls += [
                lambda: runner.edit("a", messages[2].id, "Q2"),
                lambda: registry.fork("a", at=messages[2].id),
            ]
        for call in calls:
            with pytest.raises(threads.MessageNotFound, match="was pruned"):
                call()
    assert (registry.history("a").total, texts(registry)) == (history, TURNS)


def test_summary_with_the_same_text_as_the_one_before_is_another_message(registry):
    shape = SHAPES["add_messages, summarise and append"]
    graph = shape.build(Script()).copy(update={"checkpointer": registry.checkpointer})
    for text in ("q1", "q2", "q3", "q4"):
        graph.invoke(said(text), config("a"))
    shown = ["summary", "q3", "done 2", "q4"]
    assert texts(registry) == [*shown, "done 3"]
    assert texts(registry, registry.fork("a", at=registry.messages("a")[0].id).id) == shown


def test_messages_that_a_later_run_returns_keep_their_time_and_run(registry):
    for number in "12":
        returning_all(registry.checkpointer).invoke(said(f"q{number}"), config("a"))
    before = [message.created_at for message in registry.messages("a")]
    with threads.Runner(registry, returning_all(None)) as runner:
        run = runner.start("a", "q3")
        run.result(20)
    messages = registry.messages("a")
    assert [message.run_id for message in messages] == [None] * 4 + [run.id] * 2
    times = [message.created_at for message in messages]
    assert times == sorted(times) and times[:4] == before


def version(message: threads.Message) -> tuple[int, int]:
    return message.version, len(message.versions)


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_regenerated_answer_has_versions(three_turns, build):
    registry = three_turns(build)
    with threads.Runner(registry, build(None)) as runner:
        runner.regenerate("a").result(20)
    messages = registry.messages("a")
    assert [version(message) for message in messages] == [(1, 0)] * 5 + [(2, 2)]
    registry.rewind("a", to=messages[5].versions[0])
    assert texts(registry) == TURNS


def test_versions_of_a_branch_that_was_trimmed(registry):
    """The messages of branches are compared from the first one on that both have."""
    with threads.Runner(registry, SHAPES["add_messages, trim and append"].build(Script())) as runner:
        for number in "123":
            runner.start("a", f"q{number}", if_not_exists="create").result(20)
        trimmed = registry.messages("a").items
        assert [message.text for message in trimmed] == ["q2", "done 1", "q3", "done 2"]
        runner.regenerate("a", trimmed[1].id).result(20)
    whole = registry.messages("a").items
    assert [message.text for message in whole] == ["q1", "done 0", "q2", "done 3"]
    assert [version(message) for message in whole] == [(1, 0), (1, 0), (1, 0), (2, 2)]
    registry.rewind("a", to=whole[3].versions[0])
    assert [version(message) for message in registry.messages("a")] == [(1, 0), (1, 2), (1, 0), (1, 0)]


def test_summary_is_no_version_of_what_it_replaces():
    first, answer, summary, other = (
        threads.Message(id, role, id)
        for id, role in (("q", "user"), ("a", "assistant"), ("s", "system"), ("b", "assistant"))
    )
    branches = [
        Branch("1", (first, answer)),
        Branch("2", (summary, first, other)),
        Branch("3", (summary, answer)),
    ]
    found = with_versions(branches[0].messages, branches)
    assert [message.versions for message in found] == [(), ("3", "2")]
    found = with_versions(branches[1].messages, branches)
    assert [message.versions for message in found] == [(), (), ("1", "2")]
