"""Leases: while a run has a thread, only that run may write there.

A lease is a row of `threads_run` with status `running`; a unique index allows one a thread, over all
processes. Its end is a time of the machine's monotonic clock, which all its processes share and which is
never set back; a heartbeat renews it. A lease that would last longer than any lease does was made before
the machine was restarted, and has expired.
"""

from __future__ import annotations

import sqlite3
import time

from threads.db.queries import statements
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
