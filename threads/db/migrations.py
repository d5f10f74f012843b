"""The schema: numbered migrations, each applied in one transaction together with its own record.

A migration that was on main is never edited. Every later change of the schema is a new file
`sql/NNNN_name.sql` with the next number, added to `MIGRATIONS`. Migrating twice is a no-op. A file of a newer
version is refused before anything is touched, and so is one of a development version
(`threads.db.development`).

The first migration also adopts what a stock saver left: a row for each thread, from its checkpoint ids
alone. Their titles and counts are projections like any other. `detach` takes everything out again.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator

from threads.db import development, seals
from threads.db.database import has_table
from threads.db.queries import FOLDER, statements
from threads.errors import DatabaseError, ForeignDatabase, NewerDatabase
from threads.ids import uuid_milliseconds

Progress = Callable[[str, int, int], None]
"""Called often with what is done, how much of it, and how much there is; it should be quick."""
MIGRATIONS = (
    "0001_initial", "0002_second_spellings", "0003_agent_keys", "0004_message_rows", "0005_list_changes",
)  # fmt: skip
ADOPTED_AT_ONCE = 5000
STOCK = {
    "checkpoints": {
        "thread_id",
        "checkpoint_ns",
        "checkpoint_id",
        "parent_checkpoint_id",
        "type",
        "checkpoint",
    },
    "writes": {"thread_id", "checkpoint_ns", "checkpoint_id", "task_id", "idx", "channel", "type", "value"},
}
"""The columns that the stock saver's tables have at least, in every version that can be read."""
MINE = re.compile(r"CREATE (?:UNIQUE |VIRTUAL )?(TABLE|VIEW|INDEX|TRIGGER) (threads_\w+)")
ADDED = re.compile(r"ALTER TABLE (threads_\w+) ADD COLUMN")
"""A column that a migration adds to a table of an earlier one."""
RECORD = """
CREATE TABLE IF NOT EXISTS threads_migration (
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL
)"""


def version(connection: sqlite3.Connection) -> int:
    """The number of the last migration applied to this database; 0 where there is no registry."""
    if not has_table(connection, "threads_migration"):
        return 0
    return int(connection.execute("SELECT coalesce(max(version), 0) FROM threads_migration").fetchone()[0])


def is_development_schema(connection: sqlite3.Connection) -> bool:
    """Whether the registry's tables are those of a development version before 0.1.0."""
    return has_table(connection, "threads_migration") and development.is_development_schema(connection)


def check_version(connection: sqlite3.Connection, where: str) -> int:
    """The version of the schema; 0 without a registry.

    Raises `NewerDatabase` for an unknown version, `ForeignDatabase` where other tables have our names, and
    `DatabaseError` for a file of a development version.
    """
    rows = connection.execute("SELECT name, type FROM main.sqlite_master WHERE type IN ('table', 'view')")
    kinds = {row["name"]: row["type"] for row in rows}
    found = version(connection)  # after the names: a process that migrates meanwhile has recorded them
    if is_development_schema(connection):
        raise DatabaseError(development.refusal(where))
    if found > len(MIGRATIONS):
        raise NewerDatabase(where, found, len(MIGRATIONS))
    for name in STOCK.keys() & kinds.keys():
        columns = {row["name"] for row in connection.execute(f"PRAGMA main.table_info({name})")}
        if kinds[name] != "table" or not columns >= STOCK[name]:
            raise ForeignDatabase(where, kinds[name], name)
    for name in kinds.keys() & {name for _, name in brought()} if not found else ():
        raise ForeignDatabase(where, kinds[name], name)
    return found


def migrate(connection: sqlite3.Connection, where: str, progress: Progress | None = None) -> None:
    """Apply the missing migrations; several processes may try at once."""
    while (done := check_version(connection, where)) < len(MIGRATIONS):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if version(connection) == done:  # no other process did while this one waited for the lock
                _apply(connection, done + 1, MIGRATIONS[done], progress)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def brought(upto: int | None = None) -> list[tuple[str, str]]:
    """The tables, indexes, views and triggers of the migrations: kind and name, dependants first.

    `upto`: the version of a file that has not all of them.
    """
    kinds = ("TRIGGER", "INDEX", "VIEW", "TABLE")
    found = [MINE.match(statement) for name in MIGRATIONS[:upto] for statement in script(name)]
    mine = [(match[1], match[2]) for match in reversed(found) if match]
    return sorted(mine, key=lambda each: kinds.index(each[0]))


