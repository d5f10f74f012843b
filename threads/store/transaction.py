"""`Store` and `Transaction`: the store's operations, for code that knows no connection and no SQL.

A `Transaction` lives as long as the block or function it is given to. What it reads is one consistent state;
in a writing one all is stored, or nothing. Functions that are given to `write` and `submit` may be called
again if the transaction was rolled back by another one, so they must be repeatable.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from types import TracebackType
from typing import TypeVar

from threads.db.database import Database
from threads.db.migrations import Progress, version
from threads.db.queries import moment, statements
from threads.db.seals import Seals, seals_of
from threads.ids import uuid_milliseconds
from threads.models import Checkpoint
from threads.store import projection_table
from threads.store.authorization import AccessTable
from threads.store.bulk import BulkChanges
from threads.store.changes import ChangeTable
from threads.store.decoder import Decoder, Projectable
from threads.store.event_log import EventTable
from threads.store.leases import LeaseTable
from threads.store.messages import MessageTable
from threads.store.projection import Projection
from threads.store.projection_table import ProjectionTable
from threads.store.read_marks import ReadMarks
from threads.store.retention import RetentionRules
from threads.store.runs import RunTable
from threads.store.stats import StatisticsTable
from threads.store.tags import TagTable
from threads.store.threads import ThreadTable, decode_id
from threads.store.users import UserTable

T = TypeVar("T")


class Transaction:
    """The operations of the store, by table, in one transaction."""

    __slots__ = ("connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        """For other parts of the persistence layer only; callers above hand it on and never use it."""

    @property
    def access(self) -> AccessTable:
        """What actors may do."""
        return AccessTable(self.connection)

    @property
    def bulk(self) -> BulkChanges:
        """Changes of one of many threads."""
        return BulkChanges(self.connection)

    @property
    def changes(self) -> ChangeTable:
        """Changes of the lists of threads."""
        return ChangeTable(self.connection)

    @property
    def checkpoints(self) -> CheckpointTable:
        """What is read of the saver's own table."""
        return CheckpointTable(self.connection)

    @property
    def events(self) -> EventTable:
        """The event log."""
        return EventTable(self.connection)

    @property
    def leases(self) -> LeaseTable:
        """The leases of runs."""
        return LeaseTable(self.connection)

    @property
    def messages(self) -> MessageTable:
        """The rows of messages."""
        return MessageTable(self.connection)

    @property
    def projections(self) -> ProjectionTable:
        """What is derived from heads, and what is stale."""
        return ProjectionTable(self.connection)

    @property
    def read_marks(self) -> ReadMarks:
        """How far users have read."""
        return ReadMarks(self.connection)

    @property
    def retention(self) -> RetentionRules:
        """The retention rules."""
        return RetentionRules(self.connection)

    @property
    def runs(self) -> RunTable:
        """Runs and their queues."""
        return RunTable(self.connection)

    @property
    def statistics(self) -> StatisticsTable:
        """Sums of usage."""
        return StatisticsTable(self.connection)

    @property
    def tags(self) -> TagTable:
        """Tags and their counts."""
        return TagTable(self.connection)

    @property
    def threads(self) -> ThreadTable:
        """Threads."""
        return ThreadTable(self.connection)

    @property
    def users(self) -> UserTable:
        """Users and tokens."""
        return UserTable(self.connection)

    @property
    def seals(self) -> Seals:
        """Seals cursors and event ids with the key of this file."""
        return seals_of(self.connection)

    @property
    def has_registry(self) -> bool:
        """Whether the file has the registry's tables; a file that is only read may have none."""
        return version(self.connection) > 0


class ReadTransaction:
    """Gives a `Transaction` to a `with` block."""

    __slots__ = ("_reading",)

    def __init__(self, database: Database) -> None:
        self._reading = database.read()

    def __enter__(self) -> Transaction:
        return Transaction(self._reading.__enter__())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._reading.__exit__(kind, error, trace)


class Store:
    """A database, read and written through `Transaction`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def read(self) -> ReadTransaction:
        """A transaction that sees one consistent state until the block ends; nothing may be written in it."""
        return ReadTransaction(self.database)

    def write(self, change: Callable[[Transaction], T]) -> T:
        """The result of `change(tx)`, done in one transaction: all of it is stored, or nothing."""
        return self.database.write(lambda connection: change(Transaction(connection)))

    def submit(self, change: Callable[[Transaction], T], *, soon: bool = True) -> Future[T]:
        """As `write`, without waiting; see `Database.submit`."""
        return self.database.submit(lambda connection: change(Transaction(connection)), soon=soon)

    def refresh_projections(self, records: Iterable[Projectable], decoder: Decoder) -> dict[int, Projection]:
        """Make the projections of these threads again, by position; they are stored without waiting.

        Where the file is locked or full, or only read, the rows stay stale.
        """
        return projection_table.refresh(self.database, records, decoder)

    def refresh_stale_projections(
        self,
        decoder: Callable[[], Decoder],
        *,
        progress: Progress | None = None,
        stop: Callable[[], bool] = lambda: False,
        owner: str | None = None,
    ) -> None:
        """Make and store all stale projections, of an owner or of all, until `stop()`."""
        projection_table.refresh_all(self.database, decoder, progress=progress, stop=stop, owner=owner)


class CheckpointTable:
    """Reads checkpoints within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def exists(self, thread_id: str, checkpoint_id: str) -> bool:
        """Whether the thread has this checkpoint."""
        values = {"thread_id": thread_id, "checkpoint_id": checkpoint_id}
        sql = statements("checkpoints")["checkpoint_metadata"]
        return self._connection.execute(sql, values).fetchone() is not None

    def has_branches(self, thread_id: str) -> bool:
        """Whether the thread has several lines of checkpoints."""
        rows = self._connection.execute(statements("rewinding")["tips"], {"thread_id": thread_id})
        return len(rows.fetchall()) > 1

    def list_history(self, thread_id: str) -> list[Checkpoint]:
        """The thread's checkpoints, the one written last first."""
        rows = self._connection.execute(statements("checkpoints")["history"], {"thread_id": thread_id})
        return [_checkpoint_of(row) for row in rows]


def _checkpoint_of(row: sqlite3.Row) -> Checkpoint:
    try:
        metadata = json.loads(row["metadata"] or "{}")
    except (ValueError, TypeError, RecursionError):  # of another program; the checkpoint exists all the same
        metadata = {}
    metadata = metadata if isinstance(metadata, dict) else {}
    source, step = metadata.get("source"), metadata.get("step")
    return Checkpoint(
        id=str(decode_id(row["checkpoint_id"])),
        parent_id=decode_id(row["parent_checkpoint_id"]),
        created_at=moment(uuid_milliseconds(row["checkpoint_id"])),
        source=source if isinstance(source, str) else None,
        step=step if isinstance(step, int) else None,
    )
