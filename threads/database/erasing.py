"""Erasing a thread: every row of it, in the transaction of the caller."""

from __future__ import annotations

import sqlite3

from threads.database.statements import statements


def erase(connection: sqlite3.Connection, thread_id: str) -> None:
    """Delete the thread's checkpoints, its writes and all the registry knows of it.

    The delete triggers leave the tombstone that keeps a run in flight from bringing it back.
    """
    for name in ("delete_checkpoints", "delete_writes", "delete_row"):
        connection.execute(statements("checkpoints")[name], {"thread_id": thread_id})
