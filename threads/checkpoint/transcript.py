"""A thread's messages, read from its checkpoints without the graph that wrote them.

What stands in the checkpoint's `messages` is taken as it is. A `DeltaChannel` stores only what each
step added; its writes fold as our agents say they do (`messages_reducer` in the checkpoint's
metadata), or by the reducer handed to `threads.open`. Any other delta is unknown: None, never a
wrong number. A graph that keeps its messages under another name is recognised where exactly one
channel holds a list of messages.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.types import INTERRUPT

from threads.checkpoint.branches import Branch, Place, places, tips
from threads.checkpoint.checkpoint_rows import (
    StoredReader,
    Unreadable,
    checked_metadata,
    decoding,
    metadata_of,
)
from threads.checkpoint.message_channel import coerced_list, elsewhere, unwrapped
from threads.checkpoint.message_mapping import CHANNEL, shown, words
from threads.checkpoint.reducer import Undecodable, coerced, fold, must_be_raised
from threads.checkpoint.timestamps import Origin, said_at
from threads.db.migrations import uuid_milliseconds
from threads.errors import MessagesUnknown, StateDamaged
from threads.models import Interrupt, Message
from threads.search.index import IndexedMessage

Reducer = Callable[[list[Any], list[Any]], list[Any]]
"""A `DeltaChannel`'s reducer: the value so far and the writes, oldest first."""

SAYS_ADD_MESSAGES = ("messages_reducer", "add_messages")
"""The checkpoint metadata by which an agent says how its delta writes fold."""

DUE = ("branch:to:", "__start__")
"""How the channels are called that a `StateGraph` holds while a node is to run."""
SENT = "__pregel_tasks"
"""The channel of what was sent to nodes (`Send`), and is to run."""


