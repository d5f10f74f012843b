"""Maintenance, bulk changes, retention and users: the results of administration."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from threads.models.types import Action


@dataclass(frozen=True, slots=True)
class Pruned:
    """What `Registry.prune` deleted."""

    checkpoints: int = 0
    bytes: int = 0
    """Size of the deleted values; the file itself shrinks by `Registry.compact`."""
    skipped: tuple[str, ...] = ()
    """Ids of threads that were not pruned, because a stored type of theirs is not allowed."""

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(
            self.checkpoints + other.checkpoints,
            self.bytes + other.bytes,
            self.skipped + other.skipped,
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """An inconsistency between the registry and the checkpoints."""

    kind: str
    thread_id: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a bulk change, as ids of threads."""

    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    """They had the requested values already."""
    missing: tuple[str, ...] = ()
    """No thread has these ids."""
    busy: tuple[str, ...] = ()
    """A run is active in them, so they were not archived, trashed or deleted."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A retention rule: an action on the threads that meet all its conditions."""

    name: str
    action: Action
    thread_id: str | None = None
    """Only this thread."""
    tag: str | None = None
    agent_id: str | None = None
    owner: str | None = None
    abandoned: bool = False
    """Only threads in which no agent has ever answered."""
    inactive: timedelta | None = None
    """Time since the last activity."""
    age: timedelta | None = None
    """Time since the thread was created."""
    trashed: timedelta | None = None
    """Time since the thread was trashed."""


@dataclass(frozen=True, slots=True)
class Token:
    """A user's token or session, without its secret."""

    id: str
    kind: Literal["token", "session"]
    created_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class User:
    """A user of the HTTP API."""

    name: str
    """Also the owner of the threads that they create."""
    is_admin: bool
    """Whether they may read and change all threads."""
    created_at: datetime | None
    tokens: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a retention rule did, or would do in a dry run."""

    rule: str
    action: Action
    threads: tuple[str, ...]
