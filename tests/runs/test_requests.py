"""Runs that ask a person, use tools, or meet a wedged thread: each answer counts once, each effect too."""

from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import pytest
from faults import LONG
from graphs import Plain, asking_graph, compiled, config, said, stock_saver, talk_graph
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt
from run_helpers import (
    Gate,
    approving_graph,
    asking_at_once_graph,
    calls,
    effects,
    noting,
    plain_tool_graph,
    texts,
    told,
    tool_agent,
    types,
    until,
)
from runner_processes import calling_graph

import threads
from agent import build_agent
from threads import AlreadyAnswered, InvalidValue, KeyReused, NothingToResume, RunFailed
from threads.runs import tool_key


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        yield registry


# questions


def test_resume_answers_an_interrupt(registry, tmp_path):
    with threads.Runner(registry, approving_graph(tmp_path / "effects")) as runner:
        run = runner.start("a", "Do it", if_not_exists="create")
        values = run.result(30)
        assert run.status == "interrupted"
        assert registry.get("a").status == "interrupted"
        assert values["__interrupt__"][0].value == "question 0"
        (question,) = registry.interrupts("a")
        assert question.value == "question 0"
        [[described]] = told(run, "interrupted", "interrupts")
        assert described == {
            "id": question.id, "value": "question 0", "kind": "text", "choices": [], "response_schema": None,
        }  # fmt: skip
        answer = runner.resume("a", "yes")
        assert answer.result(30)["messages"][-1].text == "you said yes"
        assert (registry.get("a").status, registry.interrupts("a")) == ("idle", ())
        assert texts(registry, "a") == ["Do it", "you said yes"]
        assert runner.resume("a", "yes").id == answer.id
        with pytest.raises(KeyReused):
            runner.resume("a", "no")
        runner.start("a", "Again").result(30)
        assert runner.resume("a", "no").result(30)["messages"][-1].text == "you said no"
    assert effects(tmp_path / "effects") == ["yes", "no"]
    assert registry.verify() == []


def test_interrupts_of_one_node_are_answered_in_order(registry, tmp_path):
    with threads.Runner(registry, approving_graph(tmp_path / "effects", questions=3)) as runner:
        runner.start("a", "Do it", if_not_exists="create").result(30)
        for number in range(3):
            assert registry.interrupts("a")[0].value == f"question {number}"
            run = runner.resume("a", f"answer{number}")
            run.result(30)
        assert run.status == "success"
    assert effects(tmp_path / "effects") == ["answer0+answer1+answer2"]
    assert len(registry.runs("a")) == 4


def test_parallel_interrupts_are_answered_by_id(registry):
    with threads.Runner(registry, asking_at_once_graph()) as runner:
        runner.start("a", "Do it", if_not_exists="create").result(30)
        ids = {question.value: question.id for question in registry.interrupts("a")}
        assert set(ids) == {"left", "right"}
        with pytest.raises(InvalidValue, match="several interrupts"):
            runner.resume("a", "yes")
        half = runner.resume("a", {ids["left"]: "1"})
        half.result(30)
        assert half.status == "interrupted"
        assert [question.value for question in registry.interrupts("a")] == ["right"]
        assert runner.resume("a", "2").result(30)["messages"]
    assert sorted(texts(registry, "a")[1:]) == ["left: 1", "right: 2"]


def asking_twice_graph():
    """Two nodes, one after the other, that ask."""
    builder = StateGraph(Plain)
    for name in ("first", "second"):
        builder.add_node(
            name, lambda state, name=name: {"messages": [AIMessage(f"{name}: {interrupt(name)}")]}
        )
    builder.add_edge(START, "first")
    builder.add_edge("first", "second")
    builder.add_edge("second", END)
    return builder.compile()


def test_repeated_resume_with_a_key_does_not_answer_the_next_interrupt(registry):
    with threads.Runner(registry, asking_twice_graph()) as runner:
        runner.start("a", "Do it", if_not_exists="create").result(30)
        first = runner.resume("a", "yes", key="click-1")
        first.result(30)
        assert runner.resume("a", "yes", key="click-1").id == first.id
        with pytest.raises(KeyReused):
            runner.resume("a", "no", key="click-1")
        assert [question.value for question in registry.interrupts("a")] == ["second"]
        with ThreadPoolExecutor(4) as pool:
            runs = list(pool.map(lambda _: runner.resume("a", "yes", key="click-2"), range(8)))
        assert len({run.id for run in runs}) == 1
        runs[0].result(30)
        runner.start("a", "Again").result(30)
        assert runner.resume("a", "yes", key="click-1").id == first.id
        assert runner.resume("a", "yes", key="click-2").id == runs[0].id
    assert texts(registry, "a") == ["Do it", "first: yes", "second: yes", "Again"]


