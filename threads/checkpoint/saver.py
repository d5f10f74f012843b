"""The checkpointer: LangGraph's SqliteSaver on our connections, one object for sync and async.

Reads go to read-only connections and hold nothing once they return; each write is one transaction
on the one writing connection. What the stock saver leaves to chance is decided here:

* the head is the checkpoint written last, by the ledger, whatever the clock said;
* a turn that began where the thread no longer stands is refused (`threads.checkpoint.conflicts`);
* a thread in the trash is neither read nor written;
* an id must be text, and a new one one that a person can type (see `threads.ids`);
* stored values are read with the strict allow-list.

Async methods do the same work in a thread; a task that is cancelled leaves the write to finish.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.sqlite import SqliteSaver

from threads import ids
from threads.checkpoint.concurrent_runs import Rivals
from threads.checkpoint.conflicts import RUNTIME, address, config_of, head_of, noted
from threads.checkpoint.delta_history import Deltas
from threads.checkpoint.lru_cache import Kept
from threads.checkpoint.pending_writes import Key, LateResults, Work
from threads.checkpoint.pruning import copy_thread, delete_runs, kept, prune_thread
from threads.checkpoint.reads import ReadMethods
from threads.checkpoint.recent_checkpoints import Places
from threads.checkpoint.subgraphs import root_of, take_back
from threads.checkpoint.transcript import Transcripts
from threads.checkpoint.writer import (
    AT_ONCE,
    Storing,
    checkpoint_row,
    key_of,
    put_checkpoint,
    put_results,
    store_with,
)
from threads.db.database import Database
from threads.errors import LeaseLost, ThreadBusy, ThreadDeleted, ThreadMoved, ThreadTrashed
from threads.store.deletion import delete_thread


class Checkpointer(ReadMethods, SqliteSaver):
    """Keeps the memory of graphs in `database`; `on_put` is called after each checkpoint."""

    def __init__(
        self,
        database: Database,
        *,
        serde: SerializerProtocol,
        transcripts: Transcripts,
        on_put: Callable[[], None] = lambda: None,
    ) -> None:
        # The stock saver's own connection is not used: all its methods are replaced.
        SqliteSaver.__init__(self, sqlite3.connect(":memory:", check_same_thread=False), serde=serde)
        self.conn.close()
        self.is_setup = True
        self._kept = Kept()
        ReadMethods.__init__(self, database, LateResults(database), Deltas(self._kept), Rivals(), on_put)
        self._transcripts = transcripts
        self._here = Places()

    def setup(self) -> None:
        """Nothing to do: the tables are there since the database was opened."""

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        with noted(config):
            self._stored(key_of(config), self._put(config, checkpoint, metadata))
            self._on_put()
        return config_of(*address(config), checkpoint["id"])

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        with noted(config):
            work = self._put_writes(config, writes, task_id, task_path)
            if work is not None:
                self._stored(key_of(config), work)

    def delete_thread(self, thread_id: str) -> None:
        """Erase the thread: its checkpoints, its writes, and its row in the registry."""
        text = ids.text_of(thread_id)
        self._late.flush(text, must=True)
        self._kept.forget(text)
        self._database.write(lambda connection: delete_thread(connection, text))
        self._database.purge_deleted_text()

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all that is remembered to a thread that remembers nothing; `ThreadExists` if it does.

        What a run left behind of a deleted thread is not remembered, and goes.
        """
        source, target = ids.text_of(source_thread_id), ids.check_new(target_thread_id)
        self._check_reading(source)
        self._late.flush(source, must=True)
        self._late.flush(target, must=True)
        self._database.write(lambda connection: copy_thread(connection, source, target))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest", n: int = 1) -> None:
        """Let old checkpoints go, never what the kept ones are made of: the state stays as it is.

        `keep_latest` keeps one checkpoint of each namespace, `keep_n` the newest `n`, `delete` none.
        """
        keep = kept(strategy, n)
        texts = [ids.text_of(thread_id) for thread_id in thread_ids]
        self._late.flush(must=True)

        def work(connection: sqlite3.Connection) -> None:
            for text in texts:
                head_of(connection, text)
                prune_thread(connection, text, keep, self.serde, self._transcripts)

        self._database.write(work)
        self._database.purge_deleted_text()

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Drop the checkpoints whose metadata has one of these `run_id`s.

        Kept are those that a later state is the sum of (a `DeltaChannel`'s, since its last snapshot).
        """
        asked = tuple(run_ids)
        self._late.flush(must=True)
        self._database.write(lambda connection: delete_runs(connection, asked, self.serde))
        self._database.purge_deleted_text()

    def forget(self, thread_id: str) -> None:
        """Keep nothing of this thread in memory; it was deleted."""
        self._kept.forget(thread_id)

    def flush(self) -> None:
        """Store what still waits for its checkpoint; raises `DatabaseError` where that cannot be."""
        self._late.flush(must=True)

    def close(self) -> None:
        """Store what waits, and let go of the threads; the database is closed by its owner."""
        self._late.close()
        self.close_threads()

    def _put(self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata) -> Storing:
        row = checkpoint_row(config, checkpoint, metadata, self.serde)
        store = put_checkpoint(config, metadata, row, self._late, self._here, self._rivals)

        def work(connection: sqlite3.Connection) -> Sequence[Work]:
            try:
                return store(connection)
            except (ThreadMoved, ThreadDeleted, ThreadTrashed, ThreadBusy, LeaseLost) as error:
                key = key_of(config)
                if RUNTIME in config["configurable"] or key[3]:  # else others may have results waiting there
                    step = root_of(metadata) if key[1] else key[2]
                    refused = (*key[:2], checkpoint["id"])
                    if isinstance(error, ThreadMoved):
                        self._rivals.refuse(key[0], config)
                    then = partial(take_back, refused, step, config, self._rivals)
                    self._late.refuse(key, checkpoint["id"], then)
                raise

        return work

    def _stored(self, key: Key, work: Storing) -> None:
        """Do what takes along the results that wait under `key`."""
        promise = self._late.submit(key, work, soon=False)
        self._database.wait_for_writes()
        promise.result()

    def _put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str
    ) -> Storing | None:
        """What is to be stored now; None if it waits for the checkpoint that comes of it."""
        self._database.check_writable()
        work = put_results(config, writes, task_id, task_path, self.serde, self._here, self._rivals)
        key = key_of(config)
        if self._late.is_refused(key) or self._rivals.is_refused(key[0], config):
            return None
        if any(channel in AT_ONCE for channel, _ in writes):
            return partial(store_with, self._late, key, work)  # the step ends here: nothing waits longer
        self._late.add(key, work)
        return None
