"""Interrupts as data: their kind, choices and schema, and answers that are refused before a run."""

import json

import approval_agents
import pytest
from approval_agents import BOOK, EFFECTS, PAY, deep_paying_agent, delegating_agent, paying_agent
from graphs import Plain, asking_graph, compiled, config, said, stock_saver
from langchain_core.messages import AIMessage
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from run_helpers import asking_at_once_graph, effects, texts, until
from server_helpers import PREFIX, client

import threads
from threads import (
    AgentNotFound,
    AlreadyAnswered,
    Interrupt,
    InvalidValue,
    MessageNotFound,
    NothingToResume,
    RunFailed,
)

APPROVE, REJECT = {"type": "approve"}, {"type": "reject"}
ALLOWED = "Allowed for pay: approve, edit, reject, respond"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def registry(here):
    with threads.open(here / "threads.db") as registry:
        yield registry


def asked(registry, runner, id="a"):
    runner.start(id, "go", if_not_exists="create").result(30)
    return registry.interrupts(id)


def is_unchanged(registry, questions, id="a"):
    """Whether the questions are open still, and no run was stored."""
    return registry.interrupts(id) == questions and registry.runs(id).total == 1


# what is known of an interrupt


def test_text_interrupt_has_the_kind_text(registry):
    with threads.Runner(registry, asking_graph(None)) as runner:
        [question] = asked(registry, runner)
    assert (question.kind, question.value, question.choices) == ("text", "sure?", ())
    assert question.response_schema is None


def test_other_value_has_the_kind_value(registry):
    graph = compiled(Plain, lambda state: {"messages": [AIMessage(str(interrupt({"x": 1})))]}, None)
    with threads.Runner(registry, graph) as runner:
        [question] = asked(registry, runner)
        assert (question.kind, question.value, question.response_schema) == ("value", {"x": 1}, None)
        runner.resume("a", ["any", {"answer": 1}]).result(30)


def test_schema_of_the_graph_is_published_with_its_choices(registry):
    with threads.Runner(registry, approval_agents.colour) as runner:
        [question] = asked(registry, runner)
        assert (question.kind, question.choices) == ("text", ("red", "green"))
        with pytest.raises(InvalidValue, match="'blue' is not one of 'red', 'green'"):
            runner.resume("a", "blue")
        assert is_unchanged(registry, (question,))
        runner.resume("a", "red").result(30)
    assert texts(registry, "a")[-1] == "'red'"


def test_schema_of_a_model_is_checked_before_the_run(registry):
    with threads.Runner(registry, approval_agents.form) as runner:
        questions = asked(registry, runner)
        assert questions[0].kind == "value"
        for wrong, words in (
            ("red", "not an object. See the interrupt's response_schema."),
            ({"colour": "blue"}, "colour: 'blue'"),
            ({}, "missing"),
        ):
            with pytest.raises(InvalidValue, match=words):
                runner.resume("a", wrong)
        assert is_unchanged(registry, questions)
        runner.resume("a", {"colour": "green", "number": 2}).result(30)
    assert texts(registry, "a")[-1] == "Choice(colour='green', number=2)"


def test_answer_that_only_the_graph_can_refuse_may_be_replaced(registry):
    """Its schema says nothing of it: pydantic refuses it in the node, and the interrupt stays pending."""
    graph = approval_agents.asking_with_schema("Which one?", approval_agents.EvenNumber)
    with threads.Runner(registry, graph) as runner:
        questions = asked(registry, runner)
        with pytest.raises(RunFailed, match="ValidationError"):
            runner.resume("a", {"number": 3}).result(30)
        assert registry.interrupts("a") == questions
        runner.resume("a", {"number": 4}).result(30)
    assert texts(registry, "a")[-1] == "EvenNumber(number=4)"


