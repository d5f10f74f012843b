"""Brings a file of this version back to the schema of an earlier one."""

import sqlite3

from threads.db import migrations


def take_back(connection: sqlite3.Connection, version: int) -> None:
    """Drop what the migrations after `version` created, and their records."""
    later = [statement for name in migrations.MIGRATIONS[version:] for statement in migrations.script(name)]
    for statement in reversed(later):
        if created := migrations.MINE.match(statement):
            connection.execute(f"DROP {created[1]} IF EXISTS {created[2]}")
        elif added := migrations.ADDED.match(statement):
            column = statement[added.end() :].split()[0]
            connection.execute(f"ALTER TABLE {added[1]} DROP COLUMN {column}")
    connection.execute("DELETE FROM threads_migration WHERE version > ?", (version,))
    connection.commit()
