"""Edit, regenerate, rewind, undo and fork; the checkpoints of other branches stay stored."""

from __future__ import annotations

import operator
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, TypedDict

import pytest
from graphs import Plain, asking_graph, compiled, config, plain_graph, said, talk_graph
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.graph import START, StateGraph, add_messages

import threads
from agent import build_agent


class Counting(BaseChatModel):
    """Answers with the number of the answer, so that no two are alike."""

    answers: list[str]

    @property
    def _llm_type(self) -> str:
        return "counting"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        self.answers.append(f"{len(self.answers) + 1}: {messages[-1].text}")
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self.answers[-1]))])


def plain(checkpointer: Any = None) -> Any:
    model = Counting(answers=[])
    return compiled(Plain, lambda state: {"messages": [model.invoke(state["messages"])]}, checkpointer)


GRAPHS = {"add_messages": plain, "delta": lambda: build_agent(Counting(answers=[]))}


@pytest.fixture(params=GRAPHS)
def graph(request):
    return GRAPHS[request.param]()


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        yield registry
        assert registry.verify() == []


@pytest.fixture
def runner(registry, graph):
    with threads.Runner(registry, graph) as runner:
        for text in ("one", "two", "three"):
            runner.start("a", text, if_not_exists="create").result()
        yield runner


def texts(registry: threads.Registry, at: str | None = None, id: str = "a") -> list[str]:
    return [message.text for message in registry.messages(id, at=at)]


def remembered(graph: Any, registry: threads.Registry, id: str = "a") -> list[str]:
    """What the graph itself will go on from."""
    at = graph.copy(update={"checkpointer": registry.checkpointer}).get_state(config(id))
    return [message.text for message in at.values["messages"]]


def test_edit_is_answered_on_new_branch(registry, runner, graph):
    old = registry.messages("a")[2]
    runner.edit("a", old.id, "zwei").result()
    assert texts(registry) == ["one", "1: one", "zwei", "4: zwei"] == remembered(graph, registry)
    thread = registry.get("a")
    assert (thread.message_count, thread.last_message) == (4, "4: zwei")
    [_, _, edited, answer] = registry.messages("a")
    assert (edited.version, len(edited.versions), answer.versions) == (2, 2, ())
    assert texts(registry, edited.versions[0]) == ["one", "1: one", "two", "2: two", "three", "3: three"]


def test_first_message_can_be_edited(registry, runner, graph):
    runner.edit("a", registry.messages("a")[0].id, "eins").result()
    assert texts(registry) == ["eins", "4: eins"] == remembered(graph, registry)
    assert registry.get("a").title == "eins"


def test_regenerated_answer_is_another_version(registry, runner, graph):
    runner.regenerate("a").result()
    runner.regenerate("a").result()
    assert texts(registry)[-2:] == ["three", "5: three"] == remembered(graph, registry)[-2:]
    answer = registry.messages("a")[-1]
    assert answer.version == 3
    assert [texts(registry, at)[-1] for at in answer.versions] == ["3: three", "4: three", "5: three"]


def test_earlier_answer_can_be_regenerated(registry, runner):
    runner.regenerate("a", registry.messages("a")[1].id).result()
    assert texts(registry) == ["one", "4: one"]


def test_rewind_restores_version_with_later_messages(registry, runner, graph):
    before = texts(registry)
    runner.edit("a", registry.messages("a")[2].id, "zwei").result()
    registry.rewind("a", to=registry.messages("a")[2].versions[0])
    assert texts(registry) == before == remembered(graph, registry)
    assert registry.get("a").last_message == "3: three"
    runner.start("a", "four").result()
    assert texts(registry) == [*before, "four", "5: four"] == remembered(graph, registry)
    assert len(registry.messages("a")[2].versions) == 2


def test_rewind_to_message_makes_it_last(registry, runner, graph):
    registry.rewind("a", to=registry.messages("a")[3].id)
    assert texts(registry) == ["one", "1: one", "two", "2: two"] == remembered(graph, registry)
    runner.start("a", "drei").result()
    assert texts(registry)[-2:] == ["drei", "4: drei"] == remembered(graph, registry)[-2:]


