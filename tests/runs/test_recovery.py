"""After a crash: what was asked is there once and answered once, whoever takes it up."""

import os
import random
import signal
import sqlite3
import threading as threading_
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from faults import LONG
from graphs import Plain, compiled, config, plain_graph, said
from langchain_core.messages import ToolMessage
from run_helpers import Gate, effects, slow_agent, texts, types, until, waiting_graph
from runner_processes import (
    AGENTS,
    careful_agent,
    careless_agent,
    dying,
    heard,
    performing,
    persist,
    slow_counting_agent,
    talking_agent,
)

import threads
from agent import build_agent
from threads import InvalidValue, LeaseLost, RunFailed, ThreadBusy
from threads.runs.tool_recovery import GraphPosition, started_calls, uncertain_calls
from threads.store import leases
from threads.store.runs import ToolRecord

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
KILLS = 200 if LONG else 12


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path):
        pass
    return path


def settled(registry, id="a"):
    """The thread's last run, once it has ended."""
    return until(lambda: (run := registry.runs(id)[0]).status not in ("pending", "running") and run, 30)


def is_answered_once(registry, path):
    run = settled(registry)
    assert run.status == "success", run
    assert [message.role for message in registry.messages("a")] == ["user", "assistant"]
    assert texts(registry, "a")[0] == "Hi, I'm Alice"
    assert "Alice" in texts(registry, "a")[1]
    story = list(registry.events("a", follow=False))
    spoken = [event.data["message"]["role"] for event in story if event.type == "message"]
    assert spoken == ["user", "assistant"], "each message is told once"
    assert story[-1].type == "finished"
    assert "token" not in types(story)
    assert registry.verify() == []


@pytest.mark.crash
@pytest.mark.parametrize("number", range(5))
def test_recovery_after_a_kill_at_each_event(path, number):
    process, told = performing(path, "slow", die_at=number, seconds=0.5)
    process.join(30)
    run_id = heard(told)[0]
    assert process.exitcode == -signal.SIGKILL
    with (
        threads.open(path) as registry,
        threads.Runner(registry, slow_counting_agent(path), lease_seconds=0.5) as runner,
    ):
        assert runner.run(run_id).result(30)["messages"][-1].text.startswith("Hello Alice")
        is_answered_once(registry, path)
        assert runner.start("a", "Hi, I'm Alice", key="k").id == run_id, "the client's retry, after all"
        assert registry.get("a").message_count == 2


@pytest.mark.crash
def test_recovery_after_random_kills_loses_and_repeats_nothing(path):
    chance = random.Random(11)
    for _ in range(KILLS):
        process, told = performing(path, "slow", seconds=0.4)
        assert told.poll(30)
        told.recv()
        process.join(chance.uniform(0, 0.25))
        process.kill()
        process.join()
        told.close()
        with (
            threads.open(path) as registry,
            threads.Runner(registry, slow_counting_agent(path), lease_seconds=0.4),
        ):
            is_answered_once(registry, path)
            registry.delete("a")


def hanging_in_a_tool(path, agent):
    """A process killed while its tool is at work."""
    path.with_name("hang").touch()
    process, told = performing(path, agent, seconds=0.5)
    until(lambda: effects(path.with_name("effects")), 30)
    process.kill()
    process.join()
    told.close()
    path.with_name("hang").unlink()


@pytest.mark.crash
@pytest.mark.parametrize("answer", ["again", "it was booked"])
def test_recovery_asks_about_a_tool_in_flight(path, answer):
    hanging_in_a_tool(path, "careless")
    with (
        threads.open(path) as registry,
        threads.Runner(registry, careless_agent(path), lease_seconds=0.5) as runner,
    ):
        assert settled(registry).status == "interrupted"
        assert registry.get("a").status == "interrupted"
        (question,) = registry.interrupts("a")
        assert question.value["tools"] == [{"tool_call_id": "call-0", "name": "book", "args": {"n": 1}}]
        assert effects(path.with_name("effects")) == ["booked"]
        resumed = runner.resume("a", answer)
        values = resumed.result(20)
        assert runner.resume("a", answer).id == resumed.id
        answers = [message.text for message in values["messages"] if isinstance(message, ToolMessage)]
        assert answers == ["booked" if answer == "again" else answer]
        assert values["messages"][-1].text == "done"
        assert len(effects(path.with_name("effects"))) == (2 if answer == "again" else 1)
        assert registry.verify() == []
        assert registry.interrupts("a") == ()


