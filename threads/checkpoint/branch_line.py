"""`BranchLine`: the checkpoints of one branch from its tip back, read without their conversations."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from langchain_core.messages import BaseMessage, RemoveMessage

from threads.checkpoint.branch_steps import INPUT_CHANNEL
from threads.checkpoint.delta_history import delta_channels, read_ancestors
from threads.checkpoint.head_reader import REWOUND_TO, digests_of
from threads.checkpoint.message_channel import CHANNEL, CHANNEL_METADATA, messages_in
from threads.checkpoint.message_conversion import coerce_messages
from threads.checkpoint.serde import parse_metadata, raise_unreadable
from threads.checkpoint.transcript import Transcripts
from threads.db.queries import statements
from threads.langgraph_internals import NULL_TASK_ID
from threads.models import Message
from threads.store.decoder import StoredOrigin

READ_AT_ONCE = 64
"""Steps that one query reads."""
MAX_LOOKBACK = 2000
"""Steps after a message that are searched for another write of it."""


class UnknownOrigin(Exception):
    """The rows, or what the steps wrote, do not show where a message came in."""


class OriginRows(Protocol):
    """The messages of a branch, by position, with what their rows know of their origins."""

    def read_backward(self, before: int) -> Iterator[tuple[int, Message]]: ...
    def read(self, start: int, stop: int) -> list[Message]: ...
    def origin(self, position: int) -> StoredOrigin: ...


class StepMessage(NamedTuple):
    """A message that a task wrote to the conversation."""

    message: BaseMessage
    is_by_task: bool
    """Not an input or a state that an application stored."""


class BranchLine:
    """The checkpoints of one branch by their number, counted from its tip back, as far as they are read.

    Its methods raise `UnknownOrigin` for a step that is not stored, and `Undecodable`.
    """

    def __init__(
        self, transcripts: Transcripts, connection: sqlite3.Connection, thread_id: str, tip: str
    ) -> None:
        self._transcripts = transcripts
        self._connection = connection
        self._thread_id = thread_id
        self._walk = read_ancestors(connection, (thread_id, "", tip), READ_AT_ONCE)
        self._steps: list[tuple[str, str | None]] = []
        self._metadata: dict[int, dict[str, Any]] = {}

    def has(self, step: int) -> bool:
        """Whether the branch has such a step: not behind the thread's first checkpoint."""
        while step >= len(self._steps) and self._read():
            pass
        if step < len(self._steps):
            return True
        if self._steps and self._steps[-1][1] is None:
            return False
        raise UnknownOrigin

    def id(self, step: int) -> str:
        """Return the id of a step's checkpoint."""
        if not self.has(step):
            raise UnknownOrigin
        return self._steps[step][0]

    def metadata(self, step: int) -> dict[str, Any]:
        """Return the metadata of a step's checkpoint."""
        if step not in self._metadata:
            row = self._select("checkpoint_metadata", self.id(step)).fetchone()
            self._metadata[step] = parse_metadata(row["metadata"])
        return self._metadata[step]

    def is_input(self, step: int) -> bool:
        """Whether a step's checkpoint holds an input that its child adds to the conversation."""
        if not self.has(step):
            return False
        if self.metadata(step).get("source") == "input":
            return True
        return INPUT_CHANNEL in self._values(step)

    def find(self, checkpoint_id: str) -> int:
        """Return the step of a checkpoint, or of the copy of it that `rewind` made."""
        row = self._select("parent", checkpoint_id).fetchone()
        if row is None:
            raise UnknownOrigin
        parent = row["parent_checkpoint_id"]
        step = next(n for n, known in self._all() if known[0] == checkpoint_id or known[1] == parent)
        if self.id(step) != checkpoint_id and self.metadata(step).get(REWOUND_TO) != checkpoint_id:
            raise UnknownOrigin
        return step

    def written(self, step: int) -> list[StepMessage]:
        """Return what the tasks at a step's checkpoint wrote to the conversation."""
        checkpoint_id = self.id(step)
        found: list[StepMessage] = []
        for channel in filter(None, self._channels(step)):
            for task_id, value in self._transcripts.writes(
                self._connection, self._thread_id, checkpoint_id, channel
            ):
                with raise_unreadable():
                    messages = coerce_messages(messages_in(channel, value))
                found += [StepMessage(each, task_id != NULL_TASK_ID) for each in messages]
        return [each for each in found if not isinstance(each.message, RemoveMessage)]

    def is_written_once(self, step: int, message_id: str) -> bool:
        """Whether no step after this one wrote a message with this id; False if unknown.

        For delta channels, whose messages have their ids when they are written: in a list a message may have
        come in before it was first written with its id.
        """
        channel, other = self._channels(step)
        if step > MAX_LOOKBACK or delta_channels(self.metadata(step)).keys().isdisjoint((channel, other)):
            return False
        ids = [self.id(n) for n in range(1, step + 1)]
        values = {"steps": json.dumps(ids), "id": message_id.encode(errors="replace")}
        named = self._select("writes_naming", "", channel=channel, other=other, **values)
        return named.fetchone() is None

    def is_added(self, step: int, position: int, digest: int | None, rows: OriginRows) -> bool:
        """Whether a step's checkpoint begins with the rows up to a position, and the one before ends sooner.

        `digest`: that of the row. False where the checkpoints do not hold the conversation as a list.
        """
        if digest is None:
            return False
        here, before = self._digests(step), self._digests(step + 1)
        if (
            here is None
            or before is None
            or len(before) > position
            or here[position : position + 1] != [digest]
        ):
            return False
        return not before or before[-1] == rows.origin(len(before) - 1).digest

    def _digests(self, step: int) -> Sequence[int | None] | None:
        values = self._values(step)
        channel, other = self._channels(step)
        value = values.get(channel, values.get(other or "", []))
        return digests_of(value, 0)[1] if isinstance(value, list) else None

    def _values(self, step: int) -> dict[str, Any]:
        return self._transcripts.raw_values(self._connection, self._thread_id, self.id(step))

    def _channels(self, step: int) -> tuple[str, str | None]:
        """The channels that may hold the conversation, as far as it shows without looking at values."""
        named = self.metadata(step).get(CHANNEL_METADATA)
        return CHANNEL, named if isinstance(named, str) and named != CHANNEL else None

    def _all(self) -> Iterator[tuple[int, tuple[str, str | None]]]:
        step = 0
        while self.has(step):
            yield step, self._steps[step]
            step += 1
        raise UnknownOrigin

    def _read(self) -> bool:
        found = next(self._walk, None)
        if found is not None:
            self._steps.append(found)
        return found is not None

    def _select(self, name: str, checkpoint_id: str, **values: object) -> sqlite3.Cursor:
        at = {"thread_id": self._thread_id, "checkpoint_id": checkpoint_id, **values}
        return self._connection.execute(statements("checkpoints")[name], at)