class Transcripts(StoredReader):
    """Reads transcripts with `serde`; `reducer` folds the delta channels that do not say how."""

    def __init__(self, serde: SerializerProtocol, reducer: Reducer | None = None) -> None:
        super().__init__(serde)
        self._reducer = reducer

    def messages(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str, *, dated: bool = False
    ) -> list[Message] | None:
        """The messages that `get_state().values` holds at a checkpoint; None if they cannot be told.

        `dated`: with times and run ids, as far as the stored history tells them.
        """
        at = {"thread_id": thread_id, "checkpoint_id": checkpoint_id}
        try:
            return self._shown(connection, at, dated=dated)
        except Undecodable:
            return None

    def why_unknown(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> MessagesUnknown | StateDamaged:
        """Why there are no `messages` at a checkpoint."""
        try:
            self._shown(connection, {"thread_id": thread_id, "checkpoint_id": checkpoint_id})
        except Unreadable as error:
            return StateDamaged(str(error)).found_in(thread_id)
        except Undecodable:
            pass
        return MessagesUnknown(thread_id)

    def said_at(
        self,
        connection: sqlite3.Connection,
        thread_id: str,
        checkpoint_id: str,
        wanted: Sequence[IndexedMessage],
    ) -> dict[str, int]:
        """When these messages were stored, in milliseconds since 1970, by id, as far as the history tells.

        Goes back from the checkpoint no further than it must.
        """
        at = {"thread_id": thread_id, "checkpoint_id": checkpoint_id}
        kept = {row[0]: row[1] for row in connection.execute(self._sql["origins"], at) if row[1] is not None}
        steps = pairwise(self._ancestors(connection, at))
        told = ((uuid_milliseconds(child), self._written(connection, thread_id, at_)) for child, at_ in steps)
        return said_at(wanted, kept, told)

    def _written(self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str) -> list[Message]:
        """The messages that the tasks at a checkpoint wrote, the last one first."""
        here = {"thread_id": thread_id, "checkpoint_id": checkpoint_id, "channel": CHANNEL}
        written: list[Message] = []
        for value in self._readable_writes(connection.execute(self._sql["writes_at"], here)):
            with suppress(Undecodable), decoding():
                written += [shown(message, Origin()) for message in coerced(value)]
        return written[::-1]

    def place(
        self, connection: sqlite3.Connection, thread_id: str, tip: str, message_id: str
    ) -> Place | None:
        """Where a message came into the branch that ends at `tip`; None if the history does not tell."""
        chain = list(self._ancestors(connection, {"thread_id": thread_id, "checkpoint_id": tip}))
        written = (self._written(connection, thread_id, each) for each in chain[1:])
        if found := places(chain, written).get(message_id):
            return found
        # it came without an id, or in a whole list: it is in `first`, and not in `last`
        first, last = 0, len(chain)
        if not self._holds(connection, thread_id, tip, message_id):
            return None
        while last - first > 1:
            middle = (first + last) // 2
            if self._holds(connection, thread_id, chain[middle], message_id):
                first = middle
            else:
                last = middle
        return Place(chain[last], chain[first]) if last < len(chain) else None

    def _holds(self, connection: sqlite3.Connection, thread_id: str, at: str, message_id: str) -> bool:
        said = self.messages(connection, thread_id, at)
        return any(message.id == message_id for message in said or ())

    def branches(self, connection: sqlite3.Connection, thread_id: str) -> list[Branch]:
        """All ways through a conversation, in the order of their last words."""
        found = ((tip, self.messages(connection, thread_id, tip)) for tip in tips(connection, thread_id))
        return [Branch(tip, tuple(message.id for message in said or ())) for tip, said in found]

    def interrupts(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> tuple[Interrupt, ...]:
        """The interrupts that wait for an answer at a checkpoint, each once.

        A task that passes on the interrupt of another one (of a subgraph, of a functional `@task`) keeps it
        after that one has finished, so an interrupt waits only where all tasks that name it do.
        """
        at = {"thread_id": thread_id, "checkpoint_id": checkpoint_id}
        rows = connection.execute(self._sql["interrupts_at"], {**at, "channel": INTERRUPT}).fetchall()
        try:
            with decoding():
                asked = [(row["waits"], question) for row, value in self._read(rows) for question in value]
        except Undecodable:
            return ()
        taken = {question.id for waits, question in asked if not waits and hasattr(question, "value")}
        waiting = {
            question.id: Interrupt(question.id, question.value)
            for _, question in asked
            if hasattr(question, "value") and question.id not in taken
        }
        return tuple(waiting.values())

    def written_at(self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str) -> int | None:
        """When a checkpoint was made, in milliseconds since 1970, by its own account."""
        at = {"thread_id": thread_id, "checkpoint_id": checkpoint_id}
        try:
            with decoding():
                made = datetime.fromisoformat(self._checkpoint(connection, at)[0]["ts"])
                return round(made.timestamp() * 1000)
        except Undecodable:
            return None

    def damage(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str, count: int | None
    ) -> str | None:
        """Why a run could not go on from a checkpoint; None if it can. `count`: of its messages, if told."""
        at = {"thread_id": thread_id, "checkpoint_id": checkpoint_id}
        try:
            for row in connection.execute(self._sql["checkpoint_metadata"], at):
                self._metadata(row["metadata"])
            self._writes(connection.execute(self._sql["all_writes_at"], at))
            if count is None:
                self._shown(connection, at)
        except Unreadable as error:
            return str(error)
        except Undecodable:  # kept in a way that does not tell the messages; its graph can read it
            pass
        return None

    def is_finished(self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str) -> bool:
        """Whether no node of a `StateGraph` is due at a checkpoint; False where that cannot be told."""
        try:
            checkpoint, _ = self._checkpoint(
                connection, {"thread_id": thread_id, "checkpoint_id": checkpoint_id}
            )
        except Undecodable:
            return False
        values = checkpoint.get("channel_values") or {}
        return not values.get(SENT) and not any(str(name).startswith(DUE) for name in values)

    def _shown(
        self, connection: sqlite3.Connection, at: dict[str, Any], *, dated: bool = False
    ) -> list[Message]:
        with decoding():
            said = self._state(connection, at)
            origins = self._origins(connection, at, said) if dated else [Origin()] * len(said)
            return [shown(message, origin) for message, origin in zip(said, origins, strict=True)]

    def _state(self, connection: sqlite3.Connection, at: dict[str, Any]) -> list[BaseMessage]:
        checkpoint, stored = self._checkpoint(connection, at)
        values = checkpoint.get("channel_values") or {}
        if CHANNEL in values:
            return coerced_list(values[CHANNEL])
        metadata = self._metadata(stored)  # without them a delta channel looks like none
        deltas = metadata.get("counters_since_delta_snapshot") or {}
        if CHANNEL in deltas:
            return self._folded(connection, at, metadata)
        return elsewhere(values, deltas)

    def _metadata(self, stored: Any) -> dict[str, Any]:
        try:
            return checked_metadata(stored)
        except StateDamaged as error:
            raise Unreadable(error.why) from error

    def _folded(
        self, connection: sqlite3.Connection, at: dict[str, Any], metadata: dict[str, Any]
    ) -> list[BaseMessage]:
        key, value = SAYS_ADD_MESSAGES
        known = metadata.get(key) == value
        if not known and self._reducer is None:
            raise Undecodable("a delta channel with a reducer of its own")
        seed: list[Any] = []
        updates: list[list[Any]] = []
        for ancestor in list(self._ancestors(connection, at))[1:]:
            here = {**at, "checkpoint_id": ancestor}
            rows = connection.execute(self._sql["writes_at"], {**here, "channel": CHANNEL})
            updates.append(self._writes(rows))
            stored = (self._checkpoint(connection, here)[0].get("channel_values") or {}).get(CHANNEL)
            if stored is not None:
                seed = unwrapped(stored)
                break
        writes = [write for step in reversed(updates) for write in step]
        if known or self._reducer is None:
            return fold(coerced_list(seed), writes)
        try:
            return coerced_list(self._reducer(list(seed), writes) if writes else seed)
        except Exception as error:  # whatever a function of somebody's own may raise
            if must_be_raised(error):
                raise
            raise Undecodable(f"the reducer failed: {error}") from error

    def _origins(
        self, connection: sqlite3.Connection, at: dict[str, Any], said: list[BaseMessage]
    ) -> Iterator[Origin]:
        """Where each of the messages came from: as kept at a pruning, else by its id, else by its words."""
        kept = connection.execute(self._sql["origins"], at)
        by_id = {id: Origin(milliseconds, run_id) for id, milliseconds, run_id in kept}
        by_words: defaultdict[tuple[str, str], list[Origin]] = defaultdict(list)
        for origin, value in self._updates(connection, at):
            try:
                messages = coerced(value)
            except Undecodable:
                continue
            for message in messages:
                if message.id:
                    by_id.setdefault(message.id, origin)
                else:
                    by_words[words(message)].append(origin)
        for message in said:
            found = by_id.get(message.id or "")
            alike = by_words.get(words(message))
            yield found or (alike.pop(0) if alike else Origin())

    def _updates(self, connection: sqlite3.Connection, at: dict[str, Any]) -> Iterator[tuple[Origin, Any]]:
        """All that was written to the messages up to a checkpoint, oldest first."""
        chain = list(self._ancestors(connection, at))
        told = {row[0]: metadata_of(row[1]) for row in connection.execute(self._sql["metadata"], at)}
        rows: defaultdict[str, list[sqlite3.Row]] = defaultdict(list)
        for row in connection.execute(self._sql["channel_writes"], {**at, "channel": CHANNEL}):
            rows[row["checkpoint_id"]].append(row)
        for parent, child in zip(reversed(chain[1:]), reversed(chain[:-1]), strict=True):
            run_id = told.get(child, {}).get("run_id")
            origin = Origin(uuid_milliseconds(child), run_id if isinstance(run_id, str) else None)
            for value in self._readable_writes(rows[parent]):
                yield origin, value