def test_recovery_reruns_an_idempotent_tool(path):
    hanging_in_a_tool(path, "careful")
    with (
        threads.open(path) as registry,
        threads.Runner(registry, careful_agent(path), lease_seconds=0.5),
    ):
        assert settled(registry).status == "success"
        assert texts(registry, "a")[-1] == "done"
    assert effects(path.with_name("effects")) == ["booked", "booked"]


RESULT = """SELECT 1 FROM writes WHERE channel = 'messages' AND (checkpoint_ns, checkpoint_id) = (
    SELECT checkpoint_ns, checkpoint_id FROM checkpoints ORDER BY length(checkpoint_ns) DESC, checkpoint_id DESC)"""
"""A task has stored its messages at the last checkpoint of the innermost graph."""
QUESTION = "SELECT 1 FROM writes WHERE channel = '__interrupt__'"
FINISHED = "SELECT 1 FROM threads_event WHERE type = 'tool_finished'"


@contextmanager
def taking_up(path, agent):
    """A registry and a runner that take up what a dead process left, until that asks."""
    with (
        threads.open(path) as registry,
        threads.Runner(registry, AGENTS[agent](path), lease_seconds=0.5) as runner,
    ):
        assert settled(registry).status == "interrupted"
        yield registry, runner
        assert registry.verify() == []


def in_question(registry):
    (asked,) = registry.interrupts("a")
    assert asked.value["asked_by"] == "recovery"
    return sorted(call["tool_call_id"] for call in asked.value["tools"])  # they start in any order


def last_words(run):
    return run.result(20)["messages"][-1].text


def effects_of(path):
    """The tools that had an effect, in their order; the calls' keys were the same each time."""
    told = [each.split("=") for each in effects(path.with_name("effects"))]
    assert len(dict(told)) == len({tuple(each) for each in told})
    return sorted(name for name, _ in told)


@pytest.mark.crash
@pytest.mark.parametrize("agent", ["apart", "together", "inner"])
@pytest.mark.parametrize("answer", ["again", "it went through"])
def test_recovery_asks_about_an_approved_tool_in_flight(path, agent, answer):
    dying(path, agent, "approve", "yes", who="approve")
    with taking_up(path, agent) as (registry, runner):
        assert in_question(registry) == ["approve-1"]
        approval = registry.runs("a")[0]
        assert runner.resume("a", "yes").id == approval.id, "the client's retry is not another answer"
        assert effects_of(path) == ["approve"]
        said = last_words(runner.resume("a", answer))
        assert said == ("done: approved yes" if answer == "again" else f"done: {answer}")
    assert effects_of(path) == (["approve"] * 2 if answer == "again" else ["approve"])


@pytest.mark.crash
def test_recovery_asks_again_about_a_rerun_that_was_killed(path):
    dying(path, "apart", "pay", who="pay")
    dying(path, "apart", "pay", "again", who="pay")
    with taking_up(path, "apart") as (registry, runner):
        assert effects_of(path) == ["pay", "pay"]
        assert in_question(registry) == ["pay-1"]
        assert last_words(runner.resume("a", "it was paid")) == "done: it was paid"
    assert effects_of(path) == ["pay", "pay"]


def test_recovery_asks_about_a_tool_in_flight_beside_an_interrupt(path):
    dying(path, "apart", "approve pay", who="pay", when=QUESTION)
    with taking_up(path, "apart") as (registry, runner):
        assert in_question(registry) == ["pay-1"]
        runner.resume("a", "it was paid").result(20)
        assert [question.value for question in registry.interrupts("a")] == ["approve?"]
        assert last_words(runner.resume("a", "yes")) == "done: approved yes, it was paid"
    assert effects_of(path) == ["approve", "pay"]


