"""The files of a database: removed, moved or replaced while open, on a full disk, and who may read them."""

import os
import re
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from commands import ids_in, run_threads
from run_helpers import Gate, texts, until, waiting_graph
from server_helpers import PREFIX, log_lines, process

import threads

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows removes and replaces no open file")


def create(server: Any) -> str:
    return httpx.post(f"{server.url}{PREFIX}/threads", json={}, timeout=60).raise_for_status().json()["id"]


def rescued(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if re.fullmatch(r"t\.db\.rescued-\w+", path.name))


def logged(folder: Path, level: str) -> list[str]:
    return [line["event"] for line in log_lines(folder) if line["level"] == level]


def remove(path: Path) -> None:
    path.unlink()


def move(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))


def replace(path: Path) -> None:
    path.with_name("backup.db").replace(path)


def move_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("renamed"))


def remove_log(path: Path) -> None:
    Path(f"{path}-wal").unlink()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder / "t.db"


class Talkers:
    """Clients that create threads without a pause; `.created` are the ids that the server acknowledged.

    `.refused` are the clients that were refused at least once.
    """

    def __init__(self, url: str, count: int = 3) -> None:
        self.created: set[str] = set()
        self.refused: set[threading.Thread] = set()
        self._is_over = threading.Event()
        self.threads = [
            threading.Thread(target=self._talk, args=(f"{url}{PREFIX}/threads",)) for _ in range(count)
        ]

    def _talk(self, url: str) -> None:
        with httpx.Client(timeout=30) as client:
            while not self._is_over.wait(0.02):
                answer = client.post(url, json={})
                if answer.status_code == 201:
                    self.created.add(answer.json()["id"])
                else:
                    self.refused.add(threading.current_thread())

    def __enter__(self) -> "Talkers":
        for each in self.threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for each in self.threads:
            each.join()


def ready(server: Any) -> int:
    return httpx.get(f"{server.url}/readyz", timeout=60).status_code


@pytest.mark.crash
@pytest.mark.parametrize("lose", [remove, move, replace, move_folder])
def test_server_whose_file_is_lost_refuses_writes_and_rescues_what_was_acknowledged(path, tmp_path, lose):
    with process(tmp_path, "--db", str(path)) as server:
        first = create(server)
        assert run_threads("backup", path.with_name("backup.db"), "--db", path).returncode == 0
        with Talkers(server.url) as talkers:
            until(lambda: len(talkers.created) > 20)
            lose(path)
            until(lambda: ready(server) == 503)
            until(lambda: talkers.refused == set(talkers.threads))  # no answer is on its way any more
            acknowledged = len(talkers.created)
        assert len(talkers.created) == acknowledged
        refused = httpx.post(f"{server.url}{PREFIX}/threads", json={}, timeout=60)
        assert (refused.status_code, refused.json()["code"]) == (503, "DatabaseGone")
        (copy,) = until(lambda: rescued(tmp_path if lose is move_folder else path.parent))
        server.terminate()
        assert server.wait(30) == 0
    assert ids_in(copy) >= {*talkers.created, first}
    (told,) = logged(tmp_path, "error")
    assert str(path) in told and str(copy) in told
    if lose is replace:
        assert ids_in(path) == {first}, "the old log is not applied to the new file"
        assert run_threads("verify", "--db", path).returncode == 0


@pytest.mark.crash
def test_server_goes_on_when_its_file_comes_back(path, tmp_path):
    elsewhere = path.with_name("elsewhere.db")
    with process(tmp_path, "--db", str(path)) as server, threads.open(path) as other:
        with Talkers(server.url) as talkers:
            until(lambda: len(talkers.created) > 20)
            path.rename(elsewhere)
            until(lambda: ready(server) == 503)
            until(lambda: logged(tmp_path, "error"))  # a request may have noticed before the watcher
            elsewhere.rename(path)
            until(lambda: ready(server) == 200)
            acknowledged = len(talkers.created)
            until(lambda: len(talkers.created) > acknowledged)
        until(
            lambda: [line for line in logged(tmp_path, "warning") if line.endswith("is back, and used again")]
        )
        until(lambda: can_read(other))
        other.create(id="by another process")
        assert other.verify() == []
        server.terminate()
        assert server.wait(30) == 0
    assert ids_in(path) >= {*talkers.created, "by another process"}
    assert run_threads("verify", "--db", path).returncode == 0


@pytest.mark.crash
def test_server_goes_on_when_its_file_comes_back_after_another_was_in_its_place(path, tmp_path):
    elsewhere = path.with_name("elsewhere.db")
    with process(tmp_path, "--db", str(path)) as server:
        created = {create(server)}
        path.rename(elsewhere)
        until(lambda: ready(server) == 503)
        threads.open(path).close()
        until(lambda: not Path(f"{path}-wal").exists())
        elsewhere.replace(path)
        until(lambda: ready(server) == 200)
        created.add(create(server))
        server.kill()
        server.wait(30)
    assert ids_in(path) == created


