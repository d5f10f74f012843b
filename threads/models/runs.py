"""Runs, what happens in them, and what they ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from threads.models.types import ENDS, EventType, RunKind, RunStatus


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run: what was let through an agent in a thread, and how far it came."""

    id: str
    thread_id: str
    kind: RunKind
    status: RunStatus
    agent_id: str | None
    key: str | None
    """The caller's idempotency key."""
    error: str | None
    """Why it failed, in a sentence: type and message of the error."""
    created_at: datetime | None
    started_at: datetime | None
    first_token_at: datetime | None
    finished_at: datetime | None
    input_tokens: int = 0
    output_tokens: int = 0
    attempts: int = 0
    """How often it was begun: more than once after a crash or a retry, or where a stop had to leave a node
    behind that would not end."""
    head_id: str | None = None
    """The thread's checkpoint when the run ended."""
    error_type: str | None = None
    """The class of the exception that it failed with; None also where an older version stored the run."""
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a thread; stored, so that everybody reads the same story."""

    thread_id: str
    sequence: int
    """Order in the thread, from 1. Numbers of dropped tokens are missing."""
    position: int
    """Order over all threads; in the events of an owner a number that only tells where to go on."""
    type: EventType
    run_id: str | None
    data: Mapping[str, Any]
    """What belongs to the type; the README has the table."""
    created_at: datetime | None

    @property
    def is_end(self) -> bool:
        """Whether the run it belongs to ends with it."""
        return self.type in ENDS


@dataclass(frozen=True, slots=True)
class Interrupt:
    """A question of an agent to a person; `Runner.resume` answers it."""

    id: str
    value: Any
