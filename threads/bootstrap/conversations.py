"""What was said in a thread, how it came about, and going on from an earlier point elsewhere."""

from __future__ import annotations

import builtins
import json
from typing import Any

from threads import ids
from threads.bootstrap.listing import Listing
from threads.database.statements import statements
from threads.errors import CheckpointNotFound, InvalidValue, MessagesUnknown
from threads.models import Checkpoint, Message, Page, Thread
from threads.registry import table
from threads.registry.filters import checked_range
from threads.registry.rows import checkpoint_of


class Conversations(Listing):
    """Reads the memory of threads, and forks it."""

    def messages(self, id: str, *, limit: int | None = None, before: str | None = None) -> Page[Message]:
        """The thread's messages, oldest first: the last `limit`, or the last ones before message `before`.

        `next_cursor` is the `before` of the page with the older ones. Raises `ThreadNotFound`,
        `ThreadTrashed`, and `MessagesUnknown` where the state cannot be decoded.
        """
        if limit is not None:
            checked_range(limit, 0)
        if self._loaded_checkpointer is not None:
            self._loaded_checkpointer.settle(ids.text_of(id))
        with self._database.read() as connection:
            row = self._visible(table.get(connection, id))
            found: builtins.list[Message] | None = []
            if row["head_id"] is not None:
                found = self._decoder().messages(connection, row["thread_id"], row["head_id"], dated=True)
        if found is None:
            raise MessagesUnknown(row["thread_id"])
        total = len(found)
        if before is not None:
            places = [place for place, message in enumerate(found) if message.id == before]
            if not places:
                raise InvalidValue("before", f"thread {id!r} has no message {before!r}")
            found = found[: places[0]]
        shown = found if limit is None else found[-limit:]
        return Page(tuple(shown), shown[0].id if len(shown) < len(found) else None, lambda: total)

    def history(self, id: str) -> Page[Checkpoint]:
        """The thread's checkpoints, the one written last first; `ThreadNotFound`, `ThreadTrashed`."""
        with self._database.read() as connection:
            thread_id = self._visible(table.get(connection, id))["thread_id"]
            asked = {"thread_id": thread_id}
            rows = connection.execute(statements("checkpoints")["history"], asked).fetchall()
        found = [checkpoint_of(row) for row in rows]
        return Page(tuple(found), None, lambda: len(found))

    def fork(self, id: str, *, at: str | None = None, new_id: str | None = None) -> Thread:
        """A new thread that begins with what `id` remembered at checkpoint `at`; its last one if None.

        It keeps agent, owner, tags, metadata and a title set by hand. Raises `ThreadNotFound`,
        `ThreadTrashed`, `CheckpointNotFound`, and `ThreadExists` if `new_id` is taken.
        """
        from threads.memory.fork import copy_memory

        target = ids.new_id() if new_id is None else ids.check_new(new_id)
        at = None if at is None else ids.text_of(at)

        def work(connection: Any) -> None:
            row = self._visible(table.get(connection, id))
            checkpoint_id = at if at is not None else row["head_id"]
            if checkpoint_id is None:
                raise CheckpointNotFound(row["thread_id"], None)
            begun = {**dict(row), "thread_id": target, "now": self._now()}
            table.create(connection, begun, json.loads(row["tags"]))
            copy_memory(connection, row["thread_id"], target, checkpoint_id)

        self._flush()
        self._database.write(work)
        return self.get(target)
