"""The projection of a copied thread: its rows are copied, and nothing is decoded that they know."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from threads.db.queries import milliseconds, statements
from threads.search import index
from threads.store.decoder import Decoder
from threads.store.message_rows import packed_id
from threads.store.messages import MessageTable
from threads.store.projection import Projection, StoredRows, find_change
from threads.store.threads import ThreadRecord


def copy_projection(
    connection: sqlite3.Connection, source: ThreadRecord, target: ThreadRecord, decoder: Decoder
) -> bool:
    """Store the projection of `target`, whose checkpoints were copied from `source`, with its rows.

    False if the rows of the source do not know it: then it is derived when the copy is read.
    """
    if source.projected_id is None or source.message_count is None:
        return False
    rows = StoredRows(connection, source.position)
    made = find_change(replace(source, head_id=target.head_id), rows, connection, decoder)
    if made is None or not rows.is_aligned():
        return False
    has_one_branch = rows.branch_count == 1 and not source.is_stale
    if not has_one_branch and not _has_origins(connection, rows, made.kept, target):
        return False
    _store(connection, replace(made, position=target.position, thread_id=target.thread_id), rows)
    return True


def _has_origins(connection: sqlite3.Connection, rows: StoredRows, kept: int, target: ThreadRecord) -> bool:
    """Whether the copy has the checkpoints that the rows name: those of a branch that was left it has not."""
    sql, query = statements("projections")["checkpoints"], {"thread_id": target.thread_id}
    copied = {packed_id(row[0]) for row in connection.execute(sql, query)}
    named = {row.checkpoint_id for _, row in MessageTable(connection).stored(rows.position)[:kept]}
    return named - {None} <= copied


def _store(connection: sqlite3.Connection, made: Projection, rows: StoredRows) -> None:
    sql, messages, position = statements("projections"), MessageTable(connection), made.position
    index.apply_changes_at(connection, position)
    connection.execute(sql["store"], made.columns())
    kept = rows.row_ids[: made.kept]
    messages.copy(kept, position)
    index.copy(connection, kept, position)
    times = [milliseconds(each.message.created_at) or made.updated_at for each in made.conversation]
    if (ids := index.append(connection, position, made.messages, times)) is not None:
        messages.append(position, made.conversation, ids)
    else:
        connection.execute(sql["invalidate"], {"position": position})
    values = {"position": position, "append_only_from": rows.append_only_from, "branch_count": 1}
    for name in ("set_append_only_from", "set_branch_count"):
        connection.execute(sql[name], values)
