"""Store checkpoints and the writes of tasks: prepare, buffer until the checkpoint comes, insert.

Serialising takes longest, so it is done before the transaction. What is prepared may be executed again: the
database does so when another write spoils a common transaction.

`PendingWrites` buffers `put_writes` until the next `put` of the same step: one commit in place of two or
three. A task's writes matter only together with the checkpoint that comes of them, or when another task of
the same step fails. LangGraph stores them by `put_writes` a moment before that checkpoint's `put`. So they
wait for it and are stored in its transaction; if it does not come within the delay `PENDING_WRITES`, they are
stored alone. Until then a crash costs what it would have cost a moment earlier: the task is run again.
Interrupts, errors and resume values never wait.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    Checkpoint,
    CheckpointMetadata,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME, SCHEDULED

from threads.background import start_thread
from threads.checkpoint.conflicts import (
    CheckpointNotYetStored,
    ConcurrentRuns,
    HeadRead,
    check_no_foreign_writes,
    check_put_allowed,
    check_writes_allowed,
    is_in_run,
    lease_context_of,
    root_checkpoint_id,
    thread_and_namespace,
)
from threads.checkpoint.delta_history import BoundedSet
from threads.checkpoint.serde import CheckpointKey
from threads.checkpoint.subgraphs import (
    check_subgraph_put,
    delete_leftover_subgraphs,
    delete_rejected,
)
from threads.db.database import Database
from threads.db.queries import statements
from threads.delays import PENDING_WRITES
from threads.errors import (
    DatabaseError,
    LeaseLost,
    ThreadBusy,
    ThreadDeleted,
    ThreadMoved,
    ThreadsError,
    ThreadTrashed,
)
from threads.store.transaction import Transaction

WriteFn = Callable[[sqlite3.Connection], None]
"""Stores a task's writes in the caller's transaction. It may be called again in another one."""
PutFn = Callable[[sqlite3.Connection], Sequence[WriteFn]]
"""Stores a checkpoint in the caller's transaction, and returns the buffered writes that it stored along."""
StepKey = tuple[str, str, str, int]
"""Thread id, namespace, checkpoint id, and the run's own reading of it (0: none)."""

MAX_REJECTED = 1000
"""Rejected checkpoints that are remembered, for what their runs still try to store."""
DELETED_THREAD_SECONDS = 60.0
"""After this, writes in a deleted thread are a dead run's: no new thread has begun with them."""
IMMEDIATE_CHANNELS = frozenset((ERROR, INTERRUPT, RESUME, SCHEDULED))
"""Channels whose writes are stored at once: no checkpoint may follow them for long."""


def step_key(config: RunnableConfig) -> StepKey:
    """Return what a step's writes have in common with the checkpoint that follows."""
    thread_id, checkpoint_ns = thread_and_namespace(config)
    checkpoint_id = get_checkpoint_id(config)
    reading = id(checkpoint_id) if isinstance(checkpoint_id, HeadRead) else 0
    return thread_id, checkpoint_ns, str(checkpoint_id), reading


class CheckpointWriter:
    """Prepares puts; knows what this process has stored, and what waits to be stored."""

    def __init__(self, database: Database, runs: ConcurrentRuns) -> None:
        self._database = database
        self.pending = PendingWrites(database)
        self.runs = runs
        self.stored_here: BoundedSet[CheckpointKey] = BoundedSet()
        """The checkpoints that this process stored last.

        Writes may come before the checkpoint they belong to, so a missing checkpoint says nothing by
        itself. One that was stored from here, is missing now, and whose thread was deleted, went with its
        thread.
        """

    def prepare_put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        serde: SerializerProtocol,
    ) -> PutFn:
        """Return what stores a checkpoint together with the writes that are pending for it."""
        row = checkpoint_row(config, checkpoint, metadata, serde)
        context = None if row["checkpoint_ns"] else lease_context_of(config, row["thread_id"])
        hook = None
        if context is not None:
            hook = context.transaction_hook(row["parent_checkpoint_id"], row["checkpoint_id"])
        return CheckpointPut(self, config, metadata, row, hook)

    def prepare_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str,
        serde: SerializerProtocol,
    ) -> PutFn | None:
        """Return what stores a task's writes now; None if they are buffered, or their run was rejected."""
        self._database.check_writable()
        insert = prepare_writes_insert(self, config, writes, task_id, task_path, serde)
        key = step_key(config)
        if self.pending.is_rejected(key) or self.runs.is_rejected(key[0], config):
            return None
        if any(channel in IMMEDIATE_CHANNELS for channel, _ in writes):
            return partial(self.pending.store_with, key, insert)  # the step ends here
        self.pending.add(key, insert)
        return None


