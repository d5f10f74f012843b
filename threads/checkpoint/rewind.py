"""Going back in a thread: to an earlier checkpoint, or to before a run.

Going back is going on: a copy of the earlier checkpoint becomes the head, beside its original and
under the same parent, as LangGraph's time travel has it. So the way that is left behind stays
reachable, every program sees the same head, and a delta channel (the sum of what its ancestors
wrote) has the same value there.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.serde.types import RESUME

from threads.db.queries import statements
from threads.errors import CheckpointNotFound

NULL_TASK = "00000000-0000-0000-0000-000000000000"
"""LangGraph's id of what is written to a checkpoint by no task: it is part of its state."""


def rewind(saver: BaseCheckpointSaver[str], thread_id: str, to: str) -> str:
    """Make a copy of checkpoint `to` the head; its id. Raises `CheckpointNotFound`."""
    at = {"thread_id": thread_id, "checkpoint_ns": "", "checkpoint_id": to}
    found = saver.get_tuple({"configurable": at})
    if found is None:
        raise CheckpointNotFound(thread_id, to)
    parent = found.parent_config["configurable"]["checkpoint_id"] if found.parent_config else None
    step = found.metadata.get("step", -1)
    copy = {**found.checkpoint, "id": str(uuid6(clock_seq=step)), "ts": datetime.now(UTC).isoformat()}
    kept = {key: value for key, value in found.metadata.items() if key not in ("source", "step", "run_id")}
    metadata: Any = {**kept, "source": "fork", "step": step + 1}
    stored = saver.put({"configurable": {**at, "checkpoint_id": parent}}, copy, metadata, {})  # type: ignore[arg-type]
    own = [(channel, value) for task, channel, value in found.pending_writes or () if task == NULL_TASK]
    if own := [(channel, value) for channel, value in own if channel != RESUME]:
        saver.put_writes({"configurable": {**at, "checkpoint_id": copy["id"]}}, own, NULL_TASK)
    return str(stored["configurable"]["checkpoint_id"])


def begin_anew(saver: BaseCheckpointSaver[str], thread_id: str, configurable: dict[str, Any]) -> str:
    """Make a checkpoint that remembers nothing the head; its id."""
    at = {**configurable, "thread_id": thread_id, "checkpoint_ns": ""}
    checkpoint = empty_checkpoint()
    saver.put({"configurable": at}, checkpoint, {"source": "fork", "step": -2, "parents": {}}, {})
    return checkpoint["id"]


def has_input_of(connection: sqlite3.Connection, thread_id: str, run_id: str) -> bool:
    """Whether the input of a run is in the thread."""
    asked = {"thread_id": thread_id, "run_id": run_id}
    return connection.execute(statements("rewinding")["input_of_run"], asked).fetchone() is not None


def drop_run(connection: sqlite3.Connection, thread_id: str, run_id: str) -> None:
    """Take back what a run stored in a thread; the checkpoint before it is the head again."""
    for name in ("drop_writes_of_run", "drop_checkpoints_of_run"):
        connection.execute(statements("rewinding")[name], {"thread_id": thread_id, "run_id": run_id})
