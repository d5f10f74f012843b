"""Watches the files of open databases, and rescues their content when they are removed or replaced.

One thread watches all databases of the process, so that a loss is detected where nothing is written, too.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from weakref import WeakSet

from threads.background import start_thread
from threads.db.file_copy import stamped, write_copy
from threads.db.file_guard import FileGuard, Loss
from threads.db.write_queue import Writer
from threads.errors import DatabaseError

INTERVAL = 0.25
"""Seconds between two checks of the files."""
RETRY_AFTER = 5.0
"""Seconds after which a copy that could not be written is tried again."""
MAX_LOG_ATTEMPTS = 4
"""Attempts to create a write-ahead log again, before a copy is written."""


class FileWatch:
    """Watches the files of one open database."""

    def __init__(self, path: Path, guard: FileGuard, writer: Writer) -> None:
        self._path = path
        self._guard = guard
        self._writer = writer
        self._lock = threading.Lock()
        self._is_logged = False
        self._failures = 0
        self._next_try = 0.0

    def check(self, disconnect_readers: Callable[[], None]) -> None:
        """Compare the files with those that were opened, and react.

        `disconnect_readers`: close the connections that read, but those that are at change.
        """
        with self._lock:
            loss = self._guard.find_loss()
            if loss is None:
                self._continue()
            elif loss is not Loss.LOG or not self._create_log(disconnect_readers):
                self._rescue(loss)

    def _continue(self) -> None:
        """The files are the ones that were opened."""
        if self._is_logged:
            _log().warning("%s is back, and used again", self._guard.where)
        self._reset()

    def _reset(self) -> None:
        self._is_logged, self._failures, self._next_try = False, 0, 0.0
        self._guard.loss = self._guard.rescued = None

    def _create_log(self, disconnect_readers: Callable[[], None]) -> bool:
        """Store the removed log in the file itself; whether that is done, or may soon succeed."""
        self._guard.loss = Loss.LOG
        disconnect_readers()
        try:
            self._writer.run_without_transaction(_create_log)
            self._guard.watch()
        except (DatabaseError, OSError):  # a reader is at change, others are connected, or the disk is full
            self._failures += 1
            return self._failures < MAX_LOG_ATTEMPTS
        message = "%s %s; what that held was stored in the file, nothing is lost"
        _log().warning(message, self._guard.where, Loss.LOG)
        self._reset()
        return True

    def _rescue(self, loss: Loss) -> None:
        """Refuse all reads and writes, and copy what the open descriptors still have."""
        guard = self._guard
        guard.loss = loss
        if loss is Loss.REPLACED:
            guard.drop_log()
        if guard.rescued is not None or time.monotonic() < self._next_try:
            return
        targets = _targets(self._path)
        if not self._is_logged:
            _log().error("%s; what it held is copied to %s", guard.error(loss), targets[0])
        guard.rescued = next(filter(self._copy_to, targets), None)
        if guard.rescued is None:
            self._next_try = time.monotonic() + RETRY_AFTER
        elif guard.rescued != targets[0]:
            _log().error("what %s held is in %s", guard.where, guard.rescued)
        self._is_logged = True
        with suppress(DatabaseError):  # so that the file itself is complete, wherever it was moved to
            self._writer.run_without_transaction(_store_log)

    def _copy_to(self, target: Path) -> bool:
        try:
            self._writer.run_without_transaction(lambda connection: write_copy(connection, target))
        except (DatabaseError, OSError) as error:
            if not self._is_logged:
                _log().error("%s could not be written: %s", target, error)
            return False
        return True


class Watched(Protocol):
    """A database that is watched."""

    def check_files(self) -> None:
        """Check the files now."""


class Watcher:
    """The thread that watches the files of all open databases of this process."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start again without databases."""
        self._lock = threading.Lock()
        self._watched: WeakSet[Watched] = WeakSet()
        self._removed = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, database: Watched) -> None:
        """Watch this one until it is removed or garbage collected."""
        with self._lock:
            self._watched.add(database)
            if self._thread is None or not self._thread.is_alive():
                self._begin()

    def _begin(self) -> None:
        try:
            self._thread = start_thread(self._run, "threads-files", lambda: False)
        except RuntimeError as error:  # no thread can be started; each write checks its own files
            _log().error("the files of idle databases are not watched: %s", error)

    def remove(self, database: Watched) -> None:
        """Stop watching this one."""
        with self._lock:
            self._watched.discard(database)
        self._removed.set()

    def _run(self) -> None:
        while True:
            self._removed.wait(INTERVAL)
            self._removed.clear()
            with self._lock:
                if not self._watched:
                    self._thread = None
                    return
                watched = list(self._watched)
            while watched:
                self._check(watched.pop())

    def _check(self, database: Watched) -> None:
        try:
            database.check_files()
        except Exception:  # the others are checked all the same
            logging.getLogger(__name__).exception("checking the files of a database failed")


watcher = Watcher()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=watcher.forget)  # the child has no such thread


def _log() -> logging.Logger:
    return logging.getLogger(__name__)


def _targets(path: Path) -> tuple[Path, Path]:
    """New names for the copy: beside the file (or in the nearest folder that exists), else in the folder for
    temporary files.
    """
    folder = next(each for each in path.parents if each.is_dir())
    return stamped(folder / path.name, "rescued"), stamped(Path(tempfile.gettempdir()) / path.name, "rescued")


def _create_log(connection: sqlite3.Connection) -> None:
    """Store the log in the file and create a new one; raises `DatabaseBusy` while others are connected."""
    connection.execute("PRAGMA busy_timeout=0")
    connection.execute("PRAGMA journal_mode=DELETE").fetchone()
    connection.execute("PRAGMA journal_mode=WAL").fetchone()
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # creates the log and its index


def _store_log(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA busy_timeout=0")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