@pytest.mark.crash
def test_server_whose_log_is_removed_loses_nothing_and_goes_on(path, tmp_path):
    with process(tmp_path, "--db", str(path)) as server:
        with Talkers(server.url) as talkers:
            until(lambda: len(talkers.created) > 20)
            before = set(talkers.created)
            remove_log(path)
            until(lambda: logged(tmp_path, "warning"))
            until(lambda: ready(server) == 200)
            until(lambda: len(talkers.created) > len(before) + 20)
        server.kill()
        server.wait(30)
    assert ids_in(path) >= talkers.created
    assert run_threads("verify", "--db", path).returncode == 0
    assert logged(tmp_path, "error") == []


@pytest.mark.crash
def test_log_that_others_use_too_is_not_begun_again(path):
    with threads.open(path) as registry:
        registry.create(id="a")
        other = sqlite3.connect(path)
        other.execute("SELECT * FROM threads_thread").fetchall()
        remove_log(path)
        (copy,) = until(lambda: rescued(path.parent))
        with pytest.raises(threads.DatabaseGone, match="write-ahead log"):
            registry.create(id="b")
        assert ids_in(copy) == {"a"}
        other.close()
        until(lambda: registry.create(id="c", if_exists="do_nothing") if can_read(registry) else None)
    assert ids_in(path) == {"a", "c"}


def can_read(registry: threads.Registry) -> bool:
    try:
        registry.list()
    except threads.DatabaseGone:
        return False
    return True


def test_replaced_file_is_noticed_by_the_write_that_would_be_lost(path):
    with threads.open(path) as registry:
        registry.create(id="a")
        registry.backup(path.with_name("backup.db"))
        registry.create(id="b")
        replace(path)
        with pytest.raises(threads.DatabaseGone, match=r"replaced.*threads restore-backup"):
            registry.create(id="c")
        with pytest.raises(threads.DatabaseGone):
            registry.list()
        (copy,) = until(lambda: rescued(path.parent))
        until(lambda: {each.name for each in path.parent.iterdir()} == {path.name, copy.name})  # no log
        assert ids_in(path) == {"a"}
    assert ids_in(copy) == {"a", "b"}
    assert ids_in(path) == {"a"}


def test_write_whose_file_is_lost_before_its_commit_is_not_acknowledged(path):
    with threads.open(path) as registry:
        done = []

        def losing(connection: sqlite3.Connection) -> None:
            done.append("first")
            remove(path)

        with pytest.raises(threads.DatabaseGone):
            registry._database.write(losing)
        assert done == ["first"]


def test_nothing_is_written_into_a_file_that_is_lost(path):
    with threads.open(path) as registry:
        remove(path)
        done = []
        with pytest.raises(threads.DatabaseGone):
            registry._database.write(lambda _: done.append("too late"))
        assert done == []


def test_reader_that_only_looks_sees_the_file_that_took_the_place(path):
    with threads.open(path) as registry, threads.open(path, read_only=True) as looking:
        registry.create(id="a")
        registry.backup(path.with_name("backup.db"))
        registry.create(id="b")
        assert {thread.id for thread in looking.list()} == {"a", "b"}
        replace(path)
        until(lambda: rescued(path.parent))
        with threads.open(path) as another:
            another.create(id="c")
            assert {thread.id for thread in looking.list()} == {"a", "c"}
        remove(path)
        with pytest.raises(threads.DatabaseNotFound):
            looking.list()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="it is seen there when the file is waited for")
def test_file_that_is_replaced_while_it_is_opened_is_opened_again(path):
    with threads.open(path) as registry:
        registry.create(id="new")
        registry.backup(path.with_name("backup.db"))
        registry.create(id="only in the old one")
    restoring = sqlite3.connect(path, isolation_level=None)
    restoring.execute("PRAGMA journal_mode=DELETE")
    restoring.execute("PRAGMA locking_mode=EXCLUSIVE")
    restoring.execute("BEGIN EXCLUSIVE")
    found: list[set[str]] = []

    def open_it() -> None:
        with threads.open(path) as registry:
            found.append({thread.id for thread in registry.list()})

    opener = threading.Thread(target=open_it)
    opener.start()
    until(lambda: [os.path.realpath(fd) for fd in Path("/proc/self/fd").iterdir()].count(str(path)) == 2)
    replace(path)
    restoring.close()
    opener.join()
    assert found == [{"new"}]


def test_file_lost_just_before_its_registry_is_closed_is_rescued(path):
    registry = threads.open(path)
    registry.create(id="a")
    remove(path)
    registry.close()
    (copy,) = rescued(path.parent)
    assert ids_in(copy) == {"a"}
    assert not path.exists()


def test_new_reader_does_not_open_a_file_that_took_the_place(path):
    with threads.open(path) as registry:
        registry.create(id="a")
        registry.backup(path.with_name("backup.db"))
        with registry._database.read():  # the idle connection is taken, so another must be made
            remove(path)
            with pytest.raises(threads.DatabaseGone):
                registry.list()
            assert not path.exists()


