"""Branches of a thread's checkpoints: which there are, where a message came in, forking and rewinding.

A regenerated answer or an edited message begins a branch beside the old one. The thread's head is the end
of one branch; the others end at checkpoints that have no child (tips).

Rewinding appends: a copy of the earlier checkpoint becomes the head, beside its original and under the same
parent, as in LangGraph's time travel. So the other branch stays reachable, every program sees the same head,
and a delta channel (the sum of what its ancestors wrote) has the same value there.
"""

from __future__ import annotations

import json
import sqlite3
from copy import copy as shallow_copy
from datetime import UTC, datetime
from typing import Any, NamedTuple

from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.serde.types import RESUME

from threads.checkpoint.delta_history import ancestors
from threads.checkpoint.head_reader import REWOUND_TO, origin_of
from threads.checkpoint.serde import RawSerializer
from threads.db.queries import statements
from threads.errors import CheckpointNotFound
from threads.langgraph_internals import NULL_TASK_ID
from threads.models import Message


class Branch(NamedTuple):
    """One line of a thread's checkpoints."""

    tip: str
    """Its last checkpoint."""
    messages: tuple[Message, ...]


def list_tips(connection: sqlite3.Connection, thread_id: str) -> list[str]:
    """Return the checkpoints that have no child, in the order of writing."""
    return [row[0] for row in connection.execute(statements("rewinding")["tips"], {"thread_id": thread_id})]


def copy_branch(connection: sqlite3.Connection, source: str, target: str, checkpoint_id: str) -> None:
    """Copy a checkpoint of `source` with all its ancestors to the thread `target`, which has none.

    Writes at `checkpoint_id` are copied only if it is the head, where they are pending (an interrupt, for
    instance). At any other checkpoint they are the beginning of the branch that is left, and would change
    the new state. Raises `CheckpointNotFound`.
    """
    sql = statements("checkpoints")
    chain = [id for id, *_ in ancestors(connection, (source, "", checkpoint_id))]
    if not chain:
        raise CheckpointNotFound(source, checkpoint_id)
    thread = connection.execute(sql["thread"], {"thread_id": source}).fetchone()
    is_head = thread["head_id"] == checkpoint_id
    with_writes = chain if is_head else chain[1:]
    at = {"source": source, "target": target}
    copied = [{**at, "checkpoint_id": ancestor} for ancestor in reversed(chain)]
    connection.executemany(sql["copy_checkpoint"], copied)
    connection.executemany(sql["copy_writes"], copied[: len(with_writes)])
    subgraphs = {"source": source, "target": target, "roots": json.dumps(with_writes), "at_head": is_head}
    connection.execute(statements("pruning")["copy_origins"], {"source": source, "target": target})
    connection.execute(sql["copy_subgraph_writes"], subgraphs)
    connection.execute(sql["copy_subgraph_checkpoints"], subgraphs)


def rewind(saver: BaseCheckpointSaver[str], thread_id: str, to: str) -> str:
    """Make a copy of checkpoint `to` the head, and return its id. Raises `CheckpointNotFound`.

    What its state holds is copied as it is stored, whether its types are on the allow-list or not. Raises
    `KindNotAllowed` where it is stored in another form than msgpack that may not be read.
    """
    at = {"thread_id": thread_id, "checkpoint_ns": "", "checkpoint_id": to}
    saver = shallow_copy(saver)  # as LangGraph's `with_allowlist`
    saver.serde = RawSerializer(saver.serde)
    found = saver.get_tuple({"configurable": at})
    if found is None:
        raise CheckpointNotFound(thread_id, to)
    parent = found.parent_config["configurable"]["checkpoint_id"] if found.parent_config else None
    step = found.metadata.get("step", -1)
    copy = {**found.checkpoint, "id": str(uuid6(clock_seq=step)), "ts": datetime.now(UTC).isoformat()}
    kept = {key: value for key, value in found.metadata.items() if key not in ("source", "step", "run_id")}
    metadata: Any = {**kept, "source": "fork", "step": step + 1, REWOUND_TO: origin_of(to, found.metadata)}
    stored = saver.put({"configurable": {**at, "checkpoint_id": parent}}, copy, metadata, {})  # type: ignore[arg-type]
    state = [(channel, value) for task, channel, value in found.pending_writes or () if task == NULL_TASK_ID]
    if state := [(channel, value) for channel, value in state if channel != RESUME]:
        saver.put_writes({"configurable": {**at, "checkpoint_id": copy["id"]}}, state, NULL_TASK_ID)
    return str(stored["configurable"]["checkpoint_id"])


def put_empty_head(saver: BaseCheckpointSaver[str], thread_id: str, configurable: dict[str, Any]) -> str:
    """Make a checkpoint without any state the head, and return its id."""
    at = {**configurable, "thread_id": thread_id, "checkpoint_ns": ""}
    checkpoint = empty_checkpoint()
    saver.put({"configurable": at}, checkpoint, {"source": "fork", "step": -2, "parents": {}}, {})
    return checkpoint["id"]


def has_input_of_run(connection: sqlite3.Connection, thread_id: str, run_id: str) -> bool:
    """Whether the input of a run is stored in the thread."""
    query = {"thread_id": thread_id, "run_id": run_id}
    return connection.execute(statements("rewinding")["input_of_run"], query).fetchone() is not None


def discard_run(connection: sqlite3.Connection, thread_id: str, run_id: str) -> None:
    """Delete what a run stored in a thread; the checkpoint before it is the head again."""
    for name in ("drop_writes_of_run", "drop_checkpoints_of_run"):
        connection.execute(statements("rewinding")[name], {"thread_id": thread_id, "run_id": run_id})