@pytest.mark.parametrize("build", [paying_agent, deep_paying_agent], ids=["langchain", "deepagents"])
def test_approval_is_answered_by_its_decisions(registry, build):
    with threads.Runner(registry, build(PAY, BOOK)) as runner:
        [question] = questions = asked(registry, runner)
        assert (question.kind, question.choices) == ("approval", ("approve", "reject"))
        actions = question.approval_request.actions
        assert [(each.name, dict(each.args)) for each in actions] == [PAY, BOOK]
        assert [each.decisions for each in actions] == [
            ("approve", "edit", "reject", "respond"),
            ("approve", "reject"),
        ]
        wrong = ["yes", True, None, [], {}, APPROVE, {"decisions": [APPROVE]}, {"decisions": [APPROVE] * 3},
                 {"decisions": ["approve", "approve"]}, {"decisions": [APPROVE, {"type": "respond"}]},
                 {"decisions": [{"type": "edit"}, APPROVE]}, {"decisions": [{"type": "respond"}, APPROVE]}]  # fmt: skip
        for answer in wrong:
            with pytest.raises(InvalidValue) as refused:
                runner.resume("a", answer)
            assert f"{ALLOWED}; for book: approve, reject" in str(refused.value)
        assert is_unchanged(registry, questions)
        edited = {"type": "edit", "edited_action": {"name": "pay", "args": {"amount": 5, "to": "Bob"}}}
        runner.resume("a", {"decisions": [edited, {**REJECT, "message": "full"}]}).result(30)
        assert registry.interrupts("a") == ()
    assert effects(EFFECTS) == ["pay:5:Bob"]


@pytest.mark.parametrize(
    ("make", "done", "words"),
    [
        (lambda question: question.approve(), ["pay:10:Ann"], "paid 10 to Ann"),
        (lambda question: question.edit({"amount": 5}), ["pay:5:Ann"], "paid 5 to Ann"),
        (lambda question: question.reject("too much"), [], "with reason: too much"),
        (lambda question: question.reject(), [], "rejected"),
        (lambda question: question.respond("paid in cash"), [], "paid in cash"),
    ],
    ids=["approve", "edit", "reject with a reason", "reject", "respond"],
)
@pytest.mark.parametrize("mode", ["batched", "per_call"])
def test_interrupt_makes_the_answer_of_each_decision(registry, mode, make, done, words):
    with threads.Runner(registry, paying_agent(PAY, mode=mode)) as runner:
        [question] = asked(registry, runner)
        run = runner.resume("a", make(question))
        assert words in run.result(30)["messages"][-1].text
    assert effects(EFFECTS) == done


def test_decisions_that_are_not_allowed_make_no_answer(registry):
    with threads.Runner(registry, {"both": paying_agent(PAY, BOOK), "text": asking_graph(None)}) as runner:
        runner.start("a", "go", agent_id="both", if_not_exists="create").result(30)
        runner.start("b", "go", agent_id="text", if_not_exists="create").result(30)
        [both], [text] = registry.interrupts("a"), registry.interrupts("b")
    with pytest.raises(InvalidValue, match=r"'respond' is not allowed for book \(allowed: approve, reject\)"):
        both.respond("done")
    with pytest.raises(InvalidValue, match="an edit changes one call; 2 are pending"):
        both.edit({"amount": 1})
    with pytest.raises(InvalidValue, match="'text'"):
        text.approve()


def test_each_tool_call_may_have_an_interrupt_of_its_own(registry):
    with threads.Runner(registry, paying_agent(PAY, BOOK, mode="per_call")) as runner:
        questions = asked(registry, runner)
        by_name = {question.value["name"]: question for question in questions}
        pay, book = by_name["pay"], by_name["book"]
        assert (pay.kind, book.kind) == ("approval", "approval")
        assert (pay.choices, book.choices) == (
            ("approve", "edit", "reject", "respond"),
            ("approve", "reject"),
        )
        with pytest.raises(InvalidValue, match="several interrupts"):
            runner.resume("a", APPROVE)
        with pytest.raises(InvalidValue, match="amount: 'all' is not an integer"):
            runner.resume("a", {pay.id: pay.edit({"amount": "all"})})
        with pytest.raises(InvalidValue, match=r"'edit' is not one of.*Allowed for book: approve, reject"):
            runner.resume("a", {pay.id: APPROVE, book.id: {"type": "edit"}})
        assert is_unchanged(registry, questions)
        runner.resume("a", {book.id: book.reject()}).result(30)
        assert [question.value["name"] for question in registry.interrupts("a")] == ["pay"]
        runner.resume("a", APPROVE).result(30)
    assert effects(EFFECTS) == ["pay:10:Ann"]


