"""Going on from an earlier point: elsewhere, in a new thread, or here, beside what was said since."""

from __future__ import annotations

import itertools
import json
import sqlite3
from typing import Any

from threads import ids
from threads.db.queries import statements
from threads.errors import CheckpointNotFound
from threads.models import Thread
from threads.registry.messages import Conversations
from threads.store import threads as thread_table
from threads.store.leases import check_free


class Branching(Conversations):
    """Forks threads and goes back in them."""

    def fork(self, id: str, *, at: str | None = None, new_id: str | None = None) -> Thread:
        """A new thread that begins with what `id` remembered at checkpoint or message `at`; if None, all.

        It keeps agent, owner, tags, metadata and a title set by hand. Raises `ThreadNotFound`,
        `ThreadTrashed`, `CheckpointNotFound`, and `ThreadExists` if `new_id` is taken.
        """
        from threads.checkpoint.branches import copy_branch

        target = ids.new_id() if new_id is None else ids.check_new(new_id)

        def work(connection: Any) -> None:
            row = self._visible(thread_table.get(connection, id))
            checkpoint_id = self._checkpoint_of(connection, row, at)
            begun = {**dict(row), "thread_id": target, "now": self._now()}
            thread_table.create(connection, begun, json.loads(row["tags"]))
            copy_branch(connection, row["thread_id"], target, checkpoint_id)

        self._flush()
        self._database.write(work)
        return self.get(target)

    def rewind(self, id: str, *, to: str) -> Thread:
        """Go back to a checkpoint, or to where a message was the last one; what came since stays reachable.

        `to` may lie on another branch: `Message.versions` and `history` tell where. Raises
        `ThreadNotFound`, `ThreadTrashed`, `ThreadBusy`, `CheckpointNotFound`.
        """
        from threads.checkpoint.branches import rewind

        self._flush()
        with self._database.read() as connection:
            row = self._visible(thread_table.get(connection, id))
            check_free(connection, row["thread_id"])
            checkpoint_id = self._checkpoint_of(connection, row, to)
        if checkpoint_id != row["head_id"]:
            rewind(self.checkpointer, row["thread_id"], checkpoint_id)
        return self.get(id)

    def _checkpoint_of(self, connection: sqlite3.Connection, row: Any, at: str | None) -> str:
        """The checkpoint that is meant: itself, the first that remembers a message, or the last one."""
        thread_id, head_id = row["thread_id"], row["head_id"]
        if head_id is None or at is None:
            if head_id is None:
                raise CheckpointNotFound(thread_id, at)
            return str(head_id)
        asked = {"thread_id": thread_id, "checkpoint_id": ids.text_of(at)}
        if connection.execute(statements("checkpoints")["checkpoint_metadata"], asked).fetchone() is not None:
            return at
        decoder = self._decoder()
        branches = reversed(decoder.branches(connection, thread_id))
        others = (branch.tip for branch in branches if at in branch.message_ids)
        for tip in itertools.chain((head_id,), others):
            if place := decoder.place(connection, thread_id, tip, at):
                return str(place.after)
        raise CheckpointNotFound(thread_id, at)
