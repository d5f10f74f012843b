"""`MessageService`: messages and checkpoints of a thread, and how two threads differ."""

from __future__ import annotations

from contextlib import suppress
from itertools import takewhile
from typing import Any

from threads import ids
from threads.errors import CheckpointNotFound, InvalidValue, MessagesUnknown, StateDamaged
from threads.models import Checkpoint, Diff, Message, Page
from threads.registry.context import RegistryContext
from threads.registry.head_view import HeadView
from threads.store.filters import checked_range
from threads.store.message_versions import with_versions
from threads.store.threads import ThreadRecord
from threads.store.transaction import Transaction


class MessageService:
    """Reads messages and checkpoints out of what the checkpointer stored."""

    def __init__(self, context: RegistryContext) -> None:
        self._context = context
        self._store = context.store

    def messages(self, id: str, limit: int | None, before: str | None, at: str | None) -> Page[Message]:
        """Return a page of messages; see `Registry.messages`."""
        if limit is not None:
            checked_range(limit, 0)
        self._context.flush(ids.text_of(id))
        with self._store.read() as tx:
            thread = tx.threads.get_visible(id)
            if at is None or self._shows_head(tx, thread, ids.text_of(at)):
                return self._head_page(tx, thread, limit, before)
            found = self._view(tx, thread, at)
        total = len(found)
        if before is not None:
            places = [place for place, message in enumerate(found) if message.id == before]
            if not places:
                raise InvalidValue("before", f"thread {id!r} has no message {before!r}")
            found = found[: places[0]]
        shown = found if limit is None else found[-limit:]
        return Page(tuple(shown), shown[0].id if len(shown) < len(found) else None, lambda: total)

    def _head_page(
        self, tx: Transaction, thread: ThreadRecord, limit: int | None, before: str | None
    ) -> Page[Message]:
        head = HeadView(self._context, tx, thread)
        total = len(head)
        stop = total if before is None else head.find(before)
        if stop is None:
            raise InvalidValue("before", f"thread {thread.thread_id!r} has no message {before!r}")
        start = 0 if limit is None else max(stop - limit, 0)
        shown = head.read_with_versions(start, stop) if start < stop else []
        return Page(tuple(shown), shown[0].id if shown and start else None, lambda: total)

    def _shows_head(self, tx: Transaction, thread: ThreadRecord, at: str) -> bool:
        """Whether `at` is the head, or a message that it holds."""
        if at == thread.head_id or tx.checkpoints.exists(thread.thread_id, at):
            return at == thread.head_id
        with suppress(MessagesUnknown, StateDamaged):
            return HeadView(self._context, tx, thread).find(at) is not None
        return False

    def _view(self, tx: Transaction, thread: ThreadRecord, at: str) -> list[Message]:
        """Return all messages of the branch that ends at checkpoint `at`."""
        found = self._decode(tx, thread, at, dated=True)
        if found and tx.checkpoints.has_branches(thread.thread_id):
            found = with_versions(found, self._context.decoder.branches(tx.connection, thread.thread_id))
        return found

    def history(self, id: str) -> Page[Checkpoint]:
        """Return the checkpoints of a thread; see `Registry.history`."""
        with self._store.read() as tx:
            found = tx.checkpoints.list_history(tx.threads.get_visible(id).thread_id)
        return Page(tuple(found), None, lambda: len(found))

    def diff(self, id: str, other: str | None, at: str | None, to: str | None) -> Diff:
        """Compare the messages of two threads or checkpoints; see `Registry.diff`."""
        if other is None and at is None:
            raise InvalidValue("at", "a thread equals itself: give a checkpoint, or another thread")
        self._context.flush()
        with self._store.read() as tx:
            before = self._read(tx, tx.threads.get_visible(id), at)
            after = self._read(tx, tx.threads.get_visible(id if other is None else other), to)
        pairs = zip(before, after, strict=False)
        common = sum(1 for _ in takewhile(lambda pair: _content(pair[0]) == _content(pair[1]), pairs))
        return Diff(common, tuple(before[common:]), tuple(after[common:]))

    def _read(self, tx: Transaction, thread: ThreadRecord, at: str | None) -> list[Message]:
        """Return the messages at the head from their rows, and at any other checkpoint as `_decode`."""
        if at is None or self._shows_head(tx, thread, ids.text_of(at)):
            head = HeadView(self._context, tx, thread)
            return head.read(0, len(head))
        return self._decode(tx, thread, at)

    def _decode(
        self, tx: Transaction, thread: ThreadRecord, at: str, *, dated: bool = False
    ) -> list[Message]:
        """Return the messages of the branch that ends at checkpoint `at`.

        `at`: a message stands for the last checkpoint that holds it. Raises `CheckpointNotFound`, and
        `MessagesUnknown` or `StateDamaged` where they cannot be decoded.
        """
        thread_id, checkpoint_id = thread.thread_id, ids.text_of(at)
        decoder = self._context.decoder
        if not tx.checkpoints.exists(thread_id, checkpoint_id):
            found_at = decoder.last_with(tx.connection, thread_id, thread.head_id, checkpoint_id)
            if found_at is None:
                raise CheckpointNotFound(thread_id, checkpoint_id)
            checkpoint_id = found_at
        found: list[Message] | None = decoder.messages(tx.connection, thread_id, checkpoint_id, dated=dated)
        if found is None:
            raise decoder.why_unknown(tx.connection, thread_id, checkpoint_id)
        return found


def _content(message: Message) -> tuple[Any, ...]:
    return message.role, message.text, message.tool_calls
