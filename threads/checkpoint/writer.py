"""Storing: each checkpoint, each step's results and each deletion as one piece of work.

A piece is prepared outside the transaction (serialising takes longest), runs inside it, and can be
run again, for the database does so when somebody else's piece spoils a common transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
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

from threads.checkpoint.answers import without_failed_answers
from threads.checkpoint.concurrent_runs import Rivals
from threads.checkpoint.conflicts import (
    RUNTIME,
    Read,
    TooEarly,
    address,
    check_checkpoint,
    check_known,
    check_results,
    turn_of,
)
from threads.checkpoint.pending_writes import Key, LateResults, Work
from threads.checkpoint.recent_checkpoints import Places
from threads.checkpoint.subgraphs import check_memory, forget_subgraphs, root_of
from threads.db.queries import statements
from threads.errors import ThreadDeleted, ThreadMoved
from threads.store.transaction import Transaction

Storing = Callable[[sqlite3.Connection], Sequence[Work]]
"""Stores a checkpoint and returns the results that were stored with it."""
AT_ONCE = frozenset((ERROR, INTERRUPT, RESUME, SCHEDULED))
"""Channels whose writes are stored at once; no checkpoint may follow them for long."""


def key_of(config: RunnableConfig) -> Key:
    """What a step's results have in common with the checkpoint that follows."""
    thread_id, checkpoint_ns = address(config)
    checkpoint_id = get_checkpoint_id(config)
    turn = id(checkpoint_id) if isinstance(checkpoint_id, Read) else 0
    return thread_id, checkpoint_ns, str(checkpoint_id), turn


def checkpoint_row(
    config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, serde: SerializerProtocol
) -> dict[str, Any]:
    """A checkpoint as the table holds it, as the stock saver writes it."""
    thread_id, checkpoint_ns = address(config)
    kind, blob = serde.dumps_typed(checkpoint)
    described = json.dumps(get_checkpoint_metadata(config, metadata), ensure_ascii=False)
    return {
        "thread_id": thread_id,
        "checkpoint_ns": checkpoint_ns,
        "checkpoint_id": checkpoint["id"],
        "parent_checkpoint_id": get_checkpoint_id(config),
        "type": kind,
        "checkpoint": blob,
        "metadata": described.encode("utf-8", "ignore"),
    }


def put_checkpoint(
    config: RunnableConfig,
    metadata: CheckpointMetadata,
    row: dict[str, Any],
    late: LateResults,
    here: Places,
    rivals: Rivals,
) -> Storing:
    """The work that stores a checkpoint, and before it the results that waited for it; returns these."""
    key = key_of(config)
    turn = None if row["checkpoint_ns"] else turn_of(config, row["thread_id"])
    along = None if turn is None else turn.along(row["parent_checkpoint_id"], row["checkpoint_id"])

    def work(connection: sqlite3.Connection) -> list[Work]:
        results = late.store(key, connection)
        if late.is_refused((key[0], "", str(root_of(metadata)), 0)):  # this subgraph's run goes under it
            raise ThreadDeleted
        if rivals.is_refused(key[0], config):
            raise ThreadMoved(key[0])
        if row["checkpoint_ns"]:
            check_memory(connection, config, metadata, row, here, rivals)
        else:
            check_checkpoint(connection, config, metadata)
        first = row["parent_checkpoint_id"] is None and metadata.get("source") == "input"
        if first and RUNTIME in config["configurable"]:
            forget_subgraphs(connection, row)
        connection.execute(statements("checkpoints")["put"], row)
        here.add((row["thread_id"], row["checkpoint_ns"], row["checkpoint_id"]))  # before it can be deleted
        if along is not None:
            along(Transaction(connection))
        return results

    return work


def put_results(
    config: RunnableConfig,
    writes: Sequence[tuple[str, Any]],
    task_id: str,
    task_path: str,
    serde: SerializerProtocol,
    here: Places,
    rivals: Rivals,
) -> Work:
    """The work that stores what a task wrote; a turn that is refused there is refused for good."""
    checkpoint_id = get_checkpoint_id(config)
    thread_id, checkpoint_ns = address(config)
    turn = turn_of(config, thread_id)
    if turn is not None:
        writes = without_failed_answers(writes)
        if not checkpoint_ns:
            turn.wrote(checkpoint_id, writes)
    special = all(channel in WRITES_IDX_MAP for channel, _ in writes)
    sql = statements("checkpoints")["replace_writes" if special else "put_writes"]
    at = (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path)
    rows = [
        (*at, WRITES_IDX_MAP.get(channel, idx), channel, *serde.dumps_typed(value))
        for idx, (channel, value) in enumerate(writes)
    ]

    channels = {channel for channel, _ in writes}
    fresh = rows
    if isinstance(checkpoint_id, Read):
        fresh = [row for row in fresh if (task_id, row[6]) not in checkpoint_id.known]
        checkpoint_id.known.update((task_id, channel) for channel, _ in writes)

    def work(connection: sqlite3.Connection) -> None:
        at_head = check_results(connection, config, channels, here)
        stored = connection.executemany(sql, rows).rowcount
        if at_head:
            try:  # tasks of the same step have the same ids in another turn, and the first result stays
                check_known(connection, thread_id, checkpoint_id)
                if stored < len(rows) and any(_differs(connection, row) for row in fresh):
                    raise ThreadMoved(thread_id)
            except ThreadMoved:  # said again at its checkpoint: nobody may be listening here
                rivals.refuse(thread_id, config)
                raise

    return work


def _differs(connection: sqlite3.Connection, row: tuple[Any, ...]) -> bool:
    """Whether something else is stored in the place of this result."""
    *at, _, idx, _, kind, value = row
    stored = connection.execute(statements("checkpoints")["result"], (*at, idx)).fetchone()
    return stored is not None and tuple(stored) != (kind, value)


def store_with(late: LateResults, key: Key, work: Work, connection: sqlite3.Connection) -> Sequence[Work]:
    """Store what waits of a step and then `work`, in one transaction; returns what waited."""
    try:
        waited = late.store(key, connection)
        work(connection)
    except TooEarly:
        late.add(key, work)
        return ()
    return waited