def test_several_interrupts_are_told_apart_by_their_ids(registry):
    with threads.Runner(registry, asking_at_once_graph()) as runner:
        questions = asked(registry, runner)
        assert sorted(each.value for each in questions) == ["left", "right"]
        assert {each.kind for each in questions} == {"text"}


def test_interrupted_event_describes_the_interrupt(registry):
    with threads.Runner(registry, paying_agent(PAY)) as runner:
        run = runner.start("a", "go", if_not_exists="create")
        run.result(30)
        [ended] = [event for event in run if event.type == "interrupted"]
        [question] = registry.interrupts("a")
    [described] = ended.data["interrupts"]
    assert described == json.loads(json.dumps(described))
    assert (described["id"], described["kind"]) == (question.id, "approval")
    assert described["choices"] == ["approve", "edit", "reject", "respond"]
    assert described["response_schema"] == question.response_schema


# breakpoints


def pausing_graph(**where):
    builder = StateGraph(Plain)
    builder.add_node("first", lambda state: {"messages": [AIMessage("one")]})
    builder.add_node("second", lambda state: {"messages": [AIMessage("two")]})
    builder.add_edge(START, "first")
    builder.add_edge("first", "second")
    return builder.compile(**where)


@pytest.mark.parametrize("where", [{"interrupt_before": ["second"]}, {"interrupt_after": ["first"]}], ids=str)
def test_breakpoint_is_an_interrupt_that_names_the_next_node(registry, where):
    with threads.Runner(registry, pausing_graph(**where)) as runner:
        [paused] = asked(registry, runner)
        assert (paused.kind, paused.value, paused.choices) == ("breakpoint", {"next": ["second"]}, ())
        runner.resume("a").result(30)
        assert registry.interrupts("a") == ()
        with pytest.raises(InvalidValue, match="no interrupt is waiting"):
            runner.resume("a", {paused.id: None})
    assert texts(registry, "a") == ["go", "one", "two"]


def test_breakpoint_is_continued_by_its_id(registry):
    with threads.Runner(registry, pausing_graph(interrupt_before=["second"])) as runner:
        [paused] = asked(registry, runner)
        runner.resume("a", {paused.id: None}).result(30)
    assert texts(registry, "a") == ["go", "one", "two"]


@pytest.mark.parametrize("answer", [False, True, 0, "", "go on", {}, {"a": 1}], ids=repr)
@pytest.mark.parametrize("by_id", [False, True])
def test_breakpoint_takes_no_answer(registry, answer, by_id):
    with threads.Runner(registry, pausing_graph(interrupt_before=["second"])) as runner:
        questions = asked(registry, runner)
        with pytest.raises(InvalidValue, match="breakpoint, which takes no answer"):
            runner.resume("a", {questions[0].id: answer} if by_id else answer)
        assert is_unchanged(registry, questions)
        runner.resume("a", None).result(30)
    assert texts(registry, "a") == ["go", "one", "two"]


@pytest.mark.parametrize("body", [{}, {"value": None}], ids=str)
def test_http_breakpoint_takes_no_answer(registry, body):
    with client(registry, pausing_graph(interrupt_before=["second"])) as api:
        id = api.post(f"{PREFIX}/threads", json={"initial_message": "go"}).json()["id"]
        url = f"{PREFIX}/threads/{id}/resume"
        refused = api.post(url, json={"value": False})
        assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
            422, "InvalidValue", "value",
        )  # fmt: skip
        assert texts(registry, id) == ["go", "one"]
        assert api.post(url, json=body).json()["reply"] == "two"


def test_breakpoint_behind_the_last_node_ends_the_run(registry):
    with threads.Runner(registry, pausing_graph(interrupt_after=["second"])) as runner:
        assert asked(registry, runner) == ()
        assert (registry.runs("a")[0].status, registry.get("a").status) == ("success", "idle")
        with pytest.raises(NothingToResume):
            runner.resume("a")


