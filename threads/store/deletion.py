"""Erasing a thread: every row of it, in the transaction of the caller."""

from __future__ import annotations

import sqlite3

from threads.db.queries import statements
from threads.store.leases import check_free


def erase(connection: sqlite3.Connection, thread_id: str) -> None:
    """Delete the thread's checkpoints, its writes and all the registry knows of it.

    The delete triggers leave the tombstone that keeps a run in flight from bringing it back. Raises
    `ThreadBusy` while a run holds the thread's lease.
    """
    check_free(connection, thread_id)
    _delete(connection, thread_id, "delete_checkpoints", "delete_writes", "delete_row")


def sweep(connection: sqlite3.Connection, thread_id: str) -> None:
    """Delete what runs left behind of a thread that was deleted; one that lives is left alone."""
    if connection.execute(statements("checkpoints")["is_deleted"], {"thread_id": thread_id}).fetchone():
        _delete(connection, thread_id, "delete_checkpoints", "delete_writes")


def _delete(connection: sqlite3.Connection, thread_id: str, *names: str) -> None:
    for name in names:
        connection.execute(statements("checkpoints")[name], {"thread_id": thread_id})
    from threads.search import index

    index.apply_changes(connection)
