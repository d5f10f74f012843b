"""Nodes, tools and models that are told to end and do not: the run ends without them, and they change nothing."""

import asyncio
import subprocess
import sys
import textwrap
from contextlib import suppress

import pytest
from graphs import Plain, compiled
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from locations import SUPPORT
from run_helpers import Gate, texts, told, tool_agent, types, until

import threads
from agent import build_agent
from threads.runs.queue import StopReason


class Deaf(Gate):
    """Where a node stays until the test lets it go, whoever cancels it."""

    def __init__(self):
        super().__init__()
        self.cancelled = 0
        self.ended = 0

    async def stay(self):
        self.reached.set()
        while not self.opened.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                self.cancelled += 1
        self.ended += 1


@pytest.fixture
def gate():
    gate = Deaf()
    yield gate
    gate.opened.set()


@pytest.fixture
def registry(tmp_path, gate):
    with threads.open(tmp_path / "threads.db") as registry:
        yield registry
        gate.opened.set()


def deaf_once(gate):
    """Stays deaf for the message `stay`, answers others at once; writes to the stream when it is let go."""

    async def node(state):
        if state["messages"][-1].text == "stay":
            await gate.stay()
            get_stream_writer()("too late")
            return {"messages": [AIMessage("too late")]}
        return {"messages": [AIMessage("at once")]}

    return compiled(Plain, node, None)


def is_untouched(registry, gate, runner, expected):
    """Once the node that was left behind has ended, all is as it was."""
    gate.opened.set()
    until(lambda: gate.ended)
    runner.start("a", "and now?").result(20)
    assert texts(registry, "a") == [*expected, "and now?", "at once"]
    assert "too late" not in str([event.data for event in registry.events("a", follow=False)])
    assert registry.get("a").status == "idle"
    assert registry.verify() == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stop", "interrupt", "rollback"])
def test_node_that_ignores_cancellation_is_abandoned(registry, gate, how):
    with threads.Runner(registry, deaf_once(gate)) as runner:
        runner.start("a", "hi", if_not_exists="create").result(20)
        run = runner.start("a", "stay")
        assert gate.reached.wait(20)
        if how == "stop":
            run.stop()
            new = []
        else:
            new = ["instead", "at once"]
            runner.start("a", "instead", multitask_strategy=how).result(20)
        run.result(20)
        assert not gate.opened.is_set() and gate.cancelled and not gate.ended, "nobody waited for it"
        assert run.status == "stopped"
        kept = [] if how == "rollback" else ["stay"]
        assert texts(registry, "a") == ["hi", "at once", *kept, *new]
        assert ("taken_back" in list(runner.run(run.id))[-1].data) == (how == "rollback")
        is_untouched(registry, gate, runner, ["hi", "at once", *kept, *new])


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cancel", "rollback"])
def test_abandoned_node_that_ends_during_settlement_stores_nothing(registry, gate, how):
    def is_abandoned():
        return any(attempt.lease.fence[1] > 1 for attempt in runner._executor._active.values())

    async def node(state):
        if state["messages"][-1].text != "stay":
            return {"messages": [AIMessage("at once")]}
        gate.reached.set()
        while not (gate.opened.is_set() or is_abandoned()):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
        gate.ended += not gate.opened.is_set()
        return {"messages": [AIMessage("too late")]}

    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        run = runner.start("a", "stay", if_not_exists="create")
        assert gate.reached.wait(20)
        assert runner._executor.stop(run.id, StopReason(how))
        run.result(20)
        assert gate.ended, "before the run had"
        is_untouched(registry, gate, runner, ["stay"] if how == "cancel" else [])


def test_partial_output_of_a_model_that_ignores_cancellation_is_kept(registry, gate):
    class Model(BaseChatModel):
        @property
        def _llm_type(self):
            return "deaf"

        def _generate(self, *_, **__):
            return ChatResult(generations=[ChatGeneration(message=AIMessage("at once"))])

        async def _astream(self, messages, *_, run_manager=None, **__):
            said = ["at once"] if messages[-1].text != "stay" else ["I ", "said ", "this"]
            for word in said:
                chunk = ChatGenerationChunk(message=AIMessageChunk(word))
                if run_manager:
                    await run_manager.on_llm_new_token(word, chunk=chunk)
                yield chunk
            if messages[-1].text == "stay":
                await gate.stay()
                yield ChatGenerationChunk(message=AIMessageChunk("too late"))

    with threads.Runner(registry, build_agent(Model())) as runner:
        run = runner.start("a", "stay", if_not_exists="create")
        said = ""
        for event in run:
            said += event.data["text"] if event.type == "token" else ""
            if said == "I said this":
                break
        run.stop()
        run.result(20)
        kept = registry.messages("a")
        assert [(message.text, message.stopped) for message in kept] == [
            ("stay", False),
            ("I said this", True),
        ]
        story = list(runner.run(run.id))
        assert [each["text"] for each in told(story, "message", "message")] == ["stay", "I said this"]
        assert types(story)[-1] == "stopped"
        is_untouched(registry, gate, runner, ["stay", "I said this"])