@pytest.mark.parametrize("build", [asking_at_once_graph, asking_twice_graph])
def test_resume_by_interrupt_id_does_not_answer_another(registry, build):
    with threads.Runner(registry, build()) as runner:
        runner.start("a", "Do it", if_not_exists="create").result(30)
        asked = registry.interrupts("a")[0].id
        first = runner.resume("a", {asked: "yes"})
        result = first.result(30)
        again = runner.resume("a", {asked: "yes"})
        assert again.id == first.id
        assert again.result(30)["__interrupt__"] == result["__interrupt__"]
        assert len(again.result(30)["messages"]) == len(result["messages"])
        with pytest.raises(KeyReused):
            runner.resume("a", {asked: "no"})
        (waiting,) = registry.interrupts("a")
        with pytest.raises(InvalidValue, match="no interrupt is waiting"):
            runner.resume("a", {"0" * 32: "yes"})
        with pytest.raises(InvalidValue, match="is still waiting"):
            runner.resume("a", {asked: "yes", waiting.id: "yes"})
        assert registry.interrupts("a") == (waiting,)
        runner.resume("a", {waiting.id: "no"}).result(30)
        runner.start("a", "Again").result(30)
        assert runner.resume("a", {asked: "yes"}).id == first.id, "however late"
    assert len(registry.runs("a")) == 4


def test_resume_with_answers_in_another_order_is_the_same_request(registry):
    with threads.Runner(registry, asking_at_once_graph()) as runner:
        runner.start("a", "Do it", if_not_exists="create").result(30)
        answers = {question.id: question.value for question in registry.interrupts("a")}
        first = runner.resume("a", answers)
        assert runner.resume("a", dict(reversed(answers.items()))).id == first.id
        first.result(30)
        assert runner.resume("a", dict(reversed(answers.items()))).id == first.id


def test_resume_of_a_breakpoint_is_idempotent(registry):
    graph = compiled(Plain, lambda state: {"messages": [AIMessage("after the break")]}, None)
    graph.interrupt_before_nodes = ["model"]
    with threads.Runner(registry, graph) as runner:
        runner.start("a", "Hi", if_not_exists="create").result(30)
        first = runner.resume("a")
        first.result(30)
        assert runner.resume("a").id == first.id


def test_resume_answers_an_interrupt_of_a_plain_invoke(registry):
    graph = asking_graph(registry.checkpointer)
    graph.invoke(said("hi"), config("a"))
    with threads.Runner(registry, graph) as runner:
        first = runner.resume("a", "yes")
        assert first.result(30)["messages"][-1].text == "you said yes"
        graph.invoke(said("once more"), config("a"))
        second = runner.resume("a", "yes")
        assert second.id != first.id
        second.result(30)
    assert texts(registry, "a") == ["hi", "you said yes", "once more", "you said yes"]


def test_resume_without_interrupt_raises_nothing_to_resume(registry):
    with threads.Runner(registry, build_agent()) as runner:
        runner.start("a", "Hi", if_not_exists="create").result(30)
        with pytest.raises(NothingToResume):
            runner.resume("a", "yes")


def test_resume_continues_from_a_breakpoint(registry):
    builder = StateGraph(Plain)
    builder.add_node("model", lambda state: {"messages": [AIMessage("after the break")]})
    builder.add_edge(START, "model")
    builder.add_edge("model", END)
    with threads.Runner(registry, builder.compile(interrupt_before=["model"])) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        run.result(30)
        assert (run.status, registry.get("a").status) == ("interrupted", "interrupted")
        assert runner.resume("a").result(30)["messages"][-1].text == "after the break"
    assert (registry.get("a").status, texts(registry, "a")) == ("idle", ["Hi", "after the break"])


