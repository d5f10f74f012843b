"""Letting go of old checkpoints without changing what is remembered.

A plain channel stands whole in every checkpoint, so the ones before can go. A delta channel is the
sum of what was written since its last snapshot: those checkpoints are its state, and stay with what
was written at them. So does what is pending at a checkpoint that is kept, an open question for
instance, and the memory of subgraphs that have one of their own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol

from threads.checkpoint.checkpoint_rows import counted_in, metadata_of, whole
from threads.checkpoint.serde import naming
from threads.checkpoint.transcript import Transcripts
from threads.db.queries import statements
from threads.errors import InvalidValue, StateDamaged, ThreadExists, ThreadNotFound, TypeNotAllowed
from threads.models import Pruned, milliseconds
from threads.store.deletion import delete_leftovers, delete_thread

TASK = ":"
"""In a namespace: what follows is the task that a subgraph ran in; without, the subgraph remembers."""


def kept(strategy: str, n: int) -> int:
    """How many checkpoints of each namespace `strategy` keeps; `InvalidValue`."""
    counts = {"delete": 0, "keep_latest": 1, "keep_n": n}
    if strategy not in counts:
        raise InvalidValue("strategy", f"{strategy!r} is none of {', '.join(counts)}")
    if strategy == "keep_n" and (not isinstance(n, int) or n < 1):
        raise InvalidValue("n", f"at least 1 must be kept, not {n!r}")
    return counts[strategy]


def prune_thread(
    connection: sqlite3.Connection,
    thread_id: str,
    keep: int,
    serde: SerializerProtocol,
    transcripts: Transcripts,
    *,
    dry_run: bool = False,
) -> Pruned:
    """Keep the newest `keep` checkpoints of each namespace and what they need; none: erase the thread.

    `dry_run` only reads, and tells what would go. Raises `StateDamaged` if one to be kept is, and
    `TypeNotAllowed` where a type has to be read to tell what the kept ones need.
    """
    spaces = connection.execute(statements("pruning")["namespaces"], {"thread_id": thread_id}).fetchall()
    if keep == 0:
        delete_thread(connection, thread_id)
        return Pruned()
    if not dry_run:
        keep_origins(connection, thread_id, transcripts)
    pruned, roots = Pruned(), set[str]()
    for (namespace,) in spaces:  # the root comes first
        at = {"thread_id": thread_id, "checkpoint_ns": namespace}
        newest = ids_of(connection, "newest", {**at, "n": keep})
        if not isinstance(namespace, str) or not newest:
            raise StateDamaged("a namespace of its checkpoints is no text").found_in(thread_id)
        if not namespace:
            roots = set(newest)
        elif is_spent(connection, {**at, "checkpoint_id": newest[0]}, roots):
            newest = []
        for id in newest:  # what is damaged must not be all that stays
            row = connection.execute(statements("pruning")["one"], {**at, "checkpoint_id": id}).fetchone()
            with suppress(TypeNotAllowed):
                values_in(row, thread_id, serde)
        stays = needed(connection, at, newest, serde)
        gone = [id for id in ids_of(connection, "all", at) if id not in stays]
        pruned += weight(connection, at, gone) if dry_run else drop(connection, at, gone)
    return pruned


def keep_origins(connection: sqlite3.Connection, thread_id: str, transcripts: Transcripts) -> None:
    """Write down when and in which run each message was said, for that is told by what will go."""
    sql = statements("pruning")
    row = connection.execute(sql["head"], {"thread_id": thread_id}).fetchone()
    if row is None or row["head_id"] is None:
        return
    said = transcripts.messages(connection, thread_id, row["head_id"], dated=True) or []
    known = [
        (thread_id, message.id, milliseconds(message.created_at), message.run_id)
        for message in said
        if message.id and (message.created_at or message.run_id)
    ]
    connection.executemany(sql["keep_origin"], known)


def delete_runs(connection: sqlite3.Connection, run_ids: Iterable[str], serde: SerializerProtocol) -> None:
    """Drop the checkpoints of these runs, but those that a later state is the sum of."""
    asked = {"run_ids": json.dumps(list(run_ids))}
    for row in connection.execute(statements("pruning")["of_runs"], asked).fetchall():
        at = {"thread_id": row["thread_id"], "checkpoint_ns": row["checkpoint_ns"]}
        going = set(json.loads(row["ids"]))
        left = [id for id in ids_of(connection, "all", at) if id not in going]
        stays = needed(connection, at, left, serde)
        drop(connection, at, [id for id in going if id not in stays])
        delete_leftovers(connection, row["thread_id"])  # the last one took the thread with it


def copy_thread(connection: sqlite3.Connection, source: str, target: str) -> None:
    """Copy all that `source` remembers to `target`; `ThreadExists` if that remembers something.

    `ThreadNotFound` if there is no `source`.
    """
    sql = statements("pruning")
    if not any(
        connection.execute(sql[name], {"thread_id": source}).fetchone() for name in ("head", "remembers")
    ):
        raise ThreadNotFound(source)
    delete_leftovers(connection, target)
    if connection.execute(sql["remembers"], {"thread_id": target}).fetchone():
        raise ThreadExists(target)
    for name in ("copy_writes", "copy_checkpoints", "copy_origins"):
        connection.execute(sql[name], {"source": source, "target": target})


def needed(
    connection: sqlite3.Connection, at: dict[str, Any], ids: Iterable[str], serde: SerializerProtocol
) -> set[str]:
    """These checkpoints, and the ancestors that their delta channels are the sum of."""
    stays: set[str] = set()
    for id in ids:
        open_channels: set[str] | None = None
        while id is not None:
            row = connection.execute(statements("pruning")["one"], {**at, "checkpoint_id": id}).fetchone()
            if row is None or (open_channels is not None and not open_channels):
                break
            if open_channels is None:
                deltas = counted_in(metadata_of(row["metadata"]))
                open_channels = set(deltas)
            stays.add(id)
            if open_channels:
                open_channels -= values_in(row, at["thread_id"], serde)
            id = row["parent_checkpoint_id"]
    return stays


def values_in(row: sqlite3.Row | None, thread_id: str, serde: SerializerProtocol) -> set[str]:
    """The channels whose values stand in a checkpoint; `StateUnreadable`, with the thread's id."""
    with naming(thread_id):
        if row is None:
            raise StateDamaged("a checkpoint cannot be found by its id")
        checkpoint = serde.loads_typed((row["type"], row["checkpoint"]))
        whole(checkpoint, row["metadata"])
        return set(checkpoint.get("channel_values") or ())


