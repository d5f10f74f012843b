"""Fault injection: a server process, clients that send messages to it, and a check of what they find afterwards.

Used by `tests/benchmarks/server_faults.py` (200 faults, 20 clients) and by `tests/api/test_server_faults.py` (a few).

Each client sends numbered messages to its own thread. It repeats a message with the same idempotency key until
the server has answered or reported that the run failed. At the end each acknowledged message must be in its
thread once, with its answer, and `verify` must find nothing.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

import threads

ROOT = "/api/v1"
RECOVERY_TIMEOUT = 10.0
"""Seconds after the end of a fault in which the server must answer a new message."""
LOSS_WINDOW = 2.0
"""Seconds in which the server notices that its file is gone; messages acknowledged then are counted apart."""

AGENTS = '''
"""An agent that echoes; some words make its node misbehave."""
import ctypes, os, time
from pathlib import Path
from typing import Annotated, TypedDict

from langchain_core.messages import AIMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

HERE = Path(__file__).parent


class Panic(BaseException):
    """Like a panic of a Rust extension."""


class State(TypedDict):
    messages: Annotated[list, add_messages]


def answer(state):
    text = state["messages"][-1].text
    if text.startswith("panic"):
        raise Panic("a secret of the agent")
    if text.startswith("interrupt"):
        raise KeyboardInterrupt
    if text.startswith("exit"):
        raise SystemExit(3)
    if text.startswith("fail"):
        raise ValueError("a secret of the agent")
    if text.startswith("block"):
        until = time.monotonic() + 600
        while (HERE / "blocked").exists() and time.monotonic() < until:
            time.sleep(600 if (HERE / "blocked-hard").exists() else 0.1)
    return {"messages": [AIMessage("echo " + text)]}


builder = StateGraph(State)
builder.add_node("answer", answer)
builder.add_edge(START, "answer")
builder.add_edge("answer", END)
agents = {"echo": builder.compile()}
'''


@dataclass
class SentMessage:
    """One message and its outcome."""

    text: str
    key: str
    run_id: str | None = None
    status: int | None = None
    """The final status code: 200 answered, 502 failed."""
    at: float = 0.0
    """When the client received the answer."""


class MessageClient(threading.Thread):
    """Sends messages to its own thread until the campaign ends."""

    def __init__(self, campaign: Campaign, name: str) -> None:
        super().__init__(daemon=True, name=name)
        self.campaign = campaign
        self.thread_id = ""
        self.sent: list[SentMessage] = []
        self.tries = 0

    def run(self) -> None:
        number = 0
        while not self.campaign.over.is_set():
            number += 1
            self.send(SentMessage(f"{self.name} {number}", str(uuid.uuid4())))
            self.campaign.over.wait(random.uniform(0.05, 0.3))

    def send(self, message: SentMessage) -> None:
        """Send `message` until it has a final status, for at most the campaign's `patience`."""
        self.sent.append(message)
        deadline = time.monotonic() + self.campaign.patience
        while message.status is None and time.monotonic() < deadline:
            self.tries += 1
            with contextlib.suppress(httpx.HTTPError, OSError):
                self._try(message)
            if message.status is None:
                time.sleep(0.2)

    def _try(self, message: SentMessage) -> None:
        answer = httpx.post(
            f"{self.campaign.url}{ROOT}/threads/{self.thread_id}/messages", json={"message": message.text},
            headers={"idempotency-key": message.key}, timeout=15,
        )  # fmt: skip
        if answer.status_code in (200, 202):
            body = answer.json()
            run = body["run"] if answer.status_code == 200 else body
            message.run_id = run["id"]
        if answer.status_code in (200, 502):
            message.status, message.at = answer.status_code, time.monotonic()
        elif answer.status_code not in (202, 409, 429, 503, 507):
            self.campaign.complaints.append(f"{answer.status_code} {answer.text[:200]} for {message.text!r}")
            time.sleep(0.5)


