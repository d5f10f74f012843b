"""Retrying a run that failed past an interrupt: the next interrupt asks, and no answer is given to it."""

import subprocess
import sys
import textwrap

import pytest
from bank import FIRST, SECOND, Bank, in_a_node
from graphs import Plain, compiled, config, said
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from locations import SUPPORT
from run_helpers import plain_tool_graph, texts
from server_helpers import PREFIX, client

import threads
from threads import NothingToResume, RunFailed


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        yield registry


def in_a_subgraph(bank):
    builder = StateGraph(Plain)
    builder.add_node("outer", compiled(Plain, bank.node, None))
    builder.add_edge(START, "outer")
    return builder.compile()


def in_a_subgraph_that_a_node_calls(bank):
    graphs = {"inner": compiled(Plain, bank.node, None)}  # in a dict LangGraph does not find it
    return compiled(Plain, lambda state: graphs["inner"].invoke(state), None)


def in_a_tool(bank):
    @tool
    def pay(n: int) -> str:
        """Pays."""
        return bank.pay()

    return plain_tool_graph(pay)


def beside_a_node_that_is_done(bank):
    builder = StateGraph(Plain)
    builder.add_node("bank", bank.node)
    builder.add_node("beside", lambda state: {"messages": [AIMessage("beside")]})
    builder.add_edge(START, "bank")
    builder.add_edge(START, "beside")
    return builder.compile()


def in_a_functional_task(bank):
    @task
    def pay():
        return bank.pay()

    @entrypoint()
    def workflow(given):
        return pay().result()

    return workflow


def in_an_entrypoint(bank):
    @entrypoint()
    def workflow(given):
        return bank.pay()

    return workflow


SHAPES = [
    in_a_node,
    in_a_subgraph,
    in_a_subgraph_that_a_node_calls,
    in_a_tool,
    beside_a_node_that_is_done,
    in_a_functional_task,
    in_an_entrypoint,
]


def asked(registry, id="a"):
    return [question.value for question in registry.interrupts(id)]


def failed_after_the_first_answer(runner, *, answer="yes", key=None):
    runner.start("a", input={"messages": [("user", "pay")]}, if_not_exists="create").result(20)
    with pytest.raises(RunFailed, match="timed out"):
        runner.resume("a", answer, key=key).result(20)


@pytest.mark.parametrize("build", SHAPES)
def test_retry_after_an_answered_interrupt_asks_the_next_one(registry, build):
    bank = Bank(failures=2)
    with threads.Runner(registry, build(bank)) as runner:
        failed_after_the_first_answer(runner)
        assert registry.get("a").status == "error"
        with pytest.raises(RunFailed, match="timed out"):
            runner.retry("a").result(20)
        run = runner.retry("a")
        run.result(20)
        assert (run.status, registry.get("a").status) == ("interrupted", "interrupted")
        assert asked(registry) == [SECOND]
        assert bank.paid == []
        runner.resume("a", "no").result(20)
    assert bank.paid == [("yes", "no")]
    assert registry.verify() == []


@pytest.mark.parametrize("answer", ["yes", None, False, 0, "", [], {}, {"decisions": [{"type": "approve"}]}])
def test_retry_passes_any_resume_value_to_its_interrupt_only(registry, answer):
    bank = Bank()
    with threads.Runner(registry, in_a_node(bank)) as runner:
        failed_after_the_first_answer(runner, answer=answer)
        runner.retry("a").result(20)
        assert asked(registry) == [SECOND]
        runner.resume("a", "really").result(20)
    assert bank.paid == [(answer, "really")]


@pytest.mark.parametrize("way", ["answer", "key", "id"])
def test_same_answer_again_restarts_its_failed_run(registry, way):
    bank = Bank()
    with threads.Runner(registry, in_a_node(bank)) as runner:
        runner.start("a", "pay", if_not_exists="create").result(20)
        answer = {registry.interrupts("a")[0].id: "yes"} if way == "id" else "yes"
        key = "click" if way == "key" else None
        failed = runner.resume("a", answer, key=key)
        with pytest.raises(RunFailed):
            failed.result(20)
        again = runner.resume("a", answer, key=key)
        again.result(20)
        assert (again.id, again.status) == (failed.id, "interrupted")
        assert asked(registry) == [SECOND]
        assert bank.paid == []


