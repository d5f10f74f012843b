"""From rows to what crosses the walls."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from threads.db.migrations import uuid_milliseconds
from threads.db.queries import to_json
from threads.models import Checkpoint, Thread, moment


def thread_of(row: sqlite3.Row | Mapping[str, Any]) -> Thread:
    """The thread that a row of `columns` tells of."""
    return Thread(
        id=str(text_of(row["thread_id"])),
        title=next(
            title for title in (row["title"], row["model_title"], row["auto_title"]) if title is not None
        ),
        agent_id=row["agent_id"],
        owner=row["owner"],
        status=row["status"],
        created_at=moment(row["created_at"]),
        updated_at=moment(row["updated_at"]),
        message_count=row["message_count"],
        last_message=row["preview"],
        metadata=json.loads(row["metadata"]),
        tags=tuple(json.loads(row["tags"])),
        pinned=bool(row["pinned"]),
        archived=bool(row["archived"]),
        trashed_at=moment(row["trashed_at"]),
    )


def checkpoint_of(row: sqlite3.Row) -> Checkpoint:
    """The checkpoint that a row of the history tells of."""
    try:
        told = json.loads(row["metadata"] or "{}")
    except (ValueError, TypeError, RecursionError):  # another program's; the checkpoint is there all the same
        told = {}
    source, step = (told.get(name) for name in ("source", "step")) if isinstance(told, dict) else (None, None)
    return Checkpoint(
        id=str(text_of(row["checkpoint_id"])),
        parent_id=text_of(row["parent_checkpoint_id"]),
        created_at=moment(uuid_milliseconds(row["checkpoint_id"])),
        source=source if isinstance(source, str) else None,
        step=step if isinstance(step, int) else None,
    )


def text_of(id: Any) -> str | None:
    """An id as it can be shown: another program may have stored bytes."""
    return id.decode(errors="replace") if isinstance(id, bytes) else id


def is_stale(row: sqlite3.Row | Mapping[str, Any]) -> bool:
    """Whether the row's words are older than the thread's head."""
    return bool(row["head_id"] != row["projected_id"])


def json_of(value: Any) -> str:
    """JSON as it is stored and compared."""
    return to_json(value)
