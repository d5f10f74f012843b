"""Comparison of the rows of messages with what was decoded from a head, for `verify`.

Times and runs are not compared: rows have them from the step that stored the message, and a decoding only
from what is left of the history.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from threads.db.queries import statements
from threads.store.message_rows import MessageRow, ReadRow, StoredMessage, encode, storable
from threads.store.messages import MessageTable


def find_wrong_rows(
    connection: sqlite3.Connection, position: int, decoded: Sequence[StoredMessage]
) -> str | None:
    """Return how the rows of a thread differ from the messages at its head; None if they are the same."""
    table = MessageTable(connection)
    ids, rows = table.row_ids(position), table.stored(position)
    if len(rows) != len(decoded) or [id for id, _ in rows] != list(ids):
        return f"{len(rows)} rows in {len(ids)} places stand for {len(decoded)} messages"
    texts = table.read_rows(position, ids.stop)
    if len(texts) != len(rows):
        return f"{len(rows) - len(texts)} rows have no text"
    for place, ((_, row), read, message) in enumerate(zip(rows, texts, decoded, strict=True)):
        if _content_of_row(row, read) != _content_of(message):
            return f"the row of message {place + 1} of {len(rows)} says something else than the message"
        if message.digest is not None and row.digest not in (None, message.digest):
            return f"the row of message {place + 1} of {len(rows)} has the hash of other messages"
    return None


def find_wrong_branches(
    connection: sqlite3.Connection, position: int, thread_id: str, head_id: str
) -> str | None:
    """Return how the stored branches of a thread differ from those that exist, as far as their ends show it.

    None if they agree, or if the thread's branches are not known.
    """
    values = {"position": position}
    row = connection.execute(statements("projections")["stored_projection"], values).fetchone()
    if row["branch_count"] is None:
        return None
    tips = [row[0] for row in connection.execute(statements("rewinding")["tips"], {"thread_id": thread_id})]
    others = [tip for tip in tips if tip != head_id]
    stored = [each.tip for each in MessageTable(connection).branches(position)]
    if row["branch_count"] == len(others) + 1 and stored == others:
        return None
    return f"{len(stored)} branches are stored beside the current one, and {len(others)} exist"


def _content_of_row(row: MessageRow, read: ReadRow) -> tuple[Any, ...]:
    return read.message_id, read.role, read.text, row.id_hash, row.identity, _without_time(row.details)


def _content_of(stored: StoredMessage) -> tuple[Any, ...]:
    row, message = encode(stored), stored.message
    id = None if message.id is None else storable(message.id)
    text = storable(message.text)
    return id, message.role, text, row.id_hash, row.identity, _without_time(row.details)


def _without_time(details: str | None) -> dict[str, Any]:
    try:
        found = json.loads(details) if details else {}
    except (ValueError, TypeError, RecursionError):
        return {"unreadable": details}
    return {name: value for name, value in found.items() if name != "created_at"}
