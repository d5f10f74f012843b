"""What the registry reads of the saver's own table `checkpoints`."""

from __future__ import annotations

import json
import sqlite3

from threads.db.migrations import uuid_milliseconds
from threads.db.queries import statements
from threads.models import Checkpoint, moment
from threads.store.threads import decode_id


class CheckpointTable:
    """Reads checkpoints within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def exists(self, thread_id: str, checkpoint_id: str) -> bool:
        """Whether the thread has this checkpoint."""
        values = {"thread_id": thread_id, "checkpoint_id": checkpoint_id}
        sql = statements("checkpoints")["checkpoint_metadata"]
        return self._connection.execute(sql, values).fetchone() is not None

    def has_branches(self, thread_id: str) -> bool:
        """Whether the thread has several lines of checkpoints."""
        rows = self._connection.execute(statements("rewinding")["tips"], {"thread_id": thread_id})
        return len(rows.fetchall()) > 1

    def list_history(self, thread_id: str) -> list[Checkpoint]:
        """The thread's checkpoints, the one written last first."""
        rows = self._connection.execute(statements("checkpoints")["history"], {"thread_id": thread_id})
        return [_checkpoint_of(row) for row in rows]


def _checkpoint_of(row: sqlite3.Row) -> Checkpoint:
    try:
        metadata = json.loads(row["metadata"] or "{}")
    except (ValueError, TypeError, RecursionError):  # of another program; the checkpoint exists all the same
        metadata = {}
    metadata = metadata if isinstance(metadata, dict) else {}
    source, step = metadata.get("source"), metadata.get("step")
    return Checkpoint(
        id=str(decode_id(row["checkpoint_id"])),
        parent_id=decode_id(row["parent_checkpoint_id"]),
        created_at=moment(uuid_milliseconds(row["checkpoint_id"])),
        source=source if isinstance(source, str) else None,
        step=step if isinstance(step, int) else None,
    )
