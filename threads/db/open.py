"""Opening a database by name: `:memory:`, a path, or a `sqlite:///` URL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from threads.db import migrations
from threads.db.database import Database, connect, make_durable
from threads.db.errors import translated
from threads.db.file_copy import appear, copy_into, create_private, part_beside
from threads.db.file_database import FileDatabase
from threads.db.file_guard import FileGuard
from threads.db.migrations import Progress
from threads.db.readonly import ReadOnlyFile
from threads.errors import DatabaseError, DatabaseGone, DatabaseNotFound, ReadOnly, UsageError

BUSY_TIMEOUT = 10.0
"""Seconds to wait for the write lock of another process."""
TRIES = 3
"""Attempts to open a file that is replaced meanwhile."""
TRIGRAMS_SINCE = (3, 34)
"""The version of SQLite that has a trigram tokenizer."""


def open_database(
    where: str | os.PathLike[str], *, read_only: bool = False, progress: Progress | None = None
) -> Database:
    """The database at `where`, migrated unless `read_only`.

    Raises a `DatabaseError` that names the file and the remedy; the file is untouched then.
    """
    path = located(where)
    if path is None:
        from threads.db.in_memory import MemoryDatabase

        connection = connect(":memory:")
        check_search(connection)
        make_durable(connection, ":memory:")
        migrations.migrate(connection, ":memory:")
        return MemoryDatabase(connection)
    path = reachable(path, must_exist=read_only)
    if read_only:
        return _open_to_look(path)
    for _ in range(TRIES - 1):
        with suppress(DatabaseGone):
            return _writable(path, progress)
    return _writable(path, progress)


def check_search(
    connection: sqlite3.Connection,
    *,
    modules: Sequence[str] | None = None,
    version: tuple[int, ...] = sqlite3.sqlite_version_info,
) -> None:
    """Raise `DatabaseError` with a remedy where this SQLite cannot search texts."""
    if modules is None:
        modules = [row[0] for row in connection.execute("SELECT name FROM pragma_module_list")]
    if "fts5" not in modules or version < TRIGRAMS_SINCE:
        raise DatabaseError(
            f"this Python has SQLite {'.'.join(map(str, version))}, which cannot search texts: that takes "
            "FTS5 and SQLite 3.34 or newer",
            "use a Python that has them, such as that of python.org or conda",
        )


def detach(where: str | os.PathLike[str]) -> None:
    """Take the registry out of the file; its checkpoints stay, as any LangGraph program reads them."""
    path = located(where)
    if path is None:
        raise UsageError("an in-memory registry has no file to detach from")
    path = reachable(path, must_exist=True)
    connection = connect(path, timeout=BUSY_TIMEOUT)
    try:
        connection.execute("PRAGMA secure_delete=1")
        if not migrations.is_development_schema(connection):
            migrations.check_version(connection, str(path))
        migrations.detach(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise translated(error, str(path)) from error
    finally:
        connection.close()


def back_up(database: Database, target: str | os.PathLike[str], progress: Progress | None = None) -> Path:
    """Copy what the database holds now to a new file, while others read and write; returns its path.

    The file appears when it is whole. Raises `UsageError` if there is one already.
    """
    path = located(target)
    if path is None:
        raise UsageError("a backup needs a file to go to")
    path = reachable(path, must_exist=False)
    if path.exists():
        raise UsageError(f"{path} is there already", "name a new file for the backup")
    try:
        with part_beside(path) as part:
            with database.read() as connection:
                connection.execute(
                    "SELECT count(*) FROM sqlite_master"
                ).fetchone()  # the snapshot begins here:
                copy_into(connection, part, progress)  # no writer makes it begin again
            appear(part, path)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already", "name a new file for the backup") from error
    except sqlite3.Error as error:
        raise translated(error, str(path)) from error
    return path


def located(where: str | os.PathLike[str]) -> Path | None:
    """The file that `where` names; None for `:memory:`."""
    if not isinstance(where, (str, os.PathLike)):
        raise UsageError(f"where: {where!r} is neither a path nor a URL")
    text = os.fspath(where)
    if not isinstance(text, str):
        raise UsageError("where: the path must be str, not bytes")
    if not text:
        raise UsageError("where: it is empty", 'name a file such as "threads.db", or ":memory:"')
    if text == ":memory:":
        return None
    if "://" in text:
        url = urlsplit(text)
        if url.scheme != "sqlite":
            raise UsageError(
                f"where: there is no {url.scheme}:// database here", "use a path or sqlite:///file.db"
            )
        text = unquote(url.path)[1:]  # sqlite:///relative.db, sqlite:////absolute.db
        if text in ("", ":memory:"):
            return None
    return Path(text)


def reachable(path: Path, *, must_exist: bool) -> Path:
    """`path` with `~` expanded, if a database is or can be there; else `DatabaseNotFound`."""
    path = path.expanduser()
    if path.is_dir():
        raise DatabaseNotFound(f"{path} is a folder", f"name a file in it, such as {path / 'threads.db'}")
    if not path.exists() and must_exist:
        raise DatabaseNotFound(f"there is no file {path}")
    if not path.parent.is_dir():
        raise DatabaseNotFound(f"{path} cannot be created: there is no folder {path.parent}")
    return path


def _writable(path: Path, progress: Progress | None) -> Database:
    created = create_private(path)
    real = path.resolve()
    connection = None
    try:
        guard = FileGuard(real, str(path))
        connection = connect(path, timeout=BUSY_TIMEOUT)
        migrations.check_version(connection, str(path))  # before anything is touched
        guard.check_main()  # a backup may have been restored while it was waited for
        check_search(connection)
        make_durable(connection, str(path))
        migrations.migrate(connection, str(path), progress)
        guard.watch()
    except BaseException as error:
        if connection is not None:
            connection.close()
        if created and path.exists() and path.stat().st_size == 0:
            path.unlink()
        fault = translated(error, str(path))
        if fault is error:
            raise
        if isinstance(fault, DatabaseNotFound) and not created:  # no room beside it for a write-ahead log
            fault = ReadOnly(f"{path} cannot be written", "read_only=True opens it to look only")
        raise fault from error
    return FileDatabase(guard, real, connection, timeout=BUSY_TIMEOUT)


def _open_to_look(path: Path) -> Database:
    def prepare(connection: sqlite3.Connection) -> None:
        migrations.check_version(connection, str(path))
        check_search(connection)
        migrations.shadow(connection)

    database = ReadOnlyFile(path, prepare=prepare, timeout=BUSY_TIMEOUT)
    try:
        with database.read():
            pass  # an error is raised now, not by the first query
    except BaseException:
        database.close()
        raise
    return database
