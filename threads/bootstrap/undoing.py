"""Taking back what was said last."""

from __future__ import annotations

from threads.bootstrap.branching import Branching
from threads.database.leases import check_free
from threads.errors import InvalidValue
from threads.models import Message
from threads.registry import table


class Undoing(Branching):
    """Takes turns back."""

    def undo(self, id: str) -> Message:
        """Take back the last user message and all that followed it; returns the message.

        What is taken back stays reachable, as by `rewind`. Raises `ThreadNotFound`, `ThreadTrashed`,
        `ThreadBusy`, and `InvalidValue` where nobody has said anything.
        """
        from threads.memory.rewind import begin_anew, rewind

        asked = [message for message in self.messages(id) if message.role == "user" and message.id]
        if not asked:
            raise InvalidValue("id", f"nobody has said anything in thread {id!r}")
        with self._database.read() as connection:
            row = self._visible(table.get(connection, id))
            check_free(connection, row["thread_id"])
            where = (connection, row["thread_id"], row["head_id"])
            place = self._decoder().places(*where).get(asked[-1].id)
            before = place.before if place else self._decoder().before(*where, asked[-1].id)
        if before is None:
            begin_anew(self.checkpointer, row["thread_id"], {})
        else:
            rewind(self.checkpointer, row["thread_id"], before)
        return asked[-1]
