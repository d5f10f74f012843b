"""`FileDatabase`: a database file, opened for reading and writing.

It is written through a single connection (`Writer`) and read through read-only ones, so that a reader never
waits for a writer nor blocks one. `threads.db.in_memory` has no file.
"""

from __future__ import annotations

import concurrent.futures
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from threads.db import purge
from threads.db.database import FIRST_READ, Database, Registration, WriteFn, connect, snapshot
from threads.db.errors import translated
from threads.db.file_guard import FileGuard, watcher
from threads.db.file_rescue import FileRescue
from threads.db.write_queue import Writer
from threads.errors import DatabaseError

T = TypeVar("T")

OPEN_RETRY = 0.05
"""Seconds between two attempts to open the file while too many files are open."""
IDLE_SHARE = 16
"""One in so many of the descriptors that the process may open is for idle reading connections; the rest is
for active connections, for clients and for agents. SQLite closes the log of a connection that is closed, and
keeps the descriptor of the file itself for the next one while another holds a lock."""
MIN_IDLE, MAX_IDLE = 2, 64
IDLE_SECONDS = 3.0
"""Seconds after which the reading connections are closed that no reader needed meanwhile, but `MIN_IDLE`."""
PURGE_SECONDS = 0.5
"""Seconds that deleting waits for the search index to be rewritten; the rest is done while idle."""


def idle_limit() -> int:
    """How many reading connections a process that may open as many files as this one keeps open unused."""
    try:
        import resource
    except ImportError:  # Windows
        return MAX_IDLE
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return MAX_IDLE
    return min(MAX_IDLE, max(MIN_IDLE, soft // IDLE_SHARE))


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
        self._unused = 0
        """How many of the idle connections, from the first on, no reader needed since `_counted_at`."""
        self._counted_at = time.monotonic()
        self._lock = threading.Lock()
        self._returned = threading.Condition(self._lock)
        self._log_purge_due = False
        self._closed = False
        self._rescue = FileRescue(path, guard, self._writer)
        watcher.add(self)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        connection = self._take()
        try:
            with snapshot(connection, self.where, self._registration):
                yield connection
        finally:
            self._return(connection)

    def write(self, change: WriteFn[T]) -> T:
        self.check_open()
        return self._writer.write(change)

    def submit(self, change: WriteFn[T], *, soon: bool = True) -> Future[T]:
        self.check_open()
        with self._lock:
            self.check_open()  # closing commits what is queued by then
            future = self._writer.submit(change)
        if soon:
            self.flush_now()
        return future

    def flush_now(self) -> None:
        with self._lock:
            if self._closed:
                return  # it is being done
            if self._worker is None:  # for most processes it need not even be loaded
                self._worker = concurrent.futures.ThreadPoolExecutor(1, "threads-writer")
            try:
                self._worker.submit(self._writer.drain_safely)
                return
            except RuntimeError:  # no thread can be started now: then it is done here
                pass
        self._writer.drain()

    def purge_deleted_text(self, *, due_only: bool = False, stop: Callable[[], bool] | None = None) -> bool:
        self.check_open()
        with self.read() as connection:
            index_purge_due = purge.is_due(connection)
        deadline = time.monotonic() + PURGE_SECONDS
        while index_purge_due and not (stop() if stop else time.monotonic() > deadline):
            index_purge_due = not self._writer.write(purge.run_step)
            due_only = False
        if self._log_purge_due or not due_only:
            self._log_purge_due = not self._writer.run_without_transaction(self._truncate_log)
        return not self._log_purge_due and not index_purge_due

    def compact(self) -> None:
        self.purge_deleted_text(stop=lambda: False)
        self._writer.run_without_transaction(_vacuum)
        self.purge_deleted_text()

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        watcher.remove(self)
        if self._worker is not None:
            self._worker.shutdown(wait=True)
        try:
            self._rescue_lost_files()  # the last chance
        finally:
            self._disconnect_idle()
            self._writer.close()

    def check_files(self) -> None:
        """Detect that the files were removed or replaced, and rescue their content; called periodically.

        Also closes idle connections.
        """
        if not self._closed and not self.is_foreign():
            self._rescue_lost_files()
            self._close_unused()

    def _rescue_lost_files(self) -> None:
        if self._guard.is_lost():
            self._rescue.react(self._disconnect_idle)

    def _truncate_log(self, writer: sqlite3.Connection) -> bool:
        writer.execute("PRAGMA busy_timeout=0")  # do not hold all writers up for one long reader
        busy: int = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not busy

    def _take(self) -> sqlite3.Connection:
        """A reading connection; where too many files are open, one that another reader returns."""
        until = time.monotonic() + self._timeout
        while True:
            self.check_open()
            with self._lock:
                self.check_open()
                if self._idle:
                    connection = self._idle.pop()
                    self._unused = min(self._unused, len(self._idle))
                    return connection
            try:
                return self._connect()
            except sqlite3.Error as error:
                is_lack = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CANTOPEN
                if not is_lack or not os.access(self._path, os.R_OK) or time.monotonic() > until:
                    raise translated(error, self.where) from error
            with self._returned:
                if not self._idle:
                    self._returned.wait(OPEN_RETRY)

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
        """Close the connections that read, but those that are at change."""
        with self._lock:
            idle, self._idle, self._unused = self._idle, [], 0
        for connection in idle:
            connection.close()

    def _close_unused(self) -> None:
        """Close connections that no reader needed for `IDLE_SECONDS`; readers take the last ones first."""
        with self._lock:
            if time.monotonic() < self._counted_at + IDLE_SECONDS:
                return
            count = max(0, min(self._unused, len(self._idle) - MIN_IDLE))
            unused, self._idle = self._idle[:count], self._idle[count:]
            self._unused, self._counted_at = len(self._idle), time.monotonic()
        for connection in unused:
            connection.close()

    def _return(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if (
                not self._closed
                and not connection.in_transaction  # else an interrupt left it in the middle
                and len(self._idle) < self._idle_limit
            ):
                self._idle.append(connection)
                self._returned.notify()
                return
        connection.close()

    def wait_for_writes(self) -> None:
        self._writer.drain()

    def check_writable(self) -> None:
        self.check_open()

    def check_open(self) -> None:
        self.check_process()
        if self._closed:
            raise DatabaseError(f"{self.where} was closed", "open it again with threads.open")
        self._guard.check()


def _vacuum(writer: sqlite3.Connection) -> None:
    """Run VACUUM; the copy is written to the disk, not to memory."""
    writer.execute("PRAGMA temp_store=FILE")
    try:
        writer.execute("VACUUM")
    finally:
        writer.execute("PRAGMA temp_store=MEMORY")
