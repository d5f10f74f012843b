"""Taking back what was said last."""

from __future__ import annotations

from threads.errors import InvalidValue, MessageNotFound
from threads.models import Message
from threads.registry.branches import Branching
from threads.store import threads as thread_table
from threads.store.leases import check_free


class Undoing(Branching):
    """Takes turns back."""

    def undo(self, id: str) -> Message:
        """Take back the last user message and all that followed it; returns the message.

        What is taken back stays reachable, as by `rewind`. Raises `ThreadNotFound`, `ThreadTrashed`,
        `ThreadBusy`, `InvalidValue` where nobody has said anything, and `MessageNotFound` where the history
        was pruned away.
        """
        from threads.checkpoint.branches import put_empty_head, rewind

        said = self.messages(id).items
        asked = [message for message in said if message.role == "user" and message.id]
        if not asked:
            raise InvalidValue("id", f"nobody has said anything in thread {id!r}")
        with self._database.read() as connection:
            row = self._visible(thread_table.get(connection, id))
            check_free(connection, row["thread_id"])
            place = self._decoder().place(connection, row["thread_id"], row["head_id"], asked[-1].id)
        if place is not None:
            rewind(self.checkpointer, row["thread_id"], place.before)
        elif said[0].id == asked[-1].id:
            put_empty_head(self.checkpointer, row["thread_id"], {})
        else:
            raise MessageNotFound(id, asked[-1].id or "", "the history no longer tells where it came from")
        return asked[-1]
