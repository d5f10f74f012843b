"""Runs as one who asks sees them: whole and streaming, from anywhere, with any graph."""

import asyncio
import threading as threading_
import uuid
from typing import Annotated, TypedDict

import pytest
from graphs import (
    Case,
    Plain,
    chat_graph,
    compiled,
    config,
    counter_graph,
    echo,
    failing_graph,
    plain_graph,
    said,
    talk_graph,
    trimming_graph,
)
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langgraph.graph import add_messages
from run_helpers import Gate, failing_once_graph, slow_agent, texts, told, types, until, waiting_graph

import threads
from agent import build_agent
from threads import (
    AgentNotFound,
    InvalidThreadId,
    InvalidValue,
    KeyReused,
    NothingToResume,
    RunFailed,
    ThreadBusy,
    ThreadNotFound,
    ThreadTrashed,
    UsageError,
)
from threads.runs.request import Request


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        yield registry


@pytest.fixture
def runner(registry):
    with threads.Runner(registry, build_agent()) as runner:
        yield runner


# whole and streaming


def test_messages_are_answered_in_their_own_thread(runner, registry):
    runner.start("a", "Hi, I'm Alice", if_not_exists="create").result(20)
    runner.start("b", "Hi, I'm Bob", if_not_exists="create").result(20)
    values = runner.start("a", "What is my name?").result(20)
    assert "Alice" in values["messages"][-1].text
    assert texts(registry, "a")[0] == "Hi, I'm Alice"
    assert registry.get("a").message_count == 4
    assert registry.get("a").status == "idle"
    assert registry.verify() == []


def test_iterating_a_run_yields_its_events(runner):
    events = list(runner.start("a", "Hi, I'm Alice", if_not_exists="create"))
    kinds = [kind for kind in types(events) if kind != "token"]
    assert kinds == ["started", "message", "message", "finished"]
    assert [each["role"] for each in told(events, "message", "message")] == ["user", "assistant"]
    assert [event.sequence for event in events] == sorted({event.sequence for event in events})
    assert events[-1].data["output_tokens"] > 0


def test_tokens_are_streamed_and_make_the_message(registry):
    with threads.Runner(registry, slow_agent(20)) as runner:
        events = list(runner.start("a", "Talk", if_not_exists="create"))
    spoken = "".join(told(events, "token", "text"))
    assert types(events).count("token") > 3
    answer = told(events, "message", "message")[-1]["text"]
    assert answer.startswith(spoken), "the message takes the place of the last of its words"
    left = list(registry.events("a", follow=False))
    assert "token" not in types(left), "words are dropped once the message is stored"


def test_runs_can_be_awaited_and_iterated_in_async_code(runner):
    async def main():
        values = await runner.start("a", "Hi, I'm Alice", if_not_exists="create")
        run = runner.start("a", "What is my name?")
        return values, [event async for event in run], run.result(30)

    values, events, result = asyncio.run(main())
    assert "Alice" in values["messages"][-1].text
    assert events[-1].type == "finished"
    assert "Alice" in result["messages"][-1].text


def test_runner_works_with_async_with_and_in_memory():
    async def main():
        async with threads.open(":memory:") as registry, threads.Runner(registry, build_agent()) as runner:
            await runner.start("a", "Hi", if_not_exists="create")
            return registry.get("a").message_count

    assert asyncio.run(main()) == 2


def test_node_can_await_a_run_in_another_thread(registry):
    runners = []

    async def node(state):
        if state["messages"][-1].text == "ask the other":
            values = await runners[0].start("other", "Hi", if_not_exists="create")
            return {"messages": [AIMessage(f"it said {values['messages'][-1].text}")]}
        return {"messages": [AIMessage("hello")]}

    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        runners.append(runner)
        values = runner.start("a", "ask the other", if_not_exists="create").result(20)
    assert values["messages"][-1].text == "it said hello"


