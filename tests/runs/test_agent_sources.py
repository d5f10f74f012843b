"""What a `Runner` takes as agents: graphs, builders, functions of all kinds, and the specs that name them."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import pytest
from graphs import Plain, compiled, said
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint
from langgraph.graph import START, StateGraph
from langgraph_sdk.runtime import ServerRuntime

import threads
from threads.langgraph_json import InvalidLangGraphJson


def builder():
    found = StateGraph(Plain)
    found.add_node("answer", lambda state: {"messages": [AIMessage("built")]})
    found.add_edge(START, "answer")
    return found


def no_argument():
    return builder()


def one_argument(any_name):
    assert any_name["configurable"] == {} and "callbacks" in any_name
    return builder().compile()


def optional_config(model=None, config: RunnableConfig | None = None):
    assert (model, config) == (None, None)
    return builder()


def optional_first(config=None):
    assert config["configurable"] == {}
    return builder()


async def later():
    await asyncio.sleep(0)
    return builder()


async def later_with_config(config: RunnableConfig):
    return one_argument(config)


@contextmanager
def managed():
    yield builder()


@asynccontextmanager
async def managed_later(config):
    yield one_argument(config)


class Factory:
    def __call__(self, config):
        return one_argument(config)


@pytest.fixture
def registry():
    with threads.open(":memory:") as registry:
        registry.create(id="a")
        yield registry


@pytest.mark.parametrize(
    "agent",
    [
        builder(), builder().compile(), builder().compile(checkpointer=InMemorySaver()), no_argument, one_argument,
        optional_config, optional_first, later, later_with_config, managed, managed_later, Factory(),
        partial(one_argument), lambda config: one_argument(config),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_mapping", [False, True])
def test_graphs_builders_and_functions_are_agents(registry, agent, is_mapping):
    with threads.Runner(registry, {"x": agent} if is_mapping else agent) as runner:
        assert runner.start("a", "hi").result()["messages"][-1].text == "built"
    assert [message.text for message in registry.messages("a")] == ["hi", "built"]


def test_entrypoint_is_an_agent(registry):
    @entrypoint()
    def flow(input):
        return {"messages": [AIMessage("flown")]}

    with threads.Runner(registry, {"x": lambda: flow}) as runner:
        assert runner.start("a", input=said("hi")).result()["messages"][-1].text == "flown"


def test_context_manager_is_open_while_the_runner_is_and_left_where_it_was_entered(registry):
    happened = []

    @asynccontextmanager
    async def resource():
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        happened.append("entered")

        async def answer(state):
            assert asyncio.get_running_loop() is loop
            happened.append("answered")
            return {"messages": [AIMessage("fine")]}

        yield compiled(Plain, answer, None)
        await asyncio.sleep(0.01)  # not in a `finally`: it was left, and not cancelled
        happened.append(asyncio.current_task() is task)

    with threads.Runner(registry, resource) as runner:
        runner.start("a", "hi").result()
        assert happened == ["entered", "answered"]
    assert happened == ["entered", "answered", True]


def needs_two(config, model):
    raise AssertionError


def needs_runtime(runtime: ServerRuntime):
    raise AssertionError


def exits():
    raise SystemExit(3)


async def fails_later():
    raise OSError("no network")


@pytest.mark.parametrize(
    ("agent", "reason"),
    [
        (lambda: 3, "cannot be built: 3 (int) is not a compiled graph; compile() returns one"),
        (exits, "SystemExit: 3"),
        (fails_later, "OSError: no network"),
        (
            needs_two,
            "it needs the arguments config, model; a function gets a config: RunnableConfig, or nothing",
        ),
        (needs_runtime, "it needs the arguments runtime; a function gets a config"),
    ],
)
def test_agent_that_cannot_be_built_is_named_with_the_reason(registry, agent, reason):
    left = []

    @asynccontextmanager
    async def other():
        yield builder()
        left.append("other")

    with pytest.raises(threads.InvalidValue) as caught:
        threads.Runner(registry, {"other": other, "mine": agent})
    assert str(caught.value).startswith("agents: agent 'mine' cannot be built: ") and reason in str(
        caught.value
    )
    assert left == ["other"]


def test_specs_name_agents(registry, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "spec_agents.py").write_text(
        f"import sys\nsys.path.insert(0, {__file__.rpartition('/')[0]!r})\nimport test_agent_sources as them\n"
        "many = {'one': them.builder(), 'two': them.later}\nlater, managed_later = them.later, them.managed_later\n"
        "def both(): return many\n"
    )
    (tmp_path / "langgraph.json").write_text(
        '{"graphs": {"json": "./spec_agents.py:later", "none": "spec_agents:no"}}'
    )
    for number, (spec, ids) in enumerate([
        ("spec_agents:later", ("later",)), ("spec_agents:managed_later", ("managed_later",)),
        ("spec_agents:many", ("one", "two")), ("spec_agents:both", ("one", "two")),
    ]):  # fmt: skip
        with threads.Runner(registry, spec) as runner:
            assert runner.agent_ids == ids
            run = runner.start(str(number), "hi", agent_id=ids[-1], if_not_exists="create")
            assert run.result()["messages"][-1].text == "built"
    with pytest.raises(
        InvalidLangGraphJson, match=r"langgraph\.json: graphs\.none: module 'spec_agents' has no 'no'"
    ):
        threads.Runner(registry, tmp_path / "langgraph.json")
    (tmp_path / "langgraph.json").write_text('{"graphs": {"json": "./spec_agents.py:later"}}')
    with threads.Runner(registry, tmp_path / "langgraph.json") as runner:
        run = runner.start("a", "hi")
        assert run.result()["messages"][-1].text == "built" and run.info.agent_id == "json"
    with pytest.raises(
        threads.InvalidValue, match=r"is neither MODULE:NAME nor the path of a langgraph\.json"
    ):
        threads.Runner(registry, "spec_agents")
