"""Letting go of old checkpoints without changing what is remembered.

A plain channel stands whole in every checkpoint, so the ones before can go. A delta channel is the
sum of what was written since its last snapshot: what comes after that snapshot is its state, and
stays. So does what is pending at a checkpoint that is kept, an open question for instance.
"""

from __future__ import annotations

import sqlite3

from langgraph.checkpoint.serde.base import SerializerProtocol

from threads.database.erasing import erase
from threads.database.statements import statements
from threads.errors import InvalidValue

STRATEGIES = ("keep_latest", "delete", "keep_n")


def prune_thread(
    connection: sqlite3.Connection, thread_id: str, strategy: str, n: int, serde: SerializerProtocol
) -> int:
    """Prune one thread in the caller's transaction; returns how many checkpoints went.

    `keep_latest` keeps the newest of each namespace, `keep_n` the newest `n`, and what they need;
    `delete` erases the thread.
    """
    sql = statements("pruning")
    if strategy == "delete":
        gone: int = connection.execute(sql["size"], {"thread_id": thread_id}).fetchone()[0]
        erase(connection, thread_id)
        return gone
    before = connection.total_changes
    for row in connection.execute(sql["namespaces"], {"thread_id": thread_id}).fetchall():
        _prune_namespace(connection, {"thread_id": thread_id, "checkpoint_ns": row[0]}, n, serde)
    connection.execute(sql["sweep"], {"thread_id": thread_id})
    return connection.total_changes - before


def check_strategy(strategy: str, n: int) -> int:
    """How many checkpoints `strategy` keeps; `InvalidValue`."""
    if strategy not in STRATEGIES:
        raise InvalidValue("strategy", f"{strategy!r} is none of {', '.join(STRATEGIES)}")
    if strategy == "keep_n" and n < 1:
        raise InvalidValue("n", f"at least 1 must be kept, not {n}")
    return n if strategy == "keep_n" else 1