def test_retry_beside_another_interrupt_asks_both(registry):
    bank = Bank()
    builder = StateGraph(Plain)
    builder.add_node("bank", bank.node)
    builder.add_node("other", lambda state: {"messages": [AIMessage(interrupt("other"))]})
    builder.add_edge(START, "bank")
    builder.add_edge(START, "other")
    with threads.Runner(registry, builder.compile()) as runner:
        runner.start("a", "pay", if_not_exists="create").result(20)
        ids = {question.value: question.id for question in registry.interrupts("a")}
        with pytest.raises(RunFailed):
            runner.resume("a", {ids[FIRST]: "yes"}).result(20)
        runner.retry("a").result(20)
        assert sorted(asked(registry)) == sorted([SECOND, "other"])
        ids = {question.value: question.id for question in registry.interrupts("a")}
        runner.resume("a", {ids[SECOND]: "no", ids["other"]: "fine"}).result(20)
    assert bank.paid == [("yes", "no")]


def test_retry_gives_a_node_its_own_answers_only(registry):
    outcomes = [ConnectionError("caught"), ValueError("not caught")]
    paid = []

    def node(state):
        answer = interrupt("pay?")
        try:
            if outcomes and isinstance(outcomes[0], ConnectionError):
                raise outcomes[0]
        except ConnectionError:
            answer += interrupt("the bank failed; try again?")
            outcomes.pop(0)
            if outcomes:
                error = outcomes.pop(0)
                outcomes.insert(0, ConnectionError("caught"))
                raise error from None
        paid.append(answer)
        return {"messages": [AIMessage(answer)]}

    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        runner.start("a", "pay", if_not_exists="create").result(20)
        runner.resume("a", "yes").result(20)
        assert asked(registry) == ["the bank failed; try again?"]
        with pytest.raises(RunFailed, match="not caught"):
            runner.resume("a", ", again").result(20)
        runner.retry("a").result(20)
    assert paid == ["yes, again"]


def test_retry_at_a_breakpoint_passes_no_answer(registry):
    bank = Bank()
    graph = in_a_node(bank)
    graph.interrupt_before_nodes = ["model"]
    with threads.Runner(registry, graph) as runner:
        runner.start("a", "pay", if_not_exists="create").result(20)
        runner.resume("a").result(20)
        assert asked(registry) == [FIRST]
        with pytest.raises(RunFailed):
            runner.resume("a", "yes").result(20)
        runner.retry("a").result(20)
        assert (asked(registry), bank.paid) == ([SECOND], [])


def test_retry_in_a_later_node_asks_its_interrupt(registry):
    bank = Bank()
    builder = StateGraph(Plain)
    builder.add_node("first", lambda state: {"messages": [AIMessage(interrupt("first node?"))]})
    builder.add_node("bank", bank.node)
    builder.add_edge(START, "first")
    builder.add_edge("first", "bank")
    bank_down = [ConnectionError("timed out before it asked")]
    pay = bank.pay
    bank.pay = lambda: (_ for _ in ()).throw(bank_down.pop()) if bank_down else pay()
    with threads.Runner(registry, builder.compile()) as runner:
        runner.start("a", "pay", if_not_exists="create").result(20)
        with pytest.raises(RunFailed, match="before it asked"):
            runner.resume("a", "yes").result(20)
        assert asked(registry) == []
        runner.retry("a").result(20)
        assert (asked(registry), bank.paid) == ([FIRST], [])


@pytest.mark.parametrize("given", [Command(resume="old"), "by id"], ids=["bare", "by id"])
def test_stale_answer_of_a_plain_invoke_is_removed(registry, given):
    bank = Bank()
    graph = in_a_node(bank)
    plain = graph.copy(update={"checkpointer": registry.checkpointer})
    plain.invoke(said("pay"), config("a"))
    if given == "by id":
        given = Command(resume={registry.interrupts("a")[0].id: "old"})
    with pytest.raises(ConnectionError):
        plain.invoke(given, config("a"))
    with threads.Runner(registry, graph) as runner:
        runner.resume("a", "new").result(20)
        assert (asked(registry), bank.paid) == ([SECOND], [])
        runner.resume("a", "no").result(20)
    assert bank.paid == [("new", "no")]


