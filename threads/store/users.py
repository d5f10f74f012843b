"""Users and their tokens: those who may come in by the network.

A token is shown once, when it is made; what is kept is its SHA-256. It has 256 random bits, so nobody
guesses it and a slow hash would only slow us. A browser's session is a token that was begun with another
one, and ends with it.
"""

from __future__ import annotations

import builtins
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from threads.db.queries import statements, to_json
from threads.errors import InvalidValue
from threads.models import Token, User, moment
from threads.store.authorization import Actor
from threads.store.user_names import check_user_name
from threads.store.validation import checked_name

PREFIX = "thr_"
"""What tokens begin with, so that one that was left lying about is known for what it is."""
LONGEST_LIFE = timedelta(days=36_500)
MOST_SESSIONS = 20
"""Sessions of one token; one more ends the oldest."""
Kind = Literal["token", "session"]


def add(connection: sqlite3.Connection, name: object, is_admin: bool, now: int) -> None:
    """Store a new user; `InvalidValue` if the name cannot be, is taken, or looks like another user's."""
    checked = checked_name("name", name)
    if checked is None:
        raise InvalidValue("name", "it is needed")
    if find(connection, checked) is not None:
        raise InvalidValue("name", f"there is a user {checked!r} already")
    check_user_name(checked, [row["name"] for row in connection.execute(_sql("users"))])
    connection.execute(_sql("add_user"), {"name": checked, "is_admin": int(is_admin), "now": now})


def find(connection: sqlite3.Connection, name: str) -> sqlite3.Row | None:
    """The user's row, or None."""
    row: sqlite3.Row | None = connection.execute(_sql("user"), {"name": name}).fetchone()
    return row


def count_added(connection: sqlite3.Connection) -> int:
    """How many users were ever added, removed ones included."""
    return int(connection.execute(_sql("users_added")).fetchone()[0])


def all_users(connection: sqlite3.Connection, now: int) -> list[User]:
    """The users by name, with what lets them in."""
    tokens: dict[str, list[Token]] = {}
    for row in connection.execute(_sql("tokens"), {"name": None, "now": now}):
        token = Token(row["token_id"], row["kind"], moment(row["created_at"]), moment(row["expires_at"]))
        tokens.setdefault(row["name"], []).append(token)
    return [
        User(
            row["name"], bool(row["is_admin"]), moment(row["created_at"]), tuple(tokens.get(row["name"], ()))
        )
        for row in connection.execute(_sql("users"))
    ]


def remove(connection: sqlite3.Connection, name: str) -> None:
    """Take a user away, and all that lets him in; `InvalidValue` if there is none of that name."""
    if not connection.execute(_sql("remove_user"), {"name": name}).rowcount:
        raise InvalidValue("name", f"there is no user {name!r}")


def new_token(connection: sqlite3.Connection, name: str, lifetime: timedelta | None, now: int) -> str:
    """A new token; `InvalidValue` if there is no such user or it cannot live so long."""
    if find(connection, name) is None:
        raise InvalidValue("name", f"there is no user {name!r}")
    return _stored(connection, name, "token", _end(lifetime, now), None, now)


def new_session(connection: sqlite3.Connection, token_id: str, lifetime: timedelta, now: int) -> str:
    """A session that ends with its token; `InvalidValue` if that is none, no more, or itself a session."""
    row = connection.execute(_sql("token"), {"token_id": token_id, "now": now}).fetchone()
    if row is None or row["kind"] != "token":
        raise InvalidValue("token_id", "only a token that is good begins a session, no other session does")
    ends = [each for each in (_end(lifetime, now), row["expires_at"]) if each is not None]
    session = _stored(connection, row["name"], "session", min(ends), token_id, now)
    connection.execute(_sql("end_old_sessions"), {"parent_id": token_id, "kept": MOST_SESSIONS})
    return session


def _end(lifetime: timedelta | None, now: int) -> int | None:
    if lifetime is None:
        return None
    if not timedelta(0) < lifetime <= LONGEST_LIFE:
        raise InvalidValue("lifetime", f"up to 100 years are possible, not {lifetime}")
    return now + round(lifetime.total_seconds() * 1000)


def _stored(
    connection: sqlite3.Connection,
    name: str,
    kind: Kind,
    expires_at: int | None,
    parent: str | None,
    now: int,
) -> str:
    import secrets

    connection.execute(_sql("forget_expired"), {"now": now})
    token = PREFIX + secrets.token_urlsafe(32)
    row = {
        "token_id": secrets.token_hex(6), "name": name, "hash": _hash(token), "kind": kind, "now": now,
        "expires_at": expires_at, "parent_id": parent,
    }  # fmt: skip
    connection.execute(_sql("add_token"), row)
    return token


def revoke(connection: sqlite3.Connection, name: str, token_id: str | None) -> int:
    """Let a user's token, or all of them, open nothing any more; how many there were."""
    return connection.execute(_sql("revoke"), {"name": name, "token_id": token_id}).rowcount


def who(connection: sqlite3.Connection, token: str, now: int) -> tuple[Actor, str] | None:
    """Whose token this is, and its id; None if it opens nothing."""
    row = connection.execute(_sql("who"), {"hash": _hash(token), "now": now}).fetchone()
    return None if row is None else (Actor(row["name"], bool(row["is_admin"])), row["token_id"])


def good_tokens(connection: sqlite3.Connection, token_ids: list[str], now: int) -> set[str]:
    """Those of these tokens that still open something."""
    asked = {"token_ids": to_json(token_ids), "now": now}
    return {row["token_id"] for row in connection.execute(_sql("good_tokens"), asked)}


def are_there(connection: sqlite3.Connection) -> bool:
    """Whether there are users."""
    return connection.execute(_sql("any_user")).fetchone() is not None


def _hash(token: str) -> bytes:
    import hashlib

    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def _sql(name: str) -> Any:
    return statements("access")[name]


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The user whose token was presented."""

    actor: Actor
    token_id: str


class UserTable:
    """The operations on users and tokens within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, name: object, is_admin: bool, now: int) -> None:
        """Store a new user; raises `InvalidValue` if the name is taken, unusable or looks like another's."""
        add(self._connection, name, is_admin, now)

    def list(self, now: int) -> builtins.list[User]:
        """The users by name, with their valid tokens."""
        return all_users(self._connection, now)

    def remove(self, name: str) -> None:
        """Delete a user and their tokens; raises `InvalidValue` if there is no such user."""
        remove(self._connection, name)

    def exist(self) -> bool:
        """Whether there are users."""
        return are_there(self._connection)

    def count_added(self) -> int:
        """How many users were ever added, removed ones included."""
        return count_added(self._connection)

    def new_token(self, name: str, lifetime: timedelta | None, now: int) -> str:
        """A new token; raises `InvalidValue` for an unknown user or an impossible lifetime."""
        return new_token(self._connection, name, lifetime, now)

    def new_session(self, token_id: str, lifetime: timedelta, now: int) -> str:
        """A session that ends with its token; raises `InvalidValue` if that is not a valid token."""
        return new_session(self._connection, token_id, lifetime, now)

    def revoke(self, name: str, token_id: str | None) -> int:
        """Delete one token of the user, or all, with their sessions; how many there were."""
        return revoke(self._connection, name, token_id)

    def authenticate(self, token: str, now: int) -> Authenticated | None:
        """The user of a token, or None if it is not valid."""
        found = who(self._connection, token, now)
        return None if found is None else Authenticated(*found)

    def list_valid(self, token_ids: Sequence[str], now: int) -> set[str]:
        """Those of these tokens that are still valid."""
        return good_tokens(self._connection, [*token_ids], now)
