"""Runs that fail: what is stored of the error, who may read its message, and what becomes of the thread."""

import errno
import sqlite3
import threading
from typing import Annotated, Any, TypedDict

import pytest
from graphs import Case, Plain, compiled, echo, plain_graph, said, stock_saver
from graphs import config as config_of
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.channels import LastValue
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command
from pydantic import BaseModel
from run_helpers import (
    Gate,
    asking_at_once_graph,
    failing_once_graph,
    tool_agent,
    types,
    until,
    waiting_graph,
)
from server_helpers import PREFIX, bearer, client, events
from streaming_agents import StreamingModel, model, weather

import threads
from threads import (
    AgentNotFound,
    DatabaseFull,
    InvalidValue,
    LeaseLost,
    QueueFull,
    RunFailed,
    ThreadDeleted,
    ThreadNotFound,
    TypeNotAllowed,
)
from threads.runs.failures import failure_of
from threads.runs.queue import StopReason

SECRET = "hunter2"
STREAMED = {"Accept": "text/event-stream"}


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        yield registry


def of_class_named(name):
    return type(name, (LookupError,), {})("no such thing")


class Mute(Exception):
    def __str__(self):
        raise AttributeError("it cannot even say that")


ERRORS = {
    "plain": (RuntimeError(SECRET), "RuntimeError"),
    "with a colon first": (ValueError(f"{SECRET}: is the password"), "ValueError"),
    "of several lines": (ValueError(f"one\n{SECRET}\nthree"), "ValueError"),
    "a thread that is another's": (ThreadNotFound("a", suggestions=[f"{SECRET}-private"]), "ThreadNotFound"),
    "a path": (InvalidValue("file", f"/srv/{SECRET} is no file"), "InvalidValue"),
    "a full disk": (DatabaseFull(f"/srv/{SECRET}.db: the disk is full"), "DatabaseFull"),
    "a deleted thread": (ThreadDeleted(), "ThreadDeleted"),
    "a failed run": (RunFailed(SECRET, SECRET, SECRET, error_type="X", error_message=SECRET), "RunFailed"),
    "a group": (ExceptionGroup(SECRET, [ValueError(SECRET)]), "ExceptionGroup"),
    "a class with a secret name": (of_class_named(f"it is {SECRET}"), "LookupError"),
    "a class with a long name": (of_class_named("x" * 200), "LookupError"),
    "half a character": (ValueError(f"{SECRET}\ud800"), "ValueError"),
    "one that cannot be told": (Mute(), "Mute"),
}


def raising(error):
    def node(state):
        raise error

    return compiled(Plain, node, None)


@pytest.fixture
def people(registry):
    """Headers of a user and of an admin."""
    registry.users.add("alice")
    registry.users.add("root", admin=True)
    return [bearer(registry.users.new_token(name)) for name in ("alice", "root")]


@pytest.mark.slow
@pytest.mark.parametrize("case", ERRORS)
def test_users_see_the_error_type_and_admins_the_message(registry, people, case):
    error, type_name = ERRORS[case]
    id = registry.create(owner="alice").id
    with client(registry, raising(error)) as api:
        for headers, is_admin in zip(people, (False, True), strict=True):
            api.headers.update(headers)
            failed = api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "go"})
            (run,) = registry.runs(id, limit=1)
            assert (failed.status_code, failed.json()["code"]) == (502, "RunFailed")
            assert run.id in failed.json()["error"]
            streamed = api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "go"}, headers=STREAMED)
            *_, (_, last, data) = events(iter(streamed.text.splitlines()))
            assert (last, data["data"]["error_type"]) == ("failed", type_name)
            assert ("error_message" in data["data"]) == is_admin
            told = api.get(f"{PREFIX}/threads/{id}/runs/{run.id}")
            assert told.json()["error_type"] == type_name
            if not is_admin:
                assert told.json()["error"] == data["data"]["reason"] == type_name
                assert type_name in failed.json()["error"]
            looks = [
                failed, streamed, told, api.get(f"{PREFIX}/threads/{id}/runs"), api.get(f"{PREFIX}/threads/{id}"),
                api.get(f"{PREFIX}/threads/{id}/events?after=0&follow=false"),
                api.get(f"{PREFIX}/events?after=0&follow=false"),
                api.post(f"{PREFIX}/threads/{id}/runs/{run.id}/stop"), api.post(f"{PREFIX}/threads/{id}/retry"),
                api.post(f"{PREFIX}/threads", json={"initial_message": "go"}),
            ]  # fmt: skip
            for number, look in enumerate(looks):
                assert is_admin or SECRET not in look.text, number
            assert run.error_message is not None and run.error == failure_of(error).text
            assert registry.get(id).status == "error"
    assert [each.status for each in registry.runs(id)] == ["error"] * 4


