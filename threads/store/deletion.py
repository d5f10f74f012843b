"""Deleting a thread: all its rows, in the transaction of the caller."""

from __future__ import annotations

import sqlite3

from threads.db.queries import statements
from threads.search import index
from threads.store.leases import check_free


def delete_thread(connection: sqlite3.Connection, thread_id: str) -> None:
    """Delete the thread's checkpoints, its writes and all rows of ours.

    The delete triggers leave a tombstone, so that an active run cannot bring the thread back. Raises
    `ThreadBusy` while a run has the thread's lease.
    """
    check_free(connection, thread_id)
    _delete(connection, thread_id, "delete_checkpoints", "delete_writes", "delete_row")


def delete_leftovers(connection: sqlite3.Connection, thread_id: str) -> None:
    """Delete what runs stored of a thread after it was deleted; one that exists is left alone."""
    if connection.execute(statements("checkpoints")["is_deleted"], {"thread_id": thread_id}).fetchone():
        _delete(connection, thread_id, "delete_checkpoints", "delete_writes")


def _delete(connection: sqlite3.Connection, thread_id: str, *names: str) -> None:
    for name in names:
        connection.execute(statements("checkpoints")[name], {"thread_id": thread_id})
    index.apply_changes(connection)
