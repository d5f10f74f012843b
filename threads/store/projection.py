"""Projections: what the head checkpoint says about a thread (automatic title, count, preview, search rows).

A projection is stale while it was derived from another checkpoint than the head. It is refreshed when it
is read, and nothing else writes these columns, so they can be derived again at any time. The decoder is
handed in: the store does not know how a checkpoint is encoded.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol

from threads.db.database import Database, has_table
from threads.db.migrations import Progress
from threads.db.queries import statements
from threads.models import Message
from threads.search import index
from threads.search.index import IndexedMessage
from threads.store.threads import StaleThread, ThreadRecord

BATCH_SIZE = 100
"""Threads whose projections are stored in one transaction."""


class BranchMessages(Protocol):
    """The messages of a branch, with those that its graph removed from the state."""

    @property
    def messages(self) -> Sequence[Message]: ...
    @property
    def trimmed(self) -> Sequence[Message]: ...
    @property
    def times(self) -> Mapping[str, int]: ...
    @property
    def deleted(self) -> Collection[str | tuple[str, str]]: ...
    @property
    def is_whole(self) -> bool: ...


class Decoder(Protocol):
    """What the checkpoint package offers for reading checkpoints."""

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

    def conversation(
        self,
        connection: sqlite3.Connection,
        thread_id: str,
        checkpoint_id: str,
        state: Sequence[Message],
        since: str | None,
        known: Sequence[str | tuple[str, str]],
    ) -> BranchMessages: ...

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
    @property
    def projected_id(self) -> str | None: ...
    @property
    def auto_title(self) -> str: ...


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
    """When messages were written, by id; all that have no row yet, as far as that is known."""
    stored: Sequence[IndexedMessage] = ()
    """The messages that have a row already."""

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
    lost, waiting = unanswered_calls(messages or ())
    if waiting and head_id and decoder.is_finished(connection, thread_id, head_id):
        lost += waiting
    created_at, updated_at = row.created_at, row.updated_at
    if head_id and (created_at is None or updated_at is None):
        values = {"thread_id": thread_id}
        first_id = connection.execute(statements("projections")["first_checkpoint"], values).fetchone()[0]
        created_at = decoder.written_at(connection, thread_id, first_id)
        updated_at = decoder.written_at(connection, thread_id, head_id)
    if messages is None:  # the title that a reader with the graph derived stays
        said = Said(previews.UNTITLED_TITLE if row.auto_title == previews.NEW_TITLE else row.auto_title)
    else:
        said = _describe(row, messages, connection, decoder)
    return Projection(
        position=row.position,
        thread_id=thread_id,
        head_id=head_id,
        created_at=created_at,
        updated_at=updated_at,
        auto_title=said.title,
        preview=None if messages is None else previews.preview(messages),
        message_count=None if messages is None else previews.count(messages),
        messages=said.messages,
        unanswered=lost,
        times=said.times,
        stored=said.stored,
    )


class Said(NamedTuple):
    """The messages of a thread, including those that were removed from its state."""

    title: str
    messages: Sequence[IndexedMessage] = ()
    stored: Sequence[IndexedMessage] = ()
    """The messages that have rows, if these are of the same thread."""
    times: Mapping[str, int] = {}


def _describe(
    row: Projectable, messages: Sequence[Message], connection: sqlite3.Connection, decoder: Decoder
) -> Said:
    """The title of a thread, and the messages that are searched.

    What the rows of the index know is not read again from the history, as long as the thread stays on the
    same branch.
    """
    from threads.store import previews

    if row.head_id is None:
        return Said(previews.title(messages))
    has_rows = row.projected_id is not None or row.auto_title != previews.NEW_TITLE
    stored = []
    if has_rows and has_table(connection, "threads_message_text"):
        stored = index.list_messages(connection, row.position)
    since = row.projected_id if stored else None
    known = [each.key for each in stored if each.role != "system"] if since else []
    branch = decoder.conversation(connection, row.thread_id, row.head_id, messages, since, known)
    trimmed = {id(message) for message in branch.trimmed}
    found = [_indexed(each, is_trimmed=id(each) in trimmed) for each in branch.messages]
    by_key = {each.key: each for each in found}
    if branch.is_whole:
        said = found
    else:
        remaining = [each for each in stored if each.role != "system" and each.key not in branch.deleted]
        without_id = {(each.role, each.text) for each in found}
        earlier = [each for each in remaining if each.key not in by_key and each.key not in without_id]
        said = [by_key.get(each.key, each) for each in remaining if each.role == "user"] + found
        found = [each._replace(is_counted=False) for each in earlier] + found
    title, first = previews.title(said), next((each for each in stored if each.role == "user"), None)
    has_title = row.auto_title not in (previews.NEW_TITLE, previews.UNTITLED_TITLE)
    if has_title and (first is None or previews.title([first]) != row.auto_title or first.key not in by_key):
        cut = connection.execute(statements("projections")["is_cut"], {"thread_id": row.thread_id}).fetchone()
        title = row.auto_title if cut is not None and cut[0] else title
    return Said(title, found, stored, branch.times)


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
        name = "count_stale" if owner is None else "count_stale_of_owner"
        return int(self._execute(name, {"owner": owner}).fetchone()[0])

    def list_stale(self, owner: str | None, limit: int) -> list[StaleThread]:
        """Threads, of this owner or of all, with a stale projection, the last active first."""
        name = "list_stale" if owner is None else "list_stale_of_owner"
        return [StaleThread(*row) for row in self._execute(name, {"owner": owner, "limit": limit})]

    def store(self, projections: Sequence[Projection], owner: str | None = None) -> None:
        """Store projections whose head has not changed, and the pending changes of the index.

        `owner`: only the changes at the positions of this owner's threads.
        """
        index.apply_changes(self._connection, owner)
        for each in projections:
            if self._execute("store", each.columns()).rowcount:
                index.sync(self._connection, each.position, each.messages, each.times, each.updated_at)

    def invalidate_unknown(self) -> None:
        """Make the projections stale whose messages could not be decoded."""
        self._execute("invalidate_unknown", {})

    def index_backlog(self, owner: str | None = None) -> IndexBacklog:
        """What the search index does not have yet of an owner's threads, or of all."""
        name = "backlog" if owner is None else "backlog_of_owner"
        threads, titles = self._connection.execute(statements("index")[name], {"owner": owner}).fetchone()
        return IndexBacklog(bool(threads), bool(titles))

    def index_titles(self, owner: str | None = None) -> None:
        """Bring the search index up to date with changed titles and deleted threads."""
        index.apply_changes(self._connection, owner)

    def refresh_temporarily(
        self,
        decoder: Callable[[], Decoder],
        stop: Callable[[], bool] = lambda: False,
        owner: str | None = None,
    ) -> None:
        """Derive stale projections for this transaction alone, where the file may not be written.

        They are stored in temporary tables of the connection. Of an owner or of all, until `stop()`.
        """
        if self.count_stale(owner) == 0:
            return
        if self._execute("has_temporary_threads", {}).fetchone() is None:
            self._execute("copy_threads", {})
        self._connection.execute(statements("search")["create_temporary"])
        for thread in self.list_stale(owner, -1):
            made = project(thread, self._connection, decoder())
            self._execute("store", made.columns())
            times = _times(made, self._connection, decoder(), made.messages)
            first, now = index.rows_of(made.position).first, made.updated_at
            rows = [
                (id, each.message_id, each.role, each.text, times.get(each.message_id or "", now))
                for id, each in enumerate(made.messages, start=first + 1)
            ]
            self._connection.executemany(statements("search")["insert_temporary"], rows)
            if stop():
                return

    def message_source(self) -> Literal["from_file", "from_temporary"] | None:
        """Where a search finds message rows on a file that may not be written; None: in its index."""
        sql = statements("search")
        is_refreshed = self._connection.execute(sql["has_temporary"]).fetchone() is not None
        if not has_table(self._connection, "threads_message_text"):
            self._connection.execute(sql["create_temporary"])
            return "from_temporary"
        if not is_refreshed and not self.index_backlog().has_changed_titles:
            return None
        self._connection.execute(sql["create_temporary"])
        return "from_file"

    def _execute(self, name: str, values: dict[str, Any]) -> sqlite3.Cursor:
        return self._connection.execute(statements("projections")[name], values)


