"""Who may do what: one function decides for every door, and its default is no.

An actor is a user, an admin, or the local user, who sits at the machine and owns the file anyway. A
user may do with his own threads what he likes, but not give them away, and knows of no others: what
is not his looks as if it were not there. That holds for a thread without an owner, too. The owner
comes from the registry's own column, never from what a checkpoint says. Statements that look for
threads carry the owner themselves (`sql/access.sql`); this decides once more what may be done.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, get_args

from threads.db.queries import statements, to_json
from threads.errors import ThreadNotFound

Verb = Literal["read", "write", "delete", "administer"]
"""Look at it; speak in it and change it; put it away or erase it; what only admins may: owners, rules."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who asks for something."""

    name: str | None
    """None: the local user, who is an admin."""
    is_admin: bool = False

    @property
    def scope(self) -> str | None:
        """The owner whose threads are all that this actor knows of; None: all threads."""
        return None if self.is_admin else self.name

    @property
    def reader(self) -> str:
        """The name under which this actor reads."""
        return self.name or LOCAL_READER


LOCAL_READER = "local user"
LOCAL = Actor(None, is_admin=True)
"""Who sits at the machine."""


class Owned(Protocol):
    """A thread, as far as its owner goes."""

    @property
    def owner(self) -> str | None: ...


def authorize(actor: Actor | None, thread: Owned | None, verb: Verb) -> bool:
    """Whether `actor` may do this with `thread`; None stands for what is no single thread's."""
    if actor is None or verb not in get_args(Verb):
        return False
    if actor.is_admin:
        return True
    if verb == "administer" or thread is None or actor.name is None:
        return False
    return thread.owner == actor.name


class _Row(NamedTuple):
    owner: str | None


def admit(connection: sqlite3.Connection, actor: Actor, thread_id: str, verb: Verb) -> str:
    """The id, if the actor may do this with the thread; else `ThreadNotFound`, as if there were none."""
    found = connection.execute(statements("access")["admit"], _asked(actor, thread_id=thread_id)).fetchone()
    if found is None or not authorize(actor, _Row(found["owner"]), verb):
        raise ThreadNotFound(thread_id)
    return thread_id


def admitted(connection: sqlite3.Connection, actor: Actor, ids: Sequence[str], verb: Verb) -> list[str]:
    """Those of these threads with which the actor may do this, in their order."""
    rows = connection.execute(statements("access")["admitted"], _asked(actor, thread_ids=to_json(list(ids))))
    return [row["thread_id"] for row in rows if authorize(actor, _Row(row["owner"]), verb)]


def _asked(actor: Actor, **said: Any) -> dict[str, Any]:
    return {**said, "is_admin": int(actor.is_admin), "owner": actor.name}


class AccessTable:
    """Decides within one transaction what an actor may do with threads."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def check(self, actor: Actor, thread_id: str, verb: Verb) -> str:
        """The id, if the actor may do this with the thread; else `ThreadNotFound`, as if it did not exist."""
        return admit(self._connection, actor, thread_id, verb)

    def filter(self, actor: Actor, thread_ids: Sequence[str], verb: Verb) -> list[str]:
        """Those of these threads with which the actor may do this, in their order."""
        return admitted(self._connection, actor, thread_ids, verb)
