"""What the fields of models can hold, and how times are stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

Status = Literal["idle", "busy", "interrupted", "error"]
Role = Literal["user", "assistant", "system", "tool"]
SortBy = Literal["updated_at", "created_at", "title", "message_count", "thread_id"]
SortOrder = Literal["asc", "desc"]
RunStatus = Literal["pending", "running", "success", "error", "interrupted", "stopped"]
RunKind = Literal["message", "input", "resume", "edit", "regenerate", "recovery", "title"]
EventType = Literal[
    "started", "token", "message", "tool_started", "tool_finished", "state", "custom", "title", "interrupted",
    "finished", "failed", "stopped", "gap",
]  # fmt: skip
ENDS = frozenset(("interrupted", "finished", "failed", "stopped"))
"""The events that a run ends with."""
Action = Literal["keep", "prune", "archive", "trash", "delete"]
Measured = Literal["day", "agent", "owner", "tag"]


def moment(milliseconds: int | None) -> datetime | None:
    """A stored time as a `datetime` in UTC."""
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def milliseconds(moment: datetime | None) -> int | None:
    """A `datetime` as it is stored."""
    return None if moment is None else round(moment.timestamp() * 1000)
