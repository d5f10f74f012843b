"""Projections: what the head checkpoint says of a thread, in a person's words.

A row is stale while it was projected from another checkpoint than its head. Whoever reads stale
rows refreshes them; nothing else ever writes these columns, so they can be thrown away and made
again. Decoding is handed in: the registry does not know how a checkpoint is stored.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple, Protocol

from threads.dangling_tool_calls import MessageCalls, dangling_tool_calls
from threads.db.database import Database
from threads.db.migrations import Progress, has_table
from threads.db.queries import statements
from threads.models import Message
from threads.search import index
from threads.search.index import IndexedMessage
from threads.store.threads import StaleThread, ThreadRecord

REFRESHED_AT_ONCE = 100


class Decoder(Protocol):
    """What the memory offers to the registry."""

    def messages(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> list[Message] | None: ...

    def said_at(
        self,
        connection: sqlite3.Connection,
        thread_id: str,
        checkpoint_id: str,
        wanted: Sequence[IndexedMessage],
    ) -> dict[str, int]: ...

    def written_at(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> int | None: ...

    def damage(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str, count: int | None
    ) -> str | None: ...

    def is_finished(self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str) -> bool: ...


class Projectable(Protocol):
    """A row of a thread, as far as its projection needs it."""

    @property
    def position(self) -> int: ...
    @property
    def thread_id(self) -> str: ...
    @property
    def head_id(self) -> str | None: ...
    @property
    def created_at(self) -> int | None: ...
    @property
    def updated_at(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Projection:
    """What a head checkpoint says about a thread, derived by `project`."""

    position: int
    thread_id: str
    head_id: str | None
    created_at: int | None
    updated_at: int | None
    auto_title: str
    preview: str | None
    message_count: int | None
    messages: Sequence[IndexedMessage]
    """The rows of its messages in the search index."""
    unanswered: Sequence[str]
    """Tool calls without an answer that wedge the thread."""
    times: Mapping[str, int] = field(default_factory=dict)
    """When messages that have no row yet were written, by id."""

    def columns(self) -> dict[str, Any]:
        """The projected columns by name."""
        names = ("position", "thread_id", "head_id", "created_at", "updated_at", "auto_title", "preview")
        return {name: getattr(self, name) for name in (*names, "message_count")}

    def apply_to(self, record: ThreadRecord) -> ThreadRecord:
        """The record with these columns."""
        return replace(record, **self.columns())


def project(row: Projectable, connection: sqlite3.Connection, decoder: Decoder) -> Projection:
    """Derive the projection of a thread from its head."""
    from threads.store import previews

    thread_id, head_id = row.thread_id, row.head_id
    messages = decoder.messages(connection, thread_id, head_id) if head_id else []
    lost, waiting = unanswered(messages or ())
    if waiting and head_id and decoder.is_finished(connection, thread_id, head_id):
        lost += waiting
    created_at, updated_at = row.created_at, row.updated_at
    if head_id and (created_at is None or updated_at is None):
        values = {"thread_id": thread_id}
        first_id = connection.execute(statements("threads")["first_checkpoint"], values).fetchone()[0]
        created_at = decoder.written_at(connection, thread_id, first_id)
        updated_at = decoder.written_at(connection, thread_id, head_id)
    return Projection(
        position=row.position,
        thread_id=thread_id,
        head_id=head_id,
        created_at=created_at,
        updated_at=updated_at,
        auto_title=previews.UNTITLED if messages is None else previews.title(messages),
        preview=None if messages is None else previews.preview(messages),
        message_count=None if messages is None else previews.count(messages),
        messages=[said_of(message) for message in messages or ()],
        unanswered=lost,
    )


def refresh(
    database: Database, rows: Iterable[Mapping[str, Any] | sqlite3.Row], decoder: Decoder
) -> dict[int, dict[str, Any]]:
    """The fresh columns of these stale rows by position; stored too, where the database can be written.

    Who reads does not wait for that: while it is locked or full, the rows stay stale.
    """
    names = ("position", "thread_id", "head_id", "created_at", "updated_at")
    stale = [StaleThread(*(row[name] for name in names)) for row in rows]
    return {key: made.columns() for key, made in refresh_records(database, stale, decoder).items()}


def refresh_records(
    database: Database, records: Iterable[Projectable], decoder: Decoder
) -> dict[int, Projection]:
    """The fresh projections of these threads by position; stored without waiting, where it can be written."""
    made = _made(database, records, decoder)
    if made and not database.read_only:
        database.submit(partial(_store, made))
    return {each.position: each for each in made}


def _made(
    database: Database,
    records: Iterable[Projectable],
    decoder: Decoder,
    stop: Callable[[], bool] = lambda: False,
) -> list[Projection]:
    made = []
    with database.read() as connection:
        for record in records:
            each = project(record, connection, decoder)
            if not database.read_only:
                new = index.new_messages(connection, each.position, each.messages)
                each = replace(each, times=_times(each, connection, decoder, new))
            made.append(each)
            if stop():
                break
    return made


def _times(
    made: Projection, connection: sqlite3.Connection, decoder: Decoder, wanted: Sequence[IndexedMessage]
) -> dict[str, int]:
    """When these messages were written, by id, as far as the history tells."""
    if not wanted or made.head_id is None:
        return {}
    return decoder.said_at(connection, made.thread_id, made.head_id, wanted)


def unanswered(messages: Sequence[Message]) -> tuple[list[str], list[str]]:
    """Return the ids of the tool calls that the conversation went on after, and of those at its end."""
    if not any(message.tool_calls for message in messages):
        return [], []
    found = dangling_tool_calls(
        MessageCalls(
            [(str(each.id), each.name) for each in message.tool_calls],
            message.role == "tool",
            message.tool_call_id,
        )
        for message in messages
    )
    return [call.id for call in found.passed], [call.id for call in found.last]


def said_of(message: Message) -> IndexedMessage:
    """What is kept of a message; half characters, which no file can hold, become question marks."""
    from threads.store import previews

    text = message.text.encode(errors="replace").decode()
    id = message.id and message.id.encode(errors="replace").decode()
    usage = message.usage
    tokens = (usage.input_tokens, usage.output_tokens) if usage else (0, 0)
    return IndexedMessage(id, message.role, text, previews.is_counted(message), *tokens)


def _store(fresh: Sequence[Projection], connection: sqlite3.Connection, *, owner: str | None = None) -> None:
    index.apply_changes(connection, owner)
    for each in fresh:
        if connection.execute(statements("threads")["project"], each.columns()).rowcount:
            index.sync(connection, each.position, each.messages, each.times, each.updated_at)


def doubt_unknown(connection: sqlite3.Connection) -> None:
    """Make the rows stale whose messages could not be told."""
    connection.execute(statements("threads")["doubt_unknown"])


def stale_count(connection: sqlite3.Connection, owner: str | None) -> int:
    """How many rows, of this owner's threads or of all, are stale."""
    sql = statements("threads")["stale_count" if owner is None else "stale_count_of_owner"]
    return int(connection.execute(sql, {"owner": owner}).fetchone()[0])