def checkpoint_row(
    config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, serde: SerializerProtocol
) -> dict[str, Any]:
    """Return a checkpoint as the stock saver stores it in the table."""
    thread_id, checkpoint_ns = thread_and_namespace(config)
    kind, blob = serde.dumps_typed(checkpoint)
    metadata_json = json.dumps(get_checkpoint_metadata(config, metadata), ensure_ascii=False)
    return {
        "thread_id": thread_id,
        "checkpoint_ns": checkpoint_ns,
        "checkpoint_id": checkpoint["id"],
        "parent_checkpoint_id": get_checkpoint_id(config),
        "type": kind,
        "checkpoint": blob,
        "metadata": metadata_json.encode("utf-8", "ignore"),
    }


@dataclass(frozen=True, slots=True, eq=False)
class CheckpointPut:
    """Stores a checkpoint, and before it the writes that are pending for it; returns these."""

    writer: CheckpointWriter
    config: RunnableConfig
    metadata: CheckpointMetadata
    row: dict[str, Any]
    hook: Callable[[Transaction], None] | None
    """What the run's lease context stores in the same transaction."""

    def __call__(self, connection: sqlite3.Connection) -> Sequence[WriteFn]:
        try:
            return self._insert(connection)
        except (ThreadMoved, ThreadDeleted, ThreadTrashed, ThreadBusy, LeaseLost) as error:
            self._reject(error)
            raise

    def _insert(self, connection: sqlite3.Connection) -> Sequence[WriteFn]:
        row, pending = self.row, self.writer.pending
        stored = pending.store(step_key(self.config), connection)
        self._check(connection)
        is_first = row["parent_checkpoint_id"] is None and self.metadata.get("source") == "input"
        if is_first and is_in_run(self.config):
            delete_leftover_subgraphs(connection, row)
        connection.execute(statements("checkpoints")["put"], row)
        key = (row["thread_id"], row["checkpoint_ns"], row["checkpoint_id"])
        self.writer.stored_here.add(key)  # before it can be deleted
        if self.hook is not None:
            self.hook(Transaction(connection))
        return stored

    def _check(self, connection: sqlite3.Connection) -> None:
        thread_id, writer = self.row["thread_id"], self.writer
        root = (thread_id, "", str(root_checkpoint_id(self.metadata)), 0)
        if writer.pending.is_rejected(root):  # of the step that this subgraph runs in
            raise ThreadDeleted
        if writer.runs.is_rejected(thread_id, self.config):
            raise ThreadMoved(thread_id)
        if self.row["checkpoint_ns"]:
            check_subgraph_put(
                connection, self.config, self.metadata, self.row, writer.stored_here, writer.runs
            )
        else:
            check_put_allowed(connection, self.config, self.metadata)

    def _reject(self, error: Exception) -> None:
        """Drop what is pending for this checkpoint, and let the run store nothing more."""
        key, runs = step_key(self.config), self.writer.runs
        if not (is_in_run(self.config) or key[3]):
            return  # a `put` by hand: others may have writes pending under this key
        step = root_checkpoint_id(self.metadata) if key[1] else key[2]
        rejected = (key[0], key[1], self.row["checkpoint_id"])
        if isinstance(error, ThreadMoved):
            runs.reject(key[0], self.config)
        cleanup = partial(delete_rejected, rejected, step, self.config, runs)
        self.writer.pending.reject(key, self.row["checkpoint_id"], cleanup)


def prepare_writes_insert(
    writer: CheckpointWriter,
    config: RunnableConfig,
    writes: Sequence[tuple[str, Any]],
    task_id: str,
    task_path: str,
    serde: SerializerProtocol,
) -> WriteFn:
    """Return what stores a task's writes; the lease context of the run takes note of them."""
    checkpoint_id = get_checkpoint_id(config)
    thread_id, checkpoint_ns = thread_and_namespace(config)
    context = lease_context_of(config, thread_id)
    if context is not None:
        writes = without_failed_resumes(writes)
        if not checkpoint_ns:
            context.record_writes(checkpoint_id, writes, task_id)
    task = (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path)
    rows = [
        (*task, WRITES_IDX_MAP.get(channel, idx), channel, *serde.dumps_typed(value))
        for idx, (channel, value) in enumerate(writes)
    ]
    channels = {channel for channel, _ in writes}
    new_rows = rows
    if isinstance(checkpoint_id, HeadRead):
        new_rows = [row for row in rows if (task_id, row[6]) not in checkpoint_id.known_writes]
        checkpoint_id.known_writes.update((task_id, channel) for channel in channels)
    return WritesInsert(writer, config, channels, rows, new_rows)


