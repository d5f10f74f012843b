"""Runs that are stopped: what was said is kept or taken back, and the thread goes on."""

import asyncio
import threading

import pytest
from graphs import Counter, Plain, compiled, config
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, StateGraph
from run_helpers import (
    Gate,
    Talking,
    plain_tool_graph,
    slow_agent,
    sync_talking_graph,
    texts,
    told,
    tool_agent,
    types,
    until,
    waiting_graph,
)

import threads
from agent import build_agent
from agent.state import AgentState
from threads.runs.queue import StopReason


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        yield registry


def subgraph_agent():
    """Talks slowly in a subgraph."""
    builder = StateGraph(Plain)
    builder.add_node("inner", sync_talking_graph())
    builder.add_edge(START, "inner")
    builder.add_edge("inner", END)
    return builder.compile()


def first_words(run):
    for event in run:
        if event.type == "token":
            return event
    raise AssertionError("it said nothing")


TALKERS = {
    "async model": slow_agent,
    "model in a thread": sync_talking_graph,
    "model in a subgraph": subgraph_agent,
}


@pytest.mark.slow
@pytest.mark.parametrize("build", TALKERS.values(), ids=TALKERS)
@pytest.mark.parametrize("how", ["run", "thread", "another process"])
def test_stop_keeps_partial_output_as_a_stopped_message(registry, tmp_path, build, how):
    with threads.Runner(registry, build()) as runner:
        run = runner.start("a", "Talk", if_not_exists="create")
        first_words(run)
        if how == "run":
            run.stop()
        elif how == "thread":
            assert runner.stop("a")
        else:
            with (
                threads.open(tmp_path / "threads.db") as elsewhere,
                threads.Runner(elsewhere, build(), recover=False) as other,
            ):
                assert other.stop("a")
        values = run.result(30)
        assert run.status == "stopped"
        assert not runner.stop("a"), "there is nothing left to stop"
        kept = registry.messages("a")
        assert [message.role for message in kept] == ["user", "assistant"]
        assert kept[-1].text.startswith("w0 ") and "w199" not in kept[-1].text
        assert [message.stopped for message in kept] == [False, True]
        assert values["messages"][-1].response_metadata["stopped"] is True
        assert registry.get("a").message_count == 2
        assert registry.get("a").status == "idle"
        events = list(runner.run(run.id))
        assert types(events)[-1] == "stopped"
        assert told(events, "message", "message")[-1]["text"] == kept[-1].text
        assert told(events, "message", "message")[-1]["stopped"] is True
        again = runner.start("a", "And now?")
        first_words(again)
        again.stop()
        again.result(30)
    assert [message.role for message in registry.messages("a")] == ["user", "assistant"] * 2
    assert registry.verify() == []


@pytest.mark.parametrize("is_async", [False, True])
def test_stop_is_fast_before_the_first_token(registry, is_async):
    gate = Gate()
    with threads.Runner(registry, waiting_graph(gate, is_async=is_async)) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        assert gate.reached.wait(20)
        run.stop()
        run.result(30)
        gate.opened.set()
        assert texts(registry, "a") == ["Hi"]
        assert runner.start("a", "Hi again").result(30)["messages"][-1].text == "at last"
    assert texts(registry, "a") == ["Hi", "Hi again", "at last"]


@pytest.mark.parametrize("build", [tool_agent, plain_tool_graph])
@pytest.mark.parametrize("is_async", [False, True])
def test_stop_in_a_tool_leaves_no_dangling_tool_call(registry, build, is_async):
    gate = Gate()

    @tool
    def slow(n: int) -> str:
        """Takes its time."""
        gate.wait()
        return "found"

    @tool("slow")
    async def aslow(n: int) -> str:
        """Takes its time."""
        await gate.await_()
        return "found"

    with threads.Runner(registry, build(aslow if is_async else slow)) as runner:
        run = runner.start("a", "Look it up", if_not_exists="create")
        assert gate.reached.wait(20)
        run.stop()
        values = run.result(30)
        gate.opened.set()
        answers = [message for message in values["messages"] if isinstance(message, ToolMessage)]
        assert [(answer.tool_call_id, answer.status) for answer in answers] == [("call-0", "error")]
        assert runner.start("a", "Once more").result(30)["messages"][-1].text == "done"
    assert registry.get("a").status == "idle"
    assert registry.verify() == []


def test_stop_of_an_ended_run_changes_nothing(registry):
    with threads.Runner(registry, build_agent()) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        run.result(30)
        run.stop()
        assert run.status == "success"
        assert not runner.stop("a")


def test_stop_works_for_a_graph_without_messages(registry):
    gate = Gate()

    def node(state):
        gate.wait()
        return {"number": 5}

    with threads.Runner(registry, compiled(Counter, node, None)) as runner:
        run = runner.start("a", input={"number": 1}, if_not_exists="create")
        assert gate.reached.wait(20)
        run.stop()
        assert run.result(30) == {"number": 1}
        gate.opened.set()
        assert runner.start("a", input={"number": 2}).result(30) == {"number": 5}


# a new message while one is answered


