"""Connections to one SQLite database: one that writes, as many as needed that read.

A file is written through a single connection (`Writer`) and read through read-only ones, so a
reader never waits for a writer nor holds one up. `threads.db.in_memory` has no file. What
our promises rest on (WAL, synchronous=FULL, foreign keys, secure_delete) is set and checked here,
not hoped for.
"""

from __future__ import annotations

import concurrent.futures
import os
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from threads.db.errors import translated
from threads.db.file_guard import FileGuard
from threads.db.file_watch import FileWatch, watcher
from threads.db.registration import Registration
from threads.db.write_queue import Work, Writer
from threads.errors import DatabaseError

T = TypeVar("T")

DURABLE = {"foreign_keys": 1, "secure_delete": 1, "synchronous": 2}
"""The pragmas of a writing connection and the values they must have (2 is FULL)."""
RETRIED_EVERY = 0.05
"""Seconds between two tries to open the file while too many are open."""
IDLE_SHARE = 16
"""One of so many descriptors that the process may open is for a reading connection that waits to be used
again. The rest is for connections at work, for clients and for agents. SQLite closes the log of a connection
that is closed, and keeps the descriptor of the file itself for the next one while another holds a lock."""
FEWEST_IDLE, MOST_IDLE = 2, 64
FIRST_READ = "SELECT 1 FROM sqlite_master LIMIT 1"
"""With this SQLite opens the write-ahead log and its index, which must be there or be made."""
SCRUB_PATIENCE = 0.5
"""Seconds that who deletes waits for the search index to be written anew; the rest is done while idle."""


