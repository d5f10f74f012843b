"""Closed sets of values, as the public API types them."""

from __future__ import annotations

from typing import Literal

Status = Literal["idle", "busy", "interrupted", "error"]
Role = Literal["user", "assistant", "system", "tool"]
SortBy = Literal["updated_at", "created_at", "title", "message_count", "thread_id"]
SortOrder = Literal["asc", "desc"]
RunStatus = Literal["pending", "running", "success", "error", "interrupted", "stopped"]
RunKind = Literal["message", "input", "resume", "edit", "regenerate", "recovery", "title"]
EventType = Literal[
    "started", "token", "message", "tool_started", "tool_finished", "state", "custom", "title", "interrupted",
    "finished", "failed", "stopped", "gap", "changed",
]  # fmt: skip
InterruptKind = Literal["text", "value", "approval", "breakpoint", "recovery"]
END_EVENTS = frozenset(("interrupted", "finished", "failed", "stopped"))
"""Types of the events that end a run."""
Action = Literal["keep", "prune", "archive", "trash", "delete"]
Measured = Literal["day", "agent", "owner", "tag"]