@pytest.mark.crash
@pytest.mark.parametrize("agent", ["apart", "inner"])
def test_answer_for_one_tool_keeps_the_results_of_others(path, agent):
    dying(path, agent, "look pay", who="pay", when=RESULT)
    with taking_up(path, agent) as (registry, runner):
        assert in_question(registry) == ["pay-1"]
        assert last_words(runner.resume("a", "declined")) == "done: looked, declined"
        assert [message.text for message in registry.messages("a") if message.role == "tool"] == [
            "looked", "declined",
        ]  # fmt: skip
        assert last_words(runner.start("a", "look")) == "done: looked, declined, looked"
    assert [name.partition("=")[0] for name in effects(path.with_name("effects"))].count("pay") == 1


def test_recovery_decisions_are_mapped_by_tool_call_id(path):
    """What one of them found was lost with the step."""
    dying(path, "together", "look pay", who="pay", when=FINISHED)
    with taking_up(path, "together") as (registry, runner):
        assert in_question(registry) == ["look-1", "pay-1"]
        half = runner.resume("a", {"pay-1": "declined"})
        half.result(20)
        assert (half.status, in_question(registry)) == ("interrupted", ["look-1"])
        assert effects_of(path) == ["look", "pay"]
        assert last_words(runner.resume("a", "again")) == "done: looked, declined"
    assert effects_of(path) == ["look", "look", "pay"]


def test_resume_value_is_not_taken_for_the_recovery_interrupt(path):
    """Though LangGraph takes the first id for each question of the node."""
    persist(path, "asking on", "Ask", ())
    with threads.open(path) as registry:
        ids = {question.value: question.id for question in registry.interrupts("a")}
    taken = "SELECT 1 FROM writes WHERE channel = '__resume__'"
    dying(path, "asking on", "", {ids["0"]: "yes"}, who="pay", when=taken)
    with taking_up(path, "asking on") as (registry, runner):
        assert in_question(registry) == ["pay-1"]
        runner.resume("a", "again").result(20)
        assert {question.value for question in registry.interrupts("a")} == {"1", "other"}
        ids = {question.value: question.id for question in registry.interrupts("a")}
        runner.resume("a", {ids["1"]: "and", ids["other"]: "x"}).result(20)
        assert [question.value for question in registry.interrupts("a")] == ["2"]


@pytest.mark.crash
def test_recovery_decision_stays_given_after_another_kill(path):
    dying(path, "together", "look pay", who="pay", when=FINISHED)
    dying(path, "together", "", {"pay-1": "declined", "look-1": "again"}, who="look")
    with taking_up(path, "together") as (registry, runner):
        assert in_question(registry) == ["look-1"]
        assert last_words(runner.resume("a", "seen")) == "done: declined, seen"
    assert effects_of(path) == ["look", "look", "pay"]


def test_node_without_tool_events_is_rerun_by_recovery(path):
    dying(path, "direct", "Pay", who="pay")
    with taking_up(path, "direct") as (registry, runner):
        refused = runner.resume("a", "it was paid")
        refused.result(20)
        assert (refused.status, in_question(registry)) == ("interrupted", ["pay-1"])
        assert "No text can stand for the answer of: pay-1" in registry.interrupts("a")[0].value["question"]
        assert effects_of(path) == ["pay"]
        assert last_words(runner.resume("a", "again")) == "done: paid"
        assert texts(registry, "a") == ["Pay", "done: paid"]
    assert effects_of(path) == ["pay", "pay"]


def test_recovered_regeneration_starts_at_its_base_checkpoint(path):
    persist(path, "direct", "Pay", ())
    dying(path, "direct", "", who="pay")
    with taking_up(path, "direct") as (registry, runner):
        assert in_question(registry) == ["pay-1"]
        assert last_words(runner.resume("a", "again")) == "done: paid"
        said, answer = registry.messages("a")
        assert (said.text, len(said.versions), answer.version) == ("Pay", 0, 2)
    first, *others = effects(path.with_name("effects"))
    assert len(others) == 2 and {first, *others} == {first, others[0]} and first != others[0]