def stale(connection: sqlite3.Connection, owner: str | None, limit: int) -> list[StaleThread]:
    """The stale rows of this owner's threads or of all, the last active first."""
    sql = statements("threads")["stale" if owner is None else "stale_of_owner"]
    return [StaleThread(*row) for row in connection.execute(sql, {"owner": owner, "limit": limit})]


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
    connection.execute(rows_of["create_temporary"])
    for row in stale(connection, owner, -1):
        made = project(row, connection, decoder())
        connection.execute(sql["project"], made.columns())
        times = _times(made, connection, decoder(), made.messages)
        first = index.rows_of(made.position).first
        fresh = [
            (
                first + place,
                each.message_id,
                each.role,
                each.text,
                times.get(each.message_id or "", made.updated_at),
            )
            for place, each in enumerate(made.messages, start=1)
        ]
        connection.executemany(rows_of["insert_temporary"], fresh)
        if stop():
            return


def source_here(connection: sqlite3.Connection) -> str | None:
    """Where a search on a connection that may not write the file finds message rows; None: in its index."""
    sql = statements("search")
    fresh = connection.execute(sql["has_temporary"]).fetchone() is not None
    if not has_table(connection, "threads_message_text"):
        connection.execute(sql["create_temporary"])
        return "from_temporary"
    if not fresh and not connection.execute(statements("index")["backlog"]).fetchone()[1]:
        return None
    connection.execute(sql["create_temporary"])
    return "from_file"


def settle(connection: sqlite3.Connection, owner: str | None = None) -> None:
    """Bring the search up to date with titles that changed and threads that are gone; see `said.settle`."""
    index.apply_changes(connection, owner)


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
        database.write(partial(_store, made, owner=owner))
        done += len(made)
        if progress:
            progress("reading messages", min(done, total), total)
        if stop():
            return


class IndexBacklog(NamedTuple):
    """What the search index does not have yet."""

    has_stale_threads: bool
    has_changed_titles: bool


class ProjectionTable:
    """The projections and what is stale, within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def count_stale(self, owner: str | None = None) -> int:
        """How many threads, of this owner or of all, have a stale projection."""
        return stale_count(self._connection, owner)

    def invalidate_unknown(self) -> None:
        """Make the projections stale whose messages could not be decoded."""
        doubt_unknown(self._connection)

    def index_backlog(self, owner: str | None = None) -> IndexBacklog:
        """What the search index does not have yet of an owner's threads, or of all."""
        sql = statements("index")["backlog" if owner is None else "backlog_of_owner"]
        stale_threads, titles = self._connection.execute(sql, {"owner": owner}).fetchone()
        return IndexBacklog(bool(stale_threads), bool(titles))

    def index_titles(self, owner: str | None = None) -> None:
        """Bring the search index up to date with changed titles and deleted threads."""
        settle(self._connection, owner)

    def refresh_temporarily(
        self,
        decoder: Callable[[], Decoder],
        stop: Callable[[], bool] = lambda: False,
        owner: str | None = None,
    ) -> None:
        """Make stale projections again for this transaction alone, where the file may not be written."""
        refresh_here(self._connection, decoder, stop, owner)

    def message_source(self) -> str | None:
        """Where a search finds message rows on a file that may not be written; None: in its index."""
        return source_here(self._connection)
