"""The checkpointer: LangGraph's `SqliteSaver` on our connections, one object for sync and async.

Reads use read-only connections and hold nothing once they return; each write is one transaction on the one
writing connection. What the stock saver leaves undefined is defined here:

* the head is the checkpoint written last, as the ledger has it, whatever its time says;
* a run that did not start from the head is rejected (`threads.checkpoint.conflicts`);
* a thread in the trash is neither read nor written;
* a thread id must be text, and a new one must be valid (see `threads.ids`);
* stored values are read with the strict allow-list.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_id,
)
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.utils import load_pending_writes, search_where

from threads import ids
from threads.checkpoint.aio import AsyncMethods
from threads.checkpoint.conflicts import (
    ConcurrentRuns,
    HeadRead,
    check_lease,
    checkpoint_config,
    is_in_run,
    lease_context_of,
    mark_explicit,
    mark_head_read,
    report_errors,
    thread_and_namespace,
    writable_thread,
)
from threads.checkpoint.delta_history import ByteLRUCache, DeltaReader, to_langgraph
from threads.checkpoint.pruning import copy_thread, delete_runs, keep_count, prune_thread
from threads.checkpoint.serde import CheckpointKey, name_thread_in_errors, verify_checkpoint
from threads.checkpoint.transcript import Transcripts
from threads.checkpoint.writer import CheckpointWriter, PutFn, step_key
from threads.db.database import Database
from threads.db.queries import statements
from threads.errors import CheckpointNotFound, ThreadTrashed
from threads.store.deletion import delete_thread


class Checkpointer(AsyncMethods, SqliteSaver):
    """Stores the state of graphs in `database`; `on_put` is called after each checkpoint.

    It is a `SqliteSaver` for programs that look at its type, and for `get_next_version`. All methods that
    use the stock saver's connection are replaced, so it has none: `SqliteSaver.__init__` is not called.
    """

    def __init__(
        self,
        database: Database,
        *,
        serde: SerializerProtocol,
        transcripts: Transcripts,
        on_put: Callable[[], None] = lambda: None,
    ) -> None:
        BaseCheckpointSaver.__init__(self, serde=serde)
        self._runs = ConcurrentRuns()
        AsyncMethods.__init__(self, database, CheckpointWriter(database, self._runs), on_put)
        self._cache = ByteLRUCache()
        self._deltas = DeltaReader(self._cache)
        self._transcripts = transcripts

    def setup(self) -> None:
        """Do nothing: opening the database creates the tables."""

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the checkpoint that the config names, or the head with what its delta channels consist of.

        A run requests that history next, so both are read from one state of the file.
        """
        with report_errors(config):
            return self._get_tuple(config)

    def _get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        thread_id, checkpoint_ns = thread_and_namespace(config)
        self.wait_for_writes(thread_id)
        explicit_id, in_run = get_checkpoint_id(config), is_in_run(config)
        if in_run and not checkpoint_ns:
            self._runs.reset(thread_id, config)
        with self._database.read() as connection, name_thread_in_errors(thread_id):
            head_id = read_head(connection, config)
            key = (thread_id, checkpoint_ns, explicit_id or head_id or "")
            found = read_tuple(connection, key, self.serde)
            history = None
            if found is not None and not explicit_id and in_run:
                channels = tuple(found.metadata.get("counters_since_delta_snapshot") or ())
                history = self._deltas.read(connection, key, channels, self.serde, is_head=True)
        if found is not None and not explicit_id:
            return mark_head_read(found, history)
        if explicit_id and found is None and in_run and not checkpoint_ns:
            raise CheckpointNotFound(thread_id, explicit_id)  # else a run would begin an empty branch there
        return mark_explicit(found._replace(config=config)) if found is not None else None

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Yield checkpoints like the stock saver, in the order of writing, the newest first.

        No connection is held while the caller consumes the iterator.
        """
        if config is None:
            self._database.wait_for_writes()
            self._pending.flush()
        else:
            self._check_readable(thread_and_namespace(config)[0])
        with self._database.read() as connection:
            keys = list_keys(connection, config, filter, before, limit)
        for key in keys:
            with self._database.read() as connection, name_thread_in_errors(key[0]):
                found = read_tuple(connection, key, self.serde)
            if found is not None:  # else it was deleted since
                yield found

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Return the last snapshot and the writes since of each of these delta channels."""
        with report_errors(config):
            thread_id, checkpoint_ns = thread_and_namespace(config)
            checkpoint_id = get_checkpoint_id(config)
            if isinstance(checkpoint_id, HeadRead):
                history = checkpoint_id.take_history(channels)
                if history is not None:
                    return to_langgraph(history, channels)
            if checkpoint_id is None:
                head = self.get_tuple(config)
                if head is None:
                    return {channel: {"writes": []} for channel in channels}
                checkpoint_id = head.checkpoint["id"]
            self.wait_for_writes(thread_id)
            key = (thread_id, checkpoint_ns, str(checkpoint_id))
            with self._database.read() as connection, name_thread_in_errors(thread_id):
                history = self._deltas.read(connection, key, channels, self.serde, is_head=False)
            return to_langgraph(history, channels)

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint and the writes that are pending for it, in one transaction.

        Raises `ThreadMoved`, `ThreadBusy`, `LeaseLost`, `ThreadDeleted` or `ThreadTrashed` if the run may
        not write.
        """
        with report_errors(config):
            self._write(config, self._writer.prepare_put(config, checkpoint, metadata, self.serde))
            self._on_put()
        return checkpoint_config(*thread_and_namespace(config), checkpoint["id"])

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store a task's writes with the checkpoint that follows, or after a moment without."""
        with report_errors(config):
            put = self._writer.prepare_writes(config, writes, task_id, task_path, self.serde)
            if put is not None:
                self._write(config, put)

    def _write(self, config: RunnableConfig, put: PutFn) -> None:
        future = self._pending.submit(step_key(config), put, soon=False)
        self._database.wait_for_writes()
        future.result()

    def delete_thread(self, thread_id: str) -> None:
        """Delete the thread: its checkpoints, its writes, and its row in the registry."""
        text = ids.text_of(thread_id)
        self._pending.flush(text, must=True)
        self._cache.discard_thread(text)
        self._database.write(lambda connection: delete_thread(connection, text))
        self._database.purge_deleted_text()

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all checkpoints to a thread that has none; raises `ThreadExists` if it has.

        What a run stored in a deleted thread of the target's id does not count, and is deleted.
        """
        source, target = ids.text_of(source_thread_id), ids.check_new(target_thread_id)
        self._check_readable(source)
        self._pending.flush(source, must=True)
        self._pending.flush(target, must=True)
        self._database.write(lambda connection: copy_thread(connection, source, target))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest", n: int = 1) -> None:
        """Delete old checkpoints that no kept state depends on. The current state is unaffected.

        `keep_latest` keeps one checkpoint of each namespace, `keep_n` the newest `n`, `delete` none.
        """
        keep = keep_count(strategy, n)
        texts = [ids.text_of(thread_id) for thread_id in thread_ids]
        self._pending.flush(must=True)

        def prune_all(connection: sqlite3.Connection) -> None:
            for text in texts:
                writable_thread(connection, text)
                prune_thread(connection, text, keep, self.serde, self._transcripts)

        self._database.write(prune_all)
        self._database.purge_deleted_text()

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints whose metadata have one of these `run_id`s.

        Those that a later state depends on (a `DeltaChannel`'s, since its last snapshot) are kept.
        """
        wanted = tuple(run_ids)
        self._pending.flush(must=True)
        self._database.write(lambda connection: delete_runs(connection, wanted, self.serde))
        self._database.purge_deleted_text()

    def is_writing(self, thread_id: str) -> bool:
        """Whether a write to this thread is submitted and not committed yet."""
        return self._pending.is_writing(thread_id)

    def wait_for_writes(self, thread_id: str) -> None:
        """Return when all that was submitted to this thread is stored."""
        if self.is_writing(thread_id):
            self._database.wait_for_writes()
        self._pending.flush(thread_id)

    def forget(self, thread_id: str) -> None:
        """Drop what is cached of this thread, which was deleted."""
        self._cache.discard_thread(thread_id)

    def flush(self) -> None:
        """Store all pending writes. Raises `DatabaseError` if that fails."""
        self._pending.flush(must=True)

    def close(self) -> None:
        """Store all pending writes and end the threads. The database is closed by its owner."""
        self._pending.close()
        self.close_threads()

    def _check_readable(self, thread_id: str) -> None:
        """Wait for the thread's writes. Raises `ThreadTrashed`."""
        self.wait_for_writes(thread_id)
        with self._database.read() as connection:
            find_readable_thread(connection, thread_id)