def test_breakpoint_is_over_once_the_thread_moved(registry):
    graph = pausing_graph(interrupt_before=["second"])
    with threads.Runner(registry, graph) as runner:
        asked(registry, runner)
        plain = pausing_graph(checkpointer=registry.checkpointer)
        plain.invoke(said("again"), config("a"))
        assert registry.interrupts("a") == ()


@pytest.mark.parametrize("runs_before", [0, 1])
def test_breakpoint_of_a_plain_invoke_is_continued(registry, runs_before):
    graph = pausing_graph(interrupt_before=["second"])
    with threads.Runner(registry, {"agent": graph, "straight": pausing_graph()}) as runner:
        if runs_before:
            runner.start("a", "before", agent_id="straight", if_not_exists="create").result(30)
        plain = pausing_graph(interrupt_before=["second"], checkpointer=registry.checkpointer)
        plain.invoke(said("go"), config("a"))
        registry.update("a", agent_id="agent")
        with pytest.raises(NothingToResume):
            runner.resume("a", "an answer")
        run = runner.resume("a")
        run.result(30)
        assert runner.resume("a").id == run.id
    assert texts(registry, "a")[-3:] == ["go", "one", "two"]


def test_thread_without_an_interrupt_says_so(registry):
    registry.create(id="d")
    with threads.Runner(registry, pausing_graph()) as runner:
        with pytest.raises(NothingToResume) as refused:
            runner.resume("d", "yes")
        assert str(refused.value) == "Thread 'd' has no pending interrupt."
        runner.start("d", "go").result(30)
        with pytest.raises(NothingToResume, match="Thread 'd' has nothing to retry: its last run did not"):
            runner.retry("d")


@pytest.mark.parametrize("answer", [True, None])
@pytest.mark.parametrize("waits", ["interrupt", "breakpoint"])
@pytest.mark.parametrize("edits", [0, 1])
@pytest.mark.parametrize("to", ["the start", "the turn before"])
def test_resume_after_an_undo_brings_no_undone_message_back(registry, answer, waits, edits, to):
    graph = asking_graph(None) if waits == "interrupt" else pausing_graph(interrupt_before=["second"])
    with threads.Runner(registry, {"agent": graph, "straight": pausing_graph()}) as runner:
        if to == "the turn before":
            runner.start("a", "before", agent_id="straight", if_not_exists="create").result(30)
        runner.start("a", "go", agent_id="agent", if_not_exists="create").result(30)
        for _ in range(edits):
            runner.edit("a", registry.messages("a")[-1 if waits == "interrupt" else -2].id, "go!").result(30)
        registry.undo("a")
        left, total = texts(registry, "a"), registry.runs("a").total
        assert registry.interrupts("a") == ()
        with pytest.raises(NothingToResume):
            runner.resume("a", answer)
        assert (texts(registry, "a"), registry.runs("a").total) == (left, total)


# an answer that is missing


@pytest.mark.parametrize("key", [None, "click"])
def test_missing_answer_leaves_the_interrupt_pending(registry, key):
    with threads.Runner(registry, asking_graph(None)) as runner:
        questions = asked(registry, runner)
        with pytest.raises(InvalidValue, match="an answer is required"):
            runner.resume("a", key=key)
        assert is_unchanged(registry, questions)
        runner.resume("a", None, key=key).result(30)
    assert texts(registry, "a") == ["go", "you said None"]


def test_missing_answer_repeats_no_failed_answer(registry):
    failures = [RuntimeError("down")]

    def node(state):
        answer = interrupt("sure?")
        if failures:
            raise failures.pop()
        return {"messages": [AIMessage(f"you said {answer}")]}

    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        questions = asked(registry, runner)
        failed = runner.resume("a", None)
        with pytest.raises(RunFailed):
            failed.result(30)
        with pytest.raises(InvalidValue, match="an answer is required"):
            runner.resume("a")
        assert registry.interrupts("a") == questions
        assert runner.resume("a", None).id == failed.id