def test_error_parts_are_the_same_after_a_restart(tmp_path):
    secret = ThreadNotFound("a", suggestions=["bob"])
    with threads.open(tmp_path / "t.db") as registry, threads.Runner(registry, raising(secret)) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        with pytest.raises(RunFailed) as failed:
            run.result(20)
        assert failed.value.__cause__ is secret
        assert (failed.value.error_type, failed.value.error_message) == ("ThreadNotFound", str(secret))
        assert run.info.error == str(secret)
        (end,) = [event for event in run if event.type == "failed"]
        assert (end.data["error_type"], end.data["error_message"]) == ("ThreadNotFound", str(secret))
    with threads.open(tmp_path / "t.db") as registry, threads.Runner(registry, raising(secret)) as runner:
        with pytest.raises(RunFailed) as failed:
            runner.run(run.id).result(20)
        assert (failed.value.error_type, failed.value.error_message) == ("ThreadNotFound", str(secret))


def test_lease_lost_raised_by_an_agent_fails_its_run(registry):
    """It has not lost its own: another runner would take the run over, again and again."""
    lost = LeaseLost("a")
    with threads.Runner(registry, raising(lost), lease_seconds=4) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        with pytest.raises(RunFailed, match="lost its lease") as failed:
            run.result(20)
        assert failed.value.__cause__ is lost, "told at once, and not from what is stored"
        assert (run.status, run.info.attempts, run.info.error_type) == ("error", 1, "LeaseLost")


def busy_within():
    try:
        raise threads.DatabaseBusy("other.db is locked")
    except threads.DatabaseBusy:
        raise ValueError("the order cannot be looked up")  # noqa: B904  as agents do


def raise_error(error):
    raise error


@pytest.mark.parametrize(
    "fail",
    [
        busy_within,
        lambda: raise_error(threads.DatabaseBusy("other.db")),
        lambda: raise_error(OSError(errno.EMFILE, "x")),
    ],
)
def test_agents_database_error_is_final(registry, fail):
    calls = []

    def node(state):
        calls.append(1)
        fail()

    with threads.Runner(registry, compiled(Plain, node, None), lease_seconds=4) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        with pytest.raises(RunFailed):
            run.result(20)
        assert (run.status, calls) == ("error", [1])


def test_library_error_in_a_run_is_raised_as_its_own_class(registry, tmp_path):
    gate = Gate()
    with threads.Runner(registry, waiting_graph(gate)) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        assert gate.reached.wait(20)
        assert until(lambda: registry.history("a").items)
        with sqlite3.connect(
            tmp_path / "threads.db"
        ) as connection:  # another program, which knows of no leases
            connection.execute("DELETE FROM checkpoints WHERE thread_id = 'a'")
        gate.opened.set()
        with pytest.raises(ThreadDeleted):
            run.result(20)


def test_unreadable_state_in_a_run_is_raised_as_its_own_class(registry):
    """And as the agent's error where the agent raises the same class."""
    given = {**said("hi"), "topic": Case(1)}  # a type that nobody named
    compiled(Single, echo, registry.checkpointer).invoke(given, config_of("a"))
    agents = {"reading": compiled(Single, echo, None), "raising": raising(TypeNotAllowed([f"{SECRET}.Type"]))}
    with client(registry, agents) as api:
        for agent, status, code in (("reading", 409, "TypeNotAllowed"), ("raising", 502, "RunFailed")):
            id = "a" if agent == "reading" else registry.create().id
            body = {"message": "go", "agent_id": agent}
            failed = api.post(f"{PREFIX}/threads/{id}/messages", json=body)
            assert (failed.status_code, failed.json()["code"]) == (status, code)
            assert registry.runs(id)[0].error_type == "TypeNotAllowed"


def test_library_error_inside_a_tool_is_the_agents_error(registry, people):
    @tool
    def look(n: int) -> str:
        """Looks."""
        return registry.get(f"{SECRET}-private").title

    id = registry.create(owner="alice").id
    with client(registry, tool_agent(look)) as api:
        for headers, is_admin in zip(people, (False, True), strict=True):
            api.headers.update(headers)
            answered = api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "go"}, headers=STREAMED)
            (finished,) = [
                data["data"]
                for _, type, data in events(iter(answered.text.splitlines()))
                if type == "tool_finished"
            ]
            assert finished["error_type"] == "ThreadNotFound"
            assert (SECRET in finished["error"]) == is_admin


