"""Users of a registry, and what each of them may see and do."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from threads import ids as thread_ids
from threads.models import User
from threads.registry.context import Opened
from threads.store import authorization, users
from threads.store.authorization import Actor, Verb


class Users:
    """The users of one database: `registry.users`."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def add(self, name: str, *, admin: bool = False) -> None:
        """A new user, who owns the threads that they begin.

        Raises `InvalidValue` if the name is taken or looks like another user's (the same in NFKC without
        case), holds characters that cannot be seen, or mixes scripts whose letters look the same, such as
        Latin, Cyrillic and Greek. Names that are there already stay as they are.
        """
        self._write(lambda connection, now: users.add(connection, name, admin, now))

    def list(self) -> builtins.list[User]:
        """The users by name."""
        with self._opened._database.read() as connection:
            self._opened._adopted(connection)
            return users.all_users(connection, self._opened._now())

    def remove(self, name: str) -> None:
        """Let a user in no more; his threads stay, for admins. `InvalidValue` if there is none."""
        self._write(lambda connection, _: users.remove(connection, name))

    def new_token(self, name: str, *, lifetime: timedelta | None = None) -> str:
        """A token that lets the user in; it is kept as a hash only, so this is the one time it is told."""
        made: str = self._write(lambda connection, now: users.new_token(connection, name, lifetime, now))
        return made

    def new_session(self, token_id: str, *, lifetime: timedelta) -> str:
        """A browser's session, begun with a token: it ends with that, or earlier, and begins no other."""
        made: str = self._write(
            lambda connection, now: users.new_session(connection, token_id, lifetime, now)
        )
        return made

    def revoke(self, name: str, token_id: str | None = None) -> int:
        """End a token of the user, or all, and its sessions; who listens with it is cut off. How many."""
        gone: int = self._write(lambda connection, _: users.revoke(connection, name, token_id))
        return gone

    def who(self, token: str) -> tuple[Actor, str] | None:
        """Whose token this is, and the token's id; None if it opens nothing."""
        with self._opened._database.read() as connection:
            return users.who(connection, token, self._opened._now())

    def still_good(self, token_ids: Sequence[str]) -> set[str]:
        """Those of these tokens, by their ids, that still open something."""
        with self._opened._database.read() as connection:
            return users.good_tokens(connection, builtins.list(token_ids), self._opened._now())

    def __bool__(self) -> bool:
        """Whether there are any."""
        with self._opened._database.read() as connection:
            return users.are_there(connection)

    def count_added(self) -> int:
        """How many users were ever added to this file, those included who are removed."""
        with self._opened._database.read() as connection:
            return users.count_added(connection)

    def _write(self, work: Any) -> Any:
        now = self._opened._now()
        return self._opened._database.write(lambda connection: work(connection, now))


class Admitting(Opened):
    """Knows who may do what."""

    @property
    def users(self) -> Users:
        """Those who may come in by the network."""
        return Users(self)

    def admit(self, actor: Actor, id: str, verb: Verb) -> str:
        """The id, if `actor` may do this with the thread; else `ThreadNotFound`, as if there were none."""
        with self._database.read() as connection:
            return authorization.admit(connection, actor, thread_ids.text_of(id), verb)

    def admitted(self, actor: Actor, ids: Sequence[str], verb: Verb) -> builtins.list[str]:
        """Those of these threads with which `actor` may do this, in their order."""
        with self._database.read() as connection:
            return authorization.admitted(connection, actor, [thread_ids.text_of(id) for id in ids], verb)
