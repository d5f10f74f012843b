"""What was kept, let go, changed or found wrong; and who may look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from threads.models.types import Action


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was let go."""

    checkpoints: int = 0
    bytes: int = 0
    """Of stored values; the file itself shrinks when it is compacted."""
    skipped: tuple[str, ...] = ()
    """Ids of threads that were left as they are, for a stored type in there is not allowed."""

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(
            self.checkpoints + other.checkpoints,
            self.bytes + other.bytes,
            self.skipped + other.skipped,
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """A place where registry and memory disagree."""

    kind: str
    thread_id: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the threads that were to be changed, by id."""

    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    """They were so already."""
    missing: tuple[str, ...] = ()
    """There is no such thread."""
    busy: tuple[str, ...] = ()
    """A run is going on in them, so they were not put away or erased."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is to be done with threads as they grow old: with those that fit all that is said."""

    name: str
    action: Action
    thread_id: str | None = None
    """Of this thread alone."""
    tag: str | None = None
    agent_id: str | None = None
    owner: str | None = None
    abandoned: bool = False
    """Only threads in which no agent has ever answered."""
    inactive: timedelta | None = None
    """So long after the last activity."""
    age: timedelta | None = None
    """So long after the thread was begun."""
    trashed: timedelta | None = None
    """So long after it was put in the trash."""


@dataclass(frozen=True, slots=True)
class Token:
    """Something that lets a user in; what it says is known to him alone."""

    id: str
    kind: Literal["token", "session"]
    created_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may come in by the network."""

    name: str
    """The owner of the threads he begins."""
    is_admin: bool
    """Whether he may see all threads."""
    created_at: datetime | None
    tokens: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a rule did, or would do."""

    rule: str
    action: Action
    threads: tuple[str, ...]