def test_result_in_an_async_node_raises_usage_error(registry):
    runners = []

    async def node(state):
        return {"messages": [AIMessage(str(runners[0].start("b", "x", if_not_exists="create").result()))]}

    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        runners.append(runner)
        with pytest.raises(RunFailed, match="await run"):
            runner.start("a", "wait", if_not_exists="create").result(20)


def test_leaving_the_iteration_does_not_stop_the_run(registry):
    with threads.Runner(registry, slow_agent(10)) as runner:
        run = runner.start("a", "Talk", if_not_exists="create")
        for event in run:
            if event.type == "token":
                break
        assert run.result(20)["messages"][-1].text.startswith("w0 w1")
    assert run.status == "success"


# any graph


@pytest.mark.parametrize(
    ("build", "given", "seen"),
    [
        (plain_graph, said("hi"), ["hi", "re: hi"]),
        (trimming_graph, said("hi"), None),
        (chat_graph, {"chat": [("user", "hi")]}, ["hi", "from elsewhere"]),
        (counter_graph, {"number": 1}, []),
    ],
    ids=["add_messages", "own reducer", "other channel", "no messages"],
)
def test_graph_without_messages_runs_with_its_own_input(registry, build, given, seen):
    graph = build(None)
    before = dict(vars(graph))
    with threads.Runner(registry, graph) as runner:
        run = runner.start("a", input=given, if_not_exists="create")
        values = run.result(20)
        assert types(run)[-1] == "finished"
    assert run.status == "success"
    assert {key: values[key] for key in values} == graph.copy(
        update={"checkpointer": registry.checkpointer}
    ).get_state(config("a")).values
    if seen is not None:
        assert texts(registry, "a") == seen
    assert vars(graph) == before, "the caller's graph stays as it is"
    assert registry.verify() == []


def test_writes_to_other_channels_become_state_events(registry):
    with threads.Runner(registry, counter_graph(None)) as runner:
        events = list(runner.start("a", input={"number": 1}, if_not_exists="create"))
    assert {"number": 2} in told(events, "state", "values")


def test_runner_config_is_passed_to_every_run(registry):
    seen = []

    def node(state, config):
        seen.append(config)
        return {"messages": [AIMessage("ok")]}

    extra = {"metadata": {"tenant": "t"}, "recursion_limit": 7, "configurable": {"thread_id": "other"}}
    with threads.Runner(registry, compiled(Plain, node, None), config=extra) as runner:
        runner.start("a", "hi", if_not_exists="create").result(20)
    assert seen[0]["metadata"]["tenant"] == "t"
    assert seen[0]["recursion_limit"] == 7
    assert seen[0]["configurable"]["thread_id"] == "a"


def test_content_blocks_are_stored_unchanged(runner, registry):
    blocks = [
        {"type": "text", "text": "What is this?"},
        {"type": "image", "url": "https://example.org/x.png"},
    ]
    runner.start("a", blocks, if_not_exists="create").result(20)
    first = registry.messages("a")[0]
    assert first.text == "What is this?"
    assert [block["type"] for block in first.content] == ["text", "image"]


# who answers, and where


def test_threads_own_agent_answers_by_default(registry):
    first, second = (
        compiled(Plain, echo, None),
        compiled(Plain, lambda state: {"messages": [AIMessage("2")]}, None),
    )
    registry.create(id="a", agent_id="second")
    with threads.Runner(registry, {"first": first, "second": second}) as runner:
        assert runner.agent_ids == ("first", "second")
        assert runner.start("a", "x").result(20)["messages"][-1].text == "2"
        assert runner.start("a", "x", agent_id="first").result(20)["messages"][-1].text == "re: x"
        assert runner.run(registry.runs("a")[0].id).info.agent_id == "first"
        with pytest.raises(AgentNotFound):
            runner.start("a", "x", agent_id="third")
        with pytest.raises(AgentNotFound):
            runner.start("new", "x", if_not_exists="create")
        assert registry.list(limit=5)[0].id == "a" and len(registry.list()) == 1, "no empty thread is left"


