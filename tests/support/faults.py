"""Faults on purpose: kill -9 at a given SQL statement, a task cancelled at a given await, a foreign lock."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from graphs import config, plain_graph, said, stock_saver
from talker import WARM

import threads
from agent import build_agent

LONG = os.environ.get("THREADS_TEST_LONG") == "1"
"""The long measurements: every statement, thirty seconds of a foreign lock, many turns."""


def warm() -> Any:
    """Processes that begin with everything imported."""
    context = multiprocessing.get_context(WARM)
    if WARM == "forkserver":
        context.set_forkserver_preload(["talker", "faults", "agent.graph", "threads.checkpoint.saver"])
    return context


# kill -9 at a statement


def turn(id: str, build: Callable[[Any], Any]) -> Callable[[threads.Registry], Any]:
    return lambda registry: build(registry.checkpointer).invoke(
        said("new words"), config(id), durability="sync"
    )


def ours(saver: Any) -> Any:
    return build_agent(checkpointer=saver)


def stored(registry: threads.Registry) -> Any:
    """One checkpoint after another program's own making, with what a task wrote before it."""
    saver = registry.checkpointer
    head = saver.get_tuple(config("plain"))
    saver.put_writes(head.config, [("messages", ["x"])], "task")
    return saver.put(
        head.config, {**head.checkpoint, "id": "f" + head.checkpoint["id"][1:]}, head.metadata, {}
    )


OPERATIONS: dict[str, Callable[[threads.Registry], Any]] = {
    "create": lambda registry: registry.create(id="new", title="t", tags=["x", "y"], metadata={"k": 1}),
    "update": lambda registry: registry.update(
        "plain", title="t", tags=["x", "y"], metadata={"k": 1}, pinned=True
    ),
    "trash": lambda registry: registry.trash("plain"),
    "restore": lambda registry: registry.restore("trashed"),
    "delete": lambda registry: registry.delete("delta"),
    "delete_thread": lambda registry: registry.checkpointer.delete_thread("plain"),
    "prune": lambda registry: registry.prune(["plain"]),
    "delete_for_runs": lambda registry: registry.checkpointer.delete_for_runs(["a run"]),
    "fork": lambda registry: registry.fork("delta", new_id="new"),
    "copy_thread": lambda registry: registry.checkpointer.copy_thread("plain", "new"),
    "put": stored,
}
"""Each is one transaction: wholly there after a kill, or not at all."""
PRUNES: dict[str, Callable[[threads.Registry], Any]] = {
    "prune a delta thread": lambda registry: registry.prune(["long"]),
    "prune a delta thread, keep 4": lambda registry: registry.prune(["long"], keep=4),
}
"""Of a thread that is long enough for checkpoints to go."""
TURNS: dict[str, Callable[[threads.Registry], Any]] = {
    "first, add_messages": turn("new", plain_graph),
    "later, add_messages": turn("plain", plain_graph),
    "first, delta": turn("new", ours),
    "later, delta": turn("delta", ours),
}
"""Each is a few transactions, one a checkpoint."""


def template(path: Path) -> None:
    """A file with a thread of each kind, nothing stale in it."""
    with threads.open(path) as registry:
        for id, build in (("plain", plain_graph), ("delta", ours), ("trashed", plain_graph)):
            for text in ("one", "two"):
                build(registry.checkpointer).invoke(
                    said(text), {**config(id), "metadata": {"run_id": "a run" if text == "two" else "first"}}
                )
            registry.update(id, tags=["old"])
        registry.trash("trashed")


def trapped(connection: sqlite3.Connection, step: int) -> None:
    """Kill this process, with -9, before `connection` runs its statement number `step`."""
    count = itertools.count(1)

    def statement(_: str) -> None:
        if next(count) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    connection.set_trace_callback(statement)


def operate(path: Path, name: str, step: int, told: Connection) -> None:
    """Do an operation, die at a statement of it; if none is left, tell so and die then."""
    registry = threads.open(path)
    registry.checkpointer.flush()
    trapped(registry._database._writer._connection, step)
    (OPERATIONS | PRUNES | TURNS)[name](registry)
    told.send("done")
    os.kill(os.getpid(), signal.SIGKILL)


def side_row(path: Path, whose: str, step: int, told: Connection) -> None:
    """A turn and a row about it: by hand, after the turn, or by the ledger."""
    if whose == "ours":
        operate(path, "later, add_messages", step, told)
    saver = stock_saver(path)
    trapped(saver.conn, step)
    messages = plain_graph(saver).invoke(said("new words"), config("plain"), durability="sync")["messages"]
    with saver.conn:
        saver.conn.execute("UPDATE side SET count = ?", (len(messages),))
    told.send("done")
    os.kill(os.getpid(), signal.SIGKILL)


