"""Leases: while a run has a thread, only that run may write there.

A lease is a row of `threads_run` that says `running`; a unique index allows one a thread, in all
processes. It holds until a moment of the machine's monotonic clock, which all processes on it share
and nobody can step; its holder renews it. One that would hold longer than any lease is of before the
machine was started anew, and counts as run out.
"""

from __future__ import annotations

import sqlite3
import time

from threads.db.queries import statements
from threads.errors import ThreadBusy

LONGEST = 3600.0
"""Seconds that a lease may hold without being renewed."""


def is_good(until: float | None) -> bool:
    """Whether a lease that holds until then still holds."""
    now = time.monotonic()
    return until is not None and now < until <= now + LONGEST


def check_free(connection: sqlite3.Connection, thread_id: str) -> None:
    """Raise `ThreadBusy` while a run has the thread."""
    thread = connection.execute(statements("checkpoints")["thread"], {"thread_id": thread_id}).fetchone()
    if thread is not None and is_good(thread["expires_at"]):
        raise ThreadBusy(thread_id, thread["run_id"])
