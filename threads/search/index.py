"""The message rows of each thread, and the search index over them.

Rows follow the messages of the branch in view: what stays is left alone, so a turn more in a thread of
a thousand messages writes its own two rows. The index (FTS5) keeps no texts of its own; what goes out of
it has to be told the words that went in, so rows and index change here only, together.

Deleted text stays in the index's pages until they are rewritten (`threads.db.purge`); `threads_index_purge`
says that this is due.
"""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from threads.db.queries import statements
from threads.search.tokenizer import indexed, squeezed

PLACES = 20
"""Bits of a row's id for the place in its thread."""
MOST = (1 << PLACES) - 1
TITLE = "title"
"""What stands as the role of a title's row."""


class Said(NamedTuple):
    """What is kept of a message."""

    message_id: str | None
    role: str
    text: str
    is_counted: bool = False
    input_tokens: int = 0
    output_tokens: int = 0


def keep(
    connection: sqlite3.Connection,
    position: int,
    said: Sequence[Said],
    times: Mapping[str, int],
    now: int | None,
) -> bool:
    """Make the thread's rows those of `said`; whether anything changed.

    `times`: when messages were said, by id; `now` for the others that are new.
    """
    first = position << PLACES
    rows = connection.execute(_sql("said"), {"first": first, "last": first + MOST}).fetchall()
    kept, ids = _matched([Said(*row[1:]) for row in rows], said)
    gone = [row for row, stays in zip(rows, kept, strict=True) if not stays]
    place = max((row["id"] for row, stays in zip(rows, kept, strict=True) if stays), default=first)
    new = said[ids:]
    if place + len(new) > first + MOST:  # a window that has moved on for a million messages
        gone, place, new = rows, first, said
    _drop(connection, gone)
    if gone:  # the new ones may get their ids, and nobody has read those
        connection.execute(_sql("read_no_further"), {"position": position, "first": first})
    for number, each in enumerate(new, start=place + 1):
        _add(connection, number, each, times.get(each.message_id or "", now))
    if gone or new:
        thread = {"position": position, "first": first, "last": first + MOST}
        for name in ("measure_no_more", "measure"):
            connection.execute(_sql(name), thread)
    return bool(gone or new)


def missing(connection: sqlite3.Connection, position: int, said: Sequence[Said]) -> list[Said]:
    """The messages that have no row yet."""
    first = position << PLACES
    rows = connection.execute(_sql("said"), {"first": first, "last": first + MOST})
    there = {row["message_id"] for row in rows}
    return [each for each in said if each.message_id not in there]


def agrees(connection: sqlite3.Connection, position: int, said: Sequence[Said]) -> bool:
    """Whether the thread's rows are those of `said`."""
    first = position << PLACES
    rows = connection.execute(_sql("said"), {"first": first, "last": first + MOST})
    return [Said(*row[1:]) for row in rows] == list(said)


def settle(connection: sqlite3.Connection, owner: str | None = None) -> None:
    """Bring the index up to date with titles that changed and threads that are gone.

    `owner`: only at the places of this owner's threads.
    """
    name = "unsaid" if owner is None else "unsaid_of_owner"
    rows = connection.execute(_sql(name), {"owner": owner}).fetchall()
    for row in rows:
        first = row["position"] << PLACES
        last = first + MOST if row["is_deleted"] else first
        old = connection.execute(_sql("all_said"), {"first": first, "last": last}).fetchall()
        _drop(connection, old)
        if row["is_deleted"] and old:
            connection.execute(_sql("require_purge"))
        if row["title"] is not None:
            _add(connection, first, Said(None, TITLE, row["title"]), row["created_at"])
    if rows:
        settled = json.dumps([row["position"] for row in rows])
        connection.execute(_sql("settled"), {"positions": settled})


def keep_marks(connection: sqlite3.Connection) -> None:
    """Make the marks of what was read ready for rows that are numbered anew."""
    connection.execute(_sql("read_so_many"))


def begin_again(connection: sqlite3.Connection) -> None:
    """Empty rows and index; they are made again as the threads are read."""
    for name in ("empty_said", "empty_words", "empty_parts", "say_all_again", "title_all_again"):
        connection.execute(_sql(name))


def _matched(old: Sequence[Said], new: Sequence[Said]) -> tuple[list[bool], int]:
    """Which of the old rows stay, and how many of the new are there with them, from the first on."""
    if old == list(new[: len(old)]):
        return [True] * len(old), len(old)
    places: defaultdict[Said, list[int]] = defaultdict(list)
    for place, each in enumerate(old):
        places[each].append(place)
    kept, at = [False] * len(old), 0
    for count, each in enumerate(new):
        found = places[each]
        following = bisect_left(found, at)
        if following == len(found):
            return kept, count
        at = found[following] + 1
        kept[at - 1] = True
    return kept, len(new)


def _add(connection: sqlite3.Connection, id: int, said: Said, written_at: int | None) -> None:
    connection.execute(_sql("say"), {"id": id, "written_at": written_at, **said._asdict()})
    _index(connection, "index", id, said.text)


def _drop(connection: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> None:
    for row in rows:
        _index(connection, "forget", row["id"], row["text"])
        connection.execute(_sql("unsay"), {"id": row["id"]})


def _index(connection: sqlite3.Connection, verb: str, id: int, text: str) -> None:
    for name, form in (("words", indexed(text)), ("parts", squeezed(text))):
        if form:
            connection.execute(_sql(f"{verb}_{name}"), {"id": id, name: form})


def _sql(name: str) -> str:
    return statements("search")[name]