def killed_at_each(
    source: Path, target: Callable[..., None], name: str, stride: int = 1
) -> Iterator[tuple[Path, bool]]:
    """Copy the file, run `target` on the copy until its statement 1, 2, 3, ...: the copy, and whether it survived."""
    context = warm()
    for step in itertools.count(1, stride):
        path = source.with_name(f"{source.stem} {step}.db")
        shutil.copy(source, path)
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=target, args=(path, name, step, there))
        process.start()
        there.close()
        process.join()
        survived = here.poll()
        try:
            survived = survived and here.recv() == "done"
        except EOFError:
            survived = False
        here.close()
        assert process.exitcode == -signal.SIGKILL
        yield path, survived
        for beside in path.parent.glob(f"{path.name}*"):
            beside.unlink()
        if survived:
            return


def integrity(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        connection.close()


def seen(registry: threads.Registry) -> dict[str, Any]:
    """All that a user sees of the threads, but times and made-up ids."""
    found = {}
    for thread in registry.list(archived=None, trashed=None, limit=50):
        trashed = thread.trashed_at is not None
        found[thread.id] = (
            (
                thread.status,
                thread.title,
                thread.tags,
                dict(thread.metadata),
                thread.pinned,
                trashed,
                thread.message_count,
            ),
            None if trashed else [message.text for message in registry.messages(thread.id)],
            None if trashed else len(registry.history(thread.id)),
        )
    with registry._database.read() as connection:
        for row in connection.execute(
            "SELECT thread_id, count(*) FROM writes WHERE channel = 'messages' GROUP BY thread_id"
        ):
            found[row[0]] = (*found.get(row[0], ("unlisted",)), row[1])
    return found


# a task cancelled at an await


class Watched(Coroutine[Any, Any, Any]):
    """A coroutine that tells each time it waits."""

    def __init__(self, coroutine: Any, tell: Callable[[], None]) -> None:
        self.coroutine, self.tell = coroutine, tell

    def send(self, value: Any) -> Any:
        waits_for = self.coroutine.send(value)
        self.tell()
        return waits_for

    def throw(self, *error: Any) -> Any:
        waits_for = self.coroutine.throw(*error)
        self.tell()
        return waits_for

    def close(self) -> None:
        self.coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        raise NotImplementedError("it is for a task")


class CancelledAt:
    """Runs `coroutine` as a task that is cancelled when it waits for the `step`th time."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], step: int) -> None:
        self.coroutine, self.step = coroutine, step
        self.awaits, self.cancelled = 0, False

    async def run(self) -> Any:
        self.task = asyncio.ensure_future(Watched(self.coroutine, self.count))
        return await self.task

    def count(self) -> None:
        self.awaits += 1
        if self.awaits == self.step:
            self.cancelled = self.task.cancel()


class CancelledAnywhere(CancelledAt):
    """As that, but counted are the waits of all tasks that it begins, too."""

    async def run(self) -> Any:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(
            lambda loop, coroutine, **named: asyncio.Task(Watched(coroutine, self.count), loop=loop, **named)
        )
        self.task = loop.create_task(self.coroutine)
        try:
            return await self.task
        finally:
            loop.set_task_factory(None)


# a foreign lock


@contextmanager
def foreign_lock(path: Path) -> Iterator[sqlite3.Connection]:
    """Another program's write lock, which changes something and is committed in the end."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE IF NOT EXISTS elsewhere (n)")
    connection.execute("INSERT INTO elsewhere VALUES (1)")
    try:
        yield connection
    finally:
        if connection.in_transaction:
            connection.execute("COMMIT")
        connection.close()


def impatient(registry: threads.Registry, milliseconds: int = 50) -> None:
    """Wait only so long for others' locks."""
    registry._database._writer.patience = milliseconds


# several processes


def talk_for(path: Path, name: str, turns: int, told: Connection) -> None:
    """Speak so many times in a thread of one's own and in a common one; tell what was acknowledged."""
    acknowledged = []
    with threads.open(path) as registry:
        graph = ours(registry.checkpointer)
        for number in range(turns):
            for id in (name, "common"):
                text = f"{name} says {number}"
                try:
                    graph.invoke(said(text), config(id), durability="sync")
                except threads.ThreadMoved:
                    continue
                acknowledged.append((id, text))
    told.send(acknowledged)