class Database(ABC):
    """A database that is read in consistent snapshots and written in whole transactions."""

    where: str
    """The path, or `:memory:`, for messages to people."""
    read_only: bool

    def __init__(self) -> None:
        self._process = os.getpid()

    @abstractmethod
    def check_open(self) -> None:
        """Raise `DatabaseError` if it was closed, or opened by a process this one was forked from."""

    @abstractmethod
    def settle(self) -> None:
        """Return when all that was submitted is done."""

    @abstractmethod
    def check_writable(self) -> None:
        """Raise what `write` would raise at once: it is closed, or was opened for reading."""

    @abstractmethod
    def read(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection that sees one consistent state until the block ends; nothing may be written on it."""

    @abstractmethod
    def write(self, work: Work[T]) -> T:
        """The result of `work(connection)`, done in one transaction: all of it is stored, or nothing."""

    @abstractmethod
    def submit(self, work: Work[T], *, soon: bool = True) -> Future[T]:
        """As `write`, for callers that must not wait: returns at once, the work is done in any case.

        If not `soon`, it is done together with what is written next, or when somebody calls `hurry`.
        """

    @abstractmethod
    def hurry(self) -> None:
        """Let what was submitted be done now; returns at once."""

    @abstractmethod
    def scrub(self, *, due_only: bool = False, stop: Callable[[], bool] | None = None) -> bool:
        """Clean what deleted text lingers in: the search index and the write-ahead log; whether that is done.

        A large index takes longer than `SCRUB_PATIENCE` seconds, or until `stop()`; a reader may be in the
        way of the log. `due_only`: only what was left to do the last time.
        """

    @abstractmethod
    def compact(self) -> None:
        """Give the room of what was deleted back to the file system."""

    @abstractmethod
    def close(self) -> None:
        """Finish what was submitted and let go of the file; closing twice is harmless."""

    def is_foreign(self) -> bool:
        """Whether this process was forked from the one that opened it, whose locks may be held for ever."""
        return os.getpid() != self._process

    def check_process(self) -> None:
        """Raise `DatabaseError` in a process that was forked from the one that opened it."""
        if self.is_foreign():
            raise DatabaseError(
                f"{self.where} was opened before this process was forked", "open it again here"
            )


def connect(target: str | Path, *, uri: bool = False, timeout: float = 10.0) -> sqlite3.Connection:
    """A connection without Python's own transaction handling, usable from any thread; rows by name."""
    connection = sqlite3.connect(
        target, uri=uri, timeout=timeout, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    # text of another program that is no UTF-8 must not hide the rows beside it
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    return connection


def make_durable(connection: sqlite3.Connection, where: str) -> None:
    """Set what our promises rest on; `DatabaseError` where SQLite does not take it."""
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode not in ("wal", "memory"):
        raise DatabaseError(f"{where} cannot use a write-ahead log (journal_mode is {mode})")
    for pragma, value in DURABLE.items():
        connection.execute(f"PRAGMA {pragma}={value}")
        found = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
        if found != value:
            raise DatabaseError(f"{where}: SQLite keeps {pragma} at {found}, {value} is needed")


def idle_limit() -> int:
    """How many reading connections a process that may open as many files as this one keeps open unused."""
    try:
        import resource
    except ImportError:  # Windows
        return MOST_IDLE
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return MOST_IDLE
    return min(MOST_IDLE, max(FEWEST_IDLE, soft // IDLE_SHARE))


@contextmanager
def snapshot(
    connection: sqlite3.Connection, where: str, registration: Registration | None = None
) -> Iterator[sqlite3.Connection]:
    """A read transaction on `connection`; SQLite's errors come out in our words."""
    try:
        try:
            connection.execute("BEGIN")
            if registration is not None:
                registration.check(connection)
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise translated(error, where) from error


class FileDatabase(Database):
    """A database file, opened for reading and writing."""

    read_only = False

    def __init__(self, guard: FileGuard, path: Path, writer: sqlite3.Connection, *, timeout: float) -> None:
        """`guard`: of the files as they were when `writer` was opened; `path`: absolute."""
        super().__init__()
        self.where = guard.where
        self._guard = guard
        self._path = path
        self._uri = f"{path.as_uri()}?mode=rw"  # a reader must not make a file where there is none any more
        self._timeout = timeout
        self._registration = Registration(writer, self.where)
        self._writer = Writer(writer, self.where, guard.check_files, self._registration)
        self._worker: concurrent.futures.ThreadPoolExecutor | None = None
        self._idle: list[sqlite3.Connection] = []
        self._idle_limit = idle_limit()
        self._lock = threading.Lock()
        self._given_back = threading.Condition(self._lock)
        self._scrub_due = False
        self._closed = False
        self._watch = FileWatch(path, guard, self._writer)
        watcher.add(self)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        connection = self._take()
        try:
            with snapshot(connection, self.where, self._registration):
                yield connection
        finally:
            self._give_back(connection)

    def write(self, work: Work[T]) -> T:
        self.check_open()
        return self._writer.write(work)

    def submit(self, work: Work[T], *, soon: bool = True) -> Future[T]:
        self.check_open()
        with self._lock:
            self.check_open()  # whoever closes it does what is queued by then
            promise = self._writer.submit(work)
        if soon:
            self.hurry()
        return promise

    def hurry(self) -> None:
        with self._lock:
            if self._closed:
                return  # it is being done
            if self._worker is None:  # for most processes it need not even be loaded
                self._worker = concurrent.futures.ThreadPoolExecutor(1, "threads-writer")
            try:
                self._worker.submit(self._writer.drain_surely)
                return
            except RuntimeError:  # no thread can be started now: then it is done here
                pass
        self._writer.drain()

    def scrub(self, *, due_only: bool = False, stop: Callable[[], bool] | None = None) -> bool:
        from threads.search import index

        self.check_open()
        with self.read() as connection:
            index_due = index.is_scrub_due(connection)
        deadline = time.monotonic() + SCRUB_PATIENCE
        while index_due and not (stop() if stop else time.monotonic() > deadline):
            index_due = not self._writer.write(index.scrub_step)
            due_only = False
        if self._scrub_due or not due_only:
            self._scrub_due = not self._writer.outside(self._truncate_log)
        return not self._scrub_due and not index_due

    def compact(self) -> None:
        self.scrub(stop=lambda: False)
        self._writer.outside(_vacuum)
        self.scrub()

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        watcher.remove(self)
        if self._worker is not None:
            self._worker.shutdown(wait=True)
        try:
            self._watch.look(self._disconnect_idle)  # the last chance to keep what a lost file holds
        finally:
            self._disconnect_idle()
            self._writer.close()

    def look_after_files(self) -> None:
        """Notice that the files were removed or replaced, and keep what they hold; called now and then."""
        if not self._closed and not self.is_foreign():
            self._watch.look(self._disconnect_idle)

    def _truncate_log(self, writer: sqlite3.Connection) -> bool:
        writer.execute("PRAGMA busy_timeout=0")  # do not hold all writers up for one long reader
        busy: int = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not busy

    def _take(self) -> sqlite3.Connection:
        """A connection that reads; where no more files can be opened, one that another reader gives back."""
        until = time.monotonic() + self._timeout
        while True:
            self.check_open()
            with self._lock:
                self.check_open()
                if self._idle:
                    return self._idle.pop()
            try:
                return self._connect()
            except sqlite3.Error as error:
                is_lack = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CANTOPEN
                if not is_lack or not os.access(self._path, os.R_OK) or time.monotonic() > until:
                    raise translated(error, self.where) from error
            with self._given_back:
                if not self._idle:
                    self._given_back.wait(RETRIED_EVERY)

    def _connect(self) -> sqlite3.Connection:
        """Another connection to the same files; `DatabaseGone` if others are there by their names."""
        self._guard.check_files()
        connection = connect(self._uri, uri=True, timeout=self._timeout)
        try:
            self._guard.check_files()  # before the log is opened, which closing it would delete
            connection.execute(FIRST_READ)
            self._guard.check_files()
        except BaseException:
            connection.close()
            raise
        return connection

    def _disconnect_idle(self) -> None:
        """Close the connections that read, but those that are at work."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if (
                not self._closed
                and not connection.in_transaction  # else an interrupt left it in the middle
                and len(self._idle) < self._idle_limit
            ):
                self._idle.append(connection)
                self._given_back.notify()
                return
        connection.close()

    def settle(self) -> None:
        self._writer.drain()

    def check_writable(self) -> None:
        self.check_open()

    def check_open(self) -> None:
        self.check_process()
        if self._closed:
            raise DatabaseError(f"{self.where} was closed", "open it again with threads.open")
        self._guard.check()


def _vacuum(writer: sqlite3.Connection) -> None:
    """Write the file anew; the copy is made on the disk, not in memory."""
    writer.execute("PRAGMA temp_store=FILE")
    try:
        writer.execute("VACUUM")
    finally:
        writer.execute("PRAGMA temp_store=MEMORY")
