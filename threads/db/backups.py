"""Restoring a backup. At any moment the file is the old one or the new one, and the old one is preserved."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from contextlib import closing, suppress
from pathlib import Path

from threads.db import migrations
from threads.db.database import connect
from threads.db.errors import translated
from threads.db.file_copy import appear, copy_into, part_beside, set_logs_aside, stamped, sync_folder
from threads.db.migrations import Progress
from threads.db.open import BUSY_TIMEOUT, located, reachable
from threads.db.readonly import ReadOnlyFile
from threads.errors import DatabaseBusy, NotADatabase, UsageError

KNOWN_TABLES = {"checkpoints", "threads_migration"}
"""Tables of which at least one is in a file that a saver or a registry has created."""
LOCK_TIMEOUT = 2.0
"""Seconds to wait for other processes that use the file."""
DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def restore_backup(
    where: str | os.PathLike[str], backup: str | os.PathLike[str], *, progress: Progress | None = None
) -> Path | None:
    """Put a copy of `backup` in the place of the database at `where`; returns where the old one is preserved.

    None if there was no old one. The backup is checked before anything is changed. A `-wal` beside the old
    file is stored in it first, so that it is not applied to the new one. The mode of the file stays.

    Raises `DatabaseBusy` while the database is open anywhere, `NotADatabase`, `NewerDatabase` or
    `ForeignDatabase` if the backup cannot be used, `DatabaseNotFound`, `DatabaseFull`, `UsageError`.
    """
    target, source = located(where), located(backup)
    if target is None or source is None:
        raise UsageError("a database in memory cannot be restored, nor be a backup: name files")
    path = reachable(target, must_exist=False).resolve()
    source = reachable(source, must_exist=True)
    if path.exists() and path.samefile(source):
        raise UsageError(f"{source} is the database itself", "name the backup")
    try:
        with part_beside(path) as part:
            _copy_checked(source, part, progress)
            _keep_mode(path, part)
            return _put_in_place(path, part)
    except sqlite3.Error as error:
        raise translated(error, str(path)) from error


def _copy_checked(source: Path, part: Path, progress: Progress | None) -> None:
    """Copy the backup with its own `-wal`; raises `DatabaseError` if it is none of ours."""
    file = ReadOnlyFile(source, prepare=lambda _: None, timeout=BUSY_TIMEOUT)
    try:
        with file.read() as connection:
            migrations.check_version(connection, str(source))
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            if not tables & KNOWN_TABLES:
                raise NotADatabase(
                    f"{source} has no threads in it, so nothing was changed", "name another backup"
                )
            copy_into(connection, part, progress)
    finally:
        file.close()
    with closing(connect(f"{part.as_uri()}?immutable=1", uri=True)) as copy:
        found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise NotADatabase(f"{source} is damaged ({found}), so nothing was changed", "name another backup")


def _keep_mode(path: Path, part: Path) -> None:
    """Give the new file the mode and the owner of the old one."""
    with suppress(FileNotFoundError):
        old = path.stat()
        part.chmod(stat.S_IMODE(old.st_mode))
        if hasattr(os, "chown"):
            with suppress(OSError):  # only root may give a file away
                os.chown(part, old.st_uid, old.st_gid)


def _put_in_place(path: Path, part: Path) -> Path | None:
    preserved = stamped(path, "before-restore")
    if not path.exists():
        set_logs_aside(path, preserved)
        appear(part, path)
        return None
    connection = connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=LOCK_TIMEOUT)
    try:
        _store_log(connection, path)
        if os.name == "nt":  # there no file is replaced that is open
            connection.close()
        _preserve(path, preserved)
        set_logs_aside(path, preserved)
        part.replace(path)
        sync_folder(path.parent)
    finally:
        connection.close()
    return preserved


def _store_log(connection: sqlite3.Connection, path: Path) -> None:
    """Lock this file and store its log in it; raises `DatabaseBusy` while other processes use it.

    A damaged file keeps its log.
    """
    try:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=TRUNCATE").fetchone()  # no log any more, and an empty journal
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.DatabaseError as error:
        code = error.sqlite_errorcode & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise DatabaseBusy(
                f"{path} is in use", "stop all that use it (such as threads serve), and restore again"
            ) from error
        if code not in DAMAGE:
            raise


def _preserve(path: Path, preserved: Path) -> None:
    """Give the file a second name, or copy it."""
    try:
        os.link(path, preserved)
    except OSError:  # a file system that knows none
        shutil.copyfile(path, preserved)
        shutil.copymode(path, preserved)
