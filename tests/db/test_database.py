"""Whole transactions: what is queued together is stored together, and fails alone."""

import contextlib
import linecache
import os
import signal
import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from run_helpers import until

import threads
from threads.db.database import connect
from threads.db.file_database import MIN_IDLE
from threads.db.migrations import MIGRATIONS
from threads.db.open import check_search, open_database
from threads.db.write_queue import Writer
from threads.errors import DatabaseBusy, DatabaseError, ThreadDeleted


@pytest.fixture(params=["file", "memory"])
def database(request: pytest.FixtureRequest, tmp_path: Path):
    opened = open_database(tmp_path / "x.db" if request.param == "file" else ":memory:")
    opened.write(
        lambda connection: connection.execute("CREATE TABLE note (text TEXT NOT NULL UNIQUE)") and None
    )
    yield opened
    opened.close()


def note(text: str | None):
    return lambda connection: connection.execute("INSERT INTO note VALUES (?)", (text,)).lastrowid


def notes(database) -> list[str]:
    with database.read() as connection:
        return [row[0] for row in connection.execute("SELECT text FROM note ORDER BY rowid")]


def test_work_that_fails_leaves_nothing_and_others_are_stored(database):
    def half(connection):
        note("half")(connection)
        note(None)(connection)

    with pytest.raises(sqlite3.IntegrityError):
        database.write(half)
    assert database.write(note("whole")) == 1
    assert notes(database) == ["whole"]


def queued(database, works):
    """Queue works while the writer is busy, so that they are committed together."""
    promises = [database._writer.submit(work) for work in works]
    database._writer.drain()
    return promises


def test_work_that_was_handed_over_cannot_be_cancelled(database):
    promises = [database._writer.submit(note(text)) for text in "ab"]
    assert not promises[0].cancel()
    database._writer.drain()
    assert [promise.result(timeout=30) for promise in promises] == [1, 2]
    assert notes(database) == ["a", "b"]


def refused(connection):
    note("refused")(connection)
    connection.execute("INSERT INTO threads_tombstone VALUES ('gone', 0)")
    connection.execute(
        "INSERT INTO checkpoints (thread_id, checkpoint_id, parent_checkpoint_id) VALUES ('gone', 'b', 'a')"
    )


def test_one_of_many_that_fails_fails_alone(database):
    promises = queued(database, [note("a"), note("a"), note("b"), note(None), note("c")])
    assert [promise.exception() is None for promise in promises] == [True, False, True, False, True]
    assert notes(database) == ["a", "b", "c"]


def test_a_trigger_that_takes_the_transaction_away_harms_nobody_else(database):
    promises = queued(database, [note("a"), refused, note("b"), refused])
    assert [type(promise.exception()) for promise in promises] == [
        type(None),
        ThreadDeleted,
        type(None),
        ThreadDeleted,
    ]
    assert notes(database) == ["a", "b"]


def test_work_queued_together_is_one_commit(tmp_path):
    database = open_database(tmp_path / "x.db")
    database.write(lambda connection: connection.execute("CREATE TABLE note (text TEXT)") and None)
    statements: list[str] = []
    database._writer._connection.set_trace_callback(statements.append)
    queued(database, [note(str(number)) for number in range(50)])
    assert statements.count("COMMIT") == 1
    assert len(notes(database)) == 50
    database.close()


@pytest.mark.parametrize("database", ["file"], indirect=True)
def test_what_is_in_no_hurry_shares_the_transaction_of_what_follows(database):
    statements: list[str] = []
    database._writer._connection.set_trace_callback(statements.append)
    promise = database.submit(note("a"), soon=False)
    assert statements == []
    database.write(note("b"))
    assert (promise.done(), statements.count("COMMIT")) == (True, 1)
    promise = database.submit(note("c"), soon=False)
    database.flush_now()
    promise.result(20)
    assert notes(database) == ["a", "b", "c"]


def test_what_is_in_no_hurry_is_done_before_the_file_is_closed(tmp_path):
    database = open_database(tmp_path / "x.db")
    database.write(lambda connection: connection.execute("CREATE TABLE note (text TEXT)") and None)
    promise = database.submit(note("a"), soon=False)
    database.close()
    database.flush_now()
    assert promise.done()
    with closing(sqlite3.connect(tmp_path / "x.db")) as raw:
        assert raw.execute("SELECT text FROM note").fetchall() == [("a",)]


