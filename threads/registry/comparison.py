"""Where two conversations part: two threads, or one at two checkpoints."""

from __future__ import annotations

import builtins
from itertools import takewhile
from typing import Any

from threads import ids
from threads.db.queries import statements
from threads.errors import CheckpointNotFound, InvalidValue
from threads.models import Diff, Message
from threads.registry.threads import Listing
from threads.store import threads as thread_table


class Comparing(Listing):
    """Compares what threads remember."""

    def diff(
        self, id: str, other: str | None = None, *, at: str | None = None, to: str | None = None
    ) -> Diff:
        """How thread `other` at checkpoint `to` differs from thread `id` at checkpoint `at`.

        Without `other`: the same thread; without a checkpoint: as it is now. Messages are the same if role
        and text are. Raises `ThreadNotFound`, `ThreadTrashed`, `CheckpointNotFound`, `MessagesUnknown`.
        """
        if other is None and at is None:
            raise InvalidValue("at", "a thread is the same as itself: name a checkpoint, or another thread")
        self._flush()
        with self._database.read() as connection:
            before = self._said_at(connection, id, at)
            after = self._said_at(connection, id if other is None else other, to)
        pairs = zip(before, after, strict=False)
        common = sum(1 for _ in takewhile(lambda pair: _words(pair[0]) == _words(pair[1]), pairs))
        return Diff(common, tuple(before[common:]), tuple(after[common:]))

    def _said_at(self, connection: Any, id: str, checkpoint_id: str | None) -> builtins.list[Message]:
        row = self._visible(thread_table.get(connection, id))
        at = row["head_id"] if checkpoint_id is None else ids.text_of(checkpoint_id)
        if at is None:
            return []
        asked = {"thread_id": row["thread_id"], "checkpoint_id": at}
        if connection.execute(statements("checkpoints")["checkpoint"], asked).fetchone() is None:
            raise CheckpointNotFound(row["thread_id"], at)
        found: builtins.list[Message] | None = self._decoder().messages(connection, row["thread_id"], at)
        if found is None:
            raise self._decoder().why_unknown(connection, row["thread_id"], at)
        return found


def _words(message: Message) -> tuple[Any, ...]:
    return message.role, message.text, message.tool_calls
