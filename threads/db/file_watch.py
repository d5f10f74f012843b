"""Looks after the files of open databases, and keeps what they hold when they are removed or replaced.

One thread looks for all databases of the process, so that a loss is noticed where nothing is written, too.
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
"""Seconds between two looks at the files."""
NEXT_TRY = 5.0
"""Seconds after which a copy is tried again that could not be written."""
TRIES = 4
"""How often it is tried to begin a write-ahead log again, before it is given up for now."""


class FileWatch:
    """Looks after the files of one open database."""

    def __init__(self, path: Path, guard: FileGuard, writer: Writer) -> None:
        self._path = path
        self._guard = guard
        self._writer = writer
        self._lock = threading.Lock()
        self._is_told = False
        self._failures = 0
        self._next_try = 0.0

    def look(self, disconnect_readers: Callable[[], None]) -> None:
        """Compare the files with those that were opened, and do what is to be done.

        `disconnect_readers`: close the connections that read, but those that are at change.
        """
        with self._lock:
            loss = self._guard.found()
            if loss is None:
                self._go_on()
            elif loss is not Loss.LOG or not self._begin_log_again(disconnect_readers):
                self._keep(loss)

    def _go_on(self) -> None:
        """The files are what they were."""
        if self._is_told:
            _log().warning("%s is back, and used again", self._guard.where)
        self._reset()

    def _reset(self) -> None:
        self._is_told, self._failures, self._next_try = False, 0, 0.0
        self._guard.loss = self._guard.rescued = None

    def _begin_log_again(self, disconnect_readers: Callable[[], None]) -> bool:
        """Store what the log that is gone holds in the file itself; whether that is done, or may be soon."""
        self._guard.loss = Loss.LOG
        disconnect_readers()
        try:
            self._writer.run_without_transaction(_begin_log_again)
            self._guard.watch()
        except (DatabaseError, OSError):  # a reader is at change, others are connected, or the disk is full
            self._failures += 1
            return self._failures < TRIES
        words = "%s %s; what that held was stored in the file, nothing is lost"
        _log().warning(words, self._guard.where, Loss.LOG)
        self._reset()
        return True

    def _keep(self, loss: Loss) -> None:
        """Refuse whatever is asked for, and copy what the open descriptors still hold."""
        guard = self._guard
        guard.loss = loss
        if loss is Loss.REPLACED:
            guard.drop_log()
        if guard.rescued is not None or time.monotonic() < self._next_try:
            return
        targets = _targets(self._path)
        if not self._is_told:
            _log().error("%s; what it held is copied to %s", guard.error(loss), targets[0])
        guard.rescued = next(filter(self._is_copied, targets), None)
        if guard.rescued is None:
            self._next_try = time.monotonic() + NEXT_TRY
        elif guard.rescued != targets[0]:
            _log().error("what %s held is in %s", guard.where, guard.rescued)
        self._is_told = True
        with suppress(DatabaseError):  # so that the file itself is whole, wherever it was moved to
            self._writer.run_without_transaction(_store_log)

    def _is_copied(self, target: Path) -> bool:
        try:
            self._writer.run_without_transaction(lambda connection: write_copy(connection, target))
        except (DatabaseError, OSError) as error:
            if not self._is_told:
                _log().error("%s could not be written: %s", target, error)
            return False
        return True


class Watched(Protocol):
    """What is looked after."""

    def look_after_files(self) -> None:
        """Look at the files now."""


class Watcher:
    """The thread that looks after the files of all open databases of this process."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, with nothing to look after."""
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
        except RuntimeError as error:  # the system has no thread left; each write looks at its own files
            _log().error("the files of idle databases are not looked after: %s", error)

    def remove(self, database: Watched) -> None:
        """Look after it no more."""
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
                self._look_after(watched.pop())

    def _look_after(self, database: Watched) -> None:
        try:
            database.look_after_files()
        except Exception:  # whatever it is, the others are looked after
            logging.getLogger(__name__).exception("the files of a database could not be looked after")


watcher = Watcher()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=watcher.forget)  # its thread is not here, and its lock may be held


def _log() -> logging.Logger:
    return logging.getLogger(__name__)


def _targets(path: Path) -> tuple[Path, Path]:
    """New names for what is rescued: beside the file (or in the nearest folder that is left), and in the
    folder for temporary files, where it cannot be written there.
    """
    folder = next(each for each in path.parents if each.is_dir())
    return stamped(folder / path.name, "rescued"), stamped(Path(tempfile.gettempdir()) / path.name, "rescued")


def _begin_log_again(connection: sqlite3.Connection) -> None:
    """Store the log in the file and make a new one; `DatabaseBusy` while others are connected."""
    connection.execute("PRAGMA busy_timeout=0")
    connection.execute("PRAGMA journal_mode=DELETE").fetchone()
    connection.execute("PRAGMA journal_mode=WAL").fetchone()
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # now the log and its index are there


def _store_log(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA busy_timeout=0")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