@pytest.mark.crash
def test_run_in_flight_gives_no_answer_that_its_file_does_not_hold(path):
    gate = Gate()
    with threads.open(path) as registry, threads.Runner(registry, waiting_graph(gate)) as runner:
        run = runner.start("a", "hello", if_not_exists="create")
        assert gate.reached.wait(20)
        until(lambda: texts(registry, "a") == ["hello"])
        remove(path)
        until(lambda: rescued(path.parent))
        gate.opened.set()
        with pytest.raises(threads.ThreadsError):
            run.result(20)
    with threads.open(rescued(path.parent)[0]) as registry:
        assert [message.text for message in registry.messages("a")] == ["hello"]
        with threads.Runner(registry, waiting_graph(gate)) as runner:
            assert runner.run(run.id).result(60)["messages"][-1].text == "at last"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_for_their_owner_alone(path):
    with threads.open(path) as registry:
        registry.create(id="a")
        registry.backup(path.with_name("backup.db"))
        assert {each.name: mode(each) for each in path.parent.iterdir()} == {
            "t.db": 0o600, "t.db-wal": 0o600, "t.db-shm": 0o600, "backup.db": 0o600,
        }  # fmt: skip
        remove(path)
        (copy,) = until(lambda: rescued(path.parent))
        assert mode(copy) == 0o600


def test_mode_of_a_file_that_exists_is_kept(path):
    threads.open(path).close()
    path.chmod(0o660)
    with threads.open(path) as registry:
        registry.create(id="a")
        assert (mode(path), mode(Path(f"{path}-wal"))) == (0o660, 0o660)


def test_new_file_does_not_take_the_log_of_one_that_is_gone(path):
    code = "import os, sys, threads; threads.open(sys.argv[1]).create(id='gone'); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    log = Path(f"{path}-wal").read_bytes()
    remove(path)
    with threads.open(path) as registry:
        assert list(registry.list()) == []
    (aside,) = path.parent.glob("t.db.left-*-wal")
    assert aside.read_bytes() == log


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB, where the tests may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave no room in the folder; remove what this returns to make some."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(1000))
    return filler


def test_what_a_lost_file_held_is_written_elsewhere_if_its_disk_is_full(small_disk, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    path = small_disk / "t.db"
    with threads.open(path) as registry:
        registry.create(id="a")
        fill(small_disk)
        remove(path)
        (copy,) = until(lambda: rescued(elsewhere))
        assert ids_in(copy) == {"a"}
        assert rescued(small_disk) == []


def test_on_a_full_disk_writing_is_refused_as_that_and_reading_works(small_disk):
    path = small_disk / "t.db"
    with threads.open(path) as registry:
        registry.create(id="a", title="hello")
    filler = fill(small_disk)
    with pytest.raises(threads.DatabaseFull, match="is full"):
        threads.open(path)
    with threads.open(path, read_only=True) as registry:
        assert registry.get("a").title == "hello"
    for words in (["ls"], ["show", "a"], ["verify"]):
        done = run_threads(*words, "--db", path)
        assert (done.returncode, done.stderr) == (0, ""), words
    for words in (["new"], ["send", "a", "hello", "--agent", "support"], ["rename", "a", "b"]):
        done = run_threads(*words, "--db", path)
        assert (done.returncode, "is full" in done.stderr) == (1, True), words
    with pytest.raises(threads.DatabaseFull):
        threads.open(small_disk / "new.db")
    filler.unlink()
    assert ids_in(path) == {"a"}


def test_on_a_full_disk_the_log_that_a_crash_left_is_read_too(small_disk):
    path = small_disk / "t.db"
    code = "import os, sys, threads; threads.open(sys.argv[1]).create(id='a'); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    Path(f"{path}-shm").unlink()
    filler = fill(small_disk)
    with threads.open(path, read_only=True) as registry:
        assert [thread.id for thread in registry.list()] == ["a"]
        with sqlite3.connect(path) as other, pytest.raises(sqlite3.OperationalError, match="disk I/O"):
            other.execute("SELECT * FROM threads_thread")  # it is not locked by who only looks, it is full
        other.close()
    assert ids_in(path) == {"a"}
    filler.unlink()
    with threads.open(path) as registry:
        assert [thread.id for thread in registry.list()] == ["a"]
        assert registry.verify() == []


@pytest.mark.crash
def test_rescue_waits_for_room(small_disk, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))  # so that there is no other place
    path = small_disk / "t.db"
    with threads.open(path) as registry:
        registry.create(id="a")
        filler = fill(small_disk)
        remove(path)
        until(lambda: not can_read(registry))
        assert rescued(small_disk) == []
        filler.unlink()
        (copy,) = until(lambda: rescued(small_disk))
    assert ids_in(copy) == {"a"}
