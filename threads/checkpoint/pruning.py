"""Deletion of old checkpoints that leaves the current state unchanged.

A plain channel stands whole in every checkpoint, so older ones can be deleted. A delta channel is the sum
of what was written since its last snapshot: those checkpoints are its state, and stay with the writes at
them. So do pending writes at a checkpoint that is kept, an interrupt for instance, and the checkpoints of
subgraphs with memory.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol

from threads.checkpoint.delta_history import ancestors, delta_channels
from threads.checkpoint.serde import name_thread_in_errors, parse_metadata, verify_checkpoint
from threads.checkpoint.transcript import Transcripts
from threads.db.queries import milliseconds, statements
from threads.errors import InvalidValue, StateDamaged, ThreadExists, ThreadNotFound, TypeNotAllowed
from threads.langgraph_internals import NAMESPACE_SEPARATOR, TASK_SEPARATOR
from threads.models import Pruned
from threads.store.deletion import delete_leftovers, delete_thread


def keep_count(strategy: str, n: int) -> int:
    """Return how many checkpoints of each namespace `strategy` keeps. Raises `InvalidValue`."""
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
    """Delete all but the newest `keep` checkpoints of each namespace and what they need; with 0, the thread.

    Returns what was deleted; with `dry_run`, what would be. Raises `StateDamaged` if a checkpoint to be
    kept is damaged, and `TypeNotAllowed` where a blocked type has to be read to decide what the kept ones
    need.
    """
    spaces = connection.execute(statements("pruning")["namespaces"], {"thread_id": thread_id}).fetchall()
    if keep == 0:
        delete_thread(connection, thread_id)
        return Pruned()
    if not dry_run:
        save_message_origins(connection, thread_id, transcripts)
    pruned, roots = Pruned(), set[str]()
    for (namespace,) in spaces:  # the root comes first
        at = {"thread_id": thread_id, "checkpoint_ns": namespace}
        newest = list_ids(connection, "newest", {**at, "n": keep})
        if not isinstance(namespace, str) or not newest:
            raise StateDamaged("a namespace of its checkpoints is no text").with_thread(thread_id)
        if not namespace:
            roots = set(newest)
        elif is_finished_subgraph(connection, {**at, "checkpoint_id": newest[0]}, roots):
            newest = []
        for id in newest:  # what is damaged must not be all that stays
            row = connection.execute(statements("pruning")["one"], {**at, "checkpoint_id": id}).fetchone()
            with suppress(TypeNotAllowed):
                stored_channels(row, thread_id, serde)
        stays = required_ids(connection, at, newest, serde)
        gone = [id for id in list_ids(connection, "all", at) if id not in stays]
        pruned += measure(connection, at, gone) if dry_run else delete_checkpoints(connection, at, gone)
    if not dry_run and pruned.checkpoints:
        connection.execute(statements("pruning")["forget_trimmed"], {"thread_id": thread_id})
    return pruned


def save_message_origins(connection: sqlite3.Connection, thread_id: str, transcripts: Transcripts) -> None:
    """Save when and in which run each message was stored: only the checkpoints to be deleted know it."""
    sql = statements("pruning")
    row = connection.execute(sql["head"], {"thread_id": thread_id}).fetchone()
    if row is None or row["head_id"] is None:
        return
    messages = transcripts.messages(connection, thread_id, row["head_id"], dated=True) or []
    known = [
        (thread_id, message.id, milliseconds(message.created_at), message.run_id)
        for message in messages
        if message.id and (message.created_at or message.run_id)
    ]
    connection.executemany(sql["keep_origin"], known)


def delete_runs(connection: sqlite3.Connection, run_ids: Iterable[str], serde: SerializerProtocol) -> None:
    """Delete the checkpoints of these runs, except those that a later state depends on."""
    query = {"run_ids": json.dumps(list(run_ids))}
    for row in connection.execute(statements("pruning")["of_runs"], query).fetchall():
        at = {"thread_id": row["thread_id"], "checkpoint_ns": row["checkpoint_ns"]}
        going = set(json.loads(row["ids"]))
        left = [id for id in list_ids(connection, "all", at) if id not in going]
        stays = required_ids(connection, at, left, serde)
        delete_checkpoints(connection, at, [id for id in going if id not in stays])
        delete_leftovers(connection, row["thread_id"])  # deleting the last one deletes the thread


def copy_thread(connection: sqlite3.Connection, source: str, target: str) -> None:
    """Copy all checkpoints and writes of `source` to `target`.

    Raises `ThreadNotFound` if there is no `source`, and `ThreadExists` if `target` has checkpoints or writes.
    """
    sql = statements("pruning")
    if not any(
        connection.execute(sql[name], {"thread_id": source}).fetchone() for name in ("head", "remembers")
    ):
        raise ThreadNotFound(source)
    delete_leftovers(connection, target)
    if connection.execute(sql["remembers"], {"thread_id": target}).fetchone():
        raise ThreadExists(target)
    for name in ("copy_writes", "copy_checkpoints", "copy_origins", "copy_title"):
        connection.execute(sql[name], {"source": source, "target": target})


def required_ids(
    connection: sqlite3.Connection, at: dict[str, Any], ids: Iterable[str], serde: SerializerProtocol
) -> set[str]:
    """Return these checkpoints, and the ancestors that the values of their delta channels are made of."""
    required: set[str] = set()
    for id in ids:
        without_snapshot: set[str] | None = None
        for ancestor, *_ in ancestors(connection, (at["thread_id"], at["checkpoint_ns"], id)):
            if without_snapshot is not None and not without_snapshot:
                break
            query = {**at, "checkpoint_id": ancestor}
            row = connection.execute(statements("pruning")["one"], query).fetchone()
            if without_snapshot is None:
                without_snapshot = set(delta_channels(parse_metadata(row["metadata"])))
            required.add(ancestor)
            if without_snapshot:
                without_snapshot -= stored_channels(row, at["thread_id"], serde)
    return required


def stored_channels(row: sqlite3.Row | None, thread_id: str, serde: SerializerProtocol) -> set[str]:
    """Return the channels whose values stand in a checkpoint. Raises `StateUnreadable`."""
    with name_thread_in_errors(thread_id):
        if row is None:
            raise StateDamaged("a checkpoint cannot be found by its id")
        checkpoint = serde.loads_typed((row["type"], row["checkpoint"]))
        verify_checkpoint(checkpoint, row["metadata"])
        return set(checkpoint.get("channel_values") or ())


def is_finished_subgraph(connection: sqlite3.Connection, at: dict[str, Any], roots: set[str]) -> bool:
    """Whether a namespace belongs to a task of a root checkpoint that is not kept."""
    if TASK_SEPARATOR not in at["checkpoint_ns"].rpartition(NAMESPACE_SEPARATOR)[2]:
        return False
    row = connection.execute(statements("pruning")["one"], at).fetchone()
    metadata = parse_metadata(row and row["metadata"])
    parents = metadata.get("parents")
    parent = parents.get("") if isinstance(parents, dict) else None
    return parent is not None and parent not in roots


def measure(connection: sqlite3.Connection, at: dict[str, Any], ids: list[str]) -> Pruned:
    """Return the number of these checkpoints, and the bytes that they and the writes at them take."""
    sql, query = statements("pruning"), {**at, "ids": json.dumps(ids)}
    found = connection.execute(sql["weight"], query).fetchone()
    writes = connection.execute(sql["weight_of_writes"], query).fetchone()[0]
    return Pruned(found["checkpoints"], found["bytes"] + writes)


def delete_checkpoints(connection: sqlite3.Connection, at: dict[str, Any], ids: list[str]) -> Pruned:
    """Delete these checkpoints with the writes at them; return their number and bytes."""
    pruned, query = measure(connection, at, ids), {**at, "ids": json.dumps(ids)}
    for name in ("drop_writes", "drop_checkpoints"):
        connection.execute(statements("pruning")[name], query)
    return pruned


def list_ids(connection: sqlite3.Connection, name: str, query: dict[str, Any]) -> list[str]:
    """Return the checkpoint ids that a statement selects. Raises `StateDamaged` where one is no text."""
    ids = [row[0] for row in connection.execute(statements("pruning")[name], query)]
    if not all(isinstance(id, str) for id in ids):
        raise StateDamaged("a checkpoint has an id that is no text").with_thread(query["thread_id"])
    return ids