@pytest.mark.crash
@pytest.mark.parametrize(("agent", "when"), [("apart", RESULT), ("together", FINISHED)])
def test_new_message_instead_of_a_recovery_decision_answers_the_calls(path, agent, when):
    dying(path, agent, "look pay", who="pay", when=when)
    with taking_up(path, agent) as (registry, runner):
        runner.start("a", "look").result(20)
        found = [message.text for message in registry.messages("a") if message.role == "tool"]
        lost = "The call was not answered: the run failed."
        assert found == ["looked" if agent == "apart" else lost, lost, "looked"]


def test_call_of_an_unstored_step_is_uncertain():
    told = {"tool_call_id": "pay-1", "name": "pay", "task": "inner:1|tools:2", "args": {}}
    begun, ended = ToolRecord("tool_started", told, 7), ToolRecord("tool_finished", told, 7)
    behind = GraphPosition(unfinished={"inner:1", "inner:1|model:1"}, known={"", "inner:1"})
    hidden = GraphPosition(unfinished={"inner:1"}, known={""})
    for position in (behind, hidden):
        assert uncertain_calls(started_calls([begun]), position, {}, 7)
        assert not uncertain_calls(started_calls([begun, ended]), position, {}, 7)
    assert not uncertain_calls(started_calls([begun]), behind, {}, 8), "another run, which ended in order"
    assert uncertain_calls(started_calls([begun]), hidden, {}, 8)
    assert not uncertain_calls(started_calls([begun]), hidden, {"pay-1": (8, "again")}, 8)
    assert uncertain_calls(started_calls([begun]), hidden, {"pay-1": (8, "paid")}, 8), (
        "nobody would read that"
    )


@pytest.mark.crash
@pytest.mark.parametrize("value", [None, True, "", {}, {"pay-1": None}, {"pay-2": "paid"}, ["again"]])
def test_invalid_recovery_decision_is_refused(path, value):
    dying(path, "apart", "pay", who="pay")
    with taking_up(path, "apart") as (registry, runner):
        with pytest.raises(InvalidValue, match="tool calls"):
            runner.resume("a", value)
        assert (len(registry.runs("a")), in_question(registry)) == (1, ["pay-1"])
        by_question = {registry.interrupts("a")[0].id: "again"}
        assert last_words(runner.resume("a", by_question)) == "done: paid"


def left_behind(path, agent="talking"):
    """A file with a run whose process was killed while it talked."""
    process, told = performing(path, agent, die_at=4, seconds=0.4)
    process.join(30)
    return heard(told)[0]


def test_expired_run_without_its_agent_waits_or_is_given_up(path):
    run_id = left_behind(path)
    with threads.open(path) as registry:
        other = plain_graph(None)
        with threads.Runner(registry, {"other": other}, lease_seconds=0.4) as runner:
            assert registry.runs("a")[0].status == "running", "nobody here knows its agent"
            until(lambda: registry.get("a") and not still_leased(registry))
            runner.start("a", "Anybody?", agent_id="other").result(20)
            with pytest.raises(RunFailed, match="agent 'agent' is not loaded"):
                runner.run(run_id).result(30)
        assert texts(registry, "a") == ["Hi, I'm Alice", "Anybody?", "re: Anybody?"]
        assert types(e for e in registry.events("a", follow=False) if e.run_id == run_id)[-1] == "failed"


def still_leased(registry):
    return leases.is_valid(lease_end(registry))


def lease_end(registry):
    with registry._database.read() as connection:
        return connection.execute("SELECT expires_at FROM threads_run").fetchone()[0]


def test_expired_queued_run_without_its_agent_is_given_up(path):
    with threads.open(path) as registry:
        gate = Gate()
        with threads.Runner(registry, {"gone": waiting_graph(gate)}, lease_seconds=0.4) as runner:
            runner.start("a", "0", if_not_exists="create")
            assert gate.reached.wait(20)
            runner.start("a", "1", multitask_strategy="enqueue")
            runner.close(timeout=0)
        gate.opened.set()
        with threads.Runner(registry, {"other": plain_graph(None)}) as runner:
            runner.start("a", "2", agent_id="other").result(20)
        assert [run.status for run in registry.runs("a")] == ["success", "error", "error"]


