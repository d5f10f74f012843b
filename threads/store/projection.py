"""Projections: what the head checkpoint says of a thread, in a person's words.

A row is stale while it was projected from another checkpoint than its head. Whoever reads stale
rows refreshes them; nothing else ever writes these columns, so they can be thrown away and made
again. Decoding is handed in: the registry does not know how a checkpoint is stored.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from threads.db.database import Database
from threads.db.migrations import Progress, has_table
from threads.db.queries import statements
from threads.models import Message
from threads.search import index
from threads.search.index import Said
from threads.store import previews

REFRESHED_AT_ONCE = 100


class Decoder(Protocol):
    """What the memory offers to the registry."""

    def messages(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> list[Message] | None: ...

    def said_at(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str, wanted: Sequence[Said]
    ) -> dict[str, int]: ...

    def written_at(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> int | None: ...

    def damage(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str, count: int | None
    ) -> str | None: ...

    def is_finished(self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str) -> bool: ...


def projected(
    row: sqlite3.Row | Mapping[str, Any], connection: sqlite3.Connection, decoder: Decoder
) -> dict[str, Any]:
    """The projected columns of a stale row, from its head; `said`: the rows of its messages.

    `unanswered`: the calls of tools that wedge the thread.
    """
    thread_id, head_id = row["thread_id"], row["head_id"]
    messages = decoder.messages(connection, thread_id, head_id) if head_id else []
    lost, waiting = unanswered(messages or ())
    if waiting and decoder.is_finished(connection, thread_id, head_id):
        lost += waiting
    columns = {
        "position": row["position"],
        "thread_id": thread_id,
        "head_id": head_id,
        "auto_title": previews.UNTITLED if messages is None else previews.title(messages),
        "preview": None if messages is None else previews.preview(messages),
        "message_count": None if messages is None else previews.count(messages),
        "said": [said_of(message) for message in messages or ()],
        "unanswered": lost,
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
    database: Database,
    rows: Iterable[Mapping[str, Any] | sqlite3.Row],
    decoder: Decoder,
    stop: Callable[[], bool] = lambda: False,
) -> list[tuple[int, dict[str, Any]]]:
    made = []
    with database.read() as connection:
        for row in rows:
            columns = projected(row, connection, decoder)
            if not database.read_only:
                new = index.missing(connection, row["position"], columns["said"])
                columns["times"] = _times(columns, connection, decoder, new)
            made.append((row["position"], columns))
            if stop():
                break
    return made


def _times(
    columns: Mapping[str, Any], connection: sqlite3.Connection, decoder: Decoder, wanted: Sequence[Said]
) -> dict[str, int]:
    """When these messages were said, by id, as far as the history tells."""
    return decoder.said_at(connection, columns["thread_id"], columns["head_id"], wanted) if wanted else {}


def unanswered(messages: Sequence[Message]) -> tuple[list[str], list[str]]:
    """The calls of tools that the conversation went past without an answer; a provider refuses it then.

    And those at its very end, which may still be answered: by a run under way, or when a person has decided.
    """
    waiting: list[str] = []
    lost: list[str] = []
    for message in messages:
        if message.role == "tool":
            waiting = [id for id in waiting if id != message.tool_call_id]
        else:
            lost += waiting
            waiting = [str(call.id) for call in message.tool_calls]
    return lost, waiting


def said_of(message: Message) -> Said:
    """What is kept of a message; half characters, which no file can hold, become question marks."""
    text = message.text.encode(errors="replace").decode()
    id = message.id and message.id.encode(errors="replace").decode()
    usage = message.usage
    tokens = (usage.input_tokens, usage.output_tokens) if usage else (0, 0)
    return Said(id, message.role, text, previews.is_counted(message), *tokens)


def _store(fresh: list[dict[str, Any]], connection: sqlite3.Connection, *, owner: str | None = None) -> None:
    index.settle(connection, owner)
    for columns in fresh:
        if connection.execute(statements("threads")["project"], columns).rowcount:
            rows, times, now = columns["said"], columns["times"], columns["updated_at"]
            index.keep(connection, columns["position"], rows, times, now)


def doubt_unknown(connection: sqlite3.Connection) -> None:
    """Make the rows stale whose messages could not be told."""
    connection.execute(statements("threads")["doubt_unknown"])


def stale_count(connection: sqlite3.Connection, owner: str | None) -> int:
    """How many rows, of this owner's threads or of all, are stale."""
    sql = statements("threads")["stale_count" if owner is None else "stale_count_of_owner"]
    return int(connection.execute(sql, {"owner": owner}).fetchone()[0])


def stale(connection: sqlite3.Connection, owner: str | None, limit: int) -> list[sqlite3.Row]:
    """The stale rows of this owner's threads or of all, the last active first."""
    sql = statements("threads")["stale" if owner is None else "stale_of_owner"]
    return connection.execute(sql, {"owner": owner, "limit": limit}).fetchall()


def refresh_here(
    connection: sqlite3.Connection,
    decoder: Callable[[], Decoder],
    stop: Callable[[], bool] = lambda: False,
    owner: str | None = None,
) -> None:
    """Refresh the stale rows of an owner, or all, for this one look, where the file may not be written."""
    sql, rows_of = statements("threads"), statements("search")
    if stale_count(connection, owner) == 0:
        return
    if connection.execute(sql["is_shadow"]).fetchone() is None:
        connection.execute(sql["shadow"])
    connection.execute(rows_of["fresh"])
    for row in stale(connection, owner, -1):
        columns = projected(row, connection, decoder())
        connection.execute(sql["project"], columns)
        times = _times(columns, connection, decoder(), columns["said"])
        first, now = row["position"] << index.PLACES, columns["updated_at"]
        fresh = [
            (first + place, each.message_id, each.role, each.text, times.get(each.message_id, now))
            for place, each in enumerate(columns["said"], start=1)
        ]
        connection.executemany(rows_of["say_fresh"], fresh)
        if stop():
            return


def source_here(connection: sqlite3.Connection) -> str | None:
    """Where a search on a connection that may not write the file finds message rows; None: in its index."""
    sql = statements("search")
    fresh = connection.execute(sql["has_fresh"]).fetchone() is not None
    if not has_table(connection, "threads_said"):
        connection.execute(sql["fresh"])
        return "from_fresh"
    if not fresh and not connection.execute(sql["due"]).fetchone()[1]:
        return None
    connection.execute(sql["fresh"])
    return "from_file"


def settle(connection: sqlite3.Connection, owner: str | None = None) -> None:
    """Bring the search up to date with titles that changed and threads that are gone; see `said.settle`."""
    index.settle(connection, owner)


def refresh_all(
    database: Database,
    decoder: Callable[[], Decoder],
    *,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
    owner: str | None = None,
) -> None:
    """Store the projections of all stale rows, some at a time, until `stop()`. Goes on where it was left.

    `owner`: only of this owner's threads.
    """
    with database.read() as connection:
        total = stale_count(connection, owner)
    done = 0
    while done < total:
        with database.read() as connection:
            rows = stale(connection, owner, REFRESHED_AT_ONCE)
        if not rows:
            return
        made = _made(database, rows, decoder(), stop)
        database.write(partial(_store, [columns for _, columns in made], owner=owner))
        done += len(made)
        if progress:
            progress("reading messages", min(done, total), total)
        if stop():
            return