def test_first_agent_id_becomes_the_threads_agent(registry):
    registry.create(id="a")
    registry.create(id="b", agent_id="second")
    agents = {"first": compiled(Plain, echo, None), "second": plain_graph(None)}
    with threads.Runner(registry, agents) as runner:
        with pytest.raises(InvalidValue):
            runner.start("a", " ", agent_id="first")
        assert registry.get("a").agent_id is None
        for id in ("a", "b"):
            runner.start(id, "x", agent_id="first").result(20)
        assert (registry.get("a").agent_id, registry.get("b").agent_id) == ("first", "second")
        for again in (runner.start("a", "again"),):
            again.result(20)
        runner.regenerate("a").result(20)
        runner.edit("a", registry.messages("a")[0].id, "y").result(20)
        runner.regenerate("b").result(20)
        assert {run.agent_id for id in ("a", "b") for run in registry.runs(id)} == {"first"}


def test_unknown_thread_is_created_only_with_if_not_exists(runner, registry):
    with pytest.raises(ThreadNotFound):
        runner.start("a", "Hi")
    assert len(registry.list()) == 0
    runner.start("a", "Hi", if_not_exists="create").result(20)
    assert registry.get("a").message_count == 2


def test_thread_id_may_be_a_uuid_and_not_a_number(runner, registry):
    id = uuid.uuid4()
    runner.start(id, "Hi", if_not_exists="create").result(20)
    assert registry.get(str(id)).message_count == 2
    with pytest.raises(InvalidThreadId):
        runner.start(1, "Hi", if_not_exists="create")


def test_trashed_thread_refuses_runs(runner, registry):
    registry.create(id="a")
    registry.trash("a")
    with pytest.raises(ThreadTrashed):
        runner.start("a", "Hi")
    assert len(registry.runs("a")) == 0


def test_closed_runner_refuses_requests(registry):
    runner = threads.Runner(registry, build_agent())
    runner.close()
    runner.close()
    registry.create(id="a")
    with pytest.raises(UsageError, match="closed"):
        runner.start("a", "Hi")
    assert len(registry.runs("a")) == 0


# poison

CIRCULAR = {"type": "text", "text": "x"}
CIRCULAR["self"] = CIRCULAR
POISON = {
    "empty": {"message": "  "},
    "no text": {"message": 5},
    "no blocks": {"message": []},
    "block without type": {"message": [{"text": "x"}]},
    "empty block": {"message": [{"type": "text", "text": ""}]},
    "half a character": {"message": "a\ud800"},
    "half a character in a block": {"message": [{"type": "image", "url": "a\ud800"}]},
    "half a character in an input": {"input": {"messages": [{"role": "user", "content": "a\ud800"}]}},
    "both": {"message": "x", "input": {"messages": []}},
    "neither": {},
    "role nobody": {"input": {"messages": [{"role": "nobody", "content": "x"}]}},
    "null": {"input": {"messages": None}},
    "a null among them": {"input": {"messages": [None]}},
    "remove unknown": {"input": {"messages": [RemoveMessage("unknown")]}},
    "remove unknown, as a dict": {
        "input": {"messages": [{"role": "remove", "content": "", "id": "unknown"}]}
    },
    "a number": {"input": {"messages": 5}},
    "cannot be stored": {
        "input": {"messages": [{"role": "user", "content": "x"}], "other": threading_.Lock()}
    },
    "circular blocks": {"message": [CIRCULAR]},
    "circular, as an input": {"input": {"messages": [{"role": "user", "content": [CIRCULAR]}]}},
    "circular beside the messages": {"input": {"messages": [], "other": CIRCULAR}},
    "circular context": {"message": "x", "context": CIRCULAR},
    "a key that is no text": {"message": [{"type": "text", "text": "x", ("a", 1): 1}]},
    "a context that cannot be stored": {"message": "x", "context": threading_.Lock()},
    "a context that cannot be read again": {"message": "x", "context": Case(1)},
    "strategy": {"message": "x", "multitask_strategy": "whatever"},
    "key": {"message": "x", "key": ""},
    "if_not_exists": {"message": "x", "if_not_exists": "perhaps"},
}


