"""Background threads are restarted after errors, which are logged without users' text."""

import logging
import sqlite3
import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest
from faults import foreign_lock, impatient
from graphs import Plain, compiled, config, plain_graph, said
from langchain_core.messages import AIMessage
from langgraph.config import get_stream_writer
from run_helpers import Gate, until, waiting_graph

import threads
from threads.background import run_with_restarts
from threads.db.open import open_database

SECRET = "the user's own words"


class Panic(BaseException):
    """As `pyo3_runtime.PanicException`."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "t.db"


def errors(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


class Clock:
    """A clock that raises while it is broken, in threads whose names begin so."""

    def __init__(self, names=""):
        self.names = names
        self.raises = None
        self.rang = threading.Event()

    def __call__(self):
        if self.raises is not None and threading.current_thread().name.startswith(self.names):
            self.rang.set()
            raise self.raises
        return datetime.now(UTC)


@contextmanager
def no_more_threads():
    """The system starts none: no stack of this size can be had."""
    before = threading.stack_size(1 << 46)
    try:
        yield
    finally:
        threading.stack_size(before)


@pytest.mark.slow
@pytest.mark.parametrize("error", [Panic, KeyboardInterrupt, SystemExit, MemoryError, ValueError])
def test_failed_thread_is_restarted_and_logged_without_message(error, caplog):
    left = [error(SECRET), error(SECRET)]
    begun = []

    def work():
        begun.append(len(left))
        if left:
            raise left.pop()

    run_with_restarts(work, "tester", lambda: False)
    assert begun == [2, 1, 0]
    told = errors(caplog)
    assert len(told) == 2
    assert all("tester" in each and error.__name__ in each and SECRET not in each for each in told)


def test_thread_that_fails_when_over_is_not_restarted(caplog):
    def work():
        raise Panic

    run_with_restarts(work, "tester", lambda: True)
    assert errors(caplog) == []


@pytest.mark.parametrize("error", [Panic, SystemExit, GeneratorExit])
def test_write_that_raises_fails_alone_and_does_not_stop_writer(path, error):
    def broken(connection):
        raise error(SECRET)

    with closing(open_database(path)) as database:
        database.write(lambda connection: connection.execute("CREATE TABLE note (text)") and None)
        note = lambda connection: connection.execute("INSERT INTO note VALUES (1)") and None  # noqa: E731
        before = database.submit(note, soon=False)
        failed = database.submit(broken)
        after = database.submit(note)
        assert after.result(20) is before.result(20) is None
        assert type(failed.exception(20)) is error
        with pytest.raises(error):
            database.write(broken)
        database.write(note)
        with database.read() as connection:
            assert connection.execute("SELECT count(*) FROM note").fetchone()[0] == 3


def test_keyboard_interrupt_raised_by_write_is_not_repeated(path):
    def broken(connection):
        raise KeyboardInterrupt

    with closing(open_database(path)) as database:
        with pytest.raises(KeyboardInterrupt):
            database.write(broken)
        database.write(lambda connection: connection.execute("CREATE TABLE note (text)") and None)


def test_subscribers_continue_after_unreadable_event(path, caplog):
    with threads.open(path) as registry, threads.Runner(registry, plain_graph(None)) as runner:
        runner.start("a", "one", if_not_exists="create").result(20)
        events = registry.events("a", after=None)
        with closing(sqlite3.connect(path)) as other, other:
            other.execute(
                "INSERT INTO threads_event (thread_id, sequence, type, data, created_at) VALUES ('a', 900, 'state', '{', 0)"
            )
        until(lambda: errors(caplog))
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("DELETE FROM threads_event WHERE sequence = 900")
        runner.start("a", "two").result(20)
        found = next(event for event in events if event.type == "finished")
        assert found.thread_id == "a"
        events.close()
    assert "threads-event-poller" in errors(caplog)[0]


class Deaf:
    """A subscriber that raises."""

    topic = ("all", None)
    wants_changes = False

    def receive(self, events):
        raise Panic(SECRET)

    def end(self):
        pass


def test_subscriber_that_raises_does_not_affect_others(path, caplog):
    with threads.open(path) as registry, threads.Runner(registry, plain_graph(None)) as runner:
        registry._context.events.subscribe(Deaf())
        with registry.events(after=None) as events:
            runner.start("a", "one", if_not_exists="create").result(20)
            assert next(event for event in events if event.type == "finished").thread_id == "a"
    assert [each for each in errors(caplog) if SECRET in each] == []
    assert any("subscriber" in each and "Panic" in each for each in errors(caplog))


@pytest.mark.slow
@pytest.mark.parametrize("error", [Panic, MemoryError, ValueError])
def test_idle_worker_refreshes_stale_threads_after_failure(path, error, caplog):
    clock = Clock("threads-idle")
    with threads.open(path, clock=clock) as registry:
        graph = plain_graph(registry.checkpointer)
        clock.raises = error(SECRET)
        graph.invoke(said("one"), config("a"))
        assert clock.rang.wait(20)
        clock.raises = None
        until(lambda: errors(caplog))
        graph.invoke(said("two"), config("b"))

        def is_fresh():
            with registry._database.read() as connection:
                return not connection.execute(
                    "SELECT count(*) FROM threads_thread WHERE head_id IS NOT projected_id"
                ).fetchone()[0]

        until(is_fresh)
    assert "threads-idle" in errors(caplog)[0]


@pytest.mark.slow
@pytest.mark.parametrize("error", [Panic, SystemExit, MemoryError])
def test_runs_renew_leases_while_another_run_cannot_be_recovered(path, error, caplog):
    clock, gate = Clock("threads-writer"), Gate()
    with threads.open(path, clock=clock) as registry:
        registry.create(id="lost")
        with threads.Runner(registry, plain_graph(None), recover=False) as gone:
            run = gone.start("lost", "hello")
            run.result(20)
        with closing(sqlite3.connect(path)) as other, other:  # as a process left it that was killed
            other.execute("UPDATE threads_run SET status = 'running', expires_at = 0, finished_at = NULL")
        agents = {"agent": waiting_graph(gate, is_async=True)}
        with threads.Runner(registry, agents, lease_seconds=2.0) as runner:
            clock.raises = error(SECRET)
            assert clock.rang.wait(20)
            clock.raises = None
            alive = runner.start("alive", "hello", if_not_exists="create")
            assert gate.reached.wait(20)
            gate.opened.set()
            assert alive.result(20)["messages"][-1].text == "at last"
            until(lambda: registry.runs("lost")[0].status == "success")
    assert SECRET not in "".join(errors(caplog))


def test_without_new_os_threads_nothing_is_lost_and_work_resumes_later(path):
    with threads.open(path) as registry:
        saver = registry.checkpointer
        plain_graph(saver).invoke(said("one"), config("a"))
    with threads.open(path) as registry:
        saver = registry.checkpointer
        head = saver.get_tuple(config("a"))
        with no_more_threads():
            saver.put_writes(head.config, [("messages", ["x"])], "task")
            saver.put(
                head.config, {**head.checkpoint, "id": "f" + head.checkpoint["id"][1:]}, head.metadata, {}
            )
            saver.put_writes({"configurable": {**head.config["configurable"]}}, [("other", 1)], "later")
            saver.flush()
            assert registry._database.submit(lambda connection: 7).result(0) == 7
            with pytest.raises(RuntimeError):
                registry.events("a")
        with (
            registry.events("a", after=None) as events,
            threads.Runner(registry, plain_graph(None)) as runner,
        ):
            runner.start("a", "two").result(20)
            assert next(event for event in events if event.type == "finished")
        assert registry.verify() == []


def test_events_that_cannot_be_stored_are_logged(path, caplog):
    gate, later = Gate(), Gate()

    async def node(state):
        await gate.await_()
        get_stream_writer()(SECRET)
        await later.await_()
        return {"messages": [AIMessage("said")]}

    with threads.open(path) as registry, threads.Runner(registry, compiled(Plain, node, None)) as runner:
        run = runner.start("a", "hello", if_not_exists="create")
        assert gate.reached.wait(20)
        until(lambda: len(registry.history("a")) > 1)  # else what began the run is not stored either
        impatient(registry)
        with foreign_lock(path):
            gate.opened.set()
            until(lambda: errors(caplog))
        later.opened.set()
        assert run.result(20)["messages"][-1].text == "said"
    told = [each for each in errors(caplog) if "events" in each]
    assert told
    assert SECRET not in "".join(errors(caplog))
