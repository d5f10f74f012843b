"""Verify and repair: where registry and memory disagree, and making them agree.

They must agree everywhere, always; this is how one can see it. A stale row is no disagreement: it
says of itself that it is to be refreshed. A thread wedged by a call of a tool that nobody answered is
shown as well; only its graph can mend it, and the next run of a `Runner` does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

from threads.db import migrations
from threads.db.database import Database
from threads.db.migrations import Progress
from threads.db.queries import statements
from threads.models import Problem
from threads.search import index
from threads.store.deletion import erase, sweep
from threads.store.mapping import text_of
from threads.store.projection import Decoder, project
from threads.store.threads import StaleThread

LOOKED_AT_ONCE = 200
KINDS = ("unlisted", "ghost", "headless", "wrong_head", "leftover", "orphan_tag")

MADE = ("wrong_search", "wrong_tags", "wrong_days", "wrong_facts")
"""What is kept so that nobody has to count, and can be made again."""

REMADE = ("drop_tag_counts", "count_tags", "drop_measures", "measure", "drop_facts", "collect_facts")


def verify(
    database: Database, decoder: Callable[[], Decoder], progress: Progress | None = None
) -> list[Problem]:
    """All disagreements; an empty list where there are none."""
    with database.read() as connection:
        found = [Problem("damaged", None, line) for line in _integrity(connection)]
        if not database.read_only or migrations.version(connection):
            found += [Problem("missing", None, f"{name} is not in the file") for name in _missing(connection)]
        adopted = migrations.version(connection) > 0
        for kind in (
            *KINDS,
            *(MADE if adopted and not any(each.kind == "missing" for each in found) else ()),
        ):
            rows = connection.execute(statements("checks")[kind])
            if kind == "unlisted":
                found += [_unlisted(row["id"], row["type"]) for row in rows]
            else:
                found += [Problem(kind, text_of(row["thread_id"]), row["detail"]) for row in rows]
    return found + list(_wrong_words(database, decoder, progress))


def repair(
    database: Database, decoder: Callable[[], Decoder], progress: Progress | None = None
) -> list[Problem]:
    """Mend what `verify` finds; returns it. Damage to the file itself is beyond repair and stays."""
    found = verify(database, decoder, progress)
    if found:
        database.write(lambda connection: _mend_all(connection, found))
    return found


def _mend_all(connection: sqlite3.Connection, found: list[Problem]) -> None:
    for problem in found:
        _mend(connection, problem)
    if any(problem.kind in ("wrong_search", "missing") for problem in found):
        index.rebuild(connection)
    if any(problem.kind in (*MADE, "missing") for problem in found):
        for name in REMADE:
            connection.execute(statements("checks")[name])


def _mend(connection: sqlite3.Connection, problem: Problem) -> None:
    sql = statements("checks")
    thread = {"thread_id": problem.thread_id}
    if problem.kind == "missing":
        migrations.restore_missing(connection)
    elif problem.kind == "unlisted":
        migrations.adopt(connection)
    elif problem.kind == "leftover" and problem.thread_id is not None:
        sweep(connection, problem.thread_id)
    elif problem.kind in ("ghost", "headless", "wrong_head"):
        connection.execute(sql["mend_head"], thread)
        if problem.kind == "ghost" and connection.execute(sql["is_empty"], thread).fetchone():
            erase(connection, str(problem.thread_id))
    elif problem.kind == "orphan_tag":
        connection.execute(sql["mend_tags"], thread)
    elif problem.kind == "wrong_words":
        connection.execute(sql["mend_projection"], thread)


def _unlisted(id: bytes, type: str) -> Problem:
    if type == "text" and migrations.is_utf8(id):
        return Problem("unlisted", id.decode(), "it has checkpoints and is in no list")
    return Problem("unreadable", text_of(id), "its id is no text, so it cannot be listed")


def _integrity(connection: sqlite3.Connection) -> list[str]:
    lines = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    return [] if lines == ["ok"] else lines


def _missing(connection: sqlite3.Connection) -> list[str]:
    there = {row[0] for row in connection.execute("SELECT name FROM main.sqlite_master")}
    return [name for _, name in migrations.brought() if name not in there]


def _wrong_words(
    database: Database, decoder: Callable[[], Decoder], progress: Progress | None
) -> Iterator[Problem]:
    after, done = 0, 0
    with database.read() as connection:
        total = connection.execute(statements("threads")["count"].format(where="")).fetchone()[0]
    while True:
        with database.read() as connection:
            page = {"after": after, "limit": LOOKED_AT_ONCE}
            rows = connection.execute(statements("checks")["projected_rows"], page).fetchall()
            searched = migrations.has_table(connection, "threads_message_text")
            for row in rows:
                if row["head_id"] is None:
                    continue
                names = ("position", "thread_id", "head_id", "created_at", "updated_at")
                made = project(StaleThread(*(row[name] for name in names)), connection, decoder())
                if why := decoder().damage(connection, row["thread_id"], row["head_id"], made.message_count):
                    yield Problem("unreadable", text_of(row["thread_id"]), f"its state cannot be read: {why}")
                    continue
                if made.unanswered:
                    detail = f"no answer follows these calls of tools: {', '.join(made.unanswered)}"
                    yield Problem("unanswered", row["thread_id"], detail)
                if row["projected_id"] != row["head_id"]:
                    continue
                if made.message_count is None and row["message_count"] is not None:
                    detail = "its messages cannot be told any more: messages(id) says why"
                    yield Problem("unreadable", row["thread_id"], detail)
                    continue
                stored = (row["auto_title"], row["preview"], row["message_count"])
                told = (made.auto_title, made.preview, made.message_count)
                if stored != told:
                    detail = f"the list says {stored}, the messages say {told}"
                    yield Problem("wrong_words", row["thread_id"], detail)
                if searched and not index.matches(connection, row["position"], made.messages):
                    detail = "the search has other messages than the memory"
                    yield Problem("wrong_search", row["thread_id"], detail)
        if not rows:
            return
        after, done = rows[-1]["position"], done + len(rows)
        if progress:
            progress("comparing messages", min(done, total), total)