def test_repeated_resume_of_a_breakpoint_answers_no_interrupt(registry):
    graph = asking_graph(None)
    graph.interrupt_before_nodes = ["model"]
    with threads.Runner(registry, graph) as runner:
        asked(registry, runner)
        runner.resume("a").result(30)
        [question] = registry.interrupts("a")
        with pytest.raises(InvalidValue, match=question.id):
            runner.resume("a")
        assert registry.interrupts("a") == (question,)


def test_http_tells_a_missing_answer_from_null(registry):
    with client(registry, asking_graph(None)) as api:
        id = api.post(f"{PREFIX}/threads", json={"initial_message": "go"}).json()["id"]
        url = f"{PREFIX}/threads/{id}"
        refused = api.post(f"{url}/resume", json={})
        assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
            422, "InvalidValue", "value",
        )  # fmt: skip
        assert len(api.get(f"{url}/interrupts").json()) == 1
        assert api.post(f"{url}/resume", json={"value": None}).json()["reply"] == "you said None"


def test_regeneration_of_what_was_added_to_a_finished_graph_is_refused(registry):
    """A program adds an answer by `update_state`; no node is due at the checkpoint that adds it."""
    graph = pausing_graph()
    with threads.Runner(registry, graph) as runner:
        runner.start("a", "go", if_not_exists="create").result(30)
        stored = graph.copy(update={"checkpointer": registry.checkpointer})
        user = said("by hand")
        stored.update_state(config("a"), user, as_node="second")
        stored.update_state(config("a"), {"messages": [AIMessage("added")]}, as_node="second")
        with pytest.raises(MessageNotFound, match="already finished at the checkpoint that added it, so it"):
            runner.regenerate("a")


# the agent that continues


def test_resume_of_an_agent_that_is_gone_names_the_remedy(registry):
    with threads.Runner(registry, {"old": asking_graph(None)}) as runner:
        questions = asked(registry, runner)
    with threads.Runner(registry, {"other": asking_graph(None)}) as runner:
        with pytest.raises(
            AgentNotFound, match=r"'old', which thread 'a' waits for.*registry\.update"
        ) as gone:
            runner.resume("a", "yes")
        assert (gone.value.agent_id, gone.value.known) == ("old", ("other",))
        assert is_unchanged(registry, questions)
        registry.update("a", agent_id="other")
        run = runner.resume("a", "yes")
        assert run.result(30)["messages"][-1].text == "you said yes"
        assert run.info.agent_id == "other"


def test_resume_may_name_the_agent(registry):
    with threads.Runner(registry, {"old": asking_graph(None)}) as runner:
        asked(registry, runner)
    with threads.Runner(registry, {"other": asking_graph(None), "third": pausing_graph()}) as runner:
        with pytest.raises(AgentNotFound, match="'none'"):
            runner.resume("a", "yes", agent_id="none")
        runner.resume("a", "yes", agent_id="other").result(30)
    assert texts(registry, "a") == ["go", "you said yes"]


def test_failed_answer_of_an_agent_that_is_gone_is_given_to_another(registry):
    failures = [RuntimeError("down")]

    def node(state):
        answer = interrupt("sure?")
        if failures:
            raise failures.pop()
        return {"messages": [AIMessage(f"you said {answer}")]}

    graph = compiled(Plain, node, None)
    with threads.Runner(registry, {"old": graph}) as runner:
        asked(registry, runner)
        with pytest.raises(RunFailed):
            runner.resume("a", "yes").result(30)
    registry.update("a", agent_id="other")
    with threads.Runner(registry, {"other": graph}) as runner:
        runner.resume("a", "yes").result(30)
    assert texts(registry, "a") == ["go", "you said yes"]


