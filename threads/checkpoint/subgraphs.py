"""Conflict rules for checkpoints of subgraphs, and what is deleted when their run is rejected.

A subgraph with memory (no task in its namespace) goes on from the newest checkpoint there, whichever run
stored it. So a run may write there only while the thread's head is the step that the subgraph runs in, and
while the newest checkpoint is what the run read or stored itself. With durability "async" the root's
checkpoint may come later than its subgraph's, and with "exit" it never comes: then the newest checkpoint
alone decides. A task's own namespace is read by no other run, and depends on the root's checkpoints only.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointMetadata, get_checkpoint_id

from threads.checkpoint.conflicts import (
    ConcurrentRuns,
    ExplicitCheckpointId,
    HeadRead,
    check_not_deleted,
    is_in_run,
    root_checkpoint_id,
    thread_and_namespace,
    writable_head,
)
from threads.checkpoint.delta_history import BoundedSet
from threads.checkpoint.serde import CheckpointKey
from threads.db.queries import statements
from threads.errors import ThreadDeleted, ThreadMoved
from threads.langgraph_internals import REPLAY_STATE_KEY, TASK_SEPARATOR


def check_subgraph_put(
    connection: sqlite3.Connection,
    config: RunnableConfig,
    metadata: CheckpointMetadata,
    row: dict[str, Any],
    stored_here: BoundedSet[CheckpointKey],
    runs: ConcurrentRuns,
) -> None:
    """Check a subgraph's checkpoint that is about to be stored.

    Raises `ThreadDeleted` if what it continues was deleted, `ThreadMoved` if it would hide another run's.
    """
    thread_id, checkpoint_ns = thread_and_namespace(config)
    parent, root = get_checkpoint_id(config), root_checkpoint_id(metadata)
    head = writable_head(connection, config, thread_id)
    if TASK_SEPARATOR in checkpoint_ns or not is_in_run(config):
        check_not_deleted(connection, (thread_id, checkpoint_ns, parent), stored_here)
        check_not_deleted(connection, (thread_id, "", root), stored_here)
        return
    query = {"thread_id": thread_id, "checkpoint_ns": checkpoint_ns, "parent": parent, "root": root}
    found = connection.execute(statements("checkpoints")["memory"], query).fetchone()
    for namespace, id, is_stored in (
        (checkpoint_ns, parent, found["parent_is_stored"]),
        ("", root, found["root_is_stored"]),
    ):
        existed = isinstance(id, HeadRead) or (thread_id, namespace, str(id)) in stored_here
        if found["was_deleted"] and existed and not is_stored:
            raise ThreadDeleted
    newest = found["newest"]
    is_branch = isinstance(root, ExplicitCheckpointId) or isinstance(parent, ExplicitCheckpointId)
    if not (is_branch or config["configurable"].get(REPLAY_STATE_KEY)) and (
        (found["root_is_stored"] and head != root)
        or (newest != parent and runs.find((thread_id, checkpoint_ns, newest), config) is None)
    ):
        raise ThreadMoved(thread_id)
    runs.record((thread_id, checkpoint_ns, row["checkpoint_id"]), str(root), config)


def delete_leftover_subgraphs(connection: sqlite3.Connection, row: dict[str, Any]) -> None:
    """Delete what subgraphs of a deleted thread left, before the first checkpoint of a new one of its id.

    With durability "exit" a first checkpoint is no input's: there subgraphs are stored before it.
    """
    sql = statements("checkpoints")
    if connection.execute(sql["is_deleted"], row).fetchone():
        for name in ("forget_subgraph_results", "forget_subgraphs"):
            connection.execute(sql[name].format(of_others=sql["of_others"]), row)


def delete_rejected(
    rejected: CheckpointKey,
    step: str | None,
    config: RunnableConfig,
    runs: ConcurrentRuns,
    connection: sqlite3.Connection,
) -> None:
    """Delete what a rejected run stored under a checkpoint of its own, or in the memory of subgraphs.

    `step` is the root's checkpoint whose step is lost. What other runs have continued stays.
    """
    thread_id = rejected[0]
    at = dict(zip(("thread_id", "checkpoint_ns", "checkpoint_id"), rejected, strict=True))
    sql = statements("checkpoints")
    for name in ("take_back_results", "take_back_subgraph_results", "take_back_subgraphs"):
        connection.execute(sql[name].format(under_refused=sql["under_refused"]), at)
    for checkpoint_ns in runs.namespaces(thread_id, config):
        at = {"thread_id": thread_id, "checkpoint_ns": checkpoint_ns}
        for (checkpoint_id,) in connection.execute(sql["newest_first"], at).fetchall():
            put = runs.find((thread_id, checkpoint_ns, checkpoint_id), config)
            if put is None or (put.root != step and _is_stored(connection, thread_id, put.root)):
                break
            for name in ("take_back_results_at", "take_back_checkpoint"):
                connection.execute(sql[name], {**at, "checkpoint_id": checkpoint_id})


def _is_stored(connection: sqlite3.Connection, thread_id: str, root: str) -> bool:
    key = (thread_id, "", root)
    return connection.execute(statements("checkpoints")["place"], key).fetchone() is not None