def test_rewind_to_head_changes_nothing(registry, runner):
    checkpoints = registry.history("a").total
    registry.rewind("a", to=registry.history("a")[0].id)
    assert registry.history("a").total == checkpoints


def test_fork_at_any_message(registry, runner, graph):
    for place, message in enumerate(registry.messages("a")):
        fork = registry.fork("a", at=message.id)
        assert (
            texts(registry, id=fork.id)
            == texts(registry)[: place + 1]
            == remembered(graph, registry, fork.id)
        )
    runner.start(fork.id, "four").result()
    assert texts(registry, id=fork.id)[-1] == "4: four"
    assert texts(registry)[-1] == "3: three"


def test_rewind_and_fork_accept_message_of_another_branch(registry, runner):
    left = registry.messages("a")[3]
    runner.edit("a", registry.messages("a")[2].id, "zwei").result()
    assert left.id not in {message.id for message in registry.messages("a")}
    assert texts(registry, id=registry.fork("a", at=left.id).id)[-1] == left.text
    registry.rewind("a", to=left.id)
    assert texts(registry)[-1] == left.text


@pytest.mark.parametrize(
    "build", [plain_graph, lambda saver: build_agent(Counting(answers=[]), checkpointer=saver)]
)
def test_plain_invoke_without_message_ids_supports_fork_edit_and_undo(registry, build):
    for text in ("one", "two", "three"):
        build(registry.checkpointer).invoke(said(text), config("a"))
    messages = registry.messages("a").items
    for place, message in enumerate(messages):
        forked = registry.messages(registry.fork("a", at=message.id).id).items
        assert [each.text for each in forked] == [each.text for each in messages[: place + 1]]
    with threads.Runner(registry, build(None)) as runner:
        runner.edit("a", messages[2].id, "zwei").result(30)
        assert texts(registry)[:3] == [messages[0].text, messages[1].text, "zwei"]
        assert registry.undo("a").text == "zwei"
        assert len(texts(registry)) == 2


def test_undo_of_pruned_turn_is_refused(registry):
    graph = plain_graph(registry.checkpointer)
    for text in ("one", "two"):
        graph.invoke(said(text), config("a"))
    registry.prune(["a"])
    with pytest.raises(threads.MessageNotFound, match="was pruned"):
        registry.undo("a")
    assert texts(registry) == ["one", "re: one", "two", "re: two"]


def test_search_follows_current_branch(registry, runner):
    runner.edit("a", registry.messages("a")[2].id, "zwei").result()
    assert [hit.thread.id for hit in registry.search("zwei")] == ["a", "a"]
    assert registry.search("three").total == 0
    registry.rewind("a", to=registry.messages("a")[2].versions[0])
    assert registry.search("zwei").total == 0


def test_idempotency_key_edits_once(registry, runner):
    message = registry.messages("a")[2]
    first = runner.edit("a", message.id, "zwei", key="k")
    first.result()
    assert runner.edit("a", message.id, "zwei", key="k").id == first.id, "though it is no longer in view"
    for other in (
        lambda: runner.edit("a", message.id, "deux", key="k"),
        lambda: runner.edit("a", registry.messages("a")[0].id, "zwei", key="k"),
        lambda: runner.regenerate("a", key="k"),
        lambda: runner.start("a", "zwei", key="k"),
    ):
        with pytest.raises(threads.KeyReused):
            other()
    assert len(registry.messages("a")[2].versions) == 2


@pytest.mark.parametrize("by_id", [False, True])
def test_idempotency_key_regenerates_once(registry, runner, by_id):
    id = registry.messages("a")[-1].id if by_id else None
    first = runner.regenerate("a", id, key="k")
    first.result()
    assert runner.regenerate("a", id, key="k").id == first.id
    assert len(registry.messages("a")[-1].versions) == 2
    with pytest.raises(threads.KeyReused):
        runner.regenerate("a", registry.messages("a")[1].id, key="k")


