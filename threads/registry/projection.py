"""Projections: what the head checkpoint says of a thread, in a person's words.

A row is stale while it was projected from another checkpoint than its head. Whoever reads stale
rows refreshes them; nothing else ever writes these columns, so they can be thrown away and made
again. Decoding is handed in: the registry does not know how a checkpoint is stored.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

from threads.database.connections import Database
from threads.database.migrations import Progress
from threads.database.statements import statements
from threads.models import Message
from threads.registry import titles

REFRESHED_AT_ONCE = 100


class Decoder(Protocol):
    """What the memory offers to the registry."""

    def messages(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> list[Message] | None: ...

    def written_at(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> int | None: ...


def projected(
    row: sqlite3.Row | Mapping[str, Any], connection: sqlite3.Connection, decoder: Decoder
) -> dict[str, Any]:
    """The projected columns of a stale row, from its head."""
    thread_id, head_id = row["thread_id"], row["head_id"]
    messages = decoder.messages(connection, thread_id, head_id) if head_id else []
    columns = {
        "thread_id": thread_id,
        "head_id": head_id,
        "auto_title": titles.UNTITLED if messages is None else titles.title(messages),
        "preview": None if messages is None else titles.preview(messages),
        "message_count": None if messages is None else titles.count(messages),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
    if head_id and (row["created_at"] is None or row["updated_at"] is None):
        first_id = connection.execute(statements("threads")["first_checkpoint"], columns).fetchone()[0]
        columns["created_at"] = decoder.written_at(connection, thread_id, first_id)
        columns["updated_at"] = decoder.written_at(connection, thread_id, head_id)
    return columns


def refresh(
    database: Database, rows: Iterable[Mapping[str, Any] | sqlite3.Row], decoder: Decoder
) -> dict[int, dict[str, Any]]:
    """The fresh columns of these stale rows by position; stored too, where the database can be written.

    Who reads does not wait for that: while it is locked or full, the rows stay stale.
    """
    made = _made(database, rows, decoder)
    if made and not database.read_only:
        database.submit(partial(_store, [columns for _, columns in made]))
    return dict(made)


def _made(
    database: Database, rows: Iterable[Mapping[str, Any] | sqlite3.Row], decoder: Decoder
) -> list[tuple[int, dict[str, Any]]]:
    with database.read() as connection:
        return [(row["position"], projected(row, connection, decoder)) for row in rows]


def _store(fresh: list[dict[str, Any]], connection: sqlite3.Connection) -> None:
    connection.executemany(statements("threads")["project"], fresh)


def doubt_unknown(connection: sqlite3.Connection) -> None:
    """Make the rows stale whose messages could not be told."""
    connection.execute(statements("threads")["doubt_unknown"])


def refresh_here(connection: sqlite3.Connection, decoder: Callable[[], Decoder]) -> None:
    """Refresh all stale rows for this one look, on a connection that may not write the file."""
    sql = statements("threads")
    if connection.execute(sql["stale_count"]).fetchone()[0] == 0:
        return
    if connection.execute(sql["is_shadow"]).fetchone() is None:
        connection.execute(sql["shadow"])
    rows = connection.execute(sql["stale"], {"limit": -1}).fetchall()
    connection.executemany(sql["project"], [projected(row, connection, decoder()) for row in rows])


def refresh_all(
    database: Database,
    decoder: Callable[[], Decoder],
    *,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Store the projections of all stale rows, some at a time, until `stop()`. Goes on where it was left."""
    sql = statements("threads")
    with database.read() as connection:
        total = connection.execute(sql["stale_count"]).fetchone()[0]
    done = 0
    while done < total and not stop():
        with database.read() as connection:
            rows = connection.execute(sql["stale"], {"limit": REFRESHED_AT_ONCE}).fetchall()
        if not rows:
            return
        made = _made(database, rows, decoder())
        database.write(partial(_store, [columns for _, columns in made]))
        done += len(rows)
        if progress:
            progress("reading messages", min(done, total), total)