class Campaign:
    """One server on a file in `folder`, its clients, and the faults."""

    def __init__(
        self,
        folder: Path,
        clients: int,
        *,
        seed: int = 0,
        disk: Path | None = None,
        only: list[str] | None = None,
        recovery_timeout: float = RECOVERY_TIMEOUT,
    ) -> None:
        self.folder = folder
        self.place = disk or folder
        self.only = only
        self.path = self.place / "chat.db"
        self.disk = disk
        self.random = random.Random(seed)
        self.patience = 120.0
        self.recovery_timeout = recovery_timeout
        self.over = threading.Event()
        self.complaints: list[str] = []
        self.done: Counter[str] = Counter()
        self.recovery: dict[str, list[float]] = {}
        self.gone: list[tuple[float, float]] = []
        """Intervals in which the file was moved, replaced, or without its log: from, to."""
        self.timeline: list[tuple[float, str]] = []
        """When each fault was injected."""
        (folder / "faulty_agents.py").write_text(AGENTS, encoding="utf-8")
        self.clients = [MessageClient(self, f"client-{number}") for number in range(clients)]
        self.port = 0
        self.server: Any = None
        self.log = (folder / "server.log").open("ab")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # the server

    def start(self) -> None:
        """Start the server, on the same port each time."""
        words = [sys.executable, "-m", "threads", "serve", "--db", str(self.path), "--port", str(self.port),
                 "--agents", "faulty_agents:agents"]  # fmt: skip
        kept = {name: value for name, value in os.environ.items() if not name.startswith("THREADS_")}
        self.server = subprocess.Popen(
            words, cwd=self.folder, env=kept, stdout=subprocess.PIPE, stderr=self.log, text=True
        )
        line = self.server.stdout.readline().strip()
        if not line:
            raise AssertionError(f"the server did not start; see {self.log.name}")
        self.port = int(line.rsplit(":", 1)[1])

    def kill(self, sig: int = signal.SIGKILL, patience: float = 30.0) -> float:
        """End the server with a signal; return the seconds it took."""
        begun = time.monotonic()
        self.server.send_signal(sig)
        try:
            self.server.wait(patience)
        except subprocess.TimeoutExpired:
            self.complaints.append(f"the server did not end within {patience:.0f} s of signal {sig}")
            self.server.kill()
            self.server.wait()
        self.server.stdout.close()
        return time.monotonic() - begun

    def wait_until_ready(self, status: int = 200) -> bool:
        """Whether `/readyz` answers `status` within `recovery_timeout` seconds."""
        deadline = time.monotonic() + self.recovery_timeout
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == status:
                    return True
            time.sleep(0.05)
        return False

    def seconds_to_recover(self) -> float | None:
        """Return the seconds until a new message in a new thread was answered; None after `recovery_timeout`."""
        begun, probe = time.monotonic(), f"probe-{uuid.uuid4()}"
        while (passed := time.monotonic() - begun) < self.recovery_timeout:
            with contextlib.suppress(httpx.HTTPError):
                id = self.begin(probe, 5)
                answer = httpx.post(
                    f"{self.url}{ROOT}/threads/{id}/messages", json={"message": "hi"}, timeout=5
                )
                if answer.status_code == 200:
                    return passed
            time.sleep(0.05)
        return None

    def begin(self, key: str, timeout: float = 30) -> str:
        """Return the id of the thread created with this idempotency key; empty if the server cannot now."""
        headers = {"idempotency-key": key}
        answer = httpx.post(f"{self.url}{ROOT}/threads", json={}, headers=headers, timeout=timeout)
        return answer.json()["id"] if answer.status_code == 201 else ""

    # the faults: each returns when the fault has ended

    def killed(self) -> None:
        self.kill()
        self.start()

    def stopped(self) -> None:
        self.kill(signal.SIGTERM)
        self.start()

    def interrupted(self) -> None:
        self.kill(signal.SIGINT)
        self.start()

    def paused(self) -> None:
        self.server.send_signal(signal.SIGSTOP)
        time.sleep(self.random.uniform(0.5, 3))
        self.server.send_signal(signal.SIGCONT)

    def locked(self) -> None:
        """Another process takes the write lock."""
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None, timeout=30)) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(self.random.uniform(0.1, 3))
            other.execute("ROLLBACK")

    def disk_full(self) -> None:
        assert self.disk is not None
        filler = self.disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(b"\0" * 65536)
        time.sleep(self.random.uniform(0.5, 2))
        filler.unlink()

    def restarted_on_full_disk(self) -> None:
        """The server is restarted while the disk is full; commands can still read."""
        assert self.disk is not None
        self.kill(signal.SIGTERM)
        filler = self.disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(b"\0" * 4096)
        listed = self._command("ls", "--json")
        if listed.returncode:
            self.complaints.append(f"ls on a full disk: {listed.stderr[-300:]}")
        filler.unlink()
        self.start()

    def no_descriptors(self) -> None:
        import resource

        pid = self.server.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = max(int(each) for each in os.listdir(f"/proc/{pid}/fd")) + 1
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + self.random.randrange(3), before[1]))
        time.sleep(self.random.uniform(0.5, 3))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)

    def moved_and_restored(self) -> None:
        """The file is moved away, and back."""
        begun = time.monotonic()
        aside = self.path.with_name("aside.db")
        self.path.rename(aside)
        if not self.wait_until_ready(503):
            self.complaints.append("a file that was moved away was not noticed")
        aside.rename(self.path)
        self.gone.append((begun, time.monotonic()))
        if not self.wait_until_ready():
            self.complaints.append("not ready after the file was moved back")

    def removed(self) -> None:
        """The file is deleted, and restored from the copy that the server rescued."""
        self._destroy_file(lambda: self.path.unlink())

    def replaced(self) -> None:
        """A backup is moved over the file."""
        copy = self.place / "backup.db"
        copy.unlink(missing_ok=True)
        if self._command("backup", str(copy)).returncode == 0:
            self._destroy_file(lambda: copy.replace(self.path))

    def log_removed(self) -> None:
        """The write-ahead log is deleted; the server starts a new one."""
        self.path.with_name("chat.db-wal").unlink(missing_ok=True)

    def _destroy_file(self, destroy: Callable[[], object]) -> None:
        begun, older = time.monotonic(), set(self._rescued())
        destroy()
        if not self.wait_until_ready(503):
            self.complaints.append("a file that was lost was not noticed")
        self.gone.append((begun, time.monotonic()))
        deadline = time.monotonic() + 20
        while not (rescued := sorted(set(self._rescued()) - older)) and time.monotonic() < deadline:
            time.sleep(0.1)
        self.kill(signal.SIGTERM)
        if rescued:
            restored = self._command("restore-backup", str(rescued[-1]), "--yes")
            if restored.returncode:
                self.complaints.append(f"restore-backup: {restored.stderr[-300:]}")
            else:
                for each in self._rescued():
                    each.unlink()
        else:
            self.complaints.append("nothing was rescued from a file that was lost")
        for each in self.place.glob("chat.db.before-*"):
            each.unlink()
        self.start()

    def _rescued(self) -> list[Path]:
        """Return rescued files, oldest first: beside the file, or in the temporary folder if that disk is full."""
        folders = {self.place, Path(tempfile.gettempdir())}
        found = [each for folder in folders for each in folder.glob("chat.db.rescued-*")]
        return sorted(
            (each for each in found if re.fullmatch(r"chat\.db\.rescued-\w+", each.name)),
            key=lambda each: each.name,
        )

    def node_panics(self) -> None:
        self._misbehave("panic")

    def node_interrupts(self) -> None:
        self._misbehave("interrupt")

    def node_exits(self) -> None:
        self._misbehave("exit")

    def node_fails(self) -> None:
        self._misbehave("fail")

    def _misbehave(self, text: str) -> None:
        probe = f"{text}-{uuid.uuid4()}"
        answer = self._ask(probe, text)
        if answer is not None and answer.status_code not in (502, 503):
            self.complaints.append(f"{text}: {answer.status_code} {answer.text[:200]}")

    def _ask(self, probe: str, text: str, prefer: str = "") -> httpx.Response | None:
        try:
            return httpx.post(
                f"{self.url}{ROOT}/threads/{self.begin(probe)}/messages", json={"message": text}, timeout=30,
                headers={"prefer": prefer} if prefer else {},
            )  # fmt: skip
        except httpx.HTTPError as error:
            self.complaints.append(f"{text}: {error!r}")
            return None

    def node_blocks(self) -> None:
        """A node blocks while the server is stopped; the next one recovers the run."""
        (self.folder / "blocked").touch()
        (self.folder / "blocked-hard").touch()
        self._ask(f"block-{uuid.uuid4()}", "block", "respond-async")
        time.sleep(0.3)
        took = self.kill(signal.SIGTERM)
        if took > 14:
            self.complaints.append(f"SIGTERM took {took:.1f} s while a node blocked")
        (self.folder / "blocked").unlink()
        (self.folder / "blocked-hard").unlink()
        self.start()

    def command_interrupted(self) -> None:
        """Ctrl+C in a command that decodes messages."""
        command = self.random.choice(
            (["ls"], ["search", "echo"], ["verify"], ["show", "client-0"], ["repair"])
        )
        process = self._popen(*command)
        time.sleep(self.random.uniform(0.05, 1.2))
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.complaints.append(f"{command} did not end on Ctrl+C")
            process.kill()

    def _popen(self, *words: str) -> Any:
        return subprocess.Popen(
            [sys.executable, "-m", "threads", *words, "--db", str(self.path)], cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def _command(self, *words: str) -> subprocess.CompletedProcess[str]:
        process = self._popen(*words)
        out, error = process.communicate(timeout=120)
        return subprocess.CompletedProcess(words, process.returncode, out, error)

    def all_faults(self) -> list[Callable[[], None]]:
        """Return the faults that can be injected here."""
        found = [
            self.killed, self.stopped, self.interrupted, self.paused, self.locked, self.no_descriptors,
            self.moved_and_restored, self.removed, self.replaced, self.log_removed, self.node_panics,
            self.node_interrupts, self.node_exits, self.node_fails, self.node_blocks, self.command_interrupted,
        ]  # fmt: skip
        if self.disk:
            found += [self.disk_full, self.restarted_on_full_disk]
        return [each for each in found if not self.only or each.__name__ in self.only]

    def draw(self, count: int) -> Iterator[Callable[[], None]]:
        """Yield so many faults: each kind in turn, in random order."""
        waiting: list[Callable[[], None]] = []
        for _ in range(count):
            if not waiting:
                waiting = self.all_faults()
                self.random.shuffle(waiting)
            yield waiting.pop()

    # the campaign

    def run(self, faults: Iterable[Callable[[], None]], say: Callable[[str], None] = lambda _: None) -> None:
        """Inject these faults one after the other, then stop the clients and the server."""
        self.start()
        for client in self.clients:
            client.thread_id = self.begin(client.name)
            client.start()
        time.sleep(1)
        for number, fault in enumerate(faults, 1):
            name = fault.__name__
            self.timeline.append((time.monotonic(), name))
            fault()
            self.done[name] += 1
            took = self.seconds_to_recover()
            if took is None:
                self.complaints.append(f"not in service {self.recovery_timeout:.0f} s after {name}")
            else:
                self.recovery.setdefault(name, []).append(took)
            say(f"{number} {name}: in service after {'more' if took is None else format(took, '.1f')} s")
            time.sleep(self.random.uniform(0, 0.3))
        self.over.set()
        for client in self.clients:
            client.join(self.patience + 30)
        self.kill(signal.SIGTERM)
        self.log.close()

    def lost_at(self, at: float) -> bool:
        """True if an answer came after the file was lost, before the server noticed."""
        return any(begun <= at <= min(end, begun + LOSS_WINDOW + 1) for begun, end in self.gone)

    def verify(self) -> dict[str, int]:
        """Compare the responses with the file, add complaints, and return counts."""
        numbers: Counter[str] = Counter()
        with threads.open(self.path) as registry:
            for client in self.clients:
                self._verify_client(registry, client, numbers)
            for thread in registry.list(limit=1000):
                for run in registry.runs(thread.id):
                    numbers["runs"] += 1
                    if run.status in ("running", "pending"):
                        numbers["unfinished"] += 1
            found = registry.verify()
            if found:
                self.complaints.append(f"verify: {list(found)[:5]}")
        return dict(numbers)

    def _verify_client(self, registry: Any, client: MessageClient, numbers: Counter[str]) -> None:
        texts = [(message.role, message.text) for message in all_messages(registry, client.thread_id)]
        for message in client.sent:
            numbers["sent"] += 1
            words, answers = (
                texts.count(("user", message.text)),
                texts.count(("assistant", f"echo {message.text}")),
            )
            if message.status is None:
                numbers["unsettled"] += 1
                self.complaints.append(f"{message.text}: no answer in {self.patience:.0f} s")
            elif message.status == 502:
                numbers["failed visibly"] += 1
            elif (words, answers) == (1, 1):
                numbers["answered"] += 1
            elif self.lost_at(message.at):
                numbers["lost with a file that was gone"] += 1
            else:
                numbers["lost"] += 1
                at, name = max(
                    (each for each in self.timeline if each[0] <= message.at), default=(message.at, "start")
                )
                self.complaints.append(
                    f"{message.text}: acknowledged {message.at - at:.2f} s after the beginning of {name}, "
                    f"and {words} times asked, {answers} times answered"
                )
            if words > 1 or answers > 1:
                self.complaints.append(f"{message.text}: {words} times asked, {answers} times answered")


def all_messages(registry: Any, id: str) -> Iterator[Any]:
    """Yield all messages of a thread, newest page first."""
    before = None
    with contextlib.suppress(threads.ThreadNotFound):
        while page := registry.messages(id, limit=1000, before=before):
            yield from page
            before = page[0].id


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int = 4096) -> Iterator[Path | None]:
    """Mount a file system of that size on the folder; yields None where that is not allowed."""
    folder.mkdir(exist_ok=True)
    mount = shutil.which("mount")
    if mount is None or os.name != "posix":
        yield None
        return
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