def test_stale_answer_of_an_older_version_is_removed(registry):
    """It kept, as LangGraph does, the answers that a task had taken when it failed."""
    bank = Bank()
    with threads.Runner(registry, in_a_node(bank)) as runner:
        failed_after_the_first_answer(runner)
        saved = registry.checkpointer.get_tuple(config("a"))
        task_id = next(task for task, channel, _ in saved.pending_writes if channel == "__interrupt__")
        registry.checkpointer.put_writes(saved.config, [("__resume__", ["yes"])], task_id)
        runner.retry("a").result(20)
        assert (asked(registry), bank.paid) == ([SECOND], [])


def test_http_retry_asks_the_next_interrupt(registry):
    bank = Bank()
    with client(registry, in_a_node(bank)) as api:
        id = api.post(f"{PREFIX}/threads", json={"initial_message": "pay"}).json()["id"]
        assert api.post(f"{PREFIX}/threads/{id}/resume", json={"value": "yes"}).status_code == 502
        retried = api.post(f"{PREFIX}/threads/{id}/retry")
        assert retried.status_code == 200, retried.text
        assert retried.json()["run"]["status"] == "interrupted"
        assert [each["value"] for each in retried.json()["interrupts"]] == [SECOND]
        assert api.get(f"{PREFIX}/threads/{id}").json()["status"] == "interrupted"
    assert bank.paid == []


@pytest.mark.slow
def test_cli_retry_asks_the_next_interrupt(tmp_path):
    (tmp_path / "teller.py").write_text(
        textwrap.dedent(f"""
            import sys
            sys.path.insert(0, {str(SUPPORT)!r})
            from bank import Bank, in_a_node
            graph = in_a_node(Bank(failures=0))
        """)
    )
    bank = Bank()
    with threads.open(tmp_path / "threads.db") as registry:
        with threads.Runner(registry, {"graph": in_a_node(bank)}) as runner:
            failed_after_the_first_answer(runner)
        command = [sys.executable, "-m", "threads", "retry", "a", "--agents", "teller:graph"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert SECOND in done.stdout + done.stderr
        assert asked(registry) == [SECOND]
        assert registry.runs("a")[0].status == "interrupted"
        assert texts(registry, "a") == ["pay"]


def test_interrupt_of_a_functional_task_is_reported_once(registry):
    bank = Bank(failures=0)
    with threads.Runner(registry, in_a_functional_task(bank)) as runner:
        run = runner.start("a", input={"x": 1}, if_not_exists="create")
        run.result(20)
        (ended,) = [event for event in run if event.type == "interrupted"]
        assert [each["value"] for each in ended.data["interrupts"]] == [FIRST]
        assert asked(registry) == [FIRST]
        runner.resume("a", "yes").result(20)
        runner.resume("a", "no").result(20)
        with pytest.raises(NothingToResume):
            runner.resume("a", "no", key="another")
    assert bank.paid == [("yes", "no")]


def test_tokens_of_a_failed_attempt_and_its_retry_add_up(registry):
    failures = [ConnectionError("once")]

    def answer(input_tokens, output_tokens):
        usage = {"input_tokens": input_tokens, "output_tokens": output_tokens}
        return AIMessage("ok", usage_metadata={**usage, "total_tokens": sum(usage.values())})

    def second(state):
        if failures:
            raise failures.pop()
        return {"messages": [answer(30, 40)]}

    builder = StateGraph(Plain)
    builder.add_node("first", lambda state: {"messages": [answer(1, 2)]})
    builder.add_node("second", second)
    builder.add_edge(START, "first")
    builder.add_edge("first", "second")
    with threads.Runner(registry, builder.compile()) as runner:
        with pytest.raises(RunFailed):
            runner.start("a", "hi", if_not_exists="create").result(20)
        run = runner.retry("a")
        run.result(20)
        assert (run.info.attempts, run.info.input_tokens, run.info.output_tokens) == (2, 31, 42)
