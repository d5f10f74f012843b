"""A new message where others wait already: they are passed over or taken back, and none is lost."""

import signal

import pytest
from graphs import Plain, compiled, echo
from langchain_core.messages import AIMessage
from langgraph.graph import END, START, StateGraph
from run_helpers import Gate, failing_once_graph, texts, told, types, until, waiting_graph
from runner_processes import dying_as_it_makes_room

import threads
from agent.state import AgentState
from threads.runs.queue import StopReason
from threads.store.transaction import Store


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        yield registry


@pytest.fixture
def elsewhere(tmp_path, registry):
    with threads.open(tmp_path / "threads.db") as elsewhere:
        yield elsewhere


def queued(gate, runner, other, count=3):
    """A run at the gate, and others behind it that were asked for here and elsewhere."""
    runs = [runner.start("a", "0", key="key 0", if_not_exists="create")]
    assert gate.reached.wait(20)
    for number in range(1, count):
        whose = (runner, other)[number % 2]
        runs.append(whose.start("a", str(number), key=f"key {number}", multitask_strategy="enqueue"))
    gate.reached.clear()
    return runs


@pytest.mark.slow
@pytest.mark.parametrize("state", [Plain, AgentState], ids=["add_messages", "delta"])
@pytest.mark.parametrize("is_last_here", [True, False], ids=["here", "elsewhere"])
def test_interrupt_strategy_skips_queued_runs_and_keeps_their_messages(
    registry, elsewhere, state, is_last_here
):
    gate = Gate()
    graph = waiting_graph(gate, is_async=True, state=state)
    graph = graph.with_config(metadata={"messages_reducer": "add_messages"})
    with threads.Runner(registry, graph) as runner, threads.Runner(elsewhere, graph) as other:
        runs = queued(gate, runner, other, count=5)
        newest = (runner if is_last_here else other).start("a", "newest", multitask_strategy="interrupt")
        assert gate.reached.wait(20), "its turn came though nobody answered the others"
        until(lambda: texts(registry, "a") == ["0", "1", "2", "3", "4", "newest"])
        gate.opened.set()
        assert newest.result(20)["messages"][-1].text == "at last"
        assert [run.status for run in runs] == ["stopped"] * 5
        for number, run in enumerate(runs):
            assert run.result(20)["messages"][-1].text == str(number)
            assert [message.text for message in run.messages()] == [str(number)]
            story = list(runner.run(run.id))
            assert types(story) == ["started", "message", "stopped"]
            assert "taken_back" not in story[-1].data
            again = runner.start("a", str(number), key=f"key {number}", multitask_strategy="interrupt")
            assert (again.id, again.status) == (run.id, "stopped"), "a retry of the client changes nothing"
    assert texts(registry, "a") == ["0", "1", "2", "3", "4", "newest", "at last"]
    assert registry.get("a").status == "idle"
    assert registry.verify() == []


@pytest.mark.parametrize("is_last_here", [True, False], ids=["here", "elsewhere"])
def test_rollback_strategy_withdraws_queued_runs(registry, elsewhere, is_last_here):
    gate = Gate()
    graph = waiting_graph(gate, is_async=True)
    with threads.Runner(registry, graph) as runner, threads.Runner(elsewhere, graph) as other:
        runs = queued(gate, runner, other, count=5)
        newest = (runner if is_last_here else other).start("a", "newest", multitask_strategy="rollback")
        assert gate.reached.wait(20)
        until(lambda: texts(registry, "a") == ["newest"])
        gate.opened.set()
        newest.result(20)
        for number, run in enumerate(runs):
            run.result(20)
            assert run.status == "stopped"
            story = list(runner.run(run.id))
            assert types(story) == ["stopped"] and story[-1].data["taken_back"] is True
            assert run.messages() == ()
            again = runner.start("a", str(number), key=f"key {number}")
            assert (again.id, again.status) == (run.id, "stopped")
    assert texts(registry, "a") == ["newest", "at last"]
    assert registry.verify() == []


def test_new_run_starts_at_once_if_the_queued_run_is_withdrawn(registry, elsewhere):
    gate = Gate()
    graph = waiting_graph(gate, is_async=True)
    other = threads.Runner(elsewhere, graph, recover=False)
    with threads.Runner(registry, graph, recover=False) as runner:
        first = runner.start("a", "0", if_not_exists="create")
        assert gate.reached.wait(20)
        waiting = other.start("a", "1", multitask_strategy="enqueue")
        other.close()
        first.stop()
        until(lambda: first.status == "stopped")
        newest = runner.start("a", "2", multitask_strategy="rollback")
        assert newest.status == "running"
        gate.opened.set()
        newest.result(20)
        assert runner.run(waiting.id).status == "stopped"
    assert texts(registry, "a") == ["0", "2", "at last"]
    assert registry.verify() == []