def test_users_get_no_text_of_a_stored_error_without_a_type(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry, threads.Runner(registry, raising(RuntimeError(SECRET))) as runner:
        registry.create(id="a", owner="alice")
        with pytest.raises(RunFailed):
            runner.start("a", "Hi").result(20)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE threads_run SET error_type = NULL, error_message = NULL")
    connection.execute("UPDATE threads_event SET data = json_remove(data, '$.error_type', '$.error_message')")
    connection.commit()
    connection.close()
    with threads.open(path) as registry, client(registry, plain_graph(None)) as api:
        (run,) = registry.runs("a")
        assert (run.error, run.error_type) == (f"RuntimeError: {SECRET}", None)
        registry.users.add("alice")
        api.headers.update(bearer(registry.users.new_token("alice")))
        told = api.get(f"{PREFIX}/threads/a/runs").json()[0]
        assert (told["error"], told["error_message"]) == ("Error", None)
        assert SECRET not in api.get(f"{PREFIX}/threads/a/events?after=0&follow=false").text
        assert registry.verify() == []


def test_read_only_file_without_registry_has_the_run_columns(tmp_path):
    saver = stock_saver(tmp_path / "stock.db")
    plain_graph(saver).invoke(said("hi"), config_of("a"))
    saver.conn.close()
    with threads.open(tmp_path / "stock.db", read_only=True) as registry:
        assert list(registry.runs("a")) == []


def test_repair_recreates_a_table_with_all_columns(registry):
    registry._database.write(lambda connection: connection.execute("DROP TABLE threads_run") and None)
    registry.repair()
    with threads.Runner(registry, raising(RuntimeError(SECRET))) as runner:
        with pytest.raises(RunFailed):
            runner.start("a", "Hi", if_not_exists="create").result(20)
        assert registry.runs("a")[0].error_message == SECRET


# failures that are no node's


def circling_graph():
    builder = StateGraph(Plain)
    builder.add_node("model", lambda state: {"messages": []})
    builder.add_edge(START, "model")
    builder.add_edge("model", "model")
    return builder.compile().with_config(recursion_limit=5)


class Single(TypedDict):
    messages: Annotated[list, add_messages]
    topic: Annotated[str, LastValue]


def clashing_graph():
    """Two nodes of one step write a value that takes one write."""
    builder = StateGraph(Single)
    for name in ("left", "right"):
        builder.add_node(name, lambda state, name=name: {"topic": name})
        builder.add_edge(START, name)
    return builder.compile()


def unstorable_graph():
    builder = StateGraph(Single)
    builder.add_node("model", lambda state: {"topic": (each for each in "ab")})
    builder.add_edge(START, "model")
    return builder.compile()


class Checked(BaseModel):
    messages: Annotated[list, add_messages]
    number: int


def checking_graph():
    builder = StateGraph(Checked)
    builder.add_node("model", lambda state: {"messages": [AIMessage("fine")]})
    builder.add_edge(START, "model")
    return builder.compile()


@pytest.mark.parametrize(
    ("build", "type_name"),
    [
        (circling_graph, "GraphRecursionError"),
        (clashing_graph, "InvalidUpdateError"),
        (unstorable_graph, "TypeError"),
        (checking_graph, "ValidationError"),
    ],
)
def test_failure_outside_of_nodes_sets_the_thread_status(registry, build, type_name):
    with threads.Runner(registry, {"bad": build(), "good": plain_graph(None)}) as runner:
        run = runner.start("a", "Hi", agent_id="bad", if_not_exists="create")
        with pytest.raises(RunFailed):
            run.result(30)
        assert run.info.error_type == type_name
        assert registry.get("a").status == "error"
        assert [thread.id for thread in registry.list(status="error")] == ["a"]
        assert registry.verify() == []
        assert registry.fork("a", new_id="b").status != "busy"
        with pytest.raises(RunFailed):
            runner.retry("a").result(30)
        assert registry.get("a").status == "error"
        runner.start("a", "Hi again", agent_id="good").result(20)
        assert registry.get("a").status == "idle"
        assert [thread.id for thread in registry.list(status="error") if thread.id == "a"] == []


def test_retry_without_unfinished_tasks_clears_the_error_status(registry):
    """All was stored but the run's end: the retry stores no checkpoint, which would tell."""
    refuse = """CREATE TRIGGER refused BEFORE INSERT ON threads_event WHEN NEW.type = 'finished'
        BEGIN SELECT RAISE(ABORT, 'not now'); END"""
    with threads.Runner(registry, plain_graph(None)) as runner:
        registry._database.write(lambda connection: connection.execute(refuse) and None)
        with pytest.raises(RunFailed, match="not now"):
            runner.start("a", "Hi", if_not_exists="create").result(20)
        assert registry.get("a").status == "error"
        registry._database.write(lambda connection: connection.execute("DROP TRIGGER refused") and None)
        runner.retry("a").result(20)
        assert registry.get("a").status == "idle"


def test_successful_invoke_clears_the_error_status(registry):
    with threads.Runner(registry, circling_graph()) as runner, pytest.raises(RunFailed):
        runner.start("a", "Hi", if_not_exists="create").result(30)
    assert registry.get("a").status == "error"
    plain_graph(registry.checkpointer).invoke(said("hi"), config_of("a"))
    assert registry.get("a").status == "idle"


@pytest.mark.parametrize("way_back", ["undo", "rewind"])
def test_rewind_before_a_failure_clears_the_error_status(registry, way_back):
    with threads.Runner(registry, {"bad": circling_graph(), "good": plain_graph(None)}) as runner:
        runner.start("a", "Hi", agent_id="good", if_not_exists="create").result(20)
        before = registry.history("a").items[0].id
        with pytest.raises(RunFailed):
            runner.start("a", "Go", agent_id="bad").result(30)
        assert registry.get("a").status == "error"
        if way_back == "undo":
            registry.undo("a")
        else:
            registry.rewind("a", to=before)
        assert registry.get("a").status == "idle"


def test_queued_run_whose_agent_is_gone_fails_and_names_the_agents(registry):
    gate = Gate()
    agents = {"slow": waiting_graph(gate), "gone": plain_graph(None)}
    with threads.Runner(registry, agents) as runner:
        runner.start("a", "Hi", agent_id="slow", if_not_exists="create")
        assert gate.reached.wait(20)
        waiting = runner.start("a", "Hi", agent_id="gone", multitask_strategy="enqueue")
        del runner._agents["gone"]
        gate.opened.set()
        with pytest.raises(AgentNotFound, match="agent_id can be 'slow'"):
            waiting.result(20)
        assert waiting.info.error_type == "AgentNotFound"
        assert registry.get("a").status == "error"


def test_failed_title_run_does_not_set_the_thread_status(registry):
    class Broken:
        async def ainvoke(self, *_):
            raise ThreadNotFound("a", suggestions=[SECRET])

    with threads.Runner(registry, plain_graph(None), title_model=Broken()) as runner:
        runner.start("a", "Hi", if_not_exists="create").result(20)
        with pytest.raises(RunFailed) as failed:
            runner.make_title("a").result(20)
        assert failed.value.error_type == "ThreadNotFound"
        assert until(lambda: all(run.finished_at for run in registry.runs("a")))
        assert registry.get("a").status == "idle"


def test_superseded_run_does_not_set_the_thread_status(registry):
    """It is begun again by its key when another turn has been said after it."""
    with threads.Runner(registry, failing_once_graph([RuntimeError("once")], [])) as runner:
        first = runner.start("a", "one", key="k", if_not_exists="create")
        with pytest.raises(RunFailed):
            first.result(20)
        runner.start("a", "two").result(20)
        assert registry.get("a").status == "idle"
        with pytest.raises(RunFailed, match="modified by another run"):
            runner.start("a", "one", key="k").result(20)
        assert registry.get("a").status == "idle"


@pytest.mark.parametrize("before", ["error", "interrupted", "idle"])
def test_rollback_restores_the_thread_status(registry, before):
    gate = Gate()
    agents = {
        "error": circling_graph(),
        "interrupted": asking_at_once_graph(),
        "idle": plain_graph(None),
        "slow": waiting_graph(gate, is_async=True),
    }
    with threads.Runner(registry, agents) as runner:
        run = runner.start("a", "Hi", agent_id=before, if_not_exists="create")
        if before == "error":
            with pytest.raises(RunFailed):
                run.result(30)
        else:
            run.result(20)
        questions = registry.interrupts("a")
        slow = runner.start("a", "wait", agent_id="slow")
        assert gate.reached.wait(20)
        runner._executor.stop(slow.id, StopReason.ROLLBACK)
        slow.result(20)
        assert slow.status == "stopped"
        assert (registry.get("a").status, registry.interrupts("a")) == (before, questions)
        gate.opened.set()


# how many may wait


def test_queue_full_is_raised_beyond_max_waiting(registry):
    gate = Gate()
    with threads.Runner(registry, waiting_graph(gate), max_waiting=3) as runner:
        runner.start("a", "0", if_not_exists="create")
        assert gate.reached.wait(20)
        waiting = [runner.start("a", str(n), key=str(n), multitask_strategy="enqueue") for n in range(3)]
        for strategy in ("enqueue", "interrupt"):
            with pytest.raises(QueueFull, match="max_waiting") as refused:
                runner.start("a", "one more", multitask_strategy=strategy)
            assert (refused.value.thread_id, refused.value.limit) == ("a", 3)
        assert runner.start("a", "0", key="0", multitask_strategy="enqueue").id == waiting[0].id
        assert runner.start("b", "another thread", if_not_exists="create", multitask_strategy="enqueue")
        assert len(registry.runs("a")) == 4
        gate.opened.set()
        for run in waiting:
            run.result(20)
        runner.start("a", "one more", multitask_strategy="enqueue").result(20)


def test_http_refuses_requests_beyond_max_waiting(registry):
    gate = Gate()
    with client(registry, waiting_graph(gate)) as api:
        id = api.post(f"{PREFIX}/threads", json={}).json()["id"]
        body = {"message": "go", "multitask_strategy": "enqueue"}
        later = {"Prefer": "respond-async"}
        for _ in range(101):
            assert api.post(f"{PREFIX}/threads/{id}/messages", json=body, headers=later).status_code == 202
        refused = api.post(f"{PREFIX}/threads/{id}/messages", json=body, headers=later)
        assert (refused.status_code, refused.json()["code"]) == (429, "QueueFull")
        assert refused.headers["Retry-After"] == "1"
        assert "Runner" not in refused.text
        gate.opened.set()


@pytest.mark.parametrize("wrong", [0, -1, True, "10", 1.5])
def test_max_waiting_must_be_a_positive_integer(registry, wrong):
    with pytest.raises(InvalidValue, match="max_waiting"):
        threads.Runner(registry, plain_graph(None), max_waiting=wrong)


def test_given_up_run_has_error_type_process_lost(registry):
    gate = Gate()
    with threads.Runner(registry, waiting_graph(gate), recover=False) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        assert gate.reached.wait(20)
        expire = "UPDATE threads_run SET expires_at = 0, attempt = 10 WHERE run_id = ?"
        registry._database.write(lambda connection: connection.execute(expire, (run.id,)) and None)
        with threads.Runner(registry, {"agent": waiting_graph(gate)}) as other:
            assert until(lambda: run.info.status == "error")
            assert (run.info.error_type, run.info.error_message) == (
                "ProcessLost",
                "failed after 10 attempts",
            )
            assert types(registry.events("a", follow=False))[-1] == "failed"
            assert registry.get("a").status == "error"
            assert other.agent_ids == ("agent",)
        gate.opened.set()


def endless() -> Any:
    """LangChain's agent whose model calls the tool again and again."""
    return create_agent(StreamingModel(answer=lambda _: ("", "weather", {"city": "Oslo"})), [weather])


def adding(update: Any) -> Any:
    """LangChain's agent whose tool makes this update."""

    def spoil(tool_call_id: Annotated[str, InjectedToolCallId]) -> Any:
        """Spoil the state."""
        return Command(update=update(tool_call_id))

    return create_agent(model(("", "spoil", {}), "Done."), [spoil])


def holding_a_lock(id: str) -> Any:
    return {"messages": [ToolMessage("x", tool_call_id=id, artifact=threading.Lock())]}


@pytest.mark.parametrize(
    "build", [endless, lambda: adding(lambda _: {"messages": []}), lambda: adding(holding_a_lock)]
)
def test_failures_of_built_agents_set_the_thread_status(registry, build):
    """Too many steps, a call without an answer, a value that cannot be stored."""
    with threads.Runner(registry, build(), config={"recursion_limit": 6}) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        with pytest.raises(RunFailed):
            run.result(30)
        assert (run.status, registry.get("a").status) == ("error", "error")
        assert [thread.id for thread in registry.list(status="error")] == ["a"]