def test_tool_that_ignores_cancellation_is_abandoned_and_its_call_answered(registry, gate):
    @tool
    async def look(n: int) -> str:
        """Looks."""
        await gate.stay()
        return "too late"

    with threads.Runner(registry, tool_agent(look)) as runner:
        run = runner.start("a", "stay", if_not_exists="create")
        assert gate.reached.wait(20)
        run.stop()
        values = run.result(20)
        assert values["messages"][-1].status == "error"
        assert run.status == "stopped" and not gate.ended
        before = list(registry.events("a", follow=False))
        gate.opened.set()
        until(lambda: gate.ended)
        runner.start("a", "and now?").result(20)
        later = list(registry.events("a", follow=False))[len(before) :]
        assert {event.run_id for event in later}.isdisjoint({run.id})
        assert registry.verify() == []


def test_result_beside_an_abandoned_node_is_kept_and_reported_once(registry, gate):
    async def deaf(state):
        await gate.stay()
        return {"messages": [AIMessage("too late")]}

    builder = StateGraph(Plain)
    for name, node in (("deaf", deaf), ("good", lambda state: {"messages": [AIMessage("found")]})):
        builder.add_node(name, node)
        builder.add_edge(START, name)
        builder.add_edge(name, END)
    with threads.Runner(registry, builder.compile()) as runner:
        run = runner.start("a", "stay", if_not_exists="create")
        assert gate.reached.wait(20)
        run.stop()
        run.result(20)
        gate.opened.set()
        until(lambda: gate.ended)
        assert texts(registry, "a") in (["stay", "found"], ["stay"])
        spoken = told(runner.run(run.id), "message", "message")
        assert [each["text"] for each in spoken] == texts(registry, "a")
    assert registry.verify() == []


def test_write_of_a_sync_node_after_the_stop_is_rejected(registry, gate):
    refused = []

    def node(state, config):
        if state["messages"][-1].text != "stay":
            return {"messages": [AIMessage("at once")]}
        gate.wait()
        try:
            graph.copy(update={"checkpointer": registry.checkpointer}).update_state(
                config, {"messages": [AIMessage("too late")]}
            )
        except threads.ThreadsError as error:
            refused.append(error)
        gate.ended += 1
        return {"messages": [AIMessage("too late")]}

    graph = compiled(Plain, node, None)
    with threads.Runner(registry, graph) as runner:
        run = runner.start("a", "stay", if_not_exists="create")
        assert gate.reached.wait(20)
        run.stop()
        run.result(20)
        assert not gate.ended
        is_untouched(registry, gate, runner, ["stay"])
    assert len(refused) == 1


@pytest.mark.slow
def test_close_abandons_a_blocked_node_and_the_next_runner_recovers(registry, gate, tmp_path):
    runner = threads.Runner(registry, deaf_once(gate))
    run = runner.start("a", "stay", if_not_exists="create")
    assert gate.reached.wait(20)
    runner.close(timeout=0)
    assert not gate.ended, "nobody waited for it"
    with pytest.raises(threads.LeaseLost):
        run.result(20)
    heir = compiled(Plain, lambda state: {"messages": [AIMessage("at once")]}, None)
    with threads.Runner(registry, heir) as other:
        assert other.run(run.id).result(20)["messages"][-1].text == "at once"
        is_untouched(registry, gate, other, ["stay", "at once"])


def test_title_model_that_ignores_cancellation_sets_no_title_later(registry, gate):
    class Model(BaseChatModel):
        @property
        def _llm_type(self):
            return "deaf"

        def _generate(self, *_, **__):
            raise NotImplementedError

        async def ainvoke(self, *_, **__):
            await gate.stay()
            return AIMessage("Too late")

    with threads.Runner(registry, deaf_once(gate), title_model=Model()) as runner:
        runner.start("a", "hi", if_not_exists="create").result(20)
        assert gate.reached.wait(20)
        (run,) = [run for run in registry.runs("a") if run.kind == "title"]
        runner.run(run.id).stop()
        runner.run(run.id).result(20)
        assert registry.runs("a")[0].status == "stopped" and not gate.ended
        is_untouched(registry, gate, runner, ["hi", "at once"])
        assert registry.get("a").title == "hi"


@pytest.mark.slow
def test_process_exits_though_a_node_never_ends(tmp_path):
    program = """
        import asyncio, sys, threading
        from graphs import Plain, compiled
        import threads

        async def node(state):
            reached.set()
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    pass

        reached = threading.Event()
        with threads.open(sys.argv[1]) as registry, threads.Runner(registry, compiled(Plain, node, None)) as runner:
            run = runner.start("a", "hi", if_not_exists="create")
            assert reached.wait(30)
            run.stop()
            run.result(30)
            print(run.status)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program), str(tmp_path / "threads.db")],
        capture_output=True, text=True, check=True, timeout=120, cwd=SUPPORT,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("stopped", "")