@pytest.mark.slow
def test_concurrent_resumes_have_one_effect(registry, tmp_path):
    """By two registries on the file."""
    count = 200 if LONG else 20
    graph = approving_graph(tmp_path / "effects")
    with (
        threads.open(tmp_path / "threads.db") as elsewhere,
        threads.Runner(registry, graph) as here,
        threads.Runner(elsewhere, graph) as there,
        ThreadPoolExecutor(3) as pool,
    ):
        for number in range(count):
            id = f"thread {number % 20}"
            here.start(id, f"do {number}", if_not_exists="create").result(20)
            answered = [pool.submit(runner.resume, id, f"yes{number}") for runner in (here, there, here)]
            runs = [each.result() for each in answered]
            assert len({run.id for run in runs}) == 1
            assert {run.result(20)["messages"][-1].text for run in runs} == {f"you said yes{number}"}
    assert effects(tmp_path / "effects") == [f"yes{number}" for number in range(count)]


def test_repeated_answer_restarts_its_failed_run(registry):
    failures = [RuntimeError("the door is shut")]

    def node(state):
        answer = interrupt("sure?")
        if failures:
            raise failures.pop()
        return {"messages": [AIMessage(f"you said {answer}")]}

    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        runner.start("a", "Do it", if_not_exists="create").result(30)
        first = runner.resume("a", "yes")
        with pytest.raises(RunFailed, match="the door is shut"):
            first.result(30)
        again = runner.resume("a", "yes")
        assert again.id == first.id
        assert again.result(30)["messages"][-1].text == "you said yes"
        with pytest.raises(AlreadyAnswered):
            runner.resume("a", "no")


def test_new_message_replaces_a_waiting_interrupt(registry, tmp_path):
    with threads.Runner(registry, approving_graph(tmp_path / "effects")) as runner:
        runner.start("a", "Do it", if_not_exists="create").result(30)
        runner.start("a", "Do something else", key="k").result(30)
        assert len(registry.interrupts("a")) == 1
        runner.resume("a", "yes").result(30)
    assert effects(tmp_path / "effects") == ["yes"]
    assert texts(registry, "a") == ["Do it", "Do something else", "you said yes"]


def test_call_whose_question_a_new_message_replaces_is_not_said_to_have_failed(registry):
    def model(state):
        call = {"name": "pay", "args": {}, "id": f"call {len(state['messages'])}"}
        return {"messages": [AIMessage("", tool_calls=[call])]}

    def tools(state):
        call = state["messages"][-1].tool_calls[0]
        return {"messages": [ToolMessage(interrupt("sure?"), tool_call_id=call["id"])]}

    builder = StateGraph(Plain)
    builder.add_node("model", model)
    builder.add_node("tools", tools)
    builder.add_edge(START, "model")
    builder.add_edge("model", "tools")
    with threads.Runner(registry, builder.compile()) as runner:
        runner.start("a", "Pay", if_not_exists="create").result(30)
        runner.start("a", "Rather not").result(30)
    replaced = "The call was not answered: the user sent another message instead."
    assert texts(registry, "a") == ["Pay", "", replaced, "Rather not", ""]


def test_resume_has_the_context_of_the_interrupted_run(registry):
    with threads.Runner(registry, talk_graph(dict)) as runner:
        runner.start("a", "ask", context={"user": "al"}, if_not_exists="create").result(30)
        assert runner.resume("a", "yes").result(30)["messages"][-1].text == "yes, None, {'user': 'al'}"
        runner.start("a", "ask", context={"user": "bo"}).result(30)
        values = runner.resume("a", "yes", context={"user": "cy"}).result(30)
        assert values["messages"][-1].text == "yes, None, {'user': 'cy'}"
        ours = talk_graph(dict).copy(update={"checkpointer": registry.checkpointer})
        ours.invoke(said("ask"), config("a"), context={"user": "dee"})
        assert runner.resume("a", "no").result(30)["messages"][-1].text == "no, None, {'user': 'cy'}"


def test_second_resume_has_the_context_of_the_first_run(registry):
    def node(state, runtime: Runtime):
        return {"messages": [AIMessage(f"{interrupt('one')} {interrupt('two')} {runtime.context}")]}

    builder = StateGraph(Plain, context_schema=dict)
    builder.add_node("model", node)
    builder.add_edge(START, "model")
    with threads.Runner(registry, builder.compile()) as runner:
        runner.start("a", "ask", context={"user": "al"}, if_not_exists="create").result(30)
        runner.resume("a", "1").result(30)
        assert runner.resume("a", "2").result(30)["messages"][-1].text == "1 2 {'user': 'al'}"


# tools