def test_an_interrupt_in_the_thread_that_commits_for_all_is_its_own_affair(database):
    def interrupted(connection):
        if not fired:
            fired.append(True)
            raise KeyboardInterrupt
        note("the interrupted one")(connection)

    fired: list[bool] = []
    others = [database._writer.submit(note("a")), database._writer.submit(note("b"))]
    with pytest.raises(KeyboardInterrupt):
        database.write(interrupted)
    database.write(note("c"))
    assert [promise.exception() for promise in others] == [None, None]
    assert set(notes(database)) >= {"a", "b", "c"}


def interrupted_at(place: int, work) -> bool:
    """Do `work`, as if Ctrl+C were pressed before the `place`-th line that runs in these modules.

    Not where a `with` is entered or left: there Python takes no signal.
    """
    lines = 0

    def trace(frame, event, _):
        nonlocal lines
        if not frame.f_code.co_filename.endswith(("write_queue.py", "database.py", "in_memory.py")):
            return None
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        if event == "line" and not line.lstrip().startswith("with "):
            lines += 1
            if lines == place:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_a_read_may_be_interrupted_anywhere(database):
    database.write(note("there"))
    place = 1
    while interrupted_at(place, lambda: notes(database)):
        assert notes(database) == ["there"]
        assert database.write(lambda connection: connection.execute("SELECT 1").fetchone()[0]) == 1
        place += 1
    assert place > 5


def test_a_write_may_be_interrupted_anywhere_and_others_do_not_pay(database):
    place, promises = 1, []
    while True:
        promises += [database._writer.submit(note(f"other {place} {each}")) for each in "ab"]
        interrupted = interrupted_at(place, lambda at=place: database.write(note(f"mine {at}")))
        database.write(note(f"after {place}"))
        if not interrupted:
            break
        place += 1
    assert [promise.exception(timeout=30) for promise in promises] == [None] * len(promises)
    stored = notes(database)
    assert place > 20
    assert stored.count(f"mine {place}") == 1
    assert sum(text.startswith("other") for text in stored) == 2 * place
    assert sum(text.startswith("after") for text in stored) == place


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("where", ["file", "memory"])
def test_a_process_that_was_forked_leaves_the_registry_to_the_other(tmp_path, where):
    with threads.open(tmp_path / "x.db" if where == "file" else ":memory:") as registry:
        held, over = threading.Event(), threading.Event()

        def hold() -> None:  # as a thread does that writes; the child does not have it
            with registry._database._lock:
                held.set()
                over.wait(60)

        holder = threading.Thread(target=hold)
        holder.start()
        assert held.wait(30)
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            with contextlib.suppress(DatabaseError):
                registry.create(id="a")
                os._exit(1)
            registry.close()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        over.set()
        holder.join()
        assert registry.create(id="a").id == "a"


def test_a_writer_in_another_process_is_waited_for_and_named_when_it_takes_too_long(tmp_path):
    path = tmp_path / "x.db"
    database = open_database(path)
    database._writer.patience = 50
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseBusy, match="nothing was stored"):
        database.write(lambda connection: connection.execute("DELETE FROM threads_thread") and None)
    database._writer.patience = 10_000
    timer = threading.Timer(0.2, lambda: other.execute("ROLLBACK"))
    timer.start()
    database.write(lambda connection: connection.execute("DELETE FROM threads_thread") and None)
    timer.join()
    other.close()
    database.close()


@pytest.mark.slow
def test_a_writer_comes_to_its_turn_among_others_that_hardly_pause(tmp_path):
    """SQLite's own waiting asks ten times a second, so it would miss most of these pauses."""
    path = tmp_path / "x.db"
    with closing(connect(path)) as setup:
        setup.execute("PRAGMA journal_mode=WAL")
        setup.execute("CREATE TABLE done (number)")
    is_over, is_held = threading.Event(), threading.Event()

    def hog() -> None:
        with closing(connect(path)) as connection:
            while not is_over.wait(0.004):
                connection.execute("BEGIN IMMEDIATE")
                is_held.set()
                is_over.wait(0.3)
                is_held.clear()
                connection.execute("COMMIT")

    other = threading.Thread(target=hog)
    other.start()
    writer = Writer(connect(path, timeout=2.0), str(path))
    try:
        for number in range(5):
            assert is_held.wait(30)
            writer.write(lambda connection, n=number: connection.execute("INSERT INTO done VALUES (?)", (n,)))
    finally:
        is_over.set()
        other.join()
        writer.close()
    with closing(connect(path)) as connection:
        assert [row[0] for row in connection.execute("SELECT * FROM done")] == list(range(5))