def is_spent(connection: sqlite3.Connection, at: dict[str, Any], roots: set[str]) -> bool:
    """Whether a subgraph's memory served a task of a checkpoint that is past."""
    if TASK not in at["checkpoint_ns"].rpartition("|")[2]:
        return False
    row = connection.execute(statements("pruning")["one"], at).fetchone()
    metadata = metadata_of(row and row["metadata"])
    parents = metadata.get("parents")
    parent = parents.get("") if isinstance(parents, dict) else None
    return parent is not None and parent not in roots


def weight(connection: sqlite3.Connection, at: dict[str, Any], ids: list[str]) -> Pruned:
    """How many of these checkpoints there are, and what they and what was written at them take."""
    sql, asked = statements("pruning"), {**at, "ids": json.dumps(ids)}
    found = connection.execute(sql["weight"], asked).fetchone()
    writes = connection.execute(sql["weight_of_writes"], asked).fetchone()[0]
    return Pruned(found["checkpoints"], found["bytes"] + writes)


def drop(connection: sqlite3.Connection, at: dict[str, Any], ids: list[str]) -> Pruned:
    """Delete these checkpoints with what was written at them."""
    pruned, asked = weight(connection, at, ids), {**at, "ids": json.dumps(ids)}
    for name in ("drop_writes", "drop_checkpoints"):
        connection.execute(statements("pruning")[name], asked)
    return pruned


def ids_of(connection: sqlite3.Connection, name: str, asked: dict[str, Any]) -> list[str]:
    """The checkpoint ids that a statement gives; `StateDamaged` where one is no text."""
    ids = [row[0] for row in connection.execute(statements("pruning")[name], asked)]
    if not all(isinstance(id, str) for id in ids):
        raise StateDamaged("a checkpoint has an id that is no text").found_in(asked["thread_id"])
    return ids