def detach(connection: sqlite3.Connection) -> None:
    """Drop all our tables, indexes, views and triggers; checkpoints and writes stay as they are.

    Nothing is touched where there is no registry: tables of such names are not ours then.
    """
    if not version(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    if is_development_schema(connection):
        development.drop_tables(connection)
    for kind, name in (*brought(), ("TABLE", "threads_migration")):
        connection.execute(f"DROP {kind} IF EXISTS {name}")
    connection.execute("COMMIT")


def restore_missing(connection: sqlite3.Connection) -> None:
    """Create again what was dropped of our tables, indexes, views and triggers."""
    there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    for name in MIGRATIONS:
        for statement in script(name):
            match, added = MINE.match(statement), ADDED.match(statement)
            if (match and match[2] not in there) or (added and added[1] not in there):  # just created
                connection.execute(statement)
    seals.ensure_key(connection)


def shadow(connection: sqlite3.Connection) -> None:
    """Create our tables as temporary ones on a connection that may not write the file.

    Does nothing where the file has them. Called again when the file has changed.
    """
    for kind, name in connection.execute("SELECT type, name FROM temp.sqlite_master").fetchall():
        if kind in ("table", "view"):
            connection.execute(f"DROP {kind} temp.{name}")
    if version(connection):
        return
    if has_table(connection, "writes") and not has_column(connection, "writes", "task_path"):
        connection.execute("CREATE TEMP VIEW writes AS SELECT *, '' AS task_path FROM main.writes")
    for statement in (each for name in MIGRATIONS for each in script(name)):
        found = re.match(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", statement)
        if found and not has_table(connection, found[1]):
            connection.execute(statement.replace(found[0], f"CREATE TEMP TABLE {found[1]}", 1))
        elif added := ADDED.match(statement):
            connection.execute(statement.replace(added[1], f"temp.{added[1]}", 1))
    adopt(connection)


def adopt(connection: sqlite3.Connection, progress: Progress | None = None) -> None:
    """Create a row for every thread that has checkpoints and no row."""
    sql = statements("adopt")
    connection.create_function("uuid_milliseconds", 1, _milliseconds, deterministic=True)
    connection.create_function("is_utf8", 1, is_utf8, deterministic=True)
    connection.execute(sql["prepare"])
    size = connection.execute(sql["size"]).fetchone()[0]
    since, done = b"", 0
    while connection.execute(sql["collect"], {"since": since, "chunk": ADOPTED_AT_ONCE}).rowcount:
        last, done = connection.execute(sql["collected"]).fetchone()
        since = last + b"\0"  # the next id in SQLite's order
        if progress:
            progress("reading checkpoints", done, max(size, done))
    connection.execute(sql["adopt"])
    connection.execute(sql["finish"])


def _milliseconds(checkpoint_id: bytes) -> int | None:
    return uuid_milliseconds(checkpoint_id.decode(errors="replace"))


def is_utf8(stored: bytes) -> bool:
    """Whether these bytes are text; SQLite lets any bytes stand for it."""
    try:
        stored.decode()
    except UnicodeDecodeError:
        return False
    return True


def has_column(connection: sqlite3.Connection, table: str, column: str) -> bool:
    """Whether the file's table has this column."""
    return any(row["name"] == column for row in connection.execute(f"PRAGMA main.table_info({table})"))


def script(name: str) -> Iterator[str]:
    """The statements of one migration."""
    statement = ""
    for line in (FOLDER / f"{name}.sql").read_text(encoding="utf-8").splitlines():
        if not statement and (not line.strip() or line.startswith("--")):
            continue
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""


def _apply(connection: sqlite3.Connection, number: int, name: str, progress: Progress | None) -> None:
    connection.execute(RECORD)
    for statement in script(name):
        connection.execute(statement)
    if number == 1:
        if not has_column(connection, "writes", "task_path"):  # an old file; the stock saver does the same
            connection.execute("ALTER TABLE writes ADD COLUMN task_path TEXT NOT NULL DEFAULT ''")
        adopt(connection, progress)
        seals.ensure_key(connection)
    connection.execute(
        "INSERT INTO threads_migration (version, name, applied_at) VALUES (?, ?, ?)",
        (number, name, time.time_ns() // 1_000_000),
    )