@pytest.mark.slow
@pytest.mark.parametrize("poison", POISON.values(), ids=POISON.keys())
@pytest.mark.parametrize("build", [lambda: build_agent(), lambda: plain_graph(None)], ids=["ours", "plain"])
def test_invalid_messages_are_refused_before_anything_is_stored(registry, poison, build):
    with threads.Runner(registry, build()) as runner:
        with pytest.raises(InvalidValue):
            runner.start("a", **{"if_not_exists": "create", **poison})
        assert len(registry.list()) == 0
        runner.start("a", "Hi", if_not_exists="create").result(20)
        before = texts(registry, "a")
        with pytest.raises(InvalidValue):
            runner.start("a", **poison)
        assert len(registry.runs("a")) == 1
        assert texts(registry, "a") == before
        assert runner.start("a", "Hi again").result(20)["messages"][-1].text


def test_unknown_content_block_types_are_passed_to_the_model(registry):
    with threads.Runner(registry, plain_graph(None)) as runner:
        values = runner.start("a", [{"type": "zork", "of": 1}], if_not_exists="create").result(20)
    assert values["messages"][0].content == [{"type": "zork", "of": 1}]
    assert registry.messages("a")[0].role == "user"


def test_stored_request_keeps_the_channel_of_its_message(registry):
    serde = registry.checkpointer.serde
    for channel in ("messages", "chat"):
        stored = Request("message", "hi", channel=channel).dumped(serde)
        (message,) = Request.loaded("message", stored, serde).graph_input("a", "r", None)[channel]
        assert message.text == "hi"


class TwoChats(TypedDict):
    chat: Annotated[list, add_messages]
    aside: Annotated[list, add_messages]


def two_chats_graph(checkpointer):
    return compiled(TwoChats, lambda state: {"chat": [AIMessage("ok")]}, checkpointer)


@pytest.mark.parametrize("build", [counter_graph, two_chats_graph])
def test_message_to_a_graph_without_one_message_channel_is_refused(registry, build):
    with threads.Runner(registry, build(None)) as runner, pytest.raises(InvalidValue, match="input="):
        runner.start("a", "Hi", if_not_exists="create")
    assert len(registry.list()) == 0


# context


def test_unreadable_context_is_refused_with_a_remedy(registry):
    refused = pytest.raises(InvalidValue, match=r"context: .*graphs\.Case.*types=\[Case\]")
    with threads.Runner(registry, talk_graph()) as runner, refused:  # the graph's schemas do not have it
        runner.start("a", "Hi", context=Case(1), if_not_exists="create")
    assert len(registry.list()) == 0


def test_context_of_an_allowed_type_survives_a_failure(tmp_path):
    def open_() -> threads.Registry:
        return threads.open(tmp_path / "threads.db", types=[Case])

    with open_() as registry, threads.Runner(registry, {"talk": failing_graph(None)}) as runner:
        run = runner.start("a", "Hi", context=Case(1), if_not_exists="create")
        with pytest.raises(RunFailed, match="fire"):
            run.result(20)
    with open_() as registry, threads.Runner(registry, {"talk": talk_graph(Case)}) as runner:
        values = runner.retry("a").result(20)
    assert values["messages"][-1].text == "Hi, None, Case(number=1)"


# keys


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ({"messages": "a", "topic": "x"}, {"topic": "x", "messages": "a"}),
        ({"messages": [], "topic": {"a": 1, "b": {1, 2}}}, {"messages": [], "topic": {"b": {2, 1}, "a": 1}}),
        (
            {"messages": [HumanMessage([{"type": "text", "text": "a"}])]},
            {"messages": [HumanMessage([{"text": "a", "type": "text"}])]},
        ),
    ],
)
def test_request_digest_ignores_the_order_of_keys(registry, first, again):
    with threads.Runner(registry, plain_graph(None), recover=False) as runner:
        run = runner.start("a", input=first, key="k", if_not_exists="create")
        assert runner.start("a", input=again, key="k").id == run.id
        with pytest.raises(KeyReused):
            runner.start("a", input={**first, "topic": "y"}, key="k")


