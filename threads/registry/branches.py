"""`BranchService`: fork a thread, rewind it to an earlier checkpoint, undo the last turn."""

from __future__ import annotations

import itertools
import json
from typing import Any

from threads import ids
from threads.db.queries import statements
from threads.errors import CheckpointNotFound, InvalidValue, MessageNotFound
from threads.models import Message, Thread
from threads.registry.context import RegistryContext, get_active
from threads.registry.messages import MessageService
from threads.registry.threads import ThreadService
from threads.store import threads as thread_table
from threads.store.leases import check_free


class BranchService:
    """Copies threads and moves their heads; no checkpoint is ever deleted by it."""

    def __init__(self, context: RegistryContext, threads: ThreadService, messages: MessageService) -> None:
        self._context = context
        self._database = context.database
        self._threads = threads
        self._messages = messages

    def fork(self, id: str, at: str | None, new_id: str | None) -> Thread:
        """Copy a thread up to checkpoint or message `at`; see `Registry.fork`."""
        from threads.checkpoint.fork import copy_memory

        target = ids.new_id() if new_id is None else ids.check_new(new_id)

        def copy_thread(connection: Any) -> None:
            row = get_active(connection, id)
            checkpoint_id = self._resolve(connection, row, at)
            copied = {**dict(row), "thread_id": target, "now": self._context.now()}
            thread_table.create(connection, copied, json.loads(row["tags"]))
            copy_memory(connection, row["thread_id"], target, checkpoint_id)

        self._context.flush()
        self._database.write(copy_thread)
        return self._threads.get(target)

    def rewind(self, id: str, to: str) -> Thread:
        """Make checkpoint or message `to` the head; see `Registry.rewind`."""
        from threads.checkpoint.rewind import rewind

        self._context.flush()
        with self._database.read() as connection:
            row = get_active(connection, id)
            check_free(connection, row["thread_id"])
            checkpoint_id = self._resolve(connection, row, to)
        if checkpoint_id != row["head_id"]:
            rewind(self._context.checkpointer, row["thread_id"], checkpoint_id)
        return self._threads.get(id)

    def undo(self, id: str) -> Message:
        """Rewind to before the last user message; see `Registry.undo`."""
        from threads.checkpoint.rewind import begin_anew, rewind

        messages = self._messages.messages(id, None, None, None).items
        last = next((each for each in reversed(messages) if each.role == "user" and each.id), None)
        if last is None:
            raise InvalidValue("id", f"thread {id!r} has no user message")
        with self._database.read() as connection:
            row = get_active(connection, id)
            check_free(connection, row["thread_id"])
            place = self._context.decoder.place(connection, row["thread_id"], row["head_id"], last.id)
        if place is not None:
            rewind(self._context.checkpointer, row["thread_id"], place.before)
        elif messages[0].id == last.id:
            begin_anew(self._context.checkpointer, row["thread_id"], {})
        else:
            raise MessageNotFound(id, last.id or "", "the checkpoint before it was pruned")
        return last

    def _resolve(self, connection: Any, row: Any, at: str | None) -> str:
        """Return checkpoint `at`, the first checkpoint that holds message `at`, or the head for None."""
        thread_id, head_id = row["thread_id"], row["head_id"]
        if head_id is None:
            raise CheckpointNotFound(thread_id, at)
        if at is None:
            return str(head_id)
        key = {"thread_id": thread_id, "checkpoint_id": ids.text_of(at)}
        if connection.execute(statements("checkpoints")["checkpoint_metadata"], key).fetchone() is not None:
            return at
        decoder = self._context.decoder
        branches = reversed(decoder.branches(connection, thread_id))
        others = (branch.tip for branch in branches if at in branch.message_ids)
        for tip in itertools.chain((head_id,), others):
            if place := decoder.place(connection, thread_id, tip, at):
                return str(place.after)
        raise CheckpointNotFound(thread_id, at)