@pytest.mark.parametrize("build", [tool_agent, plain_tool_graph])
def test_tool_events_are_stored_before_and_after_the_call(registry, build):
    seen = []

    @tool
    def look(n: int) -> str:
        """Looks."""
        seen.extend(types(registry.events("a", follow=False)))
        return f"found {n}"

    with threads.Runner(registry, build(look)) as runner:
        run = runner.start("a", "Look", if_not_exists="create")
        events = list(run)
    assert "tool_started" in seen and "tool_finished" not in seen
    story = [kind for kind in types(events) if kind.startswith("tool") or kind == "message"]
    assert story == ["message", "message", "tool_started", "tool_finished", "message", "message"]
    (started,) = [event.data for event in events if event.type == "tool_started"]
    assert started["task"].startswith("tools:")
    origin = {"node": "tools", "namespace": [], "in_conversation": True}
    call = {"tool_call_id": "call-0", "name": "look", "task": started["task"], **origin}
    assert started == {**call, "args": {"n": 1}, "idempotent": False}
    (finished,) = [event.data for event in events if event.type == "tool_finished"]
    assert finished == call


@pytest.mark.parametrize("metadata", [{"idempotent": True}, {"idempotentHint": True}, {"readOnlyHint": True}])
def test_idempotent_tools_are_recognised_by_metadata(registry, metadata):
    @tool
    def look(n: int) -> str:
        """Looks."""
        return "found"

    look.metadata = metadata
    with threads.Runner(registry, tool_agent(look)) as runner:
        events = list(runner.start("a", "Look", if_not_exists="create"))
    assert told(events, "tool_started", "idempotent") == [True]


def test_tool_finished_event_has_the_error(registry):
    @tool
    def look(n: int) -> str:
        """Looks."""
        raise ValueError("the shelf is empty")

    with threads.Runner(registry, tool_agent(look)) as runner:
        events = list(runner.start("a", "Look", if_not_exists="create"))
    (finished,) = [event.data for event in events if event.type == "tool_finished"]
    assert "the shelf is empty" in finished["error"]
    assert events[-1].type == "finished"


def test_tool_key_is_made_of_thread_run_and_call(registry):
    keys = []

    @tool
    def look(n: int, config: RunnableConfig, tool_call_id: Annotated[str, InjectedToolCallId]) -> str:
        """Looks."""
        keys.append(tool_key(config, tool_call_id))
        if len(keys) == 1:
            raise RuntimeError("broken")
        return "found"

    with threads.Runner(registry, plain_tool_graph(look)) as runner:
        run = runner.start("a", "Look", if_not_exists="create")
        with pytest.raises(RunFailed, match="broken"):
            run.result(30)
        assert registry.verify() == [], "the tool is to be run again"
        runner.retry("a").result(30)
    assert keys == [f"a/{run.id}/call-0"] * 2


def test_tool_key_is_the_same_after_an_interrupt(registry):
    keys = []

    @tool
    def book(n: int, config: RunnableConfig, tool_call_id: Annotated[str, InjectedToolCallId]) -> str:
        """Books."""
        keys.append(tool_key(config, tool_call_id))
        return f"booked {interrupt('really?')} {interrupt('sure?')}"

    with threads.Runner(registry, plain_tool_graph(book)) as runner:
        run = runner.start("a", "Book", if_not_exists="create")
        run.result(30)
        runner.resume("a", "yes").result(30)
        assert runner.resume("a", "I am").result(30)["messages"][-2].text == "booked yes I am"
        other = runner.start("a", "Book")
        other.result(30)
    assert keys == [f"a/{run.id}/call-0"] * 3 + [f"a/{other.id}/call-0"]


def test_stopped_tool_keeps_the_result_of_another(registry):
    gate = Gate()

    @tool
    def look() -> str:
        """Looks."""
        return "looked"

    @tool
    async def pay() -> str:
        """Pays."""
        await gate.await_()
        return "paid"

    with threads.Runner(registry, calling_graph([look, pay], apart=True).compile()) as runner:
        run = runner.start("a", "look pay", if_not_exists="create")
        assert gate.reached.wait(10)
        graph = runner._agents.get("agent")
        until(lambda: any(task.result for task in graph.get_state(config("a")).tasks))
        run.stop()
        run.result(30)
    found = {
        message.tool_call_id: message.text for message in registry.messages("a") if message.role == "tool"
    }
    assert found == {"look-1": "looked", "pay-1": "The call was not answered: the run was stopped."}
    assert registry.verify() == []