def test_removing_a_message_with_the_same_key_is_the_same_run(registry):
    with threads.Runner(registry, build_agent()) as runner:
        runner.start("a", "Hi", if_not_exists="create").result(20)
        given = {"messages": [RemoveMessage(registry.messages("a")[1].id), HumanMessage("Hello")]}
        first = runner.start("a", input=given, key="k")
        first.result(20)
        assert runner.start("a", input=given, key="k").id == first.id


def test_idempotency_key_gives_its_run_after_the_agent_changed(registry):
    agents = {"first": plain_graph(None), "second": plain_graph(None)}
    with threads.Runner(registry, agents) as runner:
        first = runner.start("a", "Hi", agent_id="first", key="k", if_not_exists="create")
        first.result(20)
        registry.update("a", agent_id="second")
        assert runner.start("a", "Hi", key="k").id == first.id


@pytest.mark.parametrize("strategy", ["enqueue", "interrupt", "rollback"])
def test_failed_run_submitted_again_is_queued(registry, strategy):
    gate, failures = Gate(), [RuntimeError("429")]

    async def node(state):
        if failures:
            raise failures.pop()
        if state["messages"][-1].text == "slow":
            await gate.await_()
        return {"messages": [AIMessage("well again")]}

    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        failed = runner.start("a", "Hi", key="k", if_not_exists="create")
        with pytest.raises(RunFailed, match="429"):
            failed.result(20)
        slow = runner.start("a", "slow")
        assert gate.reached.wait(20)
        with pytest.raises(ThreadBusy):
            runner.start("a", "Hi", key="k")
        again = runner.start("a", "Hi", key="k", multitask_strategy=strategy)
        assert (again.id, again.status) == (failed.id, "pending")
        if strategy == "enqueue":
            gate.opened.set()
        slow.result(20)
        assert slow.status == ("success" if strategy == "enqueue" else "stopped")
        assert types(again)[-1] in ("finished", "failed")
        if strategy == "rollback":
            assert again.result(20)["messages"][-1].text == "well again"
            assert texts(registry, "a") == ["Hi", "well again"]
        else:
            with pytest.raises(RunFailed, match="modified by another run"):
                again.result(20)
            assert texts(registry, "a")[:2] == ["Hi", "slow"], "the message itself is not lost"


def test_idempotency_key_gives_the_same_run(runner, registry):
    first = runner.start("a", "Hi, I'm Alice", key="k", if_not_exists="create")
    answer = first.result(20)["messages"][-1].text
    again = runner.start("a", "Hi, I'm Alice", key="k")
    assert again.id == first.id
    assert again.result(20)["messages"][-1].text == answer
    assert types(again)[-1] == "finished"
    assert registry.get("a").message_count == 2
    with pytest.raises(KeyReused):
        runner.start("a", "Hi, I'm Bob", key="k")
    assert runner.start("b", "Hi, I'm Bob", key="k", if_not_exists="create").id != first.id, (
        "a key is a thread's"
    )


def test_idempotency_key_gives_the_active_run(registry):
    gate = Gate()
    with threads.Runner(registry, waiting_graph(gate)) as runner:
        first = runner.start("a", "Hi", key="k", if_not_exists="create")
        assert gate.reached.wait(20)
        again = runner.start("a", "Hi", key="k")
        gate.opened.set()
        assert again.id == first.id
        assert again.result(20)["messages"][-1].text == "at last"
    assert texts(registry, "a") == ["Hi", "at last"]


# failure


def test_failed_run_has_a_reason_and_the_thread_stays_usable(registry):
    with threads.Runner(registry, failing_graph(None)) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        with pytest.raises(RunFailed, match="the model is on fire"):
            run.result(20)
        assert run.status == "error"
        assert run.info.error == "RuntimeError: the model is on fire"
        assert types(run)[-1] == "failed"
        assert registry.get("a").status == "error"
    assert texts(registry, "a") == ["Hi"]
    with threads.Runner(registry, plain_graph(None)) as runner:
        runner.start("a", "Once more", agent_id=runner.agent_ids[0]).result(20)
    assert registry.get("a").status == "idle"


