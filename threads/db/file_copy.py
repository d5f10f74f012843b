"""Whole copies of a database under a new name: for backups, rescued files and restored ones."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from threads.db.migrations import Progress

PAGES_PER_STEP = 4096
"""Pages that are copied between two reports of progress."""
PRIVATE_MODE = 0o600
"""The mode of a file that we create."""


def create_private(path: Path) -> bool:
    """Create an empty file that only its owner may read, if there is none; whether it was created.

    SQLite gives `-wal` and `-shm` the mode of the database. A file that exists is not opened: closing it
    again would drop the locks that this process may have on it. Where none can be created SQLite tells why.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, PRIVATE_MODE))
    except OSError:
        return False
    with suppress(OSError):
        set_logs_aside(path, stamped(path, "left"))
    return True


def stamped(path: Path, word: str) -> Path:
    """A free name beside `path`, with a word and the time."""
    name = f"{path.name}.{word}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    names = (path.with_name(f"{name}-{number}" if number > 1 else name) for number in count(1))
    return next(each for each in names if not each.exists())


def set_logs_aside(path: Path, preserved: Path) -> None:
    """Rename the logs that lie beside `path` as those of `preserved`, lest they be applied to a new file.

    SQLite would delete those of a file that is not there; they may hold what was stored last.
    """
    for suffix in ("-wal", "-journal"):
        with suppress(FileNotFoundError):
            log = Path(f"{path}{suffix}")
            if log.stat().st_size:
                log.replace(f"{preserved}{suffix}")
            else:
                log.unlink()
    with suppress(FileNotFoundError):
        Path(f"{path}-shm").unlink()


def write_copy(connection: sqlite3.Connection, path: Path, progress: Progress | None = None) -> None:
    """Write all that `connection` sees to a new file, which appears when it is complete.

    Raises `FileExistsError` if there is one already, and what SQLite and the file system raise.
    """
    with part_beside(path) as part:
        copy_into(connection, part, progress)
        appear(part, path)


@contextmanager
def part_beside(path: Path) -> Iterator[Path]:
    """An empty file beside `path` that only its owner may read; removed at the end unless it was renamed."""
    import tempfile  # not needed by a list

    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def copy_into(connection: sqlite3.Connection, part: Path, progress: Progress | None = None) -> None:
    """Copy all that `connection` sees into an empty file, and sync it."""

    def report(_: int, left: int, total: int) -> None:
        if progress:
            progress("copying pages", total - left, total)

    with closing(sqlite3.connect(part)) as copy:
        connection.backup(copy, pages=PAGES_PER_STEP, progress=report)


def appear(part: Path, path: Path) -> None:
    """Give the complete file its name; raises `FileExistsError` if the name is taken."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError from None
        part.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to the disk; Windows does that by itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system that cannot sync a folder
            os.fsync(handle)
    finally:
        os.close(handle)
