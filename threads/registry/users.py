"""Users of the HTTP API and their tokens (`UserService`), and what an actor may do (`AccessService`)."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from threads import ids as thread_ids
from threads.models import User
from threads.registry.context import RegistryContext
from threads.store.authorization import Actor, Verb
from threads.store.transaction import Transaction

T = TypeVar("T")


class UserService:
    """The HTTP users of one database and their tokens: `registry.users`."""

    def __init__(self, context: RegistryContext) -> None:
        self._context = context
        self._store = context.store

    def add(self, name: str, *, admin: bool = False) -> None:
        """Add a user, who becomes the owner of each thread that they create.

        Raises `InvalidValue` if the name is taken or looks like another user's (the same in NFKC without
        case), contains invisible characters, or mixes scripts whose letters look alike, such as Latin,
        Cyrillic and Greek. Names that were stored before stay valid.
        """
        self._write(lambda tx, now: tx.users.add(name, admin, now))

    def list(self) -> builtins.list[User]:
        """Return all users, by name."""
        with self._store.read() as tx:
            self._context.check_has_tables(tx)
            return tx.users.list(self._context.now())

    def remove(self, name: str) -> None:
        """Remove a user and their tokens. Their threads stay, visible to admins.

        Raises `InvalidValue` if there is no such user.
        """
        self._write(lambda tx, _: tx.users.remove(name))

    def new_token(self, name: str, *, lifetime: timedelta | None = None) -> str:
        """Create a token for the user and return it. Only its hash is stored, so it cannot be shown again."""
        return self._write(lambda tx, now: tx.users.new_token(name, lifetime, now))

    def new_session(self, token_id: str, *, lifetime: timedelta) -> str:
        """Create a browser session from a token and return its own token.

        It ends after `lifetime`, or with the token it was created from, and cannot create another session.
        """
        return self._write(lambda tx, now: tx.users.new_session(token_id, lifetime, now))

    def revoke(self, name: str, token_id: str | None = None) -> int:
        """Revoke one token of the user, or all, with their sessions; return how many were revoked.

        Event streams that were opened with them are closed.
        """
        return self._write(lambda tx, _: tx.users.revoke(name, token_id))

    def who(self, token: str) -> tuple[Actor, str] | None:
        """Return the actor and the id of a token; None if it is not valid."""
        with self._store.read() as tx:
            found = tx.users.authenticate(token, self._context.now())
        return None if found is None else (found.actor, found.token_id)

    def still_good(self, token_ids: Sequence[str]) -> set[str]:
        """Return those of these token ids whose tokens are still valid."""
        with self._store.read() as tx:
            return tx.users.list_valid(token_ids, self._context.now())

    def __bool__(self) -> bool:
        """Return whether there are any users."""
        with self._store.read() as tx:
            return tx.users.exist()

    def count_added(self) -> int:
        """Return how many users were ever added to this file, removed ones included."""
        with self._store.read() as tx:
            return tx.users.count_added()

    def _write(self, change: Callable[[Transaction, int], T]) -> T:
        now = self._context.now()
        return self._store.write(lambda tx: change(tx, now))


class AccessService:
    """Decides what an actor may do with threads."""

    def __init__(self, context: RegistryContext) -> None:
        self._store = context.store

    def admit(self, actor: Actor, id: str, verb: Verb) -> str:
        """Return the id if the actor may do this; see `Registry.admit`."""
        with self._store.read() as tx:
            return tx.access.check(actor, thread_ids.text_of(id), verb)

    def admitted(self, actor: Actor, ids: Sequence[str], verb: Verb) -> builtins.list[str]:
        """Return the ids with which the actor may do this; see `Registry.admitted`."""
        with self._store.read() as tx:
            return tx.access.filter(actor, [thread_ids.text_of(id) for id in ids], verb)