def test_invoke_gives_up_the_expired_run_of_a_dead_process(path):
    run_id = left_behind(path)
    with threads.open(path) as registry:
        until(lambda: not still_leased(registry))
        plain_graph(registry.checkpointer).invoke(said("Anybody?"), config("a"))
        assert registry.runs("a")[0].id == run_id
        assert registry.runs("a")[0].status == "error"
        told_of = [event.type for event in registry.events("a", follow=False) if event.run_id == run_id]
        assert told_of[-1] == "failed" and "token" not in told_of, "who listens hears of its end"
        assert texts(registry, "a")[-1] == "re: Anybody?"


def test_run_that_kills_every_process_fails_after_max_attempts(path):
    run_id = left_behind(path)
    with threads.open(path) as registry:
        registry._database.write(
            lambda connection: connection.execute("UPDATE threads_run SET attempt = 10, expires_at = 0")
        )
        with (
            threads.Runner(registry, talking_agent(path)) as runner,
            pytest.raises(RunFailed, match="failed after 10 attempts"),
        ):
            runner.run(run_id).result(30)
        assert texts(registry, "a") == ["Hi, I'm Alice"]


def test_late_attempts_do_not_count_as_failed(path):
    run_id = left_behind(path)
    with threads.open(path) as registry:
        registry._database.write(
            lambda connection: connection.execute(
                "UPDATE threads_run SET attempt = 10, late_attempts = 9, expires_at = 0"
            )
        )
        with threads.Runner(registry, {"agent": plain_graph(None)}) as runner:
            runner.run(run_id).result(20)
        assert texts(registry, "a") == ["Hi, I'm Alice", "re: Hi, I'm Alice"]


# leases


def test_expired_lease_is_renewed_if_no_runner_took_over(path):
    gate = Gate()
    with (
        threads.open(path) as registry,
        threads.Runner(registry, waiting_graph(gate), lease_seconds=2.0, recover=False) as runner,
    ):
        run = runner.start("a", "Hi", if_not_exists="create")
        assert gate.reached.wait(20)
        registry._database.write(
            lambda connection: connection.execute("UPDATE threads_run SET expires_at = 1")
        )
        until(lambda: still_leased(registry))
        gate.opened.set()
        run.result(20)
        assert (run.info.attempts, texts(registry, "a")) == (1, ["Hi", "at last"])


@pytest.mark.crash
def test_run_whose_write_was_rejected_by_an_expired_lease_is_recovered(path):
    """Though the lease is good again when the refusal is heard of."""
    gate = Gate()
    with (
        threads.open(path) as registry,
        threads.Runner(registry, waiting_graph(gate), lease_seconds=2.0) as runner,
    ):
        run = runner.start("a", "Hi", if_not_exists="create")
        assert gate.reached.wait(20)
        until(lambda: texts(registry, "a") == ["Hi"])
        runner._executor._active[run.id].lease.on_rejected(LeaseLost("a"))
        gate.opened.set()
        assert run.result(20)["messages"][-1].text == "at last"
        assert (run.status, run.info.attempts, texts(registry, "a")) == ("success", 2, ["Hi", "at last"])


@pytest.mark.crash
def test_run_taken_over_from_a_living_process_counts_as_late(path):
    gate = Gate()
    taken = "UPDATE threads_run SET holder = 'another', attempt = attempt + 1"  # and lives
    with (
        threads.open(path) as registry,
        threads.Runner(registry, waiting_graph(gate), lease_seconds=2.0) as runner,
    ):
        run = runner.start("a", "Hi", if_not_exists="create")
        assert gate.reached.wait(20)
        registry._database.write(lambda connection: connection.execute(taken))
        until(lambda: late(registry) >= 1)
        gate.opened.set()
        run.result(60)
        assert texts(registry, "a") == ["Hi", "at last"]


def late(registry):
    with registry._database.read() as connection:
        return connection.execute("SELECT late_attempts FROM threads_run").fetchone()[0]


