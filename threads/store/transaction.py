"""`Store` and `Transaction`: the store's operations, for code that knows no connection and no SQL.

A `Transaction` lives as long as the block or function it is given to. What it reads is one consistent state;
in a writing one all is stored, or nothing. Functions that are given to `write` and `submit` may be called
again if the transaction was rolled back by another one, so they must be repeatable.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from threads.db.database import Database
from threads.db.migrations import Progress, version
from threads.db.seals import Seals, seals_of
from threads.search.engine import Known, Search
from threads.search.query import Query
from threads.store import projection
from threads.store.authorization import AccessTable
from threads.store.bulk import BulkChanges, ReadMarks, TagTable
from threads.store.event_log import EventTable
from threads.store.filters import Filters
from threads.store.projection import Decoder, Projectable, Projection, ProjectionTable
from threads.store.retention import RetentionRules
from threads.store.runs import RunTable
from threads.store.stats import StatisticsTable
from threads.store.threads import CheckpointTable, ThreadTable
from threads.store.users import UserTable

T = TypeVar("T")


class Transaction:
    """The operations of the store, by table, in one transaction."""

    __slots__ = (
        "access", "bulk", "checkpoints", "connection", "events", "projections", "read_marks", "retention",
        "runs", "statistics", "tags", "threads", "users",
    )  # fmt: skip

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        """For other parts of the persistence layer only; callers above hand it on and never use it."""
        self.access = AccessTable(connection)
        self.bulk = BulkChanges(connection)
        self.checkpoints = CheckpointTable(connection)
        self.events = EventTable(connection)
        self.projections = ProjectionTable(connection)
        self.read_marks = ReadMarks(connection)
        self.retention = RetentionRules(connection)
        self.runs = RunTable(connection)
        self.statistics = StatisticsTable(connection)
        self.tags = TagTable(connection)
        self.threads = ThreadTable(connection)
        self.users = UserTable(connection)

    @property
    def seals(self) -> Seals:
        """Seals cursors and event ids with the key of this file."""
        return seals_of(self.connection)

    def search(
        self, query: Query, filters: Filters, source: str | None = None, known: Known | None = None
    ) -> Search:
        """A search for `query` among the threads that fit; see `Search`.

        `source`: what `projections.message_source` said on a file that may not be written. `known`: what an
        earlier search for the same has found (`Search.own`).
        """
        return Search(self.connection, query, filters, source, {} if known is None else known)

    @property
    def has_registry(self) -> bool:
        """Whether the file has the registry's tables; a file that is only read may have none."""
        return version(self.connection) > 0


class Store:
    """A database, read and written through `Transaction`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that sees one consistent state until the block ends; nothing may be written in it."""
        with self.database.read() as connection:
            yield Transaction(connection)

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
        return projection.refresh_records(self.database, records, decoder)

    def refresh_stale_projections(
        self,
        decoder: Callable[[], Decoder],
        *,
        progress: Progress | None = None,
        stop: Callable[[], bool] = lambda: False,
        owner: str | None = None,
    ) -> None:
        """Make and store all stale projections, of an owner or of all, until `stop()`."""
        projection.refresh_all(self.database, decoder, progress=progress, stop=stop, owner=owner)
