"""Whether an open database's files are still the ones it was opened with.

SQLite goes on with its open descriptors when the file is removed, moved or replaced: what is stored then is
lost when the last of them is closed, and the write-ahead log, found by its name, would be applied to whatever
file is there next. So the files' identities (device and inode) are compared with those at the beginning. As
long as a file is open its inode is not used for another one. Windows removes and replaces no open file, and a
file that is overwritten in place (`cp`) stays the same file: neither is looked for.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from threads.errors import DatabaseGone

GONE = {errno.ENOENT, errno.ENOTDIR, getattr(errno, "ESTALE", errno.ENOENT)}
"""What `stat` says of a file that is not there."""


class Loss(StrEnum):
    """What became of a file that was open."""

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
    """The identities of a database and of its write-ahead log and that log's index; None: not there."""

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
        """Set by the first check that notices it; until it is cleared nothing is read or written."""
        self.rescued: Path | None = None
        self._main = self._identity(0)
        self._files: Files | None = None

    def watch(self) -> None:
        """Take the files that are there now for those that belong to the open connection."""
        files = self._look()
        if os.name == "nt" or None in files or files != self._look():
            self._files = None  # a file system whose files have no constant identity cannot be watched
        else:
            self.check_main()
            self._files = files
        self.loss = self.rescued = None

    def check_main(self) -> None:
        """Raise `DatabaseGone` if the file is not the one any more that was there when this was made."""
        if os.name != "nt" and self._main not in (None, self._identity(0)):
            raise DatabaseGone(self.where, "was replaced while it was being opened", "open it again")

    def check(self) -> None:
        """Raise `DatabaseGone` if a loss was noticed."""
        if self.loss is not None:
            raise self.error(self.loss)

    def check_files(self) -> None:
        """Look at the files; `DatabaseGone` if they are not what they were."""
        if self.loss is None:
            self.loss = self.found()
        self.check()

    def found(self) -> Loss | None:
        """What became of the files, as they are now; None where all is well, or cannot be told."""
        if self._files is None:
            return None
        try:
            files = self._look()
        except OSError:  # a folder that may not be entered, a network that is away: SQLite will say so
            return None
        if files == self._files:
            return None
        if files.main == self._files.main:
            return Loss.LOG
        return Loss.REMOVED if files.main is None else Loss.REPLACED

    def drop_log(self) -> None:
        """Remove our log and its index, if they are still there by name: another file stands beside them."""
        if self._files is None:
            return
        for number in (1, 2):
            with suppress(OSError):
                if self._identity(number) == self._files[number]:
                    Path(self.names[number]).unlink()

    def error(self, loss: Loss) -> DatabaseGone:
        """The error that says so."""
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
            if error.errno in GONE:
                return None
            raise
        return stat.st_dev, stat.st_ino