@pytest.mark.crash
def test_heartbeat_keeps_the_lease_of_a_long_run(path):
    with threads.open(path) as registry, threads.open(path) as elsewhere:
        gate = Gate()
        graph = waiting_graph(gate)
        with (
            threads.Runner(registry, graph, lease_seconds=3.0) as runner,
            threads.Runner(elsewhere, graph, lease_seconds=3.0),
        ):
            run = runner.start("a", "Hi", if_not_exists="create")
            assert gate.reached.wait(20)
            first = lease_end(registry)
            until(lambda: time.monotonic() > first)
            gate.opened.set()
            run.result(20)
        assert run.info.attempts == 1
        assert texts(registry, "a") == ["Hi", "at last"]


@pytest.mark.crash
def test_node_that_blocks_the_loop_keeps_the_lease(path):
    async def blocks(state):
        time.sleep(4)  # as careless code does
        return {"messages": ["at last"]}

    with threads.open(path) as registry:
        with threads.Runner(registry, compiled(Plain, blocks, None), lease_seconds=3.0) as runner:
            run = runner.start("a", "Hi", if_not_exists="create")
            run.result(20)
        assert (run.status, run.info.attempts) == ("success", 1)


@pytest.mark.crash
def test_write_of_a_paused_process_is_fenced_off(path):
    """Stopped in the middle of its answer, overtaken, and woken: nothing that it says is stored."""
    holders = 100 if LONG else 4
    for number in range(holders):
        process, told = performing(path, "talking", seconds=0.3)
        assert told.poll(30)
        told.recv()
        with threads.open(path) as registry:
            until(lambda: "token" in types(registry.events("a", follow=False)))
            pause(process, path)
            with threads.Runner(registry, {"agent": build_agent()}, lease_seconds=2.0):
                assert settled(registry).status == "success"
                before = (texts(registry, "a"), [e.sequence for e in registry.events("a", follow=False)])
                assert "Alice" in before[0][1]
                os.kill(process.pid, signal.SIGCONT)
                assert not threading_.Event().wait(0.6)
                after = (texts(registry, "a"), [e.sequence for e in registry.events("a", follow=False)])
                assert after == before, f"holder {number} got something in"
            assert registry.runs("a")[0].attempts >= 2
            assert registry.verify() == []
            registry.delete("a")
        process.kill()
        process.join()
        told.close()


def is_stopped(pid):
    """Whether it stands still already: a signal may take its time."""
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "T"


