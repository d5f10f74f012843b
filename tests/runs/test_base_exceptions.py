"""Runs whose nodes, tools, callbacks and models raise what no one catches: they end, with a reason."""

import asyncio
import logging
import threading
from typing import Annotated, TypedDict

import pytest
from fused_message import Fuse, Fused
from graphs import Plain, compiled
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import interrupt
from run_helpers import Gate, Talking, tool_agent, until, waiting_graph
from server_helpers import PREFIX, client

import threads
from agent import build_agent


class Panic(BaseException):
    """As `pyo3_runtime.PanicException`, which a Rust library raises where it panics."""


RAISED = [
    Panic,
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    asyncio.CancelledError,
    MemoryError,
    RecursionError,
]
SECRET = "the user's own words"


def sync_node(error):
    def node(state):
        raise error

    return compiled(Plain, node, None)


def async_node(error):
    async def node(state):
        await asyncio.sleep(0)
        raise error

    return compiled(Plain, node, None)


def beside(error):
    """One of two nodes at a time."""

    async def patient(state):
        await asyncio.sleep(0.2)
        return {"messages": [AIMessage("well")]}

    async def node(state):
        await asyncio.sleep(0.05)
        raise error

    builder = StateGraph(Plain)
    for name, each in (("patient", patient), ("broken", node)):
        builder.add_node(name, each)
        builder.add_edge(START, name)
        builder.add_edge(name, END)
    return builder.compile()


def in_subgraph(error):
    return compiled(Plain, async_node(error), None)


def on_edge(error):
    def route(state):
        raise error

    builder = StateGraph(Plain)
    builder.add_node("model", lambda state: {"messages": [AIMessage("said")]})
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", route, [END])
    return builder.compile()


def sync_tool(error):
    @tool
    def broken(n: int) -> str:
        """Breaks."""
        raise error

    return tool_agent(broken)


def async_tool(error):
    @tool
    async def broken(n: int) -> str:
        """Breaks."""
        raise error

    return tool_agent(broken)


class Model(BaseChatModel):
    error: object
    tokens: int = 0

    @property
    def _llm_type(self):
        return "broken"

    def _generate(self, *_, **__):
        raise self.error


class Stream(Model):
    async def _astream(self, *_, **__):
        from langchain_core.messages import AIMessageChunk
        from langchain_core.outputs import ChatGenerationChunk

        yield ChatGenerationChunk(message=AIMessageChunk("half an answer"))
        await asyncio.sleep(0)
        raise self.error


SWALLOWS = "model"
"""LangChain makes an AttributeError of what a model raises that is no Exception."""
AGENTS = {
    "sync node": sync_node,
    "async node": async_node,
    "a node beside another": beside,
    "subgraph": in_subgraph,
    "edge": on_edge,
    "sync tool": sync_tool,
    "async tool": async_tool,
    "model": lambda error: build_agent(Model(error=error)),
    "model stream": lambda error: build_agent(Stream(error=error)),
}


def good():
    return compiled(Plain, lambda state: {"messages": [AIMessage("fine")]}, None)


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "t.db") as registry:
        yield registry


def answers_itself(place, error):
    """LangGraph's tools answer with an `Exception` of theirs; then the run goes on."""
    return place.endswith("tool") and issubclass(error, Exception)


CASES = [(place, error) for place in AGENTS for error in RAISED if not answers_itself(place, error)]


@pytest.mark.crash
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("place", "error"), CASES)
def test_any_exception_of_a_graph_fails_its_run_and_releases_the_lease(registry, place, error, caplog):
    agents = {"broken": AGENTS[place](error(SECRET)), "good": good()}
    with threads.Runner(registry, agents) as runner, caplog.at_level(logging.WARNING):
        other = runner.start("b", "hello", agent_id="good", if_not_exists="create")
        run = runner.start("a", "hello", agent_id="broken", if_not_exists="create")
        with pytest.raises(threads.RunFailed) as failed:
            run.result(20)
        assert run.status == "error"
        assert run.info.error
        assert registry.get("a").status == "error"
        assert str(failed.value.reason) == run.info.error
        assert other.result(20)["messages"][-1].text == "fine"
        again = runner.start("a", "and now?", agent_id="good")
        assert again.result(20)["messages"][-1].text == "fine"
        assert [event.type for event in run.events()].count("failed") == 1
    assert not any(SECRET in record.getMessage() for record in caplog.records)
    if error in (Panic, SystemExit, KeyboardInterrupt) and not place.startswith(SWALLOWS):
        told = [record for record in caplog.records if run.id in record.getMessage()]
        assert [record.levelname for record in told] == ["ERROR"]
        assert error.__name__ in told[0].getMessage()


class Starts(BaseCallbackHandler):
    raise_error = True

    def __init__(self, error):
        self.error = error

    def on_chain_start(self, *_, **__):
        raise self.error


class StartsAsync(AsyncCallbackHandler):
    raise_error = True

    def __init__(self, error):
        self.error = error

    async def on_chain_start(self, *_, **__):
        raise self.error


