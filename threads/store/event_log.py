"""The event log: what happened in threads, as rows, stored in the transaction of what they report.

Tokens are deleted once their message is stored, and a thread keeps its newest `MAX_EVENTS` events only: its
messages are stored with its checkpoints, and the log is there to follow runs.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from threads.db.queries import moment, statements, to_json
from threads.models import Event, EventType, Message
from threads.serialization import to_jsonable

Topic = tuple[Literal["thread", "owner", "all"], str | None]
"""Whose events: of a thread, of the threads of an owner, or all."""
LISTS = {"thread": "list_of_thread", "owner": "list_of_owner", "all": "list_of_all"}
"""The statements that list the events of a topic."""
WITH_ORIGIN = frozenset(("token", "message", "tool_started", "tool_finished", "custom"))
"""Types of the events whose data say where in the graph they come from."""
NO_ORIGIN: Mapping[str, Any] = {"node": None, "namespace": [], "in_conversation": True}
"""These data of an event of the conversation whose node is not known."""
MAX_EVENTS = 2000
"""Events of a thread that are stored at most."""


class NewEvent(NamedTuple):
    """An event that is to be stored."""

    type: EventType
    thread_id: str
    run_id: str | None
    data: Mapping[str, Any]
    at: int
    """Milliseconds since 1970."""
    message_id: str | None = None
    attempt: int = 0
    """The attempt of the run that reports it."""


class EventTable:
    """The operations on the event log within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    # writing

    def append(self, events: Iterable[NewEvent]) -> None:
        """Store events in their order; a `message` event replaces the `token` events of its message.

        One that belongs to the conversation also replaces one of the same message that does not.
        """
        for event in events:
            row = {
                "thread_id": event.thread_id, "run_id": event.run_id, "type": event.type, "at": event.at,
                "message_id": event.message_id, "data": to_json(_compact(event.type, event.data)),
            }  # fmt: skip
            self._execute("append", row)
            if event.type == "message":
                self._execute("delete_parts_of_message", row)

    def exclude(self, run_id: str, message_ids: Iterable[str], tool_call_ids: Iterable[str]) -> None:
        """Mark tokens of these messages, and events of these tool calls, as not of the conversation."""
        lists = {"message_ids": to_json(list(message_ids)), "tool_call_ids": to_json(list(tool_call_ids))}
        self._execute("exclude", {"run_id": run_id, **lists})

    def delete_tokens(self, thread_id: str, run_id: str) -> None:
        """Delete the run's `token` events: those whose message was never stored."""
        self._execute("delete_tokens", {"thread_id": thread_id, "run_id": run_id})

    def delete_before_end(self, thread_id: str, run_id: str) -> None:
        """Delete all events of a run but its `stopped` event."""
        self._execute("delete_before_end", {"thread_id": thread_id, "run_id": run_id})

    def trim(self, thread_id: str) -> None:
        """Delete all but the newest `MAX_EVENTS` events of the thread."""
        self._execute("trim", {"thread_id": thread_id, "max_events": MAX_EVENTS})

    # reading

    def list_after(self, topic: Topic, after: int, limit: int) -> list[Event]:
        """The next events of a thread after a sequence, or of an owner or all after a position."""
        kind, name = topic
        sql = statements("events")
        query = sql[LISTS[kind]].format(columns=sql["columns"])
        rows = self._connection.execute(query, {"name": name, "after": after, "limit": limit})
        return [_event_of(row) for row in rows]

    def list_owners(self, thread_ids: Iterable[str]) -> dict[str, str | None]:
        """The owners of these threads, as far as they exist."""
        rows = self._execute("list_owners", {"thread_ids": to_json(list(thread_ids))})
        return {row["thread_id"]: row["owner"] for row in rows}

    def list_deleted_threads(self, thread_ids: Iterable[str]) -> set[str]:
        """Those of these threads that do not exist any more."""
        rows = self._execute("list_deleted_threads", {"thread_ids": to_json(list(thread_ids))})
        return {row[0] for row in rows}

    def first_sequence(self, thread_id: str) -> int | None:
        """The sequence of the thread's oldest stored event, or None."""
        return self._number("first_sequence", {"thread_id": thread_id})

    def last_sequence(self, thread_id: str) -> int:
        """The sequence of the thread's newest event; 0 if it has none."""
        return self._number("last_sequence", {"thread_id": thread_id}) or 0

    def before_run(self, thread_id: str, run_id: str) -> int:
        """The sequence that precedes the run's first stored event; the newest one if the run has none."""
        found = self._number("before_run", {"thread_id": thread_id, "run_id": run_id})
        return self.last_sequence(thread_id) if found is None else found

    def last_position(self) -> int:
        """The position of the newest event of all; 0 if there is none."""
        return self._number("last_position", {}) or 0

    def last_position_of(self, owner: str) -> int:
        """The position of the newest event of an owner's threads; 0 if there is none."""
        return self._number("last_position_of_owner", {"owner": owner}) or 0

    def last_assigned_position(self) -> int:
        """The last position that was assigned, also to an event that was deleted since."""
        return self._number("last_assigned_position", {}) or 0

    def find_first_after_gap(self, owner: str | None, after: int) -> int | None:
        """The position where the log continues if events after `after` were deleted, else None.

        `owner`: only events of this owner's threads.
        """
        name = "first_after_gap" if owner is None else "first_after_gap_of_owner"
        return self._number(name, {"owner": owner, "after": after})

    def has_thread(self, thread_id: str, owner: str | None = None) -> bool:
        """Whether the thread exists, and belongs to this owner, if one is given."""
        values = {"thread_id": thread_id, "owner": owner}
        return self._execute("has_thread", values).fetchone() is not None

    def was_restarted(self, end: Event) -> bool:
        """Whether the run that ended with this event was started again after it."""
        values = {"thread_id": end.thread_id, "run_id": end.run_id, "after": end.sequence}
        return self._execute("was_restarted", values).fetchone() is not None

    def _number(self, name: str, values: dict[str, Any]) -> int | None:
        row = self._execute(name, values).fetchone()
        return None if row is None or row[0] is None else int(row[0])

    def _execute(self, name: str, values: dict[str, Any]) -> sqlite3.Cursor:
        return self._connection.execute(statements("events")[name], values)