def without_failed_resumes(writes: Sequence[tuple[str, Any]]) -> Sequence[tuple[str, Any]]:
    """Return a task's writes, without the resume values that it had taken when it failed."""
    channels = {channel for channel, _ in writes}
    if ERROR not in channels or INTERRUPT in channels:
        return writes
    return [(channel, value) for channel, value in writes if channel != RESUME]


@dataclass(frozen=True, slots=True, eq=False)
class WritesInsert:
    """Stores a task's writes; a run that is rejected here is rejected for good."""

    writer: CheckpointWriter
    config: RunnableConfig
    channels: set[str]
    rows: list[tuple[Any, ...]]
    """Values for the table `writes`, in the order of its columns."""
    new_rows: list[tuple[Any, ...]]
    """Those that were not stored at the head when the run read it."""

    def __call__(self, connection: sqlite3.Connection) -> None:
        is_at_head = check_writes_allowed(connection, self.config, self.channels, self.writer.stored_here)
        is_special = all(channel in WRITES_IDX_MAP for channel in self.channels)
        sql = statements("checkpoints")["replace_writes" if is_special else "put_writes"]
        stored = connection.executemany(sql, self.rows).rowcount
        if not is_at_head:
            return
        thread_id, _ = thread_and_namespace(self.config)
        try:  # tasks of the same step have the same ids in another run, and the first write stays
            check_no_foreign_writes(connection, thread_id, get_checkpoint_id(self.config))
            if stored < len(self.rows) and any(_differs(connection, row) for row in self.new_rows):
                raise ThreadMoved(thread_id)
        except ThreadMoved:  # raised again at its checkpoint: this may run in the timer's thread
            self.writer.runs.reject(thread_id, self.config)
            raise


def _differs(connection: sqlite3.Connection, row: tuple[Any, ...]) -> bool:
    """Whether another value is stored in the place of this write."""
    *key, _, idx, _, kind, value = row
    stored = connection.execute(statements("checkpoints")["result"], (*key, idx)).fetchone()
    return stored is not None and tuple(stored) != (kind, value)


