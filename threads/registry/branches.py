"""`BranchService`: fork a thread, rewind it to an earlier checkpoint, undo the last turn."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from threads import ids
from threads.errors import CheckpointNotFound, InvalidValue, MessageNotFound, MessagesUnknown, StateDamaged
from threads.models import Message, Thread
from threads.registry.context import RegistryContext
from threads.registry.head_view import HeadView
from threads.registry.messages import MessageService
from threads.registry.threads import ThreadService
from threads.store.threads import NewThread, ThreadRecord
from threads.store.transaction import Transaction
from threads.store.validation import check_named


class BranchService:
    """Copies threads and moves their heads; no checkpoint is ever deleted by it."""

    def __init__(self, context: RegistryContext, threads: ThreadService, messages: MessageService) -> None:
        self._context = context
        self._store = context.store
        self._threads = threads
        self._messages = messages

    def fork(self, id: str, at: str | None, new_id: str | None) -> Thread:
        """Copy a thread up to checkpoint or message `at`; see `Registry.fork`."""
        from threads.checkpoint.branches import copy_branch

        target = ids.new_id() if new_id is None else ids.check_new(new_id)

        def copy_thread(tx: Transaction) -> None:
            source = tx.threads.get_visible(id)
            checkpoint_id = self._resolve(tx, source, at)
            tx.threads.create(
                NewThread(
                    thread_id=target, title=source.title, agent_id=source.agent_id, owner=source.owner,
                    metadata_json=source.metadata_json, tags=source.tags, now=self._context.now(),
                )
            )  # fmt: skip
            copy_branch(tx.connection, source.thread_id, target, checkpoint_id)
            decoder, copy = self._context.decoder, tx.threads.get(target)
            is_known = tx.projections.copy(source, copy, decoder)
            if not is_known and decoder.messages(tx.connection, target, checkpoint_id) is None:
                tx.threads.set_columns(target, {"auto_title": source.auto_title})

        self._context.flush()
        self._store.write(copy_thread)
        return self._threads.get(target)

    def rewind(self, id: str, to: str) -> Thread:
        """Make checkpoint or message `to` the head; see `Registry.rewind`."""
        from threads.checkpoint.branches import rewind

        check_named("to", to)
        self._context.flush()
        with self._store.read() as tx:
            thread = tx.threads.get_visible(id)
            tx.threads.check_free(thread.thread_id)
            checkpoint_id = self._resolve(tx, thread, to)
        if checkpoint_id != thread.head_id:
            rewind(self._context.checkpointer, thread.thread_id, checkpoint_id)
        return self._threads.get(id)

    def undo(self, id: str, message_id: str | None = None) -> Message:
        """Rewind to before a user message; see `Registry.undo`."""
        from threads.checkpoint.branches import put_empty_head, rewind

        self._context.flush(ids.text_of(id))
        with self._store.read() as tx:
            thread = tx.threads.get_visible(id)
            tx.threads.check_free(thread.thread_id)
            head = HeadView(self._context, tx, thread)
            origins = self._origins(tx, thread, head)
            position = None if message_id is None else self._position_of(head, id, message_id)
            last = origins.find_question(len(head) if position is None else position + 1)
            if message_id is not None and last != position:
                raise MessageNotFound(id, message_id, "the agent wrote it in the user's name")
            if last is None:
                raise InvalidValue("id", f"thread {id!r} has no user message")
            base = origins.base(last)
            [message] = head.read_with_versions(last, last + 1)
        if base is None:
            put_empty_head(self._context.checkpointer, thread.thread_id, {})
        else:
            rewind(self._context.checkpointer, thread.thread_id, base)
        return message

    def _position_of(self, head: HeadView, id: str, message_id: str) -> int:
        """Return the position of a user message; `MessageNotFound`."""
        position = head.find(message_id)
        if position is None or head.read(position, position + 1)[0].role != "user":
            raise MessageNotFound(id, message_id, "no user message of the branch in view has this id")
        return position

    def _origins(self, tx: Transaction, thread: ThreadRecord, head: HeadView) -> Any:
        """Return the `MessageOrigins` of the branch in view."""
        from threads.checkpoint.stored_origins import MessageOrigins

        return MessageOrigins(self._context.decoder, tx.connection, thread.thread_id, thread.head_id, head)

    def _resolve(self, tx: Transaction, thread: ThreadRecord, at: str | None) -> str:
        """Return checkpoint `at`, the first checkpoint that holds message `at`, or the head for None."""
        thread_id, head_id = thread.thread_id, thread.head_id
        if head_id is None:
            raise CheckpointNotFound(thread_id, at)
        if at is None:
            return head_id
        if tx.checkpoints.exists(thread_id, ids.text_of(at)):
            return at
        return self._find_message(tx, thread, at)

    def _find_message(self, tx: Transaction, thread: ThreadRecord, message_id: str) -> str:
        """Return the first checkpoint that holds a message: of the branch in view, else of any other."""
        from threads.checkpoint.branch_steps import trace_branch

        with suppress(MessagesUnknown, StateDamaged):
            head = HeadView(self._context, tx, thread)
            position = head.find(message_id)
            if position is not None:
                return str(self._origins(tx, thread, head).first_checkpoint(position))
        decoder = self._context.decoder
        for branch in reversed(decoder.branches(tx.connection, thread.thread_id)):
            found = [message.id for message in branch.messages]
            if message_id in found:
                trace = trace_branch(decoder, tx.connection, thread.thread_id, branch.tip)
                return trace.first_checkpoint(found.index(message_id))
        raise CheckpointNotFound(thread.thread_id, message_id)
