"""Answers that are replaced because their run failed in the node that asked, and answers that were taken."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from graphs import Plain, compiled
from langchain_core.messages import AIMessage
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from run_helpers import Gate, asking_at_once_graph, effects, noting, texts, until
from server_helpers import PREFIX, client

import threads
from threads import AlreadyAnswered, InvalidValue, KeyReused, NothingToResume, RunFailed
from threads.runs.interrupts import new_answer, resolve_resume

APPROVED = {"decisions": [{"type": "approve"}]}


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        yield registry


def reviewing_graph(done=None):
    """Asks for decisions as LangChain's `HumanInTheLoopMiddleware` does, and fails where it gets none."""

    def review(state):
        decisions = interrupt({"action_requests": [{"name": "refund"}]})["decisions"]
        if done is not None:
            done.append(decisions)
        return {"messages": [AIMessage(f"decided: {decisions[0]['type']}")]}

    return compiled(Plain, review, None)


def asked(runner, graph_input="refund it", id="a"):
    runner.start(id, graph_input, if_not_exists="create").result(20)


def fails(run):
    with pytest.raises(RunFailed):
        run.result(20)
    return run


@pytest.mark.parametrize("wrong", ["yes", True, None, [], {"decision": "approve"}])
def test_invalid_resume_value_can_be_replaced(registry, wrong):
    done = []
    with threads.Runner(registry, reviewing_graph(done)) as runner:
        asked(runner)
        first = fails(runner.resume("a", wrong))
        fails(runner.retry("a"))
        right = runner.resume("a", APPROVED)
        assert right.result(20)["messages"][-1].text == "decided: approve"
        assert right.id != first.id
        assert [run.status for run in registry.runs("a")] == ["success", "error", "interrupted"]
        assert runner.resume("a", APPROVED).id == right.id
    assert done == [APPROVED["decisions"]]
    assert registry.get("a").status == "idle"
    assert registry.verify() == []


@pytest.mark.parametrize("key", [None, "fresh"])
def test_failed_resume_can_be_replaced_with_any_keys(registry, key):
    with threads.Runner(registry, reviewing_graph()) as runner:
        asked(runner)
        fails(runner.resume("a", "yes", key="first"))
        with pytest.raises(KeyReused, match="'first'"):
            runner.resume("a", APPROVED, key="first")
        (question,) = registry.interrupts("a")
        run = runner.resume("a", {question.id: APPROVED}, key=key)
        assert run.result(20)["messages"][-1].text == "decided: approve"
        replaced = runner.resume("a", "yes", key="first")
        with pytest.raises(RunFailed, match="indices"):  # another answer was taken in its place
            replaced.result(20)
        assert replaced.info.attempts == 1
    assert texts(registry, "a") == ["refund it", "decided: approve"]


