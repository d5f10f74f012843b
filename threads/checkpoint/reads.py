"""The reading half of the checkpointer: as the stock saver, but each answer from one state of the file.

The head is the checkpoint written last, by the ledger, and lists go in the order of writing. A turn
asks first for the head and then for what its delta channels are the sum of: both are read at once, and
the second answer waits with the head's id.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple, DeltaChannelHistory, get_checkpoint_id
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.sqlite.utils import load_pending_writes, search_where

from threads import ids
from threads.checkpoint.aio import AsyncMethods
from threads.checkpoint.checkpoint_rows import whole
from threads.checkpoint.concurrent_runs import Rivals
from threads.checkpoint.conflicts import (
    RUNTIME,
    Read,
    address,
    check_lease,
    config_of,
    named,
    noted,
    read_by_turn,
    turn_of,
)
from threads.checkpoint.delta_history import At, Deltas, handed_out
from threads.checkpoint.pending_writes import LateResults
from threads.checkpoint.serde import naming
from threads.db.database import Database
from threads.db.queries import statements
from threads.errors import CheckpointNotFound, ThreadTrashed


def readable(connection: sqlite3.Connection, thread_id: str) -> sqlite3.Row | None:
    """The thread's row, None if there is none yet; raises `ThreadTrashed`."""
    asked = {"thread_id": thread_id}
    thread: sqlite3.Row | None = connection.execute(statements("checkpoints")["thread"], asked).fetchone()
    if thread is not None and thread["trashed_at"] is not None:
        raise ThreadTrashed(thread_id)
    return thread


def newest(connection: sqlite3.Connection, config: RunnableConfig) -> str | None:
    """The checkpoint written last; raises if nothing may be read in the thread, or no turn begin there."""
    thread_id, checkpoint_ns = address(config)
    thread = readable(connection, thread_id)
    if thread is None:
        ids.check_new(thread_id)
    elif RUNTIME in config["configurable"]:  # before any node runs; `get_state` may always look
        check_lease(thread, thread_id, turn_of(config, thread_id))
    if checkpoint_ns:
        asked = {"thread_id": thread_id, "checkpoint_ns": checkpoint_ns}
        thread = connection.execute(statements("checkpoints")["newest"], asked).fetchone()
    return thread["head_id"] if thread is not None else None


def stored(connection: sqlite3.Connection, at: At, serde: SerializerProtocol) -> CheckpointTuple | None:
    """The checkpoint `at`, with what is pending there."""
    sql = statements("checkpoints")
    row = connection.execute(sql["tuple"], at).fetchone()
    if row is None:
        return None
    parent_id = row["parent_checkpoint_id"]
    pending = connection.execute(sql["pending"], at)
    checkpoint: Any = serde.loads_typed((row["type"], row["checkpoint"]))
    metadata: Any = whole(checkpoint, row["metadata"])
    return CheckpointTuple(
        config=config_of(*at),
        checkpoint=checkpoint,
        metadata=metadata,
        parent_config=parent_id and config_of(*at[:2], parent_id),
        pending_writes=load_pending_writes(pending, serde),
    )


def listed(
    connection: sqlite3.Connection,
    config: RunnableConfig | None,
    filter: dict[str, Any] | None,
    before: RunnableConfig | None,
    limit: int | None,
) -> list[At]:
    """Where the checkpoints are that a list shows, the newest first."""
    sql = statements("checkpoints")
    place = None
    if before is not None:
        asked = {**(config["configurable"] if config else {}), **before["configurable"]}
        at = (asked.get("thread_id"), asked.get("checkpoint_ns") or "", asked.get("checkpoint_id"))
        place = connection.execute(sql["place"], at).fetchone()
    where, values = search_where(config, filter, before if place is None else None)
    if place is not None:
        where, values = (f"{where} AND" if where else "WHERE") + " rowid < ?", [*values, place[0]]
    most = -1 if limit is None else max(limit, 0)  # as LangGraph's InMemorySaver
    rows = connection.execute(sql["list"].format(where=where), [*values, most])
    return [(row[0], row[1], row[2]) for row in rows]


class ReadMethods(AsyncMethods):
    """The reading half of the checkpointer."""

    def __init__(
        self,
        database: Database,
        late: LateResults,
        deltas: Deltas,
        rivals: Rivals,
        on_put: Callable[[], None],
    ) -> None:
        super().__init__(database, late, on_put)
        self._rivals = rivals
        self._deltas = deltas

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        with noted(config):
            return self._get_tuple(config)

    def _get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        thread_id, checkpoint_ns = address(config)
        self.settle(thread_id)
        asked, in_a_run = get_checkpoint_id(config), RUNTIME in config["configurable"]
        if in_a_run and not checkpoint_ns:
            self._rivals.begins(thread_id, config)
        with self._database.read() as connection, naming(thread_id):
            head_id = newest(connection, config)
            at = (thread_id, checkpoint_ns, asked or head_id or "")
            found = stored(connection, at, self.serde)
            history = None
            if found is not None and not asked and in_a_run:  # which asks for it next
                deltas = found.metadata.get("counters_since_delta_snapshot") or ()
                history = self._deltas.read(connection, at, tuple(deltas), self.serde, is_head=True)
        if found is not None and not asked:
            return read_by_turn(found, history)
        if asked and found is None and in_a_run and not checkpoint_ns:
            raise CheckpointNotFound(thread_id, asked)  # else a run would begin an empty branch there
        return named(found._replace(config=config)) if found is not None else None

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """As the stock saver's, newest first in the order of writing; a half-read list holds nothing."""
        if config is None:
            self._database.wait_for_writes()
            self._late.flush()
        else:
            self._check_reading(address(config)[0])
        with self._database.read() as connection:
            places = listed(connection, config, filter, before, limit)
        for at in places:
            with self._database.read() as connection, naming(at[0]):
                found = stored(connection, at, self.serde)
            if found is not None:  # else it was deleted since
                yield found

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        with noted(config):
            return self._get_delta_channel_history(config, channels)

    def _get_delta_channel_history(
        self, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        thread_id, checkpoint_ns = address(config)
        checkpoint_id = get_checkpoint_id(config)
        history = checkpoint_id.taken(channels) if isinstance(checkpoint_id, Read) else None
        if history is None:
            if checkpoint_id is None:
                target = self.get_tuple(config)
                if target is None:
                    return {channel: {"writes": []} for channel in channels}
                checkpoint_id = target.checkpoint["id"]
            self.settle(thread_id)
            at = (thread_id, checkpoint_ns, str(checkpoint_id))
            with self._database.read() as connection, naming(thread_id):
                history = self._deltas.read(connection, at, channels, self.serde, is_head=False)
        return handed_out(history, channels)

    def settle(self, thread_id: str) -> None:
        """Let what was submitted to this thread be stored before it is read."""
        if self.is_writing(thread_id):
            self._database.wait_for_writes()
        self._late.flush(thread_id)

    def _check_reading(self, thread_id: str) -> None:
        """Settle the thread; raises `ThreadTrashed`."""
        self.settle(thread_id)
        with self._database.read() as connection:
            readable(connection, thread_id)
