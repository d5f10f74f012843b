"""What subgraphs store: which turn may, and what goes when that turn is refused or its thread was deleted.

A subgraph that remembers (no task in its namespace) goes on from what is newest there, whichever turn
stored it. So there a turn may write only while the thread stands at the step that the subgraph runs
in, and while the newest is what the turn read or stored itself. With durability "async" the root's
checkpoint may come later than its subgraph's, and with "exit" it never comes: then the newest alone
tells. A task's own namespace is read by nobody else, and goes by the root's checkpoints only.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointMetadata, get_checkpoint_id

from threads.checkpoint.concurrent_runs import Rivals
from threads.checkpoint.conflicts import RUNTIME, Named, Read, address, check_still_there, head_for
from threads.checkpoint.pruning import TASK
from threads.checkpoint.recent_checkpoints import Place, Places
from threads.db.queries import statements
from threads.errors import ThreadDeleted, ThreadMoved

REPLAY = "__pregel_replay_state"
"""LangGraph's private key: the root was sent back to an old checkpoint, and its subgraphs go with it."""


def root_of(metadata: CheckpointMetadata) -> str | None:
    """The root's checkpoint that a subgraph's belongs to."""
    return (metadata.get("parents") or {}).get("")


def check_memory(
    connection: sqlite3.Connection,
    config: RunnableConfig,
    metadata: CheckpointMetadata,
    row: dict[str, Any],
    here: Places,
    rivals: Rivals,
) -> None:
    """Raise `ThreadDeleted` if what it goes on from went, `ThreadMoved` if it would hide another turn's."""
    (thread_id, checkpoint_ns), parent, root = address(config), get_checkpoint_id(config), root_of(metadata)
    head = head_for(connection, config, thread_id)
    if TASK in checkpoint_ns or RUNTIME not in config["configurable"]:
        check_still_there(connection, (thread_id, checkpoint_ns, parent), here)
        check_still_there(connection, (thread_id, "", root), here)
        return
    asked = {"thread_id": thread_id, "checkpoint_ns": checkpoint_ns, "parent": parent, "root": root}
    found = connection.execute(statements("checkpoints")["memory"], asked).fetchone()
    for space, id, is_stored in (
        (checkpoint_ns, parent, found["parent_is_stored"]),
        ("", root, found["root_is_stored"]),
    ):
        was_there = isinstance(id, Read) or (thread_id, space, str(id)) in here
        if found["was_deleted"] and was_there and not is_stored:
            raise ThreadDeleted
    newest = found["newest"]
    branches = isinstance(root, Named) or isinstance(parent, Named) or config["configurable"].get(REPLAY)
    if not branches and (
        (found["root_is_stored"] and head != root)
        or (newest != parent and rivals.stored((thread_id, checkpoint_ns, newest), config) is None)
    ):
        raise ThreadMoved(thread_id)
    rivals.stores((thread_id, checkpoint_ns, row["checkpoint_id"]), str(root), config)


def forget_subgraphs(connection: sqlite3.Connection, row: dict[str, Any]) -> None:
    """Before the first checkpoint of a thread: delete what subgraphs of a deleted one of this id left.

    Under durability "exit" a first checkpoint is no input's: there subgraphs are stored before it.
    """
    sql = statements("checkpoints")
    if connection.execute(sql["is_deleted"], row).fetchone():
        for name in ("forget_subgraph_results", "forget_subgraphs"):
            connection.execute(sql[name].format(of_others=sql["of_others"]), row)


def take_back(
    refused: Place, step: str | None, config: RunnableConfig, rivals: Rivals, connection: sqlite3.Connection
) -> None:
    """Delete what a refused turn stored under a checkpoint of its own, or in the memory of subgraphs.

    `step` is the root's checkpoint whose step came to nothing. What others have gone on from stays.
    """
    at = dict(zip(("thread_id", "checkpoint_ns", "checkpoint_id"), refused, strict=True))
    sql = statements("checkpoints")
    for name in ("take_back_results", "take_back_subgraph_results", "take_back_subgraphs"):
        connection.execute(sql[name].format(under_refused=sql["under_refused"]), at)
    for checkpoint_ns in rivals.spaces(refused[0], config):
        at = {"thread_id": refused[0], "checkpoint_ns": checkpoint_ns}
        for (checkpoint_id,) in connection.execute(sql["newest_first"], at).fetchall():
            stored = rivals.stored((refused[0], checkpoint_ns, checkpoint_id), config)
            if stored is None or (stored.root != step and _is_stored(connection, refused[0], stored.root)):
                break
            for name in ("take_back_results_at", "take_back_checkpoint"):
                connection.execute(sql[name], {**at, "checkpoint_id": checkpoint_id})


def _is_stored(connection: sqlite3.Connection, thread_id: str, root: str) -> bool:
    place = (thread_id, "", root)
    return connection.execute(statements("checkpoints")["place"], place).fetchone() is not None