def test_concurrent_requests_with_one_key_are_one_edit(registry, runner):
    message = registry.messages("a")[0]
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: runner.edit("a", message.id, "eins", key="k"), range(24)))
    assert len({run.id for run in runs}) == 1
    runs[0].result()
    assert texts(registry) == ["eins", "4: eins"]


def test_failed_edit_is_retried_by_its_key(registry):
    failures = []

    def node(state):
        if failures:
            raise failures.pop()
        return {"messages": [AIMessage(f"re: {state['messages'][-1].text}")]}

    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        runner.start("a", "one", if_not_exists="create").result()
        id = registry.messages("a")[0].id
        failures.append(RuntimeError("the model is down"))
        first = runner.edit("a", id, "eins", key="k")
        with pytest.raises(threads.RunFailed, match="down"):
            first.result()
        again = runner.edit("a", id, "eins", key="k")
        assert again.id == first.id
        again.result()
    assert texts(registry) == ["eins", "re: eins"]


def test_edit_and_regenerate_use_original_context(registry):
    with threads.Runner(registry, talk_graph(dict)) as runner:
        for text, user in (("one", "al"), ("two", "bo")):
            runner.start("a", text, context={"user": user}, if_not_exists="create").result()
        runner.regenerate("a").result()
        assert texts(registry)[-1] == "two, None, {'user': 'bo'}"
        runner.regenerate("a", registry.messages("a")[1].id).result()
        assert texts(registry) == ["one", "one, None, {'user': 'al'}"]
        runner.regenerate("a", context={"user": "cy"}).result()
        assert texts(registry)[-1] == "one, None, {'user': 'cy'}"
        runner.regenerate("a").result()
        assert texts(registry)[-1] == "one, None, {'user': 'cy'}", "as that answer was made"
        runner.edit("a", registry.messages("a")[0].id, "eins").result()
        assert texts(registry) == ["eins", "eins, None, {'user': 'al'}"], "as the message was said"
        runner.edit("a", registry.messages("a")[0].id, "uno", context={"user": "dee"}).result()
        assert texts(registry) == ["uno", "uno, None, {'user': 'dee'}"]


def test_fork_does_not_copy_context(registry):
    with threads.Runner(registry, talk_graph(dict)) as runner:
        runner.start("a", "one", context={"user": "al"}, if_not_exists="create").result()
        fork = registry.fork("a").id
        runner.regenerate(fork).result()
        assert texts(registry, id=fork)[-1] == "one, None, None"


@pytest.mark.parametrize("ids", [(None, None, None), ("s", "h", "i")])
def test_edit_repeats_input_given_with_message(registry, ids):
    given = [SystemMessage("be kind", id=ids[0]), HumanMessage("one", id=ids[1], name="al")]
    given.append(HumanMessage("and", id=ids[2]))
    with threads.Runner(registry, talk_graph()) as runner:
        runner.start("a", input={"messages": given, "topic": "x"}, if_not_exists="create").result()
        assert texts(registry) == ["be kind", "one", "and", "and, x, None"]
        before = registry.messages("a")
        runner.edit("a", before[1].id, "eins", key="k").result()
        assert texts(registry) == ["be kind", "eins", "and", "and, x, None"]
        after = registry.messages("a")
        assert (after[0].id, after[2].id) == (before[0].id, before[2].id)
        assert (after[1].version, len(after[1].versions), after[0].versions) == (2, 2, ())
        runner.edit("a", after[2].id, "und").result()
        assert texts(registry) == ["be kind", "eins", "und", "und, x, None"], "an edit of an edit, too"
        runner.start("a", "two").result()
        runner.edit("a", registry.messages("a")[4].id, "zwei").result()
        assert texts(registry)[4:] == ["zwei", "zwei, x, None"]


def test_regenerate_answers_unanswered_message(registry, runner, graph):
    fork = registry.fork("a", at=registry.messages("a")[4].id).id
    runner.regenerate(fork).result()
    assert texts(registry, id=fork) == [*texts(registry)[:5], "4: three"] == remembered(graph, registry, fork)