@pytest.mark.parametrize("again", ["retry", "key"])
def test_retry_adds_no_message_twice(registry, again):
    asked = []
    graph = failing_once_graph([TimeoutError("too slow"), ConnectionError("429 rate limit")], asked)
    with threads.Runner(registry, graph) as runner:
        run = runner.start("a", "Hi", key="k", if_not_exists="create")
        for reason in ("too slow", "rate limit"):
            with pytest.raises(RunFailed, match=reason):
                run.result(20)
            run = runner.retry("a") if again == "retry" else runner.start("a", "Hi", key="k")
        assert run.result(20)["messages"][-1].text == "well again"
        assert types(run)[-1] == "finished", "the story of the new attempt, to its end"
        assert types(runner.run(run.id))[-1] == "finished"
    assert texts(registry, "a") == ["Hi", "well again"]
    assert asked == [1, 1, 1]
    assert run.info.attempts == 3


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()], ids=["exit", "interrupt"])
def test_system_exit_in_a_node_fails_its_run_only(registry, error, is_async):
    def node(state):
        if state["messages"][-1].text == "Leave":
            raise error
        return {"messages": [AIMessage("still here")]}

    async def anode(state):
        return node(state)

    with threads.Runner(registry, compiled(Plain, anode if is_async else node, None)) as runner:
        with pytest.raises(RunFailed, match=type(error).__name__):
            runner.start("a", "Leave", if_not_exists="create").result(20)
        assert registry.runs("a")[0].status == "error"
        values = runner.start("b", "Hello", if_not_exists="create").result(20)
        assert values["messages"][-1].text == "still here"


def test_close_waits_for_active_runs(registry):
    for number in range(5):
        with threads.Runner(registry, build_agent()) as runner:
            run = runner.start(f"t{number}", "Hi, I'm Alice", if_not_exists="create")
        assert "Alice" in run.result(0)["messages"][-1].text
        assert registry.runs(f"t{number}")[0].status == "success"


def test_result_of_a_queued_run_raises_after_close(registry):
    gate = Gate()
    runner = threads.Runner(registry, waiting_graph(gate))
    runner.start("a", "one", if_not_exists="create")
    assert gate.reached.wait(20)
    waiting = runner.start("a", "two", multitask_strategy="enqueue")
    runner.close(timeout=0)
    gate.opened.set()
    with pytest.raises(threads.UsageError, match=f"closed before run {waiting.id} ended"):
        waiting.result(30)


@pytest.mark.parametrize("is_open", [False, True], ids=["while a node waits", "at its end"])
def test_run_whose_write_is_rejected_stops_with_the_reason(registry, is_open):
    """It does not wait for each checkpoint, yet must not seem to succeed without one."""
    gate = Gate()
    if is_open:
        gate.opened.set()
    with threads.Runner(registry, waiting_graph(gate, is_async=True)) as runner:
        refuse = "CREATE TRIGGER {} BEFORE INSERT ON checkpoints BEGIN SELECT RAISE(ABORT, 'no room'); END"
        registry._database.write(lambda connection: connection.execute(refuse.format("full")) and None)
        run = runner.start("a", "Hi", if_not_exists="create")
        with pytest.raises(threads.RunFailed, match="no room"):
            run.result(20)
        assert run.status == "error"
        assert types(registry.events("a", follow=False))[-1] == "failed"
        registry._database.write(lambda connection: connection.execute("DROP TRIGGER full") and None)
        gate.opened.set()
        runner.retry("a").result(20)
        assert texts(registry, "a") == ["Hi", "at last"]
        assert registry.verify() == []


def test_retry_without_failure_raises_nothing_to_resume(runner, registry):
    runner.start("a", "Hi", if_not_exists="create").result(20)
    with pytest.raises(NothingToResume):
        runner.retry("a")
    registry.create(id="new")
    with pytest.raises(NothingToResume):
        runner.retry("new")


# one at a time


