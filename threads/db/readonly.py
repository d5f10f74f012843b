"""A database file that is only read: nothing is written, not even a `-wal` beside it.

SQLite's own read-only mode leaves `-wal` and `-shm` files behind. So a file without a writer is opened as
immutable; as soon as a process writes (a `-wal` with content appears), in read-only mode like any other
reader. Where the disk is full and a `-wal` was left by a crash, there is no room for the index that
readers share: then one reads alone, for a moment, with the index in memory. A file without our tables
gets temporary ones on the connection, made again when the file has changed.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from threads.db.database import FIRST_READ, Database, WriteFn, connect, snapshot
from threads.db.errors import translated
from threads.errors import DatabaseBusy, DatabaseError, DatabaseFull, DatabaseNotFound, ReadOnly

T = TypeVar("T")


class FileState(NamedTuple):
    """The state of the files: whether a process may be writing, and which content they have."""

    live: bool
    file: tuple[int, int]
    size: int
    changed: int


class ReadOnlyFile(Database):
    """`path`, opened for reading; `prepare` is called with each connection whose content is new."""

    read_only = True

    def __init__(self, path: Path, *, prepare: Callable[[sqlite3.Connection], None], timeout: float) -> None:
        super().__init__()
        self.where = str(path)
        self._path = path
        self._prepare = prepare
        self._timeout = timeout
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._state: FileState | None = None
        self._version = -1
        self._depth = 0
        self._is_alone = False
        self._closed = False

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self.check_open()
            try:
                connection = self._current()
            except sqlite3.Error as error:
                raise translated(error, self.where) from error
            if self._depth:  # a nested read sees the same state
                yield connection
                return
            self._depth += 1
            try:
                with snapshot(connection, self.where):
                    yield connection
            finally:
                self._depth -= 1
                if self._is_alone:  # other processes wait for its end
                    self._disconnect()
            if self._state is not None and not self._state.live and self._file_state() != self._state:
                raise DatabaseBusy(f"{self.where} was written while it was read", "read again")

    def check_open(self) -> None:
        self.check_process()
        if self._closed:
            raise DatabaseError(f"{self.where} was closed", "open it again with threads.open")

    def flush_now(self) -> None:
        pass  # nothing is submitted

    def wait_for_writes(self) -> None:
        pass  # nothing is submitted

    def check_writable(self) -> None:
        raise ReadOnly(f"{self.where} was opened with read_only=True", "open it without to change something")

    def write(self, change: WriteFn[T]) -> T:
        raise ReadOnly(f"{self.where} was opened with read_only=True", "open it without to change something")

    def submit(self, change: WriteFn[T], *, soon: bool = True) -> Future[T]:
        raise ReadOnly(f"{self.where} was opened with read_only=True", "open it without to change something")

    def purge_deleted_text(self, *, due_only: bool = False, stop: Callable[[], bool] | None = None) -> bool:
        return True  # nothing was deleted

    def compact(self) -> None:
        raise ReadOnly(f"{self.where} was opened with read_only=True", "open it without to compact it")

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._disconnect()

    def _current(self) -> sqlite3.Connection:
        if self._depth and self._connection is not None:
            return self._connection
        state = self._file_state()
        if (
            self._connection is None
            or self._state is None
            or (state.live, state.file) != (self._state.live, self._state.file)
            or (not state.live and state != self._state)
        ):
            self._disconnect()
            self._connection = self._connect(state)
        self._state = state
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._prepare(self._connection)
            self._version = version
        return self._connection

    def _connect(self, state: FileState) -> sqlite3.Connection:
        file = self._path.resolve().as_uri()
        if not state.live:
            return connect(f"{file}?immutable=1", uri=True, timeout=self._timeout)
        connection = connect(f"{file}?mode=ro", uri=True, timeout=self._timeout)
        try:
            connection.execute(FIRST_READ)
        except sqlite3.Error as error:
            connection.close()
            if not isinstance(translated(error, self.where), DatabaseFull):
                raise
            return self._connect_alone(f"{file}?mode=rw")
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect_alone(self, uri: str) -> sqlite3.Connection:
        connection = connect(uri, uri=True, timeout=self._timeout)
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # so the log's index is in memory, not in a file
        self._is_alone = True
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._version = -1
        self._is_alone = False

    def _file_state(self) -> FileState:
        live = any(
            beside.exists() and beside.stat().st_size > 0
            for beside in (Path(f"{self._path}-wal"), Path(f"{self._path}-journal"))
        )
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            raise DatabaseNotFound(f"there is no file {self.where} any more") from None
        return FileState(live, (stat.st_dev, stat.st_ino), stat.st_size, stat.st_mtime_ns)
