"""Detects that the files of an open database were removed or replaced.

SQLite continues with its open descriptors when the file is removed, moved or replaced: what is stored
then is lost when the last of them is closed, and the write-ahead log, found by its name, would be
applied to whatever file is there next. So the identities of the files (device and inode) are compared
with those at opening. While a file is open its inode is not reused. Windows removes and replaces no open
file, and a file that is overwritten in place (`cp`) stays the same file: neither is detected.

One thread watches all databases of the process, so that a loss is detected where nothing is written, too.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol
from weakref import WeakSet

from threads.background import start_thread
from threads.errors import DatabaseGone

NOT_FOUND = {errno.ENOENT, errno.ENOTDIR, getattr(errno, "ESTALE", errno.ENOENT)}
"""The error numbers of `stat` for a file that does not exist."""
INTERVAL = 0.25
"""Seconds between two checks of the files."""


class Loss(StrEnum):
    """What happened to a file that was open."""

    REMOVED = "was removed or moved away"
    REPLACED = "was replaced by another file"
    LOG = "lost its write-ahead log: the -wal or -shm file beside it was removed or replaced"


REMEDIES = {
    Loss.REMOVED: "put it back and it is used again, or stop all that use it, restore it with "
    "`threads restore-backup` and start again",
    Loss.REPLACED: "stop all that use it, restore with `threads restore-backup` and start again",
    Loss.LOG: "stop all that use it and start again",
}
Identity = tuple[int, int]


class Files(NamedTuple):
    """The identities of a database, its write-ahead log and that log's index; None: it does not exist."""

    main: Identity | None
    wal: Identity | None
    shm: Identity | None


class FileGuard:
    """Compares the files of the database at `path` with those that `watch` found there."""

    def __init__(self, path: Path, where: str) -> None:
        """`where`: the path as it was given, for messages."""
        self.where = where
        self.names = tuple(f"{path}{suffix}" for suffix in ("", "-wal", "-shm"))
        self.loss: Loss | None = None
        """Set by the first check that detects it; until it is cleared nothing is read or written."""
        self.rescued: Path | None = None
        self._main = self._identity(0)
        self._files: Files | None = None

    def watch(self) -> None:
        """Record the files that exist now as those of the open connection."""
        files = self._look()
        if os.name == "nt" or None in files or files != self._look():
            self._files = None  # a file system whose files have no constant identity cannot be watched
        else:
            self.check_main()
            self._files = files
        self.loss = self.rescued = None

    def check_main(self) -> None:
        """Raise `DatabaseGone` if the file is another one than when this object was created."""
        if os.name != "nt" and self._main not in (None, self._identity(0)):
            raise DatabaseGone(self.where, "was replaced while it was being opened", "open it again")

    def check(self) -> None:
        """Raise `DatabaseGone` if a loss was detected."""
        if self.loss is not None:
            raise self.error(self.loss)

    def check_files(self) -> None:
        """Compare the files; raises `DatabaseGone` if they are other ones."""
        if self.loss is None:
            self.loss = self.find_loss()
        self.check()

    def is_lost(self) -> bool:
        """Whether the files are other ones now, or were when they were last compared."""
        return self.loss is not None or self.find_loss() is not None

    def find_loss(self) -> Loss | None:
        """What happened to the files; None if nothing did, or it cannot be determined."""
        if self._files is None:
            return None
        try:
            files = self._look()
        except OSError:  # no permission, or no network: SQLite reports it
            return None
        if files == self._files:
            return None
        if files.main == self._files.main:
            return Loss.LOG
        return Loss.REMOVED if files.main is None else Loss.REPLACED

    def drop_log(self) -> None:
        """Remove our log and its index, if they still have their names: the new file must not use them."""
        if self._files is None:
            return
        for number in (1, 2):
            with suppress(OSError):
                if self._identity(number) == self._files[number]:
                    Path(self.names[number]).unlink()

    def error(self, loss: Loss) -> DatabaseGone:
        """The error for this loss."""
        remedy = REMEDIES[loss]
        if self.rescued is not None:
            remedy = f"{remedy}; what it held is in {self.rescued}"
        return DatabaseGone(self.where, f"{loss} while it was in use", remedy)

    def _look(self) -> Files:
        return Files(self._identity(0), self._identity(1), self._identity(2))

    def _identity(self, number: int) -> Identity | None:
        try:
            stat = os.stat(self.names[number])  # noqa: PTH116  at each transaction: a third of the time
        except OSError as error:
            if error.errno in NOT_FOUND:
                return None
            raise
        return stat.st_dev, stat.st_ino


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
            logging.getLogger(__name__).error("the files of idle databases are not watched: %s", error)

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
