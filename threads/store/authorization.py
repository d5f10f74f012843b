"""Authorization: one function decides what an actor may do, and its default is no.

An actor is a user, an admin, or the local user, who owns the file anyway. Users may do with their own
threads what they like but give them away, and know of no others: another owner's thread looks as if it
did not exist. That holds for threads without an owner, too. The owner is the registry's column, never
what a checkpoint says. Statements that look for threads contain the owner themselves (`sql/access.sql`);
this decides once more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, get_args

from threads.db.queries import statements, to_json
from threads.errors import ThreadNotFound

Verb = Literal["read", "write", "delete", "administer"]
"""Read it; run agents in it and change it; trash or delete it; what only admins may: owners, rules."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller of an operation."""

    name: str | None
    """None: the local user, who is an admin."""
    is_admin: bool = False

    @property
    def scope(self) -> str | None:
        """The owner whose threads this actor may know of; None: all threads."""
        return None if self.is_admin else self.name

    @property
    def reader(self) -> str:
        """The name of this actor in read marks."""
        return self.name or LOCAL_READER


LOCAL_READER = "local user"
LOCAL = Actor(None, is_admin=True)
"""The user of the machine."""


class Owned(Protocol):
    """Anything with an owner."""

    @property
    def owner(self) -> str | None: ...


def authorize(actor: Actor | None, thread: Owned | None, verb: Verb) -> bool:
    """Whether `actor` may do this with `thread`; None: with something that is not of a single thread."""
    if actor is None or verb not in get_args(Verb):
        return False
    if actor.is_admin:
        return True
    if verb == "administer" or thread is None or actor.name is None:
        return False
    return thread.owner == actor.name


class _Row(NamedTuple):
    owner: str | None


class AccessTable:
    """Decides within one transaction what an actor may do with threads."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def check(self, actor: Actor, thread_id: str, verb: Verb) -> str:
        """The id, if the actor may do this with the thread; else `ThreadNotFound`, as if it did not exist."""
        values = {"thread_id": thread_id, **_values(actor)}
        row = self._connection.execute(statements("access")["find"], values).fetchone()
        if row is None or not authorize(actor, _Row(row["owner"]), verb):
            raise ThreadNotFound(thread_id)
        return thread_id

    def filter(self, actor: Actor, thread_ids: Sequence[str], verb: Verb) -> list[str]:
        """Those of these threads with which the actor may do this, in their order."""
        values = {"thread_ids": to_json(list(thread_ids)), **_values(actor)}
        rows = self._connection.execute(statements("access")["filter"], values)
        return [row["thread_id"] for row in rows if authorize(actor, _Row(row["owner"]), verb)]


def _values(actor: Actor) -> dict[str, Any]:
    return {"is_admin": int(actor.is_admin), "owner": actor.name}
