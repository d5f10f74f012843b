"""The table of projections: which are stale, and how they are derived and stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, NamedTuple

from threads.db.database import Database, has_table
from threads.db.migrations import Progress
from threads.db.queries import milliseconds, statements
from threads.search import index
from threads.search.index import IndexedMessage
from threads.store.decoder import Decoder, Projectable
from threads.store.message_versions import OtherBranch
from threads.store.messages import MessageTable
from threads.store.projection import (
    Projection,
    StoredRows,
    derive,
    has_message_rows,
    other_branches,
    project,
)
from threads.store.projection_copy import copy_projection
from threads.store.threads import StaleThread, ThreadRecord

BATCH_SIZE = 100
"""Threads whose projections are stored in one transaction."""


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
            self._store_change(each) if each.since is not None else self._store_all(each)

    def _store_all(self, made: Projection) -> None:
        if not self._execute("store", made.columns()).rowcount:
            return
        position, messages = made.position, MessageTable(self._connection)
        ids = index.sync(self._connection, position, made.messages, made.times, made.updated_at)
        text_ids = [ids[place] for place in made.places]
        messages.replace(position, made.conversation, text_ids)
        append_only_from = 0 if made.is_append_only else len(made.conversation)
        values = {"position": position, "append_only_from": append_only_from}
        self._execute("set_append_only_from", values)
        self._store_branches(made)

    def _store_change(self, made: Projection) -> None:
        """Store what has changed since the last projection, unless another one was stored meanwhile."""
        if not self._execute("store_change", {**made.columns(), "since": made.since}).rowcount:
            return
        position, messages = made.position, MessageTable(self._connection)
        rows = messages.row_ids(position)
        dropped = range(rows.start + made.kept, rows.stop)
        if dropped:
            index.remove(self._connection, position, dropped)
            messages.truncate(dropped.start, position)
        times = [milliseconds(each.message.created_at) or made.updated_at for each in made.conversation]
        ids = index.append(self._connection, position, made.messages, times)
        if ids is None:
            self._execute("invalidate", {"position": position})
            return
        messages.append(position, made.conversation, ids)
        self._store_branches(made)

    def _store_branches(self, made: Projection) -> None:
        if made.branches is not None:
            MessageTable(self._connection).replace_branches(made.position, made.branches)
            values = {"position": made.position, "branch_count": len(made.branches) + 1}
            self._execute("set_branch_count", values)

    def has_message_rows(self) -> bool:
        """Whether the file has rows of messages: one of an earlier version that is only read has none."""
        return has_message_rows(self._connection)

    def append_only_from(self, position: int) -> int:
        """Return the place of the first message of a thread since which messages were only appended."""
        row = self._execute("stored_projection", {"position": position}).fetchone()
        return int(row["append_only_from"])

    def derive(self, row: Projectable, decoder: Decoder) -> Projection:
        """Derive the projection of a thread; it is not stored."""
        return project(row, self._connection, decoder)

    def other_branches(
        self, row: Projectable, made: Projection | None, decoder: Callable[[], Decoder]
    ) -> Sequence[OtherBranch]:
        """Return the branches of a thread beside the current one; `made`: its projection, if it was stale."""
        if made is not None and made.branches is not None:
            return made.branches
        rows = StoredRows(self._connection, row.position) if self.has_message_rows() else None
        if rows is None or rows.branch_count is None:
            return other_branches(row, rows, 0 if rows is None else rows.count, self._connection, decoder())
        return MessageTable(self._connection).branches(row.position) if rows.branch_count > 1 else ()

    def copy(self, source: ThreadRecord, target: ThreadRecord, decoder: Decoder) -> bool:
        """Store the projection of a copy of a thread; False if the source does not know it."""
        return copy_projection(self._connection, source, target, decoder)

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
            made = derive(thread, self._connection, decoder())
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
        database.submit(lambda connection: ProjectionTable(connection).store(made))
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
        database.write(partial(_store, made, owner))
        done += len(made)
        if progress:
            progress("reading messages", min(done, total), total)
        if stop():
            return


def _store(made: Sequence[Projection], owner: str | None, connection: sqlite3.Connection) -> None:
    ProjectionTable(connection).store(made, owner)


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
            if not database.read_only and each.since is None:
                new = index.new_messages(each.stored, each.messages)
                each = replace(each, times=_times(each, connection, decoder, new))
            made.append(each)
            if stop():
                break
    return made


def _times(
    made: Projection, connection: sqlite3.Connection, decoder: Decoder, messages: Sequence[IndexedMessage]
) -> Mapping[str, int]:
    """When these messages were written, by id, as far as the history tells."""
    unknown = [each for each in messages if each.message_id not in made.times]
    if not unknown or made.head_id is None:
        return made.times
    return {**made.times, **decoder.said_at(connection, made.thread_id, made.head_id, unknown)}