def pause(process, path):
    """Stop it, but not in the middle of a commit: then SQLite's lock would be held until it is woken."""
    while True:
        os.kill(process.pid, signal.SIGSTOP)
        until(lambda: is_stopped(process.pid))
        connection = sqlite3.connect(path, timeout=0.2, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError:
            os.kill(process.pid, signal.SIGCONT)
        finally:
            connection.close()


def test_close_works_with_a_locked_or_closed_database(path):
    registry = threads.open(path)
    runner = threads.Runner(registry, build_agent())
    runner.start("a", "Hi", if_not_exists="create").result(20)
    registry.close()
    runner.close()
    alive = {thread.name for thread in threading_.enumerate()}
    assert "threads-runs" not in alive and "threads-heartbeat" not in alive


@pytest.mark.crash
def test_result_of_a_recovered_run_is_returned(path):
    """Another process took it over meanwhile, and died: what it asked is answered, once."""
    gate, calls = Gate(), []

    def node(state):
        calls.append(1)
        gate.reached.set()
        assert gate.opened.wait(20)
        return {"messages": ["at last"]}

    with threads.open(path) as registry:
        with threads.Runner(registry, compiled(Plain, node, None), lease_seconds=2.0) as runner:
            run = runner.start("a", "Hi", if_not_exists="create")
            assert gate.reached.wait(20)
            taken = "UPDATE threads_run SET holder = 'another', attempt = attempt + 1, expires_at = 0"
            registry._database.write(lambda connection: connection.execute(taken))
            until(lambda: not runner._executor.running_ids())
            gate.opened.set()
            assert run.result(20)["messages"][-1].text == "at last"
        assert (run.status, run.info.attempts, len(calls)) == ("success", 3, 2)
        assert texts(registry, "a") == ["Hi", "at last"]
        assert registry.verify() == []


def test_lease_lost_is_raised_by_result_without_recovery(path):
    with threads.open(path) as registry:
        gate = Gate()
        with threads.Runner(registry, waiting_graph(gate), recover=False) as runner:
            run = runner.start("a", "Hi", if_not_exists="create")
            assert gate.reached.wait(20)
            with registry.events("a") as story:  # the node may begin before its input is stored
                assert any(event.type == "message" for event in story)
            registry._database.write(
                lambda connection: connection.execute("UPDATE threads_run SET attempt = attempt + 1")
            )
            gate.opened.set()
            with pytest.raises(LeaseLost):
                run.result(20)
        assert texts(registry, "a") == ["Hi"]


@pytest.mark.parametrize("until_", [0.0, 10.0**9])
def test_lease_from_before_a_reboot_is_expired(path, until_):
    run_id = left_behind(path)
    with threads.open(path) as registry:
        registry._database.write(
            lambda connection: connection.execute("UPDATE threads_run SET expires_at = ?", (until_,))
        )
        assert not still_leased(registry)
        with threads.Runner(registry, build_agent()) as runner:
            assert "Alice" in runner.run(run_id).result(20)["messages"][-1].text


def test_close_hands_over_active_runs(path):
    with threads.open(path) as registry:
        first = threads.Runner(registry, slow_agent(400))
        run = first.start("a", "Hi, I'm Alice", if_not_exists="create")
        waiting = first.start("a", "What is my name?", multitask_strategy="enqueue")
        until(lambda: "token" in types(registry.events("a", follow=False)))
        first.close(timeout=0.1)
        with pytest.raises(LeaseLost):
            run.result(30)
        assert run.status == "running"
        with pytest.raises(ThreadBusy), threads.Runner(registry, {"other": build_agent()}) as other:
            registry._database.write(
                lambda connection: connection.execute(
                    "UPDATE threads_run SET expires_at = ? WHERE status = 'running'", (time.monotonic() + 60,)
                )
            )
            other.start("a", "x", agent_id="other")
        registry._database.write(
            lambda connection: connection.execute("UPDATE threads_run SET expires_at = 0")
        )
        with threads.Runner(registry, build_agent()) as second:
            assert "Alice" in second.run(run.id).result(20)["messages"][-1].text
            assert "Alice" in second.run(waiting.id).result(20)["messages"][-1].text
        assert [message.role for message in registry.messages("a")] == ["user", "assistant"] * 2
        assert registry.verify() == []


def test_failure_of_a_run_that_was_taken_over_is_not_stored(tmp_path):
    path, gate = tmp_path / "threads.db", Gate()

    def node(state):
        gate.wait()
        raise RuntimeError("too late")

    with threads.open(path) as registry:
        with threads.Runner(registry, compiled(Plain, node, None)) as runner:
            runner.start("a", "hi", if_not_exists="create")
            assert gate.reached.wait(20)
            with closing(sqlite3.connect(path)) as connection, connection:  # as another runner does
                connection.execute(
                    "UPDATE threads_run SET attempt = attempt + 1, holder = 'another', expires_at = expires_at + 600000"
                )
            gate.opened.set()
        assert (registry.runs("a")[0].status, registry.get("a").status) == ("running", "busy")
        assert "failed" not in [event.type for event in registry.events("a", follow=False)]


def test_failure_of_a_run_with_an_expired_lease_is_not_stored(path):
    """No runner has taken it over yet, but any may at this moment."""
    gate = Gate()

    def node(state):
        gate.wait()
        raise RuntimeError("too late")

    with threads.open(path) as registry:
        with threads.Runner(registry, compiled(Plain, node, None), lease_seconds=600.0) as runner:
            run = runner.start("a", "hi", if_not_exists="create")
            assert gate.reached.wait(20)
            registry._database.write(
                lambda connection: connection.execute("UPDATE threads_run SET expires_at = 1")
            )
            gate.opened.set()
            until(lambda: run.id not in runner._executor.running_ids())
        assert registry.runs("a")[0].status == "running", "its recovery ends it"
        assert "failed" not in [event.type for event in registry.events("a", follow=False)]
