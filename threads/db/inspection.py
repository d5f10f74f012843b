"""What a database file holds, found without changing it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from threads.db.backups import KNOWN_TABLES
from threads.db.database import connect
from threads.db.open import BUSY_TIMEOUT
from threads.db.readonly import ReadOnlyFile
from threads.errors import DatabaseBusy, ReadOnly

T = TypeVar("T")

TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
ATTEMPTS = 5
"""How often a read is tried while others write."""


def is_foreign(path: Path) -> bool:
    """Return whether the file has tables, but neither checkpoints nor a registry."""
    found = _tables(path)
    return bool(found) and not found & KNOWN_TABLES


def retry_if_written(read: Callable[[], T]) -> T:
    """Return the result of `read`, which expects that nobody writes the file; try again if it was written.

    The file is known to be in use then, and is read as such.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return read()
        except DatabaseBusy as error:
            if error.__cause__ is not None:  # from SQLite: it has waited for a lock long enough
                raise
    return read()


def _tables(path: Path) -> set[str]:
    """The file's tables. The file stays as it is, unless SQLite has to roll back what a crash left."""
    file = ReadOnlyFile(path, prepare=lambda _: None, timeout=BUSY_TIMEOUT)

    def table_names() -> set[str]:
        with file.read() as connection:
            return {row[0] for row in connection.execute(TABLES)}

    try:
        return retry_if_written(table_names)
    except ReadOnly:
        with closing(connect(path, timeout=BUSY_TIMEOUT)) as connection:
            return {row[0] for row in connection.execute(TABLES)}
    finally:
        file.close()