@pytest.mark.parametrize("error", [Panic, SystemExit, KeyboardInterrupt, asyncio.CancelledError])
@pytest.mark.parametrize("kind", [Starts, StartsAsync])
def test_exception_of_a_callback_fails_the_run(registry, kind, error):
    with threads.Runner(registry, good(), config={"callbacks": [kind(error(SECRET))]}) as runner:
        run = runner.start("a", "hello", if_not_exists="create")
        with pytest.raises(threads.RunFailed):
            run.result(20)
        assert registry.get("a").status != "busy"


@pytest.mark.crash
@pytest.mark.parametrize("error", [*RAISED, ValueError], ids=lambda kind: kind.__name__)
def test_exception_of_a_title_model_fails_only_the_title_run(registry, error):
    with threads.Runner(registry, good(), title_model=Model(error=error(SECRET))) as runner:
        runner.start("a", "hello", if_not_exists="create").result(20)
        title = runner.make_title("a")
        with pytest.raises(threads.RunFailed):
            title.result(20)
        assert title.status == "error"
        until(lambda: all(run.status != "running" for run in registry.runs("a")))
        assert runner.start("a", "more").result(20)["messages"][-1].text == "fine"


class Wordless(Panic):
    """Cannot even be said."""

    def __str__(self):
        raise self


def test_exception_whose_str_raises_is_reported_by_its_type(registry):
    with threads.Runner(registry, sync_node(Wordless())) as runner:
        run = runner.start("a", "hello", if_not_exists="create")
        with pytest.raises(threads.RunFailed, match="Wordless"):
            run.result(20)
        assert run.info.error == "Wordless"


class Unsayable:
    def __repr__(self):
        raise Panic


@pytest.mark.parametrize("way", ["custom event", "question"])
def test_value_whose_json_form_panics_fails_the_run(registry, way):
    def node(state):
        if way == "question":
            interrupt(Unsayable())
        get_stream_writer()(Unsayable())
        return {"messages": [AIMessage("said")]}

    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        run = runner.start("a", "hello", if_not_exists="create")
        with pytest.raises(threads.RunFailed):
            run.result(20)
        assert run.status == "error"
    assert registry.create(id="later").id == "later"


@pytest.mark.parametrize("error", [Panic, SystemExit, KeyboardInterrupt, MemoryError])
def test_recovery_fails_a_run_whose_request_cannot_be_read(tmp_path, error):
    Fuse.raises = None
    agents = {"agent": compiled(Plain, lambda state: {"messages": [AIMessage("fine")]}, None)}
    with threads.open(tmp_path / "t.db", types=[Fused]) as registry:
        with threads.Runner(registry, agents, recover=False) as runner:
            message = Fused("hello", id="1")
            gate = Gate()
            busy = threads.Runner(registry, {"agent": waiting_graph(gate)}, recover=False)
            busy.start("a", "first", if_not_exists="create")
            left = runner.start("a", input={"messages": [message]}, multitask_strategy="enqueue")
            gate.opened.set()
            busy.close()
        until(lambda: registry.get("a").status != "busy")
        Fuse.raises = error
        try:
            with threads.Runner(registry, agents, lease_seconds=1) as runner:
                until(lambda: runner.run(left.id).status == "error")
                with pytest.raises(threads.RunFailed):
                    runner.run(left.id).result(20)
        finally:
            Fuse.raises = None
        assert registry.get("a").status != "busy"


@pytest.mark.parametrize("error", [Panic, SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_http_request_of_a_panicking_run_gets_a_response(registry, error):
    agents = {"broken": async_node(error(SECRET)), "good": good()}
    with client(registry, agents) as api:
        id = api.post(f"{PREFIX}/threads", json={}).json()["id"]
        asked = {"message": "hello", "agent_id": "broken"}
        assert api.post(f"{PREFIX}/threads/{id}/messages", json=asked).status_code == 502
        answered = api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "hello", "agent_id": "good"})
        assert answered.status_code == 200


@pytest.mark.parametrize("error", [Panic, SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_stopped_run_whose_partial_output_cannot_be_stored_fails(registry, error):
    armed = threading.Event()

    def merge(state, new):
        if armed.is_set():
            raise error(SECRET)
        return add_messages(state, new)

    class Merged(TypedDict):
        messages: Annotated[list, merge]

    model = Talking()

    async def node(state):
        return {"messages": [await model.ainvoke(state["messages"])]}

    agents = {"talks": compiled(Merged, node, None), "good": good()}
    with threads.Runner(registry, agents) as runner:
        run = runner.start("a", "hello", agent_id="talks", if_not_exists="create")
        next(event for event in run.events() if event.type == "token")
        armed.set()
        runner.stop("a")
        with pytest.raises(threads.RunFailed):
            run.result(20)
        armed.clear()
        assert run.status == "error"
        assert runner.start("a", "more", agent_id="good").result(20)["messages"][-1].text == "fine"