def test_regenerate_after_failure_answers_last_message(registry):
    failures = []

    def node(state):
        if failures:
            raise failures.pop()
        return {"messages": [AIMessage(f"re: {state['messages'][-1].text}")]}

    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        runner.start("a", "one", if_not_exists="create").result()
        failures.append(RuntimeError("the model is down"))
        with pytest.raises(threads.RunFailed):
            runner.start("a", "two").result()
        with pytest.raises(threads.MessageNotFound):
            runner.regenerate("a", registry.messages("a")[-1].id)
        runner.regenerate("a").result()
    assert texts(registry) == ["one", "re: one", "two", "re: two"]
    assert registry.get("a").status == "idle"


@pytest.mark.parametrize("place", [1, None])
def test_only_user_message_of_current_branch_can_be_edited(registry, runner, place):
    id = "nothing" if place is None else registry.messages("a")[place].id
    with pytest.raises(threads.MessageNotFound):
        runner.edit("a", id, "what?")
    assert len(registry.runs("a")) == 3


def test_message_without_id_cannot_be_named(registry):
    class Added(TypedDict):
        messages: Annotated[list, operator.add]

    graph = compiled(Added, lambda state: {"messages": [AIMessage("ok")]}, registry.checkpointer)
    for text in ("one", "two"):
        graph.invoke({"messages": [HumanMessage(text)]}, config("a"))
    nameless = registry.messages("a")[0].id
    assert nameless is None
    checkpoints = registry.history("a").total
    with threads.Runner(registry, graph) as runner:
        for call in (lambda: runner.edit("a", nameless, "eins"), lambda: registry.rewind("a", to=nameless)):
            with pytest.raises(threads.InvalidValue, match="whose id is None cannot be named"):
                call()
    assert registry.history("a").total == checkpoints
    assert texts(registry, id=registry.fork("a", at=None).id) == texts(registry)


class Channels(TypedDict):
    chat: Annotated[list, add_messages]
    topic: str


def channels_graph(checkpointer: Any = None) -> Any:
    def answer(state: Any) -> Any:
        return {"chat": [AIMessage(f"re: {state['chat'][-1].text}, {state.get('topic')}")]}

    return compiled(Channels, answer, checkpointer)


@pytest.mark.parametrize("begun", ["invoke", "message", "input"])
def test_message_of_another_channel_is_edited_there(registry, begun):
    with threads.Runner(registry, {"chat": channels_graph()}) as runner:
        if begun == "invoke":
            channels_graph(registry.checkpointer).invoke({"chat": [("user", "one")]}, config("a"))
        elif begun == "message":
            runner.start("a", "one", if_not_exists="create").result(30)
        else:
            given = {"chat": [HumanMessage("one")], "topic": "x"}
            runner.start("a", input=given, if_not_exists="create").result(30)
        topic = "x" if begun == "input" else None
        assert texts(registry) == ["one", f"re: one, {topic}"]
        runner.edit("a", registry.messages("a")[0].id, "eins").result(30)
        assert texts(registry) == ["eins", f"re: eins, {topic}"]
        runner.regenerate("a").result(30)
        runner.start("a", "two", key="k").result(30)
        assert texts(registry)[2] == "two" and runner.start("a", "two", key="k").status == "success"
        assert len(texts(registry)) == 4


def test_edit_is_refused_where_the_graph_takes_no_message(registry):
    class Asked(TypedDict):
        question: str

    builder = StateGraph(Plain, input_schema=Asked)
    builder.add_node("ask", lambda state: {"messages": [HumanMessage("one"), AIMessage("ok")]})
    builder.add_edge(START, "ask")
    graph = builder.compile()
    with threads.Runner(registry, {"asked": graph}) as runner:
        runner.start("a", input={"question": "one"}, if_not_exists="create").result(30)
        plain_graph(registry.checkpointer).invoke(said("two"), config("a"))
        checkpoints = registry.history("a").total
        with pytest.raises(threads.InvalidValue, match="'asked' takes no messages"):
            runner.edit("a", registry.messages("a")[2].id, "zwei")
        assert (len(registry.runs("a")), registry.history("a").total) == (1, checkpoints)