def test_retry_of_an_agent_that_is_gone_names_the_remedy(registry):
    failures = [RuntimeError("down")]

    def node(state):
        if failures:
            raise failures.pop()
        return {"messages": [AIMessage("fine")]}

    graph = compiled(Plain, node, None)
    with threads.Runner(registry, {"old": graph}) as runner, pytest.raises(RunFailed):
        runner.start("a", "go", if_not_exists="create").result(30)
    with threads.Runner(registry, {"other": graph}) as runner:
        with pytest.raises(AgentNotFound, match="'old', which thread 'a' waits for"):
            runner.retry("a")
        assert registry.runs("a")[0].attempts == 1
        registry.update("a", agent_id="other")
        run = runner.retry("a")
        run.result(30)
        assert (run.info.agent_id, run.info.attempts) == ("other", 2)
    assert texts(registry, "a") == ["go", "fine"]


def test_retry_by_a_graph_without_the_node_that_failed_is_no_success(registry):
    def fail(state):
        raise RuntimeError("down")

    builder = StateGraph(Plain)
    builder.add_node("first", lambda state: {"messages": [AIMessage("one")]})
    builder.add_node("renamed since", fail)
    builder.add_edge(START, "first")
    builder.add_edge("first", "renamed since")
    with threads.Runner(registry, {"old": builder.compile()}) as runner, pytest.raises(RunFailed):
        runner.start("a", "go", if_not_exists="create").result(30)
    with (
        threads.Runner(registry, {"other": pausing_graph()}) as runner,
        pytest.raises(RunFailed, match="'other' has no node 'renamed since'"),
    ):
        runner.retry("a", agent_id="other").result(30)
    assert registry.get("a").status == "error"


@pytest.mark.parametrize("question", ["an interrupt", "a breakpoint"])
def test_resume_that_reaches_no_node_starts_no_run(registry, question):
    """The graph was changed while the thread waited: the node that asked has another name now."""
    old, answer = asking_graph(None), "yes"
    if question == "a breakpoint":
        old, answer = pausing_graph(interrupt_before=["second"]), None
    builder = StateGraph(Plain)
    builder.add_node("renamed", lambda state: {"messages": [AIMessage(interrupt("sure?"))]})
    builder.add_edge(START, "renamed")
    with threads.Runner(registry, {"agent": old}) as runner:
        questions = asked(registry, runner)
    with threads.Runner(registry, {"agent": builder.compile()}) as runner:
        with pytest.raises(NothingToResume, match="no node of agent 'agent'"):
            runner.resume("a", answer)
        assert registry.runs("a").total == 1
        assert registry.get("a").status == "interrupted"
    with threads.Runner(registry, {"agent": old}) as runner:
        assert registry.interrupts("a") == questions
        runner.resume("a", answer).result(30)


# by HTTP


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "fresh"}], ids=["no key", "a fresh key"])
def test_http_refuses_an_answer_of_a_wrong_form(registry, headers):
    with client(registry, paying_agent(PAY)) as api:
        begun = api.post(f"{PREFIX}/threads", json={"initial_message": "go"}).json()
        url = f"{PREFIX}/threads/{begun['id']}"
        [question] = api.get(f"{url}/interrupts").json()
        assert question["kind"] == "approval" and question["response_schema"]["required"] == ["decisions"]
        assert question["choices"] == ["approve", "edit", "reject", "respond"]
        for wrong in ("yes", True, {"decisions": [{"type": "maybe"}]}):
            refused = api.post(f"{url}/resume", json={"value": wrong}, headers=headers)
            assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
                422, "InvalidValue", "value",
            )  # fmt: skip
            assert ALLOWED in refused.json()["error"]
        assert api.get(f"{url}/interrupts").json() == [question]
        assert len(api.get(f"{url}/runs").json()) == 1
        right = api.post(f"{url}/resume", json={"value": {"decisions": [APPROVE]}}, headers=headers)
        assert (right.status_code, right.json()["reply"]) == (200, "paid 10 to Ann")
    assert effects(EFFECTS) == ["pay:10:Ann"]


def test_http_response_of_a_run_describes_its_interrupts(registry):
    with client(registry, paying_agent(PAY)) as api:
        id = api.post(f"{PREFIX}/threads", json={}).json()["id"]
        sent = api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "go"}).json()
        assert sent["run"]["status"] == "interrupted"
        assert sent["interrupts"] == api.get(f"{PREFIX}/threads/{id}/interrupts").json() != []


