"""What a thread was asked before: the runs it has had, and what they were handed.

A request that refers to an earlier one (an answer, a message said differently, an answer made anew) is
let through by the same agent with the same context, unless the caller says otherwise; and one that was
made before is known again before the thread is looked at, which has gone on since.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from typing import Any

from langchain_core.messages import BaseMessage

from threads.registry.context import RegistryContext as Inside
from threads.runs.request import Content, Request, named_interrupts
from threads.store import runs

LOOKED_AT = 50
"""How many runs back something is looked for."""


class Earlier:
    """The runs of the threads in a registry."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside

    def with_key(self, thread_id: str, key: str | None) -> sqlite3.Row | None:
        """The run that this key stands for."""
        if key is None:
            return None
        with self._inside.database.read() as connection:
            return runs.with_key(connection, thread_id, key)

    def last(self, thread_id: str) -> sqlite3.Row | None:
        """The thread's last run."""
        with self._inside.database.read() as connection:
            return runs.one(connection, "last_of_thread", thread_id)

    def run_of(self, thread_id: str, run_id: str | None) -> sqlite3.Row | None:
        """The run with this id, if it was one of this thread: a fork has its messages from another one."""
        row = self._find(run_id)
        return row if row is not None and row["thread_id"] == thread_id else None

    def request(self, row: sqlite3.Row) -> Request | None:
        """What a run was asked; None if that was not stored. `TypeNotAllowed`."""
        with self._inside.database.read() as connection:
            stored = runs.request(connection, row["run_id"])
        if stored is None:
            return None
        return Request.loaded(row["kind"], stored, self._inside.checkpointer.serde)

    def context(self, thread_id: str, row: sqlite3.Row | None) -> Any:
        """The context of this run; without one, the last that a run of the thread had."""
        for each in [row] if row is not None else self._of_thread(thread_id):
            request = self.request(each)
            if request is not None and request.context is not None:
                return request.context
        return None

    def answered(self, thread_id: str, questions: Collection[str]) -> sqlite3.Row | None:
        """The last run that answered one of these questions."""
        for row in self._of_thread(thread_id):
            request = self.request(row) if row["kind"] == "resume" else None
            taken = None if request is None else request.input
            if isinstance(taken, Mapping) and not taken.keys().isdisjoint(questions):
                return row
        return None

    def is_same(self, row: sqlite3.Row, said: Request) -> bool:
        """Whether this run took this very answer."""
        known, request = self.with_key(row["thread_id"], row["key"]), self.request(row)
        if known is None or request is None:
            return False
        named = named_interrupts(said.input)
        if named and isinstance(request.input, Mapping) and named != request.input.keys():
            return False
        return bool(known["asked"] == said.digest(self._inside.checkpointer.serde, row["agent_id"]))

    def edited(self, run_id: str | None, message_id: str, content: Content) -> Any:
        """What is handed in for a message said differently: all that was handed in with it, too."""
        row = self._find(run_id)
        request = None if row is None else self.request(row)
        given = None
        if row is not None and request is not None and request.kind in ("input", "edit"):
            given = request.graph_input(row["thread_id"], row["run_id"], row["key"])
        messages = given.get("messages") if isinstance(given, Mapping) else None
        if not isinstance(given, Mapping) or not isinstance(messages, list):
            return content
        changed = [_said_differently(each, message_id, content) for each in messages]
        return {**given, "messages": changed} if changed != messages else content

    def _find(self, run_id: str | None) -> sqlite3.Row | None:
        if run_id is None:
            return None
        with self._inside.database.read() as connection:
            return runs.find(connection, run_id)

    def _of_thread(self, thread_id: str) -> list[sqlite3.Row]:
        with self._inside.database.read() as connection:
            return runs.of_thread(connection, thread_id, LOOKED_AT)


def _said_differently(message: Any, message_id: str, content: Content) -> Any:
    if not isinstance(message, BaseMessage) or message.id != message_id:
        return message
    return message.model_copy(update={"content": content, "id": None})