def test_interrupt_strategy_keeps_partial_output(registry):
    with threads.Runner(registry, slow_agent(150)) as runner:
        old = runner.start("a", "Talk", if_not_exists="create")
        first_words(old)
        new = runner.start("a", "Stop, something else", multitask_strategy="interrupt")
        new.result(20)
        assert (old.status, new.status) == ("stopped", "success")
    kept = registry.messages("a")
    assert [message.role for message in kept] == ["user", "assistant", "user", "assistant"]
    assert [message.stopped for message in kept] == [False, True, False, False]
    assert registry.verify() == []


def state_of(registry, graph):
    state = graph.copy(update={"checkpointer": registry.checkpointer}).get_state(config("a"))
    return state.values.get("messages", []), state.next


def story_of(registry):
    return [(event.sequence, event.type, event.data) for event in registry.events("a", follow=False)]


@pytest.mark.parametrize("earlier", [0, 1, 3])
@pytest.mark.parametrize("state", [Plain, AgentState], ids=["add_messages", "delta"])
def test_rollback_strategy_restores_the_thread(registry, earlier, state):
    gate = Gate()
    builder = StateGraph(state)
    builder.add_node("before", lambda state: {"messages": [AIMessage("let me see")]})
    builder.add_node("model", lambda state: answer(state))

    def answer(state):
        if state["messages"][-2].text == "wait":
            gate.wait()
        return {"messages": [AIMessage(f"{len(state['messages'])} heard")]}

    builder.add_edge(START, "before")
    builder.add_edge("before", "model")
    graph = builder.compile().with_config(metadata={"messages_reducer": "add_messages"})
    with threads.Runner(registry, graph) as runner:
        for number in range(earlier):
            runner.start("a", f"message {number}", if_not_exists="create").result(30)
        registry.create(id="a", if_exists="do_nothing")
        seen, was, story = texts(registry, "a"), state_of(registry, graph), story_of(registry)
        old = runner.start("a", "wait")
        assert gate.reached.wait(20)
        until(lambda: len(registry.messages("a")) == len(seen) + 2)
        last = registry.events("a", follow=False)
        numbers = [event.sequence for event in last]
        assert runner._executor.stop(old.id, StopReason.ROLLBACK)
        old.result(30)
        assert texts(registry, "a") == seen
        assert state_of(registry, graph) == was
        assert registry.get("a").message_count == len(seen)
        gate.opened.set()
        new = runner.start("a", "instead")
        new.result(30)
        assert texts(registry, "a") == [*seen, "instead", "let me see", f"{len(seen) + 2} heard"]
        now = list(registry.events("a", follow=False))
        assert story_of(registry)[: len(story)] == story
        assert "wait" not in str([event.data for event in now]), "nothing is told of it either"
        assert min(event.sequence for event in now if event.run_id == new.id) > max(numbers), (
            "no number twice"
        )
    assert registry.verify() == []


def test_rollback_of_the_first_run_leaves_an_empty_thread(registry):
    gate = Gate()
    with threads.Runner(registry, waiting_graph(gate)) as runner:
        runner.start("a", "one", if_not_exists="create")
        assert gate.reached.wait(20)
        second = runner.start("a", "two", multitask_strategy="rollback")
        until(lambda: registry.runs("a")[1].status == "stopped")
        gate.opened.set()
        second.result(30)
    assert texts(registry, "a") == ["two", "at last"]
    assert registry.verify() == []


def test_rollback_is_not_replaced_by_a_later_interrupt(registry):
    with threads.Runner(registry, slow_agent()) as runner:
        run = runner.start("a", "Talk", if_not_exists="create")
        first_words(run)
        runner.start("a", "two", multitask_strategy="rollback")
        runner.start("a", "three", multitask_strategy="interrupt").stop()
        run.result(20)
        assert "Talk" not in texts(registry, "a")


def test_partial_output_of_parallel_models_is_kept(registry):
    builder = StateGraph(Plain)
    for name in ("left", "right"):
        builder.add_node(name, talking_node(name))
        builder.add_edge(START, name)
    with threads.Runner(registry, builder.compile()) as runner:
        run = runner.start("a", "Talk", if_not_exists="create")
        heard = set()
        for event in run:
            if event.type == "token":
                heard.add(event.data["text"].split()[0])
            if heard >= {"left", "right"}:
                break
        run.stop()
        run.result(30)
        answers = [message for message in registry.messages("a") if message.role == "assistant"]
        assert {message.text.split()[0] for message in answers} == {"left", "right"}
        assert all(message.stopped for message in answers)
        assert runner.start("a", "And now?", multitask_strategy="enqueue") and registry.verify() == []
        runner.stop("a")


def talking_node(word):
    """Says one word again and again, by a model of its own."""
    model = Talking(word=word + " ")

    async def node(state):
        return {"messages": [await model.ainvoke(state["messages"])]}

    return node


def test_rollback_during_settlement_discards_partial_output(registry):
    reached, stopped, opened = threading.Event(), threading.Event(), threading.Event()

    async def node(state):
        reached.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.set()
            while not opened.is_set():
                await asyncio.sleep(0.005)
            raise

    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        run = runner.start("a", "Talk", if_not_exists="create")
        assert reached.wait(20)
        stopping = threading.Thread(target=run.stop)
        stopping.start()
        assert stopped.wait(20)
        assert runner._executor.stop(run.id, StopReason.ROLLBACK)
        opened.set()
        stopping.join(20)
        until(lambda: run.info.status == "stopped")
        assert texts(registry, "a") == []