def test_http_resumes_with_the_agent_that_the_thread_was_given(registry):
    with threads.Runner(registry, {"old": asking_graph(None)}) as runner:
        asked(registry, runner)
    with client(registry, {"other": asking_graph(None)}) as api:
        url = f"{PREFIX}/threads/a"
        gone = api.post(f"{url}/resume", json={"value": "yes"})
        assert (gone.status_code, gone.json()["code"], gone.json()["field"]) == (
            422,
            "AgentNotFound",
            "agent_id",
        )
        assert "'old'" in gone.json()["error"] and "registry." not in gone.json()["error"]
        assert api.put(url, json={"agent_id": "other"}).status_code == 200
        assert api.post(f"{url}/resume", json={"value": "yes"}).json()["reply"] == "you said yes"


def test_http_resume_that_reaches_no_node_is_a_conflict(registry):
    with threads.Runner(registry, {"agent": asking_graph(None)}) as runner:
        asked(registry, runner)
    with client(registry, {"agent": pausing_graph()}) as api:
        refused = api.post(f"{PREFIX}/threads/a/resume", json={"value": "yes"})
        assert (refused.status_code, refused.json()["code"]) == (409, "NothingToResume")
        assert "agent_id=" not in refused.json()["error"]


@pytest.mark.parametrize("failures", [[], [RuntimeError("down")]], ids=["a success", "a failure"])
def test_http_names_retry_where_the_run_of_the_answer_failed(registry, failures):
    def act(state):
        if failures:
            raise failures.pop()
        return {"messages": [AIMessage("done")]}

    builder = StateGraph(Plain)
    builder.add_node("asking", lambda state: {"messages": [AIMessage(interrupt("sure?"))]})
    builder.add_node("acting", act)
    builder.add_edge(START, "asking")
    builder.add_edge("asking", "acting")
    has_failed = bool(failures)
    with client(registry, builder.compile()) as api:
        id = api.post(f"{PREFIX}/threads", json={"initial_message": "go"}).json()["id"]
        url = f"{PREFIX}/threads/{id}"
        answered = api.post(f"{url}/resume", json={"value": "yes"})
        assert answered.status_code == (502 if has_failed else 200)
        refused = api.post(f"{url}/resume", json={"value": "no"}).json()
        assert refused["code"] == "AlreadyAnswered" and "POST .../regenerate" in refused["error"]
        assert ("POST .../retry" in refused["error"]) == has_failed


# failures


@pytest.mark.parametrize("mode", ["batched", "per_call"])
def test_retry_of_an_approved_tool_call_asks_no_second_time(registry, mode):
    approval_agents.FAILURES.append(ConnectionError("bank API timed out"))
    with threads.Runner(registry, paying_agent(PAY, mode=mode)) as runner:
        [question] = asked(registry, runner)
        with pytest.raises(RunFailed, match="timed out"):
            runner.resume("a", question.approve()).result(30)
        assert runner.retry("a").result(30)["messages"][-1].text == "paid 10 to Ann"
        assert registry.interrupts("a") == ()
    assert effects(EFFECTS) == ["pay:10:Ann"]


def test_decision_of_a_failed_call_may_be_replaced_where_its_own_node_asked(registry):
    approval_agents.FAILURES.append(ConnectionError("bank API timed out"))
    with threads.Runner(registry, paying_agent(PAY, mode="per_call")) as runner:
        [question] = asked(registry, runner)
        with pytest.raises(RunFailed, match="timed out"):
            runner.resume("a", question.approve()).result(30)
        runner.resume("a", question.reject("not now")).result(30)
    assert effects(EFFECTS) == []


def test_taken_decision_stays_taken_and_the_remedies_are_named(registry):
    """In one step the middleware takes the decisions, in the next one the tool fails."""
    approval_agents.FAILURES.append(ConnectionError("bank API timed out"))
    with threads.Runner(registry, paying_agent(PAY)) as runner:
        [question] = asked(registry, runner)
        with pytest.raises(RunFailed, match="timed out"):
            runner.resume("a", question.approve()).result(30)
        with pytest.raises(AlreadyAnswered, match=r"runner\.retry.*runner\.regenerate.*runner\.start"):
            runner.resume("a", question.reject())
        runner.retry("a").result(30)
    assert effects(EFFECTS) == ["pay:10:Ann"]


