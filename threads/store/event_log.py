"""The log of what happens in threads, as rows: recorded in the transaction of what it tells of.

Tokens are dropped once the message they built is stored, and a thread keeps its last events only
(`KEPT`): words are found in its messages for ever, and the log is there to follow a run.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from threads.db.queries import statements
from threads.models import Event, EventType, Message, moment
from threads.serialization import to_jsonable
from threads.store.mapping import json_of

KEPT = 2000
"""Events that a thread keeps at most."""


class Happened(NamedTuple):
    """An event before it is stored."""

    type: EventType
    thread_id: str
    run_id: str | None
    data: Mapping[str, Any]
    at: int
    """Milliseconds since 1970."""
    message_id: str | None = None
    attempt: int = 0
    """Of its run: which lease it was told under."""


def event_of(row: sqlite3.Row) -> Event:
    """The event of a row, with the fields that the row leaves out."""
    return Event(
        thread_id=row["thread_id"],
        sequence=row["sequence"],
        position=row["position"],
        type=row["type"],
        run_id=row["run_id"],
        data=_complete(row["type"], json.loads(row["data"])),
        created_at=moment(row["created_at"]),
    )


def record(connection: sqlite3.Connection, happened: Iterable[Happened]) -> None:
    """Store events in their order; a message takes the place of its tokens."""
    sql = statements("events")
    for each in happened:
        row = {
            "thread_id": each.thread_id, "run_id": each.run_id, "type": each.type, "at": each.at,
            "message_id": each.message_id, "data": json_of(_compact(each.type, each.data)),
        }  # fmt: skip
        connection.execute(sql["record"], row)
        if each.type == "message":
            connection.execute(sql["drop_tokens"], row)


def drop_tokens(connection: sqlite3.Connection, thread_id: str, run_id: str) -> None:
    """Let go of the words of a run that were never stored as a message."""
    connection.execute(statements("events")["drop_run_tokens"], {"thread_id": thread_id, "run_id": run_id})


def drop_before_end(connection: sqlite3.Connection, thread_id: str, run_id: str) -> None:
    """Let go of all that is told of a run but its end."""
    connection.execute(statements("events")["drop_before_end"], {"thread_id": thread_id, "run_id": run_id})


def trim(connection: sqlite3.Connection, thread_id: str) -> None:
    """Keep a thread's last events only."""
    connection.execute(statements("events")["trim"], {"thread_id": thread_id, "keep": KEPT})


def read(
    connection: sqlite3.Connection, topic: tuple[str, str | None], after: int, limit: int
) -> list[Event]:
    """The next events of a thread after a sequence, or of an owner or all after a position."""
    kind, name = topic
    sql = statements("events")
    query = sql[f"of_{kind}"].format(columns=sql["columns"])
    asked = {"name": name, "after": after, "limit": limit}
    return [event_of(row) for row in connection.execute(query, asked)]


def owners(connection: sqlite3.Connection, thread_ids: Iterable[str]) -> dict[str, str | None]:
    """The owners of these threads."""
    asked = {"thread_ids": json_of(list(thread_ids))}
    return {
        row["thread_id"]: row["owner"] for row in connection.execute(statements("events")["owners"], asked)
    }


def last_of_owner(connection: sqlite3.Connection, owner: str) -> int:
    """The position of the newest event of an owner's threads; 0 if there is none."""
    row = connection.execute(statements("events")["last_of_owner"], {"owner": owner}).fetchone()
    return int(row[0])


def end_of_log(connection: sqlite3.Connection) -> int:
    """The last position that was given, also to an event that is gone."""
    row = connection.execute(statements("events")["end_of_log"]).fetchone()
    return 0 if row is None else int(row[0])


def first_kept(connection: sqlite3.Connection, owner: str | None, after: int) -> int | None:
    """Where it goes on after events of an owner (None: of all) that were let go behind position `after`."""
    sql = statements("events")["first_kept" if owner is None else "first_kept_of_owner"]
    row = connection.execute(sql, {"owner": owner, "after": after}).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def first_sequence(connection: sqlite3.Connection, thread_id: str) -> int | None:
    """The oldest event that the thread still has."""
    return _number(connection, "first_sequence", thread_id)


def last_sequence(connection: sqlite3.Connection, thread_id: str) -> int:
    """The newest event of the thread; 0 if it has none."""
    return _number(connection, "last_sequence", thread_id) or 0


def last_position(connection: sqlite3.Connection) -> int:
    """The newest event of all."""
    return int(connection.execute(statements("events")["last_position"]).fetchone()[0])


def has_thread(connection: sqlite3.Connection, thread_id: str, owner: str | None = None) -> bool:
    """Whether the thread is there, and of this owner, if one is given."""
    asked = {"thread_id": thread_id, "owner": owner}
    return connection.execute(statements("events")["has_thread"], asked).fetchone() is not None


def was_begun_after(connection: sqlite3.Connection, end: Event) -> bool:
    """Whether the run that ended with this event was begun again."""
    asked = {"thread_id": end.thread_id, "run_id": end.run_id, "after": end.sequence}
    return connection.execute(statements("events")["begun_after"], asked).fetchone() is not None


def _compact(type: EventType, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The data as a row stores it: of a message, without the fields that have their default."""
    if type != "message":
        return data
    defaults = _defaults()
    fields = data["message"].items()
    return {**data, "message": {k: v for k, v in fields if k == "role" or v != defaults.get(k)}}


def _complete(type: EventType, data: dict[str, Any]) -> dict[str, Any]:
    """The data as a reader gets it: all fields that the type always has. The inverse of `_compact`."""
    if type == "message":
        return {**data, "message": {**_defaults(), **data["message"]}}
    return {"interrupts": [], **data} if type == "interrupted" else data


def _defaults() -> dict[str, Any]:
    """The JSON form of an empty message; new at each call, for its lists are handed to readers."""
    form: dict[str, Any] = to_jsonable(Message(None, "assistant", ""))
    return form


def _number(connection: sqlite3.Connection, name: str, thread_id: str) -> int | None:
    number: int | None = connection.execute(statements("events")[name], {"thread_id": thread_id}).fetchone()[
        0
    ]
    return number