def test_dangling_tool_call_of_a_resumed_run_is_repaired(registry):
    def node(state):
        if len(state["messages"]) == 1:
            interrupt("sure?")
            return {"messages": [calls("look", {"n": 1})]}
        return Picky()(state)

    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        runner.start("a", "Look", if_not_exists="create").result(30)
        runner.resume("a", "yes").result(30)
        assert runner.start("a", "And?").result(30)["messages"][-1].text == "at your service"
    assert registry.verify() == []


def test_interrupt_inside_a_tool_is_no_dangling_call(registry, tmp_path):
    @tool
    def book(n: int) -> str:
        """Books."""
        noting(tmp_path / "effects", interrupt("really?"))
        return "booked"

    with threads.Runner(registry, tool_agent(book)) as runner:
        run = runner.start("a", "Book", if_not_exists="create")
        run.result(30)
        assert run.status == "interrupted"
        assert [problem.kind for problem in registry.verify()] == [], "a question is no harm"
        assert runner.resume("a", "yes").result(30)["messages"][-1].text == "done"
    assert effects(tmp_path / "effects") == ["yes"]


# wedged threads


def wedge(path, id, *, at_end):
    """What a process with the stock saver leaves that died between a call and its answer."""
    saver = stock_saver(path)
    graph = compiled(Plain, lambda state: {"messages": []}, saver)
    messages = [HumanMessage("Look it up"), calls("look", {"n": 1}, {"n": 2})]
    messages += [ToolMessage("found one", tool_call_id="call-0")]
    graph.update_state(config(id), {"messages": messages}, as_node="model")
    if not at_end:
        graph.invoke(said("Are you there?"), config(id))
    saver.conn.close()


class Picky:
    """A provider that refuses conversations with a call that has no answer right behind it."""

    def __call__(self, state):
        open_calls = set()
        for message in state["messages"]:
            if open_calls and not isinstance(message, ToolMessage):
                raise ValueError("400: tool_calls must be followed by tool messages")
            if isinstance(message, AIMessage):
                open_calls = {call["id"] for call in message.tool_calls}
            elif isinstance(message, ToolMessage):
                open_calls.discard(message.tool_call_id)
        return {"messages": [AIMessage("at your service")]}


@pytest.mark.parametrize("at_end", [True, False], ids=["at the end", "in the middle"])
def test_dangling_tool_call_is_reported_and_repaired_by_the_next_run(tmp_path, at_end):
    path = tmp_path / "threads.db"
    with threads.open(path):
        pass
    wedge(path, "a", at_end=at_end)
    with threads.open(path) as registry:
        shown = [(problem.kind, problem.thread_id, problem.detail[-6:]) for problem in registry.verify()]
        assert shown == [("unanswered", "a", "call-1")]
        with threads.Runner(registry, compiled(Plain, Picky(), None)) as runner:
            values = runner.start("a", "Go on").result(30)
        assert values["messages"][-1].text == "at your service"
        answers = {message.tool_call_id for message in values["messages"] if isinstance(message, ToolMessage)}
        assert answers == {"call-0", "call-1"}
        assert texts(registry, "a")[-2:] == ["Go on", "at your service"]
        assert registry.verify() == []


def test_new_message_instead_of_a_tools_interrupt_answers_the_call(registry):
    @tool
    def book(n: int) -> str:
        """Books."""
        return interrupt("really?")

    with threads.Runner(registry, tool_agent(book)) as runner:
        runner.start("a", "Book", if_not_exists="create").result(30)
        values = runner.start("a", "Forget it").result(30)
    answers = [message for message in values["messages"] if isinstance(message, ToolMessage)]
    assert [(answer.tool_call_id, answer.status) for answer in answers] == [("call-0", "error")]
    assert registry.verify() == []


def test_repair_keeps_a_waiting_interrupt(registry, tmp_path):
    @tool
    def book(n: int) -> str:
        """Books."""
        return f"booked after {interrupt('really?')}"

    graph = plain_tool_graph(book).copy(update={"checkpointer": registry.checkpointer})
    graph.invoke(said("Book"), config("a"))
    assert registry.verify() == []
    assert registry.repair() == []
    assert graph.invoke(Command(resume="a yes"), config("a"))["messages"][-2].text == "booked after a yes"