def test_task_that_finishes_after_an_interrupt_beside_it_is_not_repeated(registry):
    """What it wrote is stored before the run releases its lease."""
    finished = []

    def beside(state):
        until(lambda: registry.interrupts("a"))
        finished.append(1)
        return {"messages": [AIMessage("beside")]}

    builder = StateGraph(Plain)
    builder.add_node("asking", lambda state: {"messages": [AIMessage(interrupt("sure?"))]})
    builder.add_node("beside", beside)
    for name in ("asking", "beside"):
        builder.add_edge(START, name)
    with threads.Runner(registry, builder.compile()) as runner:
        asked(registry, runner)
        runner.resume("a", "yes").result(30)
    assert finished == [1]
    assert sorted(texts(registry, "a")[1:]) == ["beside", "yes"]


# where an interrupt comes from


def test_interrupt_of_a_fork_takes_its_own_answer(registry):
    with threads.Runner(registry, paying_agent(PAY)) as runner:
        asked(registry, runner)
        registry.fork("a", new_id="b")
        [question] = registry.interrupts("b")
        assert question.kind == "approval"
        with pytest.raises(InvalidValue, match=ALLOWED):
            runner.resume("b", "yes")
        runner.resume("b", question.reject()).result(30)
        runner.resume("a", question.approve()).result(30)
    assert effects(EFFECTS) == ["pay:10:Ann"]


def test_interrupts_of_subagents_are_described_and_answered(registry):
    with threads.Runner(registry, delegating_agent("pay the rent", "pay the bill")) as runner:
        questions = asked(registry, runner)
        assert [question.kind for question in questions] == ["approval", "approval"]
        with pytest.raises(InvalidValue, match=ALLOWED):
            runner.resume("a", {questions[0].id: "yes"})
        runner.resume("a", {questions[0].id: questions[0].approve()}).result(30)
        assert registry.interrupts("a") == questions[1:]
        runner.resume("a", questions[1].reject()).result(30)
    assert effects(EFFECTS) == ["pay:10:Ann"]


@pytest.mark.parametrize("origin", ["a plain invoke", "an adopted file"])
def test_interrupt_of_no_run_is_described_and_answered(here, origin):
    agent, path = paying_agent(PAY), here / "threads.db"
    if origin == "an adopted file":
        stock = stock_saver(path)
        agent.copy(update={"checkpointer": stock}).invoke(said("go"), config("a"))
        stock.conn.close()
    with threads.open(path) as registry, threads.Runner(registry, agent) as runner:
        if origin == "a plain invoke":
            agent.copy(update={"checkpointer": registry.checkpointer}).invoke(said("go"), config("a"))
        [question] = registry.interrupts("a")
        with pytest.raises(InvalidValue, match=ALLOWED):
            runner.resume("a", "yes")
        runner.resume("a", question.approve()).result(30)
    assert effects(EFFECTS) == ["pay:10:Ann"]


@pytest.mark.parametrize(
    "value",
    [
        {"action_requests": [], "review_configs": []},
        {"action_requests": [{"name": "pay"}]},
        {"action_requests": ["pay"], "review_configs": []},
        {"action_requests": [{}], "review_configs": []},
        {"action_requests": 3, "review_configs": {}},
    ],
    ids=str,
)
def test_value_that_only_looks_like_an_approval_is_none(value):
    question = Interrupt.of("0" * 32, value)
    assert (question.kind, question.choices, question.response_schema) == ("value", (), None)
    question.check_answer("anything")


def test_action_without_a_review_config_takes_every_decision():
    value = {
        "action_requests": [{"name": "pay"}, {"name": "book"}],
        "review_configs": [{"action_name": "book", "allowed_decisions": ["reject", "approve"]}],
    }
    question = Interrupt.of("0" * 32, value)
    assert question.choices == ("approve", "reject")
    question.check_answer({"decisions": [{"type": "respond", "message": "done"}, {"type": "reject"}]})