def test_failed_resume_can_be_replaced_after_a_restart_and_in_a_fork(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        with threads.Runner(registry, reviewing_graph()) as runner:
            asked(runner)
            fails(runner.resume("a", "yes"))
        forked = registry.fork("a", new_id="b")
    with (
        threads.open(tmp_path / "threads.db") as registry,
        threads.Runner(registry, reviewing_graph()) as runner,
    ):
        for id in ("a", forked.id):
            values = runner.resume(id, APPROVED).result(20)
            assert values["messages"][-1].text == "decided: approve"


def test_resume_value_that_a_node_accepted_stays_taken(registry, tmp_path):
    """The node asked again with it: only its second answer may be replaced."""

    def node(state):
        first = interrupt("first")
        second = interrupt("second")
        noting(tmp_path / "effects", f"{first}+{second['ok']}")
        return {"messages": [AIMessage("done")]}

    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        asked(runner)
        (first,) = registry.interrupts("a")
        runner.resume("a", "1").result(20)
        (second,) = registry.interrupts("a")
        fails(runner.resume("a", "2"))
        with pytest.raises(AlreadyAnswered, match="answered already"):
            runner.resume("a", {first.id: "another"})
        assert registry.interrupts("a") == (second,)
        runner.resume("a", {"ok": "2"}).result(20)
    assert effects(tmp_path / "effects") == ["1+2"]


def failing_later_graph(failures, *, in_subgraph):
    """Asks in one node, fails in the next one."""

    def later(state):
        if failures:
            raise failures.pop()
        return {"messages": [AIMessage("later")]}

    builder = StateGraph(Plain)
    builder.add_node("asks", lambda state: {"messages": [AIMessage(f"you said {interrupt('sure?')}")]})
    builder.add_node("later", later)
    builder.add_edge(START, "asks")
    builder.add_edge("asks", "later")
    if not in_subgraph:
        return builder.compile()
    outer = StateGraph(Plain)
    outer.add_node("outer", builder.compile())
    outer.add_edge(START, "outer")
    return outer.compile()


@pytest.mark.parametrize("in_subgraph", [False, True], ids=["in the graph", "in a subgraph"])
def test_resume_value_stays_taken_if_a_later_node_fails(registry, in_subgraph):
    graph = failing_later_graph([RuntimeError("down"), RuntimeError("down")], in_subgraph=in_subgraph)
    with threads.Runner(registry, graph) as runner:
        asked(runner)
        run = fails(runner.resume("a", "yes"))
        assert registry.interrupts("a") == (), "it was answered"
        for key in (None, "fresh"):
            with pytest.raises(AlreadyAnswered, match=r"runner\.retry") as refused:
                runner.resume("a", "no", key=key)
            assert "resume:" not in str(refused.value)
            assert (refused.value.run_id, refused.value.key) == (run.id, None)
        fails(runner.resume("a", "yes"))
        assert runner.retry("a").result(20)["messages"][-1].text == "later"
        with pytest.raises(AlreadyAnswered, match=r"runner\.regenerate"):
            runner.resume("a", "no")
    assert texts(registry, "a") == ["refund it", "you said yes", "later"]


def test_remedies_of_already_answered_work(registry):
    graph = failing_later_graph([RuntimeError("down")], in_subgraph=False)
    with threads.Runner(registry, graph) as runner:
        asked(runner)
        fails(runner.resume("a", "yes"))
        assert runner.regenerate("a").result(20)["__interrupt__"][0].value == "sure?"
        runner.resume("a", "no").result(20)
    assert texts(registry, "a") == ["refund it", "you said no", "later"]


def test_second_resume_during_a_run_raises_thread_busy(registry):
    gate = Gate()

    def node(state):
        answer = interrupt("sure?")
        gate.wait()
        return {"messages": [AIMessage(answer)]}

    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        asked(runner)
        run = runner.resume("a", "yes")
        assert gate.reached.wait(20)
        for key in (None, "fresh"):
            with pytest.raises(AlreadyAnswered, match=r"runner\.stop"):
                runner.resume("a", "no", key=key)
        gate.opened.set()
        assert run.result(20)["messages"][-1].text == "yes"


def test_one_of_several_concurrent_replacements_is_taken(tmp_path):
    path = tmp_path / "effects"

    def node(state):
        noting(path, interrupt("sure?")["ok"])
        return {"messages": [AIMessage("done")]}

    graph = compiled(Plain, node, None)
    with (
        threads.open(tmp_path / "threads.db") as one,
        threads.open(tmp_path / "threads.db") as two,
        threads.Runner(one, graph) as here,
        threads.Runner(two, graph) as there,
        ThreadPoolExecutor(6) as pool,
    ):
        for number in range(15):
            id = f"t{number}"
            asked(here, id=id)
            fails(here.resume(id, "wrong"))

            def give(client, id=id):
                runner, key = (here, there)[client % 2], f"key {client}" if client > 3 else None
                try:
                    return runner.resume(id, {"ok": f"{id}:{client}"}, key=key).result(20)
                except (AlreadyAnswered, NothingToResume, threads.ThreadBusy) as refused:
                    return refused

            ended = list(pool.map(give, range(6)))
            assert sum(isinstance(each, dict) for each in ended) == 1, ended
            assert until(lambda id=id: one.get(id).status == "idle")
    taken = [effect.partition(":")[0] for effect in effects(path)]
    assert taken == [f"t{number}" for number in range(15)]


def test_one_of_several_resume_values_can_be_replaced(registry):
    def side(name):
        def node(state):
            answer = interrupt(name)
            return {"messages": [AIMessage(f"{name}: {answer['ok'] if name == 'left' else answer}")]}

        return node

    builder = StateGraph(Plain)
    for name in ("left", "right"):
        builder.add_node(name, side(name))
        builder.add_edge(START, name)
    with threads.Runner(registry, builder.compile()) as runner:
        asked(runner)
        ids = {question.value: question.id for question in registry.interrupts("a")}
        runner.resume("a", {ids["right"]: "2"}).result(20)
        fails(runner.resume("a", {ids["left"]: "1"}))
        with pytest.raises(AlreadyAnswered):
            runner.resume("a", {ids["right"]: "another"})
        with pytest.raises(InvalidValue, match="is still waiting"):
            runner.resume("a", {ids["left"]: {"ok": "1"}, ids["right"]: "another"})
        runner.resume("a", {ids["left"]: {"ok": "1"}}).result(20)
    assert sorted(texts(registry, "a")[1:]) == ["left: 1", "right: 2"]


@pytest.mark.parametrize("by_id", [False, True], ids=["bare", "by id"])
def test_equal_answer_to_the_next_interrupt_is_a_new_run(registry, by_id):
    """A run failed beside a node that asks again: a bare `yes` is the failed run's, one by id the question's."""
    failures = [RuntimeError("down")]
    paid = []

    def asking(state):
        paid.append((interrupt("one"), interrupt("two")))
        return {"messages": [AIMessage("paid")]}

    def failing(state):
        if failures and interrupt("beside"):
            raise failures.pop()
        return {"messages": [AIMessage("beside")]}

    builder = StateGraph(Plain)
    for name, node in (("asking", asking), ("failing", failing)):
        builder.add_node(name, node)
        builder.add_edge(START, name)
    with threads.Runner(registry, builder.compile()) as runner:
        asked(runner)
        ids = {question.value: question.id for question in registry.interrupts("a")}
        runner.resume("a", {ids["one"]: "yes"}).result(20)
        failed = fails(runner.resume("a", {ids["beside"]: "yes"}))
        (two,) = [each for each in registry.interrupts("a") if each.value == "two"]
        if not by_id:
            again = runner.resume("a", "yes")
            again.result(20)
            assert (again.id, paid) == (failed.id, [])
            assert [question.value for question in registry.interrupts("a")] == ["two"]
        assert runner.resume("a", {two.id: "yes"}).id != failed.id
        assert until(lambda: registry.get("a").status == "idle")
    assert paid == [("yes", "yes")]


def test_resume_of_another_interrupt_than_the_failed_one_is_accepted(registry):
    with threads.Runner(registry, asking_at_once_graph()) as runner:
        asked(runner)
        ids = {question.value: question.id for question in registry.interrupts("a")}
        runner.resume("a", {ids["left"]: "yes"}).result(20)
        runner.resume("a", {ids["right"]: "yes"}).result(20)
    assert sorted(texts(registry, "a")[1:]) == ["left: yes", "right: yes"]


def test_late_resume_is_not_passed_to_another_interrupt(registry):
    """Two clients with different keys: the second looked at the thread before the first was taken."""
    paid = []

    def node(state):
        paid.append((interrupt("one"), interrupt("two")))
        return {"messages": [AIMessage("paid")]}

    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        asked(runner)
        answer = new_answer("late", None)
        late = resolve_resume(registry, runner._history, runner._agents, "a", answer, "second")
        runner.resume("a", "early", key="first").result(20)
        with pytest.raises(AlreadyAnswered):
            runner._accept(runner._submitter.submit("a", late)).result(20)
        assert paid == []
        assert [question.value for question in registry.interrupts("a")] == ["two"]
        runner.resume("a", "and two", key="third").result(20)
    assert paid == [("early", "and two")]


def test_http_replaces_a_failed_resume(registry):
    with client(registry, reviewing_graph()) as api:
        id = api.post(f"{PREFIX}/threads", json={"initial_message": "refund it"}).json()["id"]
        resume = f"{PREFIX}/threads/{id}/resume"
        assert api.post(resume, json={"value": "yes"}).status_code == 502
        key = {"Idempotency-Key": "fresh"}
        right = api.post(resume, json={"value": APPROVED}, headers=key)
        assert (right.status_code, right.json()["reply"]) == (200, "decided: approve")
        again = api.post(resume, json={"value": APPROVED}, headers=key)
        assert again.json()["run"]["id"] == right.json()["run"]["id"]
        reused = api.post(resume, json={"value": "no"}, headers=key)
        assert (reused.status_code, reused.json()["code"], reused.json()["field"]) == (
            422, "KeyReused", "Idempotency-Key",
        )  # fmt: skip


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "fresh"}], ids=["no key", "a fresh key"])
def test_http_refuses_an_answered_interrupt_with_remedies(registry, headers):
    graph = failing_later_graph([RuntimeError("down")], in_subgraph=False)
    with client(registry, graph) as api:
        id = api.post(f"{PREFIX}/threads", json={"initial_message": "go"}).json()["id"]
        resume = f"{PREFIX}/threads/{id}/resume"
        assert api.post(resume, json={"value": "yes"}).status_code == 502
        refused = api.post(resume, json={"value": "no"}, headers=headers)
        assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
            409, "AlreadyAnswered", None,
        )  # fmt: skip
        assert "POST .../retry" in refused.json()["error"]
        assert "resume:" not in refused.text and "runner." not in refused.text
        assert api.post(f"{PREFIX}/threads/{id}/retry").json()["reply"] == "later"
