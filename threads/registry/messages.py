"""What was said in a thread, and how it came about."""

from __future__ import annotations

import builtins
from typing import Any

from threads import ids
from threads.db.queries import statements
from threads.errors import CheckpointNotFound, InvalidValue
from threads.models import Checkpoint, Message, Page
from threads.registry.threads import Listing
from threads.store import threads as thread_table
from threads.store.filters import checked_range
from threads.store.mapping import checkpoint_of


class Conversations(Listing):
    """Reads the memory of threads."""

    def messages(
        self, id: str, *, limit: int | None = None, before: str | None = None, at: str | None = None
    ) -> Page[Message]:
        """The thread's messages, oldest first: the last `limit`, or the last ones before message `before`.

        `next_cursor` is the `before` of the page with the older ones. `at`: as it was at this checkpoint,
        on whatever branch. Raises `ThreadNotFound`, `ThreadTrashed`, `CheckpointNotFound`, and
        `MessagesUnknown` or `StateDamaged` where the state cannot be decoded.
        """
        if limit is not None:
            checked_range(limit, 0)
        if self._loaded_checkpointer is not None:
            self._loaded_checkpointer.wait_for_writes(ids.text_of(id))
        with self._database.read() as connection:
            row = self._visible(thread_table.get(connection, id))
            found = self._said(connection, row, at)
        total = len(found)
        if before is not None:
            places = [place for place, message in enumerate(found) if message.id == before]
            if not places:
                raise InvalidValue("before", f"thread {id!r} has no message {before!r}")
            found = found[: places[0]]
        shown = found if limit is None else found[-limit:]
        return Page(tuple(shown), shown[0].id if len(shown) < len(found) else None, lambda: total)

    def _said(self, connection: Any, row: Any, at: str | None) -> builtins.list[Message]:
        """The messages of the branch that ends at a checkpoint; `MessagesUnknown`, `StateDamaged`."""
        thread_id, checkpoint_id = row["thread_id"], row["head_id"] if at is None else ids.text_of(at)
        if checkpoint_id is None:
            return []
        asked = {"thread_id": thread_id, "checkpoint_id": checkpoint_id}
        if connection.execute(statements("checkpoints")["checkpoint_metadata"], asked).fetchone() is None:
            raise CheckpointNotFound(thread_id, checkpoint_id)
        found: builtins.list[Message] | None
        found = self._decoder().messages(connection, thread_id, checkpoint_id, dated=True)
        if found is None:
            raise self._decoder().why_unknown(connection, thread_id, checkpoint_id)
        if found and len(connection.execute(statements("rewinding")["tips"], asked).fetchall()) > 1:
            from threads.checkpoint.branches import with_versions

            found = with_versions(found, self._decoder().branches(connection, thread_id))
        return found

    def history(self, id: str) -> Page[Checkpoint]:
        """The thread's checkpoints, the one written last first; `ThreadNotFound`, `ThreadTrashed`."""
        with self._database.read() as connection:
            thread_id = self._visible(thread_table.get(connection, id))["thread_id"]
            asked = {"thread_id": thread_id}
            rows = connection.execute(statements("checkpoints")["history"], asked).fetchall()
        found = [checkpoint_of(row) for row in rows]
        return Page(tuple(found), None, lambda: len(found))
