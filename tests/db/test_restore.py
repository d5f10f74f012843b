"""Restoring a backup: what is refused, what is kept, and what a crash in the middle leaves."""

import itertools
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from commands import ids_in, run_threads
from faults import integrity, warm
from graphs import config, plain_graph, said, stock_saver
from server_helpers import process

import threads
from threads.db.migrations import MIGRATIONS

CRASHED = """
import os, signal, sys, threads
registry = threads.open(sys.argv[1])
registry.create(id="old")
registry.backup(sys.argv[2])
for number in range(3):
    registry.create(id=f"new {number}")
os.kill(os.getpid(), signal.SIGKILL)
"""
OLD, NEW = {"old"}, {"old", "new 0", "new 1", "new 2"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that was not closed, and so has its log beside it; its backup is `backup.db`."""
    path = tmp_path / "t.db"
    subprocess.run([sys.executable, "-c", CRASHED, str(path), str(backup_of(path))], check=False)
    assert Path(f"{path}-wal").stat().st_size > 0
    return path


def backup_of(path: Path) -> Path:
    return path.with_name("backup.db")


def beside(path: Path) -> dict[str, bytes]:
    """All files in the folder."""
    return {each.name: each.read_bytes() for each in path.parent.iterdir()}


def ids(path: Path) -> set[str]:
    with threads.open(path) as registry:
        assert registry.verify() == []
        return {thread.id for thread in registry.list()}


def test_backup_takes_the_place_of_a_file_with_a_log_and_the_old_one_is_kept_whole(path):
    path.chmod(0o640)
    kept = threads.restore_backup(path, backup_of(path))
    assert kept.name.startswith("t.db.before-restore-")
    assert {each.name for each in path.parent.iterdir()} == {"t.db", "backup.db", kept.name}
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert (ids(path), ids(kept), ids(backup_of(path))) == (OLD, NEW, OLD)


@pytest.mark.crash
def test_restore_is_refused_while_a_server_has_the_file(path, tmp_path):
    with process(tmp_path, "--db", str(path)):
        done = run_threads("restore-backup", backup_of(path), "--db", path, "--yes")
        assert (done.returncode, "is in use; stop all that use it" in done.stderr) == (1, True), done.stderr
    assert ids(path) == NEW
    assert run_threads("restore-backup", backup_of(path), "--db", path, "--yes").returncode == 0
    assert ids(path) == OLD


@pytest.mark.crash
@pytest.mark.parametrize("other", ["registry", "stock"])
def test_restore_is_refused_while_this_process_has_the_file(path, other):
    if other == "registry":
        opened = threads.open(path)
    else:
        opened = sqlite3.connect(path)
        opened.execute("SELECT * FROM checkpoints").fetchall()
    with closing(opened):
        with pytest.raises(threads.DatabaseBusy, match="in use"):
            threads.restore_backup(path, backup_of(path))
        with threads.open(path) as registry:  # nothing was done to what they share
            registry.create(id="later")
    assert ids(path) == NEW | {"later"}
    assert not list(path.parent.glob("*.before-restore-*")) + list(path.parent.glob("*.part"))


def test_restore_over_a_damaged_file_sets_its_log_aside(path):
    path.write_bytes(b"no database at all" * 1000)
    log = b"no log either" * 1000
    Path(f"{path}-wal").write_bytes(log)
    kept = threads.restore_backup(path, backup_of(path))
    assert ids(path) == OLD
    assert Path(f"{kept}-wal").read_bytes() == log
    assert kept.read_bytes().startswith(b"no database")


def test_restore_over_a_backup_that_was_copied_beside_the_log_of_another_file(path):
    shutil.copy(backup_of(path), path)
    threads.restore_backup(path, backup_of(path))
    assert ids(path) == OLD


def test_restore_of_a_file_that_is_gone_does_not_apply_its_log(path):
    path.unlink()
    log = Path(f"{path}-wal").read_bytes()
    assert threads.restore_backup(path, backup_of(path)) is None
    (aside,) = path.parent.glob("*.before-restore-*-wal")
    assert aside.read_bytes() == log
    assert ids(path) == OLD
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = os.urandom(len(content) - len(content) // 2)
    path.write_bytes(content)


def damaged_in_one_page(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'threads_thread'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def no_database(path: Path) -> None:
    path.write_bytes(b"hello" * 1000)


def another_programs(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO threads_migration VALUES (?, 'later', 0)", (len(MIGRATIONS) + 1,))
        connection.commit()


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (damaged, threads.NotADatabase),
        (damaged_in_one_page, threads.NotADatabase),
        (emptied, threads.NotADatabase),
        (no_database, threads.NotADatabase),
        (another_programs, threads.NotADatabase),
        (newer, threads.NewerDatabase),
        (Path.unlink, threads.DatabaseNotFound),
    ],
)
def test_backup_that_cannot_be_used_is_refused_and_nothing_is_changed(path, spoil, error):
    spoil(backup_of(path))
    before = beside(path)
    with pytest.raises(error, match=r"backup\.db"):
        threads.restore_backup(path, backup_of(path))
    assert beside(path) == before


def test_database_is_no_backup_of_itself(path):
    (path.parent / "link.db").symlink_to(path)
    for other in (path, path.parent / "link.db"):
        with pytest.raises(threads.UsageError, match="is the database itself"):
            threads.restore_backup(path, other)


def test_backup_is_restored_with_what_its_own_log_holds(path, tmp_path):
    target = tmp_path / "target.db"
    threads.restore_backup(target, path)
    assert ids(target) == NEW


def test_file_of_a_stock_saver_is_a_backup(path, tmp_path):
    stock = tmp_path / "stock.db"
    with closing(stock_saver(stock).conn) as connection:
        plain_graph(type(stock_saver(stock))(connection)).invoke(said("hello"), config("stock"))
    threads.restore_backup(path, stock)
    assert ids(path) == {"stock"}


def test_link_to_a_file_stays_a_link(path, tmp_path):
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "current.db"
    link.symlink_to(path)
    threads.restore_backup(link, backup_of(path))
    assert link.is_symlink()
    assert ids(path) == OLD


STEPS = {
    "chmod",
    "chown",
    "close",
    "connect",
    "execute",
    "fsync",
    "link",
    "open",
    "rename",
    "replace",
    "unlink",
}
"""Calls to SQLite and to the system that change something, or come after such a call."""


def restore_until(path: Path, step: int, told) -> None:
    """Restore, and die by -9 before the `step`-th of these calls once the copy is whole."""
    steps, is_copied = itertools.count(1), False

    def die(frame, event: str, function: object) -> None:
        nonlocal is_copied
        is_copied = is_copied or frame.f_code.co_name == "_keep_mode"
        is_step = is_copied and event == "c_call" and function.__name__ in STEPS
        if is_step and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(die)
    threads.restore_backup(path, backup_of(path))
    sys.setprofile(None)
    told.send("done")
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.crash
def test_kill_at_any_step_leaves_the_old_file_or_the_new_one(path, tmp_path):
    context, seen = warm(), []
    for step in itertools.count(1):
        folder = tmp_path / f"step {step}"
        folder.mkdir()
        for name in ("t.db", "t.db-wal", "backup.db"):
            shutil.copy(path.with_name(name), folder / name)
        here, there = context.Pipe(duplex=False)
        child = context.Process(target=restore_until, args=(folder / "t.db", step, there))
        child.start()
        there.close()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL
        try:
            is_over = here.recv() == "done"
        except EOFError:
            is_over = False
        here.close()
        found = ids(folder / "t.db")
        assert found in (OLD, NEW), step
        assert integrity(folder / "t.db") == "ok"
        assert ids(folder / "backup.db") == OLD
        seen.append(found)
        shutil.rmtree(folder)
        if is_over:
            break
    assert len(seen) > 10
    assert seen[0] == NEW and seen[-1] == OLD
    assert seen == sorted(seen, key=lambda each: each == OLD), "first the old one, then the new one"


def test_command_asks_and_says_where_the_old_file_is(path):
    done = run_threads("restore-backup", backup_of(path), "--db", path)
    assert (done.returncode, "--yes" in done.stderr) == (2, True)
    done = run_threads("restore-backup", backup_of(path), "--db", path, "--yes", "--json")
    told = json.loads(done.stdout)
    assert told["file"] == str(path)
    assert ids_in(Path(told["kept"])) == NEW


def test_damaged_file_names_the_way_to_restore_it(path):
    with threads.open(path):
        pass
    damaged(path)
    done = run_threads("ls", "--db", path)
    assert done.returncode == 1
    assert f"threads restore-backup BACKUP --db {path}" in done.stderr


def test_empty_list_beside_a_log_names_what_may_have_happened(tmp_path):
    path = tmp_path / "t.db"
    code = "import os, sys, threads; threads.open(sys.argv[1]); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    done = run_threads("ls", "--db", path)
    assert (done.returncode, "no threads" in done.stderr) == (0, True)
    assert f"remove {path}-wal and {path}-shm" in done.stderr
    assert "-wal" not in run_threads("ls", "--db", path).stderr, "it was closed in order"