@pytest.mark.parametrize("agent_id", [None, "gone"])
def test_agent_of_an_edit_is_set_by_update(registry, agent_id):
    plain_graph(registry.checkpointer).invoke(said("one"), config("a"))
    if agent_id is not None:
        registry.update("a", agent_id=agent_id)
    question, answer = registry.messages("a")
    with threads.Runner(registry, {"one": plain_graph(None), "two": plain_graph(None)}) as runner:
        for start in (
            lambda: runner.edit("a", question.id, "eins"),
            lambda: runner.regenerate("a", answer.id),
        ):
            with pytest.raises(threads.AgentNotFound, match=r"registry\.update\(id, agent_id=") as caught:
                start()
            assert "thread 'a'" in str(caught.value)
        registry.update("a", agent_id="one")
        runner.edit("a", question.id, "eins").result(30)
    assert texts(registry) == ["eins", "re: eins"]


def test_rewind_to_missing_checkpoint_is_refused(registry, runner):
    for call in (lambda: registry.rewind("a", to="nothing"), lambda: registry.messages("a", at="nothing")):
        with pytest.raises(threads.CheckpointNotFound):
            call()


def test_edit_before_answered_interrupt_asks_again(registry):
    with threads.Runner(registry, asking_graph(None)) as runner:
        runner.start("q", "hi", if_not_exists="create").result()
        runner.resume("q", "yes").result()
        asked = registry.messages("q")[0]
        runner.edit("q", asked.id, "hello").result()
        assert [question.value for question in registry.interrupts("q")] == ["sure?"]
        runner.resume("q", "no").result()
        assert texts(registry, id="q") == ["hello", "you said no"]
        registry.rewind("q", to=registry.messages("q")[0].versions[0])
        assert texts(registry, id="q") == ["hi", "you said yes"]


def test_edit_of_pruned_message_is_refused(registry, runner):
    first = registry.messages("a")[0]
    registry.prune(["a"])
    if registry.history("a").total == 1:
        with pytest.raises(threads.MessageNotFound, match="was pruned"):
            runner.edit("a", first.id, "eins")
    else:
        runner.edit("a", first.id, "eins").result()
        assert texts(registry) == ["eins", "4: eins"]


def test_removed_message_is_removed_on_its_branch_only(registry, runner, graph):
    ours = graph.copy(update={"checkpointer": registry.checkpointer})
    gone = registry.messages("a")[0].id
    tip = registry.history("a")[0].id
    ours.update_state(config("a"), {"messages": [RemoveMessage(gone)]}, as_node="model")
    assert len(texts(registry)) == 5
    registry.rewind("a", to=tip)
    assert len(texts(registry)) == 6 == len(remembered(graph, registry))


def test_rewind_of_busy_thread_is_refused(registry, runner):
    tip, earlier = registry.history("a")[0].id, registry.messages("a")[1].id
    database = registry._database  # a lease as another process would hold it
    database.write(
        lambda connection: (
            connection.execute(
                "UPDATE threads_run SET status = 'running', expires_at = 1e9 WHERE position = 1"
            )
            and connection.execute(
                "UPDATE threads_run SET expires_at = ? WHERE position = 1",
                (time.monotonic() + 60,),
            )
        )
    )
    with pytest.raises(threads.ThreadBusy):
        registry.rewind("a", to=earlier)
    assert registry.history("a")[0].id == tip
    database.write(
        lambda connection: connection.execute("UPDATE threads_run SET status = 'success' WHERE position = 1")
    )


def test_plain_invoke_continues_current_branch(registry, runner, graph):
    registry.rewind("a", to=registry.messages("a")[1].id)
    ours = graph.copy(update={"checkpointer": registry.checkpointer})
    ours.invoke(said("plainly"), config("a"))
    assert texts(registry) == ["one", "1: one", "plainly", "4: plainly"]
