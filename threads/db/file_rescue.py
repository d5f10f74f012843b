"""Rescues the content of a database whose files were removed or replaced while it was open."""

from __future__ import annotations

import logging
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from threads.db.file_copy import stamped, write_copy
from threads.db.file_guard import FileGuard, Loss
from threads.db.write_queue import Writer
from threads.errors import DatabaseError

RETRY_AFTER = 5.0
"""Seconds after which a copy that could not be written is tried again."""
MAX_LOG_ATTEMPTS = 4
"""Attempts to create a write-ahead log again, before a copy is written."""


class FileRescue:
    """Reacts to the loss of the files of one open database, and to their return."""

    def __init__(self, path: Path, guard: FileGuard, writer: Writer) -> None:
        self._path = path
        self._guard = guard
        self._writer = writer
        self._lock = threading.Lock()
        self._is_logged = False
        self._failures = 0
        self._next_try = 0.0

    def react(self, disconnect_readers: Callable[[], None]) -> None:
        """Continue with files that are back, store a lost log in the file, or copy a lost file.

        `disconnect_readers`: close the connections that read, but those that are at change.
        """
        with self._lock:
            loss = self._guard.find_loss()
            if loss is None:
                self._continue()
            elif loss is not Loss.LOG or not self._create_log(disconnect_readers):
                self._rescue(loss)

    def _continue(self) -> None:
        """Use the files again: they are the ones that were opened."""
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