def test_reject_strategy_raises_thread_busy(registry):
    gate = Gate()
    with threads.Runner(registry, waiting_graph(gate)) as runner:
        first = runner.start("a", "one", if_not_exists="create")
        assert gate.reached.wait(20)
        assert registry.get("a").status == "busy"
        with pytest.raises(ThreadBusy) as refused:
            runner.start("a", "two")
        assert refused.value.run_id == first.id
        gate.opened.set()
        first.result(20)
    assert texts(registry, "a") == ["one", "at last"]
    assert len(registry.runs("a")) == 1


def test_enqueue_strategy_answers_in_order(registry):
    gate = Gate()
    with (
        threads.Runner(registry, waiting_graph(gate)) as runner,
        threads.Runner(registry, waiting_graph(gate)) as other,
    ):
        runs = [runner.start("a", "0", if_not_exists="create")]
        assert gate.reached.wait(20)
        for number in range(1, 6):
            whose = (runner, other)[number % 2]
            runs.append(whose.start("a", str(number), multitask_strategy="enqueue"))
        assert [run.status for run in runs] == ["running"] + ["pending"] * 5
        gate.opened.set()
        for run in runs:
            run.result(20)
    assert texts(registry, "a")[::2] == ["0", "1", "2", "3", "4", "5"]
    assert registry.get("a").message_count == 12


def test_queued_run_can_be_stopped(registry):
    gate = Gate()
    with threads.Runner(registry, waiting_graph(gate)) as runner:
        first = runner.start("a", "0", if_not_exists="create")
        assert gate.reached.wait(20)
        second = runner.start("a", "1", multitask_strategy="enqueue")
        second.stop()
        until(lambda: second.status == "stopped")
        second.result(30)
        gate.opened.set()
        first.result(20)
    assert texts(registry, "a") == ["0", "at last"]


@pytest.mark.parametrize("is_async", [False, True])
def test_registry_and_plain_invoke_are_refused_during_a_run(registry, is_async):
    gate = Gate()
    graph = plain_graph(registry.checkpointer)
    with threads.Runner(registry, waiting_graph(gate, is_async=is_async)) as runner:
        run = runner.start("a", "one", if_not_exists="create")
        assert gate.reached.wait(20)
        ran = []
        nosy = compiled(Plain, lambda state: ran.append(1) or {"messages": []}, registry.checkpointer)
        for refused in (
            lambda: nosy.invoke(said("x"), config("a")),
            lambda: nosy.invoke(None, config("a")),
            lambda: asyncio.run(nosy.ainvoke(said("x"), config("a"))),
            lambda: list(nosy.stream(said("x"), config("a"))),
            lambda: graph.update_state(config("a"), said("x")),
            lambda: registry.trash("a"),
            lambda: registry.delete("a"),
            lambda: registry.prune(["a"]),
            lambda: registry.checkpointer.delete_thread("a"),
            lambda: registry.checkpointer.prune(["a"]),
        ):
            with pytest.raises(ThreadBusy):
                refused()
        assert ran == [], "no node ran"
        assert graph.get_state(config("a")).values["messages"][0].text == "one", "reading is not refused"
        assert registry.update("a", title="meanwhile").title == "meanwhile"
        gate.opened.set()
        run.result(20)
        nosy.invoke(said("x"), config("a"))
    assert texts(registry, "a") == ["one", "at last", "x"]


def test_langgraph_marks_the_configs_of_its_runs(registry):
    """The private key by which a turn is told from a look; should LangGraph rename it, this fails first."""
    from threads.langgraph_internals import RUNTIME_KEY

    seen = []

    class Spy(type(registry.checkpointer)):
        def get_tuple(self, config):
            seen.append(RUNTIME_KEY in config["configurable"])
            return super().get_tuple(config)

    saver = registry.checkpointer
    saver.__class__ = Spy
    graph = plain_graph(saver)
    graph.invoke(said("x"), config("a"))
    assert RUNTIME_KEY == "__pregel_runtime" and seen and all(seen)
    seen.clear()
    graph.get_state(config("a"))
    assert seen and not any(seen)