def test_a_reader_neither_waits_for_a_writer_nor_holds_it_up(tmp_path):
    database = open_database(tmp_path / "x.db")
    with database.read() as connection:
        before = connection.execute("SELECT count(*) FROM threads_tombstone").fetchone()[0]
        database.write(
            lambda writing: writing.execute("INSERT INTO threads_tombstone VALUES ('a', 0)") and None
        )
        assert connection.execute("SELECT count(*) FROM threads_tombstone").fetchone()[0] == before
    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM threads_tombstone").fetchone()[0] == before + 1
    database.close()


def test_what_our_promises_rest_on_is_on(tmp_path):
    database = open_database(tmp_path / "x.db")
    connection = database._writer._connection
    found = {p: connection.execute(f"PRAGMA {p}").fetchone()[0] for p in
             ("journal_mode", "synchronous", "foreign_keys", "secure_delete")}  # fmt: skip
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
    }
    assert database._writer.patience == 10_000
    with database.read() as connection:
        assert connection.execute("PRAGMA busy_timeout").fetchone()[0] == 10_000
    database.close()


def test_migrating_from_many_threads_at_once_happens_once(tmp_path):
    path = tmp_path / "x.db"
    failed: list[BaseException] = []

    def opening() -> None:
        try:
            open_database(path).close()
        except DatabaseError as error:
            failed.append(error)

    openers = [threading.Thread(target=opening) for _ in range(8)]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()
    assert failed == []
    connection = sqlite3.connect(path)
    recorded = connection.execute("SELECT version, name FROM threads_migration").fetchall()
    assert recorded == list(enumerate(MIGRATIONS, start=1))
    connection.close()


def test_a_long_reader_does_not_hold_up_who_empties_the_log(tmp_path):
    database = open_database(tmp_path / "x.db")
    with database.read() as connection:
        connection.execute("SELECT count(*) FROM threads_tombstone").fetchone()
        database.write(
            lambda writing: writing.execute("INSERT INTO threads_tombstone VALUES ('a', 0)") and None
        )
        assert not database.purge_deleted_text()
    assert database.purge_deleted_text(due_only=True)
    assert (tmp_path / "x.db-wal").stat().st_size == 0
    database.close()


@pytest.mark.parametrize(("modules", "version"), [((), (3, 45, 0)), (("fts5",), (3, 31, 1))])
def test_an_sqlite_without_the_search_it_needs_is_named_with_a_remedy(modules, version):
    with closing(sqlite3.connect(":memory:")) as connection:
        check_search(connection)
        with pytest.raises(DatabaseError, match=r"FTS5.*3\.34.*python\.org"):
            check_search(connection, modules=modules, version=version)


def test_a_piece_that_writes_and_then_fails_leaves_nothing_between_two_others(database):
    def half(connection):
        note("half")(connection)
        raise LookupError("after it wrote")

    first, failed, last = queued(database, [note("a"), half, note("c")])
    assert isinstance(failed.exception(), LookupError)
    assert (first.result(), notes(database)) == (1, ["a", "c"])
    assert last.exception() is None


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed there")
def test_connections_that_no_reader_needs_are_closed(tmp_path):
    path = tmp_path / "x.db"

    def count_open() -> int:
        files = [os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()]
        return files.count(f"{path}-wal")

    with closing(open_database(path)) as database, database.read() as held:
        with contextlib.ExitStack() as readers:
            for _ in range(10):
                readers.enter_context(database.read())
            assert count_open() >= 12
        until(lambda: count_open() == 2 + MIN_IDLE)  # the writer's and the one that still reads
        assert held.execute("SELECT count(*) FROM threads_thread").fetchone()[0] == 0
        with database.read() as connection:
            assert connection.execute("SELECT count(*) FROM threads_thread").fetchone()[0] == 0
