"""Users and their tokens: who may use the HTTP API.

A token is shown once, when it is made; stored is its SHA-256. It has 256 random bits, so it cannot be
guessed, and a slow hash would only cost time. A browser's session is a token that was begun with another
one, and ends with it.
"""

from __future__ import annotations

import builtins
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from threads.db.queries import moment, statements, to_json
from threads.errors import InvalidValue
from threads.models import Token, User
from threads.store.authorization import Actor
from threads.store.user_names import check_user_name
from threads.store.validation import checked_name

PREFIX = "thr_"
"""The beginning of a token, so that secret scanners recognise it."""
MAX_LIFETIME = timedelta(days=36_500)
MAX_SESSIONS = 20
"""Sessions of one token; one more ends the oldest."""
Kind = Literal["token", "session"]


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

    # users

    def add(self, name: object, is_admin: bool, now: int) -> None:
        """Store a new user; raises `InvalidValue` if the name is taken, unusable or looks like another's."""
        checked = checked_name("name", name)
        if checked is None:
            raise InvalidValue("name", "it is required")
        if self._exists(checked):
            raise InvalidValue("name", f"there is a user {checked!r} already")
        check_user_name(checked, [row["name"] for row in self._execute("list", {})])
        self._execute("add", {"name": checked, "is_admin": int(is_admin), "now": now})

    def list(self, now: int) -> builtins.list[User]:
        """The users by name, with their valid tokens."""
        tokens: dict[str, builtins.list[Token]] = {}
        for row in self._execute("list_tokens", {"name": None, "now": now}):
            times = (moment(row["created_at"]), moment(row["expires_at"]))
            tokens.setdefault(row["name"], []).append(Token(row["token_id"], row["kind"], *times))
        return [
            User(
                row["name"], bool(row["is_admin"]), moment(row["created_at"]),
                tuple(tokens.get(row["name"], ())),
            )
            for row in self._execute("list", {})
        ]  # fmt: skip

    def remove(self, name: str) -> None:
        """Delete a user and their tokens; raises `InvalidValue` if there is no such user."""
        if not self._execute("remove", {"name": name}).rowcount:
            raise InvalidValue("name", f"there is no user {name!r}")

    def exist(self) -> bool:
        """Whether there are users."""
        return self._execute("exist", {}).fetchone() is not None

    def count_added(self) -> int:
        """How many users were ever added, removed ones included."""
        return int(self._execute("count_added", {}).fetchone()[0])

    # tokens

    def new_token(self, name: str, lifetime: timedelta | None, now: int) -> str:
        """A new token; raises `InvalidValue` for an unknown user or an impossible lifetime."""
        if not self._exists(name):
            raise InvalidValue("name", f"there is no user {name!r}")
        return self._insert_token(name, "token", _expiry(lifetime, now), None, now)

    def new_session(self, token_id: str, lifetime: timedelta, now: int) -> str:
        """A session that ends with its token; raises `InvalidValue` if that is not a valid token."""
        row = self._execute("get_token", {"token_id": token_id, "now": now}).fetchone()
        if row is None or row["kind"] != "token":
            raise InvalidValue("token_id", "a session is begun with a valid token, not with another session")
        ends = [each for each in (_expiry(lifetime, now), row["expires_at"]) if each is not None]
        session = self._insert_token(row["name"], "session", min(ends), token_id, now)
        self._execute("trim_sessions", {"parent_id": token_id, "max_sessions": MAX_SESSIONS})
        return session

    def revoke(self, name: str, token_id: str | None) -> int:
        """Delete one token of the user, or all, with their sessions; how many there were."""
        return self._execute("revoke", {"name": name, "token_id": token_id}).rowcount

    def authenticate(self, token: str, now: int) -> Authenticated | None:
        """The user of a token, or None if it is not valid."""
        row = self._execute("authenticate", {"hash": _hash(token), "now": now}).fetchone()
        if row is None:
            return None
        return Authenticated(Actor(row["name"], bool(row["is_admin"])), row["token_id"])

    def list_valid(self, token_ids: Sequence[str], now: int) -> set[str]:
        """Those of these tokens that are still valid."""
        rows = self._execute("list_valid", {"token_ids": to_json([*token_ids]), "now": now})
        return {row["token_id"] for row in rows}

    def _insert_token(
        self, name: str, kind: Kind, expires_at: int | None, parent_id: str | None, now: int
    ) -> str:
        import secrets  # with hashlib a tenth of what `import threads` costs, and a list needs neither

        self._execute("delete_expired", {"now": now})
        token = PREFIX + secrets.token_urlsafe(32)
        row = {
            "token_id": secrets.token_hex(6), "name": name, "hash": _hash(token), "kind": kind, "now": now,
            "expires_at": expires_at, "parent_id": parent_id,
        }  # fmt: skip
        self._execute("insert_token", row)
        return token

    def _exists(self, name: str) -> bool:
        return self._execute("get", {"name": name}).fetchone() is not None

    def _execute(self, name: str, values: dict[str, Any]) -> sqlite3.Cursor:
        return self._connection.execute(statements("users")[name], values)


def _expiry(lifetime: timedelta | None, now: int) -> int | None:
    if lifetime is None:
        return None
    if not timedelta(0) < lifetime <= MAX_LIFETIME:
        raise InvalidValue("lifetime", f"up to 100 years are possible, not {lifetime}")
    return now + round(lifetime.total_seconds() * 1000)


def _hash(token: str) -> bytes:
    import hashlib

    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