def refresh(database: Database, records: Iterable[Projectable], decoder: Decoder) -> dict[int, Projection]:
    """Derive the projections of these threads, by position; they are stored without waiting.

    Where the file is locked or full, or only read, the rows stay stale.
    """
    made = _derive(database, records, decoder)
    if made and not database.read_only:
        database.submit(partial(_store, made))
    return {each.position: each for each in made}


def refresh_all(
    database: Database,
    decoder: Callable[[], Decoder],
    *,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
    owner: str | None = None,
) -> None:
    """Derive and store all stale projections, of an owner or of all, in batches, until `stop()`."""
    with database.read() as connection:
        total = ProjectionTable(connection).count_stale(owner)
    done = 0
    while done < total:
        with database.read() as connection:
            stale = ProjectionTable(connection).list_stale(owner, BATCH_SIZE)
        if not stale:
            return
        made = _derive(database, stale, decoder(), stop)
        database.write(partial(_store, made, owner=owner))
        done += len(made)
        if progress:
            progress("reading messages", min(done, total), total)
        if stop():
            return


def _derive(
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
                new = index.new_messages(each.stored, each.messages)
                each = replace(each, times=_times(each, connection, decoder, new))
            made.append(each)
            if stop():
                break
    return made


def _store(
    projections: Sequence[Projection], connection: sqlite3.Connection, *, owner: str | None = None
) -> None:
    ProjectionTable(connection).store(projections, owner)


def _times(
    made: Projection, connection: sqlite3.Connection, decoder: Decoder, messages: Sequence[IndexedMessage]
) -> Mapping[str, int]:
    """When these messages were written, by id, as far as the history tells."""
    unknown = [each for each in messages if each.message_id not in made.times]
    if not unknown or made.head_id is None:
        return made.times
    return {**made.times, **decoder.said_at(connection, made.thread_id, made.head_id, unknown)}


def unanswered_calls(messages: Sequence[Message]) -> tuple[list[str], list[str]]:
    """The tool calls without an answer that other messages follow; a provider refuses such a conversation.

    And those at its end, which may still be answered: by an active run, or when an interrupt is resumed.
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


def _indexed(message: Message, *, is_trimmed: bool) -> IndexedMessage:
    """What the index stores of a message; lone surrogates, which no file can hold, become question marks."""
    from threads.store import previews

    text = message.text.encode(errors="replace").decode()
    id = message.id and message.id.encode(errors="replace").decode()
    usage = message.usage
    tokens = (usage.input_tokens, usage.output_tokens) if usage else (0, 0)
    is_counted = not is_trimmed and previews.is_counted(message)
    return IndexedMessage(id, message.role, text, is_counted, *tokens)
