"""Leases: while a run has a thread, only that run may write there.

A lease is a row of `threads_run` with status `running`; a unique index allows one a thread, over all
processes. Its end is a time of the machine's monotonic clock, which all its processes share and which is
never set back; a heartbeat renews it. A lease that would last longer than any lease does was made before
the machine was restarted, and has expired.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection
from typing import Any

from threads.db.queries import statements, to_json
from threads.errors import ThreadBusy

MAX_SECONDS = 3600.0
"""The longest time until a lease expires without a heartbeat."""


def is_valid(expires_at: float | None) -> bool:
    """Whether a lease with this end has not expired."""
    now = time.monotonic()
    return expires_at is not None and now < expires_at <= now + MAX_SECONDS


def check_free(connection: sqlite3.Connection, thread_id: str) -> None:
    """Raise `ThreadBusy` while a run has the thread's lease."""
    thread = connection.execute(statements("checkpoints")["thread"], {"thread_id": thread_id}).fetchone()
    if thread is not None and is_valid(thread["expires_at"]):
        raise ThreadBusy(thread_id, thread["run_id"])


class LeaseTable:
    """The operations on the leases in `threads_run` within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def acquire(self, run_id: str, holder: str, seconds: float, at: int) -> None:
        """Acquire the lease for the run's next attempt; a unique index refuses a second one in a thread."""
        values = {"run_id": run_id, "holder": holder, "expires_at": time.monotonic() + seconds, "at": at}
        self._execute("acquire", values)

    def has_lease(self, run_id: str, attempt: int) -> bool:
        """Whether this attempt has a valid lease."""
        values = {"run_id": run_id, "attempt": attempt, "now": time.monotonic()}
        return self._execute("has_lease", values).fetchone() is not None

    def increment_attempt(self, run_id: str, attempt: int) -> int | None:
        """Give a running attempt a new fencing token; the new attempt, None if its lease is lost."""
        values = {"run_id": run_id, "attempt": attempt, "now": time.monotonic()}
        rows = self._execute("increment_attempt", values).fetchall()
        return int(rows[0][0]) if rows else None

    def renew(self, holder: str, run_ids: Collection[str], seconds: float) -> set[str]:
        """Renew the leases of these runs of the runner; those that it still has."""
        values = {
            "holder": holder, "run_ids": to_json(list(run_ids)), "expires_at": time.monotonic() + seconds,
        }  # fmt: skip
        return {row[0] for row in self._execute("renew", values).fetchall()}

    def release(self, run_id: str, attempt: int) -> None:
        """Expire the lease of this attempt, so that another runner can recover the run at once."""
        self._execute("release", {"run_id": run_id, "attempt": attempt})

    def release_all(self, holder: str) -> list[str]:
        """Expire all leases of this runner; the ids of its runs."""
        return [row[0] for row in self._execute("release_all", {"holder": holder}).fetchall()]

    def count_late(self, run_ids: Collection[str]) -> None:
        """Count an attempt of these runs as late: their runner lives, and renewed the lease too late."""
        self._execute("count_late", {"run_ids": to_json(list(run_ids))})

    def _execute(self, name: str, values: dict[str, Any]) -> sqlite3.Cursor:
        return self._connection.execute(statements("leases")[name], values)
