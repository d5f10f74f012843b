"""A thread's memory up to a checkpoint, copied to another thread in the caller's transaction.

The whole chain of ancestors goes along, for a delta channel is the sum of what they wrote. What was
written after a checkpoint that is not the head (the beginning of the branch that is left behind)
stays: it would be added to the new branch's state otherwise. At the head it is what is pending, an
open question for instance, and goes along.
"""

from __future__ import annotations

import json
import sqlite3

from threads.db.queries import statements
from threads.errors import CheckpointNotFound


def copy_memory(connection: sqlite3.Connection, source: str, target: str, checkpoint_id: str) -> None:
    """Copy the state at `checkpoint_id` of `source`, and how it came about, to `target`, which has none."""
    sql = statements("checkpoints")
    at = {"thread_id": source, "checkpoint_id": checkpoint_id}
    deepest = connection.execute(sql["size"], at).fetchone()[0]
    chain = [row[0] for row in connection.execute(sql["ancestors"], {**at, "deepest": deepest})]
    chain = list(dict.fromkeys(chain))
    if not chain:
        raise CheckpointNotFound(source, checkpoint_id)
    is_head = connection.execute(sql["thread"], at).fetchone()["head_id"] == checkpoint_id
    with_writes = chain if is_head else chain[1:]
    for ancestor in reversed(chain):
        copied = {"source": source, "target": target, "checkpoint_id": ancestor}
        connection.execute(sql["copy_checkpoint"], copied)
        if ancestor in with_writes:
            connection.execute(sql["copy_writes"], copied)
    subgraphs = {"source": source, "target": target, "roots": json.dumps(with_writes), "at_head": is_head}
    connection.execute(statements("pruning")["copy_origins"], {"source": source, "target": target})
    connection.execute(sql["copy_subgraph_writes"], subgraphs)
    connection.execute(sql["copy_subgraph_checkpoints"], subgraphs)
