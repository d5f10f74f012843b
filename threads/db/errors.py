"""Translation of SQLite's error codes into `threads.errors`."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from threads.db.disk import is_full
from threads.errors import (
    DatabaseBusy,
    DatabaseError,
    DatabaseFull,
    DatabaseNotFound,
    NotADatabase,
    ReadOnly,
    ThreadDeleted,
)

NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
"""The error numbers for too many open files, of the process or the machine."""
DELETED = "threads: deleted"
"""The message of the trigger for a checkpoint whose parent was deleted with its thread."""

REMEDIES: dict[int, tuple[type[DatabaseError], str]] = {
    sqlite3.SQLITE_NOTADB: (NotADatabase, "{where} is not an SQLite database"),
    sqlite3.SQLITE_CORRUPT: (NotADatabase, "{where} is damaged ({why}); restore it: {restore}"),
    sqlite3.SQLITE_CANTOPEN: (DatabaseNotFound, "{where} cannot be opened ({why}); check its permissions"),
    sqlite3.SQLITE_READONLY: (ReadOnly, "{where} cannot be written; read_only=True opens it to look only"),
    sqlite3.SQLITE_PERM: (ReadOnly, "{where} cannot be written; read_only=True opens it to look only"),
    sqlite3.SQLITE_FULL: (DatabaseFull, "the disk of {where} is full; nothing was stored, make room"),
    sqlite3.SQLITE_BUSY: (DatabaseBusy, "{where} is locked by others; nothing was stored, try again"),
    sqlite3.SQLITE_LOCKED: (DatabaseBusy, "{where} is locked; nothing was stored, try again"),
}


PERHAPS_FULL = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
"""The codes that may stand for a full disk, too: no room for the files beside the database."""


def translated(error: BaseException, where: str) -> BaseException:
    """The error to raise in place of `error`: one of ours where there is one, else itself."""
    if not isinstance(error, sqlite3.Error):
        return error
    if DELETED in str(error):
        return ThreadDeleted()
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return error
    if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
        return error  # not the database's fault
    code &= 0xFF
    if code in PERHAPS_FULL and where != ":memory:" and is_full(where):
        code = sqlite3.SQLITE_FULL
    kind, words = REMEDIES.get(code, (DatabaseError, "{where}: {why}"))
    if code == sqlite3.SQLITE_CANTOPEN and has_no_descriptors():
        kind, words = DatabaseBusy, "{where} cannot be opened: too many files are open; try again"
    return kind(words.format(where=where, why=error, restore=restoring(where)))


def has_no_descriptors() -> bool:
    """Whether too many files are open to open another one."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in NO_DESCRIPTORS
    return False


def is_temporary(error: BaseException | None) -> bool:
    """Whether the cause ends by itself: no file descriptors are left, or the file is locked."""
    return any(isinstance(each, DatabaseBusy) or _is_lack(each) for each in _chain(error))


def came_of_no_descriptors(error: BaseException | None) -> bool:
    """Whether an agent failed because too many files are open, and still are.

    Any other error of an agent, whatever its class, is final: running it again would repeat its effects.
    """
    return any(map(_is_lack, _chain(error))) and has_no_descriptors()


def _is_lack(error: BaseException) -> bool:
    return getattr(error, "errno", None) in NO_DESCRIPTORS


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def restoring(where: str) -> str:
    """The command that restores a backup; with a hint where a log of another file lies beside the file."""
    words = f"threads restore-backup BACKUP --db {where}"
    if not Path(f"{where}-wal").exists():
        return words
    return f"{words} ({stray_log(where)})"


def stray_log(where: str) -> str:
    """What to do after a file was copied over one whose write-ahead log was left behind."""
    return (
        f"if a backup was copied over {where} while {where}-wal lay there: remove {where}-wal and "
        f"{where}-shm, then copy it again"
    )
