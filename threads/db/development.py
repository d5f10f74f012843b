"""Database files of the development versions before 0.1.0: recognised, refused, and detached.

Their eight migrations became the first one of 0.1.0, with other names of tables and columns. Such a file is
known by the names of its migrations.
"""

from __future__ import annotations

import sqlite3

FIRST_MIGRATION = "0001_registry"
TRIGGERS = (
    "threads_ledger", "threads_begun", "threads_status", "threads_stay_deleted", "threads_gone",
    "threads_head_gone", "threads_late_result", "threads_changed_result", "threads_deleted_result",
    "threads_changed_checkpoint", "threads_deleted_checkpoint",
)  # fmt: skip
"""Triggers on the saver's tables; those on the tables below are dropped with them."""
VIEWS = ("threads_facts", "threads_span", "threads_dimension")
TABLES = (
    "threads_thread", "threads_tag", "threads_message", "threads_tombstone", "threads_run",
    "threads_event", "threads_said", "threads_words", "threads_parts", "threads_unsaid", "threads_scrub",
    "threads_tag_count", "threads_fact", "threads_read", "threads_rule", "threads_day", "threads_measure",
    "threads_moving", "threads_user", "threads_token", "threads_begun_once", "threads_secret",
    "threads_users_added",
    "threads_migration",
)  # fmt: skip


def is_development_schema(connection: sqlite3.Connection) -> bool:
    """Whether a development version made the tables; the file must have `threads_migration`."""
    row = connection.execute("SELECT name FROM main.threads_migration WHERE version = 1").fetchone()
    return row is not None and row[0] == FIRST_MIGRATION


def refusal(where: str) -> str:
    """The message for such a file, with the remedy."""
    return (
        f"{where} was made by a development version before 0.1.0, whose tables this version cannot read; "
        f"`threads detach {where}` removes them and keeps all checkpoints, then open it again: its "
        "conversations are listed as before, without titles set by hand, tags, owners, runs and users"
    )


def drop_tables(connection: sqlite3.Connection) -> None:
    """Drop all that a development version added to the file; checkpoints and writes stay."""
    for kind, names in (("TRIGGER", TRIGGERS), ("VIEW", VIEWS), ("TABLE", TABLES)):
        for name in names:
            connection.execute(f"DROP {kind} IF EXISTS {name}")