class PendingWrites:
    """Buffer of writes until they are stored with their checkpoint, or alone if none comes.

    The buffer is read inside the transaction that stores it and emptied at its commit, before another
    transaction begins. While a checkpoint is on its way, however long its commit takes, nothing that goes
    with it is stored alone: so each write is stored once, and none before a checkpoint that was rejected.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._buffered: dict[StepKey, list[WriteFn]] = {}
        self._rejected: BoundedSet[CheckpointKey] = BoundedSet(MAX_REJECTED)
        self._submitted: Counter[StepKey] = Counter()
        """Puts that are submitted and not committed yet: they store what is buffered under the key."""
        self._submitted_in: Counter[str] = Counter()
        """The same by thread id."""
        self._not_yet_stored: dict[StepKey, float] = {}
        """When writes first met `CheckpointNotYetStored`, in seconds of the monotonic clock."""
        self._arrived = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def add(self, key: StepKey, write: WriteFn) -> None:
        """Buffer `write` for the checkpoint that follows the one in `key`, unless that was rejected."""
        with self._lock:
            if self.is_rejected(key):
                return
            self._buffered[key] = [*self._buffered.get(key, ()), write]  # lists are shared, never changed
            self._start_timer()

    def is_rejected(self, key: StepKey) -> bool:
        """Whether the checkpoint that these writes belong to was rejected."""
        return key[:3] in self._rejected

    def store(self, key: StepKey, connection: sqlite3.Connection) -> list[WriteFn]:
        """Store what is buffered under `key` in the caller's transaction, and return it."""
        buffered = list(self._buffered.get(key, ()))
        for write in buffered:
            write(connection)
        return buffered

    def store_with(self, key: StepKey, write: WriteFn, connection: sqlite3.Connection) -> Sequence[WriteFn]:
        """Store what is buffered under `key` and then `write` in one transaction; return the former."""
        try:
            buffered = self.store(key, connection)
            write(connection)
        except CheckpointNotYetStored:
            self.add(key, write)
            return ()
        return buffered

    def is_writing(self, thread_id: str) -> bool:
        """Whether a checkpoint of this thread is submitted and not committed yet."""
        return thread_id in self._submitted_in

    def submit(self, key: StepKey, put: PutFn, *, soon: bool = True) -> Future[Sequence[WriteFn]]:
        """Submit `put`, which stores what is buffered under `key` along with its own, and returns it."""
        with self._lock:
            self._submitted[key] += 1
            self._submitted_in[key[0]] += 1
        try:
            future = self._database.submit(put, soon=soon)
        except BaseException:
            self._count_down(key)
            raise
        future.add_done_callback(partial(self._on_put_done, key))
        return future

    def _on_put_done(self, key: StepKey, future: Future[Sequence[WriteFn]]) -> None:
        self._count_down(key)
        self._remove_stored(key, future)

    def _count_down(self, key: StepKey) -> None:
        with self._lock:
            self._submitted -= Counter((key,))  # entries that reach 0 are removed
            self._submitted_in -= Counter((key[0],))

    def _remove_stored(self, key: StepKey, future: Future[Sequence[WriteFn]]) -> None:
        self._remove(key, future.result() if future.exception() is None else ())

    def _remove(self, key: StepKey, stored: Sequence[WriteFn]) -> None:
        """Remove what is stored; what was added since stays buffered."""
        if stored:
            with self._lock:
                self._not_yet_stored.pop(key, None)
                left = [write for write in self._buffered.pop(key, []) if write not in stored]
                if left:
                    self._buffered[key] = left
        elif self._buffered:  # perhaps for the checkpoint that was stored just now
            self._arrived.set()

    def _store_alone(self, key: StepKey, connection: sqlite3.Connection) -> Sequence[WriteFn]:
        """Store what is buffered, unless its checkpoint is on its way: that stores it, or is rejected."""
        return [] if key in self._submitted else self.store(key, connection)

    def reject(self, key: StepKey, checkpoint_id: str, cleanup: WriteFn) -> None:
        """Drop the writes of the step in `key`, whose checkpoint was rejected, and those at that checkpoint.

        `cleanup` deletes what is stored of them already; it runs soon, since this transaction is rolled back.
        """
        rejected = (*key[:2], checkpoint_id)
        with self._lock:
            self._buffered = {
                other: writes
                for other, writes in self._buffered.items()
                if other != key and other[:3] != rejected
            }
            self._rejected.add(rejected)
            self._buffered[*rejected, 0] = [cleanup]
            self._start_timer()

    def flush(self, thread_id: str | None = None, *, must: bool = False) -> None:
        """Store all that is buffered, or only a thread's.

        Writes that are rejected now (their thread has moved, or was deleted) are dropped. While the
        database cannot store (it is locked, or full) they stay buffered: the checkpoint that comes of them
        must not be stored without them. With `must`, `DatabaseError` is raised then.
        """
        with self._lock:
            found = [(key, writes) for key, writes in self._buffered.items() if thread_id in (None, key[0])]
        self._store_each_alone(found, must=must)

    def _store_each_alone(
        self, found: Sequence[tuple[StepKey, list[WriteFn]]], *, must: bool = False
    ) -> None:
        for key, buffered in found:
            try:
                future = self._database.submit(partial(self._store_alone, key), soon=False)
                future.add_done_callback(partial(self._remove_stored, key))
                self._database.wait_for_writes()
                future.result()
            except DatabaseError:
                if must:
                    raise
                self._arrived.set()
                return
            except CheckpointNotYetStored:
                since = self._not_yet_stored.setdefault(key, time.monotonic())
                if time.monotonic() - since >= DELETED_THREAD_SECONDS:
                    self._remove(key, buffered)
            except ThreadsError as error:
                logging.getLogger(__name__).info("pending writes rejected: %s", error)
                self._remove(key, buffered)

    def close(self) -> None:
        """Store all that is buffered, and end the thread."""
        with self._lock:
            self._closed = True
        self._arrived.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _start_timer(self) -> None:
        self._arrived.set()
        if self._thread is None and not self._closed:
            try:
                self._thread = start_thread(self._run, "threads-pending-writes", lambda: self._closed)
            except RuntimeError as error:  # the next read or `close` stores them
                logging.getLogger(__name__).warning("pending writes wait for the next read: %s", error)

    def _run(self) -> None:
        while not self._closed:
            self._arrived.wait()
            with self._lock:
                found = list(self._buffered.items())
            time.sleep(PENDING_WRITES)
            self._arrived.clear()
            with self._lock:  # what arrived meanwhile has its own time
                left = [
                    (key, writes)
                    for key, writes in found
                    if self._buffered.get(key) is writes and key not in self._submitted
                ]
                if len(self._buffered) > len(left):
                    self._arrived.set()
            self._store_each_alone(left)
