"""Runs and their events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from threads.models.types import END_EVENTS, EventType, RunKind, RunStatus


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One execution of an agent in a thread, and its state."""

    id: str
    thread_id: str
    kind: RunKind
    status: RunStatus
    agent_id: str | None
    key: str | None
    """The caller's idempotency key."""
    error: str | None
    """Why it failed: type and message of the error."""
    created_at: datetime | None
    started_at: datetime | None
    first_token_at: datetime | None
    finished_at: datetime | None
    input_tokens: int = 0
    output_tokens: int = 0
    attempts: int = 0
    """How often it was started: more than once after a crash or a retry, or after a stop that a node did not
    obey."""
    head_id: str | None = None
    """The thread's checkpoint when the run ended."""
    error_type: str | None = None
    """The class of the exception that it failed with; None also in runs of an older version."""
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of a thread's event log, the same for all subscribers."""

    thread_id: str
    sequence: int
    """Order in the thread, from 1, with gaps where tokens were dropped."""
    position: int
    """Order over all threads; in an owner's events an opaque number to continue from."""
    type: EventType
    run_id: str | None
    data: Mapping[str, Any]
    """Its keys depend on the type; the README has a table."""
    created_at: datetime | None

    @property
    def is_end(self) -> bool:
        """Whether it is the last event of its run."""
        return self.type in END_EVENTS

    @property
    def in_conversation(self) -> bool:
        """Whether it belongs to the conversation; what a model or a tool does inside a tool does not."""
        return bool(self.data.get("in_conversation", True))
