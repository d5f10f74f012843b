"""Integrity: finding and repairing inconsistencies between our tables and the checkpoints.

A stale projection is none, nor is a state that only its graph explains. A thread with a tool call that was
never answered is reported as well; only its graph can repair it, and the next run of a `Runner` does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

from threads.db import migrations
from threads.db.database import Database, has_table
from threads.db.migrations import Progress
from threads.db.queries import statements
from threads.models import Problem
from threads.search import index
from threads.store import previews
from threads.store.decoder import Decoder
from threads.store.deletion import delete_leftovers, delete_thread
from threads.store.messages import MessageTable
from threads.store.projection import Projection, derive, has_message_rows
from threads.store.row_comparison import find_wrong_branches, find_wrong_rows
from threads.store.threads import StaleThread, decode_id

BATCH_SIZE = 200
KINDS = ("unlisted", "ghost", "headless", "wrong_head", "leftover", "orphan_tag")
DERIVED_KINDS = ("wrong_search", "wrong_tags", "wrong_days", "wrong_facts")
"""In tables that are derived from others and can be computed again."""
COMPUTE_AGAIN = (
    "delete_tag_counts", "count_tags", "delete_sums", "sum_usage", "delete_attributes", "insert_attributes",
)  # fmt: skip
"""The statements that compute the derived tables again."""


def verify(
    database: Database, decoder: Callable[[], Decoder], progress: Progress | None = None
) -> list[Problem]:
    """All inconsistencies."""
    with database.read() as connection:
        found = [Problem("damaged", None, line) for line in _integrity_check(connection)]
        has_tables = migrations.version(connection) > 0
        missing = _missing_objects(connection) if has_tables or not database.read_only else []
        found += [Problem("missing", None, f"{name} is not in the file") for name in missing]
        for kind in (*KINDS, *(DERIVED_KINDS if has_tables and not missing else ())):
            rows = connection.execute(statements("integrity")[kind])
            if kind == "unlisted":
                found += [_unlisted(row["id"], row["type"]) for row in rows]
            else:
                found += [Problem(kind, decode_id(row["thread_id"]), row["detail"]) for row in rows]
    return found + list(_compare_messages(database, decoder, progress))


def repair(
    database: Database, decoder: Callable[[], Decoder], progress: Progress | None = None
) -> list[Problem]:
    """Repair all that `verify` finds, and return it. Damage to the file itself is beyond repair."""
    found = verify(database, decoder, progress)
    if found or not database.read_only:
        database.write(lambda connection: _repair_all(connection, found))
    return found


def _repair_all(connection: sqlite3.Connection, found: list[Problem]) -> None:
    for problem in found:
        _repair(connection, problem)
    if any(problem.kind in ("wrong_search", "missing") for problem in found):
        index.rebuild(connection)
        MessageTable(connection).delete_all()
    if any(problem.kind in (*DERIVED_KINDS, "missing") for problem in found):
        for name in COMPUTE_AGAIN:
            connection.execute(statements("integrity")[name])
    connection.execute(statements("projections")["invalidate_unknown"])  # the graph may be at hand now


def _repair(connection: sqlite3.Connection, problem: Problem) -> None:
    sql = statements("integrity")
    thread = {"thread_id": problem.thread_id}
    if problem.kind == "missing":
        migrations.restore_missing(connection)
    elif problem.kind == "unlisted":
        migrations.adopt(connection)
    elif problem.kind == "leftover" and problem.thread_id is not None:
        delete_leftovers(connection, problem.thread_id)
    elif problem.kind in ("ghost", "headless", "wrong_head"):
        connection.execute(sql["repair_head"], thread)
        if problem.kind == "ghost" and connection.execute(sql["has_no_head"], thread).fetchone():
            delete_thread(connection, str(problem.thread_id))
    elif problem.kind == "orphan_tag":
        connection.execute(sql["delete_tags"], thread)
    elif problem.kind == "wrong_words":
        connection.execute(sql["invalidate_projection"], thread)
    elif problem.kind == "wrong_messages":
        connection.execute(sql["delete_messages"], thread)
        connection.execute(sql["invalidate_projection"], thread)


def _may_be_title(title: str, made: Projection) -> bool:
    """Whether this is the title of a user's message in a thread from whose state messages were removed.

    Which of them came first does not show any more where branches were left, too.
    """
    has_removed = len(made.messages) > len(made.conversation)
    return has_removed and any(
        previews.title([each]) == title for each in made.messages if each.role == "user"
    )


def _unlisted(id: bytes, type: str) -> Problem:
    if type == "text" and migrations.is_utf8(id):
        return Problem("unlisted", id.decode(), "it has checkpoints and is in no list")
    return Problem("unreadable", decode_id(id), "its id is no text, so it cannot be listed")


def _integrity_check(connection: sqlite3.Connection) -> list[str]:
    lines = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    return [] if lines == ["ok"] else lines


def _missing_objects(connection: sqlite3.Connection) -> list[str]:
    """The tables, indexes, views and triggers of ours that are not in the file."""
    existing = {row[0] for row in connection.execute("SELECT name FROM main.sqlite_master")}
    upto = migrations.version(connection) or None
    return [name for _, name in migrations.brought(upto) if name not in existing]


def _compare_messages(
    database: Database, decoder: Callable[[], Decoder], progress: Progress | None
) -> Iterator[Problem]:
    """Compare the projections and the search index with the messages of each thread, in batches."""
    after, done = 0, 0
    with database.read() as connection:
        total = connection.execute(statements("threads")["count"].format(where="")).fetchone()[0]
    while True:
        with database.read() as connection:
            page = {"after": after, "limit": BATCH_SIZE}
            rows = connection.execute(statements("integrity")["list_projected"], page).fetchall()
            has_index = has_table(connection, "threads_message_text")
            for row in rows:
                if row["head_id"] is not None:
                    yield from _compare_thread(connection, row, decoder(), has_index=has_index)
        if not rows:
            return
        after, done = rows[-1]["position"], done + len(rows)
        if progress:
            progress("comparing messages", min(done, total), total)


def _compare_thread(
    connection: sqlite3.Connection, row: sqlite3.Row, decoder: Decoder, *, has_index: bool
) -> Iterator[Problem]:
    """The problems of one thread that has a head."""
    columns = (
        "position", "thread_id", "head_id", "created_at", "updated_at", "projected_id", "auto_title"
    )  # fmt: skip
    made = derive(StaleThread(*(row[name] for name in columns)), connection, decoder)
    thread_id = row["thread_id"]
    if why := decoder.damage(connection, thread_id, row["head_id"], made.message_count):
        yield Problem("unreadable", decode_id(thread_id), f"its state cannot be read: {why}")
        return
    if made.unanswered:
        detail = f"no answer follows these calls of tools: {', '.join(made.unanswered)}"
        yield Problem("unanswered", thread_id, detail)
    if row["projected_id"] != row["head_id"]:
        return
    if (made.message_count is None) != (row["message_count"] is None):
        return  # only one of the two readers, who stored it and this one, has the graph that explains it
    stored = (row["auto_title"], row["preview"], row["message_count"])
    title = stored[0] if _may_be_title(stored[0], made) else made.auto_title
    derived = (title, made.preview, made.message_count)
    if stored != derived:
        detail = f"the list says {stored}, the messages say {derived}"
        yield Problem("wrong_words", thread_id, detail)
    if has_index and not index.matches(connection, row["position"], made.messages):
        yield Problem("wrong_search", thread_id, "the search has other messages than the memory")
    elif has_index and made.message_count is not None and has_message_rows(connection):
        why = find_wrong_rows(connection, row["position"], made.conversation) or find_wrong_branches(
            connection, row["position"], thread_id, row["head_id"]
        )
        if why is not None:
            yield Problem("wrong_messages", thread_id, why)
