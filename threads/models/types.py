"""Closed sets of values, as the public API types them, and the conversion of stored times."""

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
InterruptKind = Literal["text", "value", "approval", "breakpoint", "recovery"]
END_EVENTS = frozenset(("interrupted", "finished", "failed", "stopped"))
"""Types of the events that end a run."""
Action = Literal["keep", "prune", "archive", "trash", "delete"]
Measured = Literal["day", "agent", "owner", "tag"]


def moment(milliseconds: int | None) -> datetime | None:
    """Return a stored time, in milliseconds since 1970, as a `datetime` in UTC."""
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def milliseconds(moment: datetime | None) -> int | None:
    """Return a `datetime` as it is stored: in milliseconds since 1970."""
    return None if moment is None else round(moment.timestamp() * 1000)