@pytest.mark.parametrize("strategy", ["interrupt", "rollback"])
def test_failed_run_that_is_queued_again_keeps_its_message(registry, strategy):
    gate, failures = Gate(), [RuntimeError("no")]

    async def node(state):
        if failures:
            raise failures.pop()
        await gate.await_()
        return {"messages": [AIMessage("at last")]}

    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        failed = runner.start("a", "0", key="k", if_not_exists="create")
        with pytest.raises(threads.RunFailed):
            failed.result(20)
        under_way = runner.start("a", "1")
        assert gate.reached.wait(20)
        assert runner.start("a", "0", key="k", multitask_strategy="enqueue").status == "pending"
        newest = runner.start("a", "2", multitask_strategy=strategy)
        until(lambda: newest.status == "running")
        gate.opened.set()
        newest.result(20)
        assert under_way.status == "stopped"
        assert failed.status in ("stopped", "error")
        kept = ["1"] if strategy == "interrupt" else []
        assert texts(registry, "a") == ["0", *kept, "2", "at last"]
    assert registry.verify() == []


def test_skipped_run_can_be_stopped_and_is_withdrawn(registry):
    gate = Gate()
    graph = waiting_graph(gate)
    with threads.Runner(registry, graph, recover=False) as runner:
        first = runner.start("a", "0", if_not_exists="create")
        assert gate.reached.wait(20)
        waiting = runner.start("a", "1", multitask_strategy="enqueue")
        Store(registry._database).write(lambda tx: tx.runs.request_stop(waiting.id, StopReason.SKIP))
        waiting.stop()
        until(lambda: waiting.status == "stopped")
        gate.opened.set()
        first.result(20)
    assert texts(registry, "a") == ["0", "at last"]
    assert list(registry.events("a", follow=False))[-1].type == "finished"


def test_skipped_run_keeps_all_of_its_input(registry):
    class Two(Plain):
        topic: str

    gate, seen = Gate(), []

    async def node(state):
        seen.append((state["messages"][-1].text, state.get("topic")))
        await gate.await_()
        return {"messages": [AIMessage("at last")]}

    builder = StateGraph(Two)
    for name, work in (("first", lambda state: {}), ("model", node)):
        builder.add_node(name, work)
    builder.add_edge(START, "first")
    builder.add_edge("first", "model")
    builder.add_edge("model", END)
    with threads.Runner(registry, builder.compile()) as runner:
        runner.start("a", "0", if_not_exists="create")
        assert gate.reached.wait(20)
        given = {"messages": [{"role": "user", "content": "1"}], "topic": "lamps"}
        runner.start("a", input=given, multitask_strategy="enqueue")
        newest = runner.start("a", "2", multitask_strategy="interrupt")
        until(lambda: newest.status == "running")
        gate.opened.set()
        assert newest.result(20)["topic"] == "lamps"
    assert texts(registry, "a") == ["0", "1", "2", "at last"]
    assert [text for text, _ in seen] == ["0", "2"]
    assert registry.verify() == []


@pytest.mark.parametrize("how", ["stop", "interrupt"])
def test_stop_keeps_the_message_however_early(registry, how):
    """It may be stopped before its message is stored, after it, or when it is about to become state."""
    with threads.Runner(registry, compiled(Plain, echo, None)) as runner:
        for number in range(30):
            id = f"t{number}"
            run = runner.start(id, "first", if_not_exists="create")
            if how == "stop":
                run.stop()
            else:
                runner.start(id, "second", multitask_strategy="interrupt").result(20)
            run.result(20)
            assert texts(registry, id)[0] == "first", (number, run.status)
            spoken = told(registry.events(id, follow=False), "message", "message")
            assert [each["text"] for each in spoken] == texts(registry, id), "each is told, once"
    assert registry.verify() == []


@pytest.mark.crash
@pytest.mark.parametrize("number", range(8))
def test_process_killed_while_skipping_runs_loses_no_message(tmp_path, number):
    path = tmp_path / "threads.db"
    process = dying_as_it_makes_room(path, die_at=number)
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    asked = []
    graph = failing_once_graph([], asked)
    with threads.open(path) as registry, threads.Runner(registry, graph, lease_seconds=0.5):
        until(lambda: all(run.status not in ("pending", "running") for run in registry.runs("a")), 60)
        newest, *older = registry.runs("a")
        assert (newest.status, {run.status for run in older}) == ("success", {"stopped"})
        assert texts(registry, "a") == ["0", "1", "2", "3", "well again"]
        spoken = told(registry.events("a", follow=False), "message", "message")
        assert [each["text"] for each in spoken] == texts(registry, "a")
        assert len(asked) <= 1, "no other was answered"
        assert registry.verify() == []


def test_queued_run_of_another_runner_starts_there(tmp_path):
    path, gate = tmp_path / "threads.db", Gate()
    with (
        threads.open(path) as here,
        threads.open(path) as there,
        threads.Runner(here, {"first": waiting_graph(gate)}) as first,
        threads.Runner(there, {"second": failing_once_graph([], [])}) as second,
    ):
        running = first.start("a", "one", agent_id="first", if_not_exists="create")
        assert gate.reached.wait(20)
        waiting = second.start("a", "two", agent_id="second", multitask_strategy="enqueue")
        last = first.start("a", "three", agent_id="first", multitask_strategy="enqueue")
        assert (waiting.info.status, last.info.status) == ("pending", "pending")
        gate.opened.set()
        for run in (running, waiting, last):
            run.result(20)
            assert (run.info.status, run.info.attempts) == ("success", 1)
        assert texts(here, "a") == ["one", "at last", "two", "well again", "three", "at last"]
