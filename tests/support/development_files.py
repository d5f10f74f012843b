"""Database files as the development versions before 0.1.0 made them, from their own migrations."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from graphs import config, plain_graph, said, stock_saver

MIGRATIONS = (
    "0001_registry", "0002_runs", "0003_search", "0004_organise", "0005_users", "0006_secret", "0007_errors",
    "0008_users_added",
)  # fmt: skip
SCHEMA = Path(__file__).with_name("development_schema.sql")
"""The eight migrations one after another, unchanged."""


def make_development_file(path: Path, thread_ids: tuple[str, ...] = ("a", "b")) -> None:
    """A file with a conversation in each of these threads, and a row in each table that users fill."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(SCHEMA.read_text(encoding="utf-8"))
    connection.execute(
        "CREATE TABLE threads_migration "
        "(version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL)"
    )
    connection.executemany("INSERT INTO threads_migration VALUES (?, ?, 1)", enumerate(MIGRATIONS, start=1))
    connection.execute("INSERT INTO threads_secret VALUES (1, zeroblob(32))")
    connection.execute("INSERT INTO threads_user VALUES ('alice', 0, 1)")
    connection.commit()
    saver = stock_saver(path)
    for thread_id in thread_ids:
        plain_graph(saver).invoke(said(f"Hello from {thread_id}"), config(thread_id))
    saver.conn.close()
    for thread_id in thread_ids:
        values = {"thread_id": thread_id}
        connection.execute(
            "UPDATE threads_thread SET title = 'By hand', owner = 'alice' WHERE thread_id = :thread_id",
            values,
        )
        connection.execute("INSERT INTO threads_tag VALUES (:thread_id, 'vip')", values)
        connection.execute(
            "INSERT INTO threads_run (run_id, thread_id, kind, status, asked, created_at) "
            "VALUES ('run ' || :thread_id, :thread_id, 'message', 'success', 'digest', 1)",
            values,
        )
    connection.commit()
    connection.close()
