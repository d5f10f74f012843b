"""Removing deleted text from the pages of the search index.

FTS5 keeps deleted tokens in its pages until these are merged. That takes seconds where there are millions of
messages, so it is done in steps, each its own transaction.
"""

from __future__ import annotations

import sqlite3

from threads.db.queries import statements

PAGES_PER_STEP = 500


def is_due(connection: sqlite3.Connection) -> bool:
    """Whether pages of the index may contain deleted text."""
    return connection.execute(statements("purge")["is_due"]).fetchone() is not None


def run_step(connection: sqlite3.Connection) -> bool:
    """Rewrite up to `PAGES_PER_STEP` pages of each index; whether all are clean."""
    sql = statements("purge")
    for name in ("merge_words", "merge_trigrams"):
        before = connection.total_changes
        connection.execute(sql[name], {"pages": -PAGES_PER_STEP})
        if connection.total_changes - before > 1:
            return False
    connection.execute(sql["done"])
    return True