def as_read(event: NewEvent, sequence: int) -> Event:
    """Return a new event as a reader of the log gets it."""
    data = _complete(event.type, _compact(event.type, event.data))
    return Event(event.thread_id, sequence, 0, event.type, event.run_id, data, moment(event.at))


def _event_of(row: sqlite3.Row) -> Event:
    return Event(
        thread_id=row["thread_id"],
        sequence=row["sequence"],
        position=row["position"],
        type=row["type"],
        run_id=row["run_id"],
        data=_complete(row["type"], json.loads(row["data"])),
        created_at=moment(row["created_at"]),
    )


def _compact(type: EventType, data: Mapping[str, Any]) -> dict[str, Any]:
    """The data as a row stores it: without the fields of origin and message that have their default."""
    if type not in WITH_ORIGIN:
        return dict(data)
    data = {k: v for k, v in data.items() if k not in NO_ORIGIN or v != NO_ORIGIN[k]}
    if type != "message":
        return data
    defaults = _defaults()
    fields = data["message"].items()
    return {**data, "message": {k: v for k, v in fields if k == "role" or v != defaults.get(k)}}


def _complete(type: EventType, data: dict[str, Any]) -> dict[str, Any]:
    """The data as a reader gets it: all fields that the type always has. The inverse of `_compact`."""
    if type == "interrupted":
        return {"interrupts": [], **data}
    if type not in WITH_ORIGIN:
        return data
    data = {**NO_ORIGIN, "namespace": [], **data}
    if type == "message":
        data["message"] = {**_defaults(), **data["message"]}
    elif type == "token":
        data.setdefault("content", [{"type": "text", "text": data["text"]}])
    return data


def _defaults() -> dict[str, Any]:
    """The JSON form of an empty message; new at each call, for its lists are handed to readers."""
    form: dict[str, Any] = to_jsonable(Message(None, "assistant", ""))
    return form
