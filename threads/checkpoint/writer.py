"""Prepare the inserts of checkpoints and of tasks' writes, outside of the transaction that executes them.

Serialising takes longest, so it is done first. What is prepared may be executed again: the database does so
when another write spoils a common transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
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

from threads.checkpoint.conflicts import (
    ConcurrentRuns,
    HeadRead,
    check_no_foreign_writes,
    check_put_allowed,
    check_writes_allowed,
)
from threads.checkpoint.lru_cache import BoundedSet
from threads.checkpoint.pending_writes import PendingWrites, PutFn, WriteFn, step_key
from threads.checkpoint.resume_writes import without_failed_resumes
from threads.checkpoint.run_config import is_in_run, lease_context_of, thread_and_namespace
from threads.checkpoint.stored_values import CheckpointKey
from threads.checkpoint.subgraphs import (
    check_subgraph_put,
    delete_leftover_subgraphs,
    delete_rejected,
    root_checkpoint_id,
)
from threads.db.database import Database
from threads.db.queries import statements
from threads.errors import LeaseLost, ThreadBusy, ThreadDeleted, ThreadMoved, ThreadTrashed
from threads.store.transaction import Transaction

IMMEDIATE_CHANNELS = frozenset((ERROR, INTERRUPT, RESUME, SCHEDULED))
"""Channels whose writes are stored at once: no checkpoint may follow them for long."""


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
            context.record_writes(checkpoint_id, writes)
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