def find_readable_thread(connection: sqlite3.Connection, thread_id: str) -> sqlite3.Row | None:
    """Return the thread's row, None if there is none yet. Raises `ThreadTrashed`."""
    query = {"thread_id": thread_id}
    thread: sqlite3.Row | None = connection.execute(statements("checkpoints")["thread"], query).fetchone()
    if thread is not None and thread["trashed_at"] is not None:
        raise ThreadTrashed(thread_id)
    return thread


def read_head(connection: sqlite3.Connection, config: RunnableConfig) -> str | None:
    """Return the id of the checkpoint written last.

    Raises `ThreadTrashed`, and in a run `ThreadBusy` or `LeaseLost`.
    """
    thread_id, checkpoint_ns = thread_and_namespace(config)
    thread = find_readable_thread(connection, thread_id)
    if thread is None:
        ids.check_new(thread_id)
    elif is_in_run(config):  # before any node runs; `get_state` is always allowed
        check_lease(thread, thread_id, lease_context_of(config, thread_id))
    if checkpoint_ns:
        query = {"thread_id": thread_id, "checkpoint_ns": checkpoint_ns}
        thread = connection.execute(statements("checkpoints")["newest"], query).fetchone()
    return thread["head_id"] if thread is not None else None


def read_tuple(
    connection: sqlite3.Connection, key: CheckpointKey, serde: SerializerProtocol
) -> CheckpointTuple | None:
    """Return a checkpoint with its pending writes; None if it is not stored."""
    sql = statements("checkpoints")
    row = connection.execute(sql["tuple"], key).fetchone()
    if row is None:
        return None
    parent_id = row["parent_checkpoint_id"]
    pending = connection.execute(sql["pending"], key)
    checkpoint: Any = serde.loads_typed((row["type"], row["checkpoint"]))
    metadata: Any = verify_checkpoint(checkpoint, row["metadata"])
    return CheckpointTuple(
        config=checkpoint_config(*key),
        checkpoint=checkpoint,
        metadata=metadata,
        parent_config=parent_id and checkpoint_config(*key[:2], parent_id),
        pending_writes=load_pending_writes(pending, serde),
    )


def list_keys(
    connection: sqlite3.Connection,
    config: RunnableConfig | None,
    filter: dict[str, Any] | None,
    before: RunnableConfig | None,
    limit: int | None,
) -> list[CheckpointKey]:
    """Return the keys of the checkpoints that `Checkpointer.list` yields, the newest first."""
    sql = statements("checkpoints")
    position = None
    if before is not None:
        named = {**(config["configurable"] if config else {}), **before["configurable"]}
        key = (named.get("thread_id"), named.get("checkpoint_ns") or "", named.get("checkpoint_id"))
        position = connection.execute(sql["place"], key).fetchone()
    where, values = search_where(config, filter, before if position is None else None)
    if position is not None:
        where, values = (f"{where} AND" if where else "WHERE") + " rowid < ?", [*values, position[0]]
    most = -1 if limit is None else max(limit, 0)  # as LangGraph's InMemorySaver
    rows = connection.execute(sql["list"].format(where=where), [*values, most])
    return [(row[0], row[1], row[2]) for row in rows]
