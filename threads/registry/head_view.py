"""`HeadView`: the messages of a thread's current branch, read from rows as far as they are asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from threads.models import Message
from threads.registry.context import RegistryContext
from threads.store.decoder import StoredOrigin
from threads.store.message_rows import (
    StoredMessage,
    with_version,
)
from threads.store.message_versions import find_versions, identify
from threads.store.projection import Projection
from threads.store.threads import ThreadRecord
from threads.store.transaction import Transaction

READ_AT_ONCE = 20
"""Messages that one query reads where the last of a role is searched."""


class HeadView:
    """The messages at the head of one thread, by position, within one transaction.

    Where the rows are stale, what was stored since is read, and the rows are brought up to date later.
    """

    def __init__(self, context: RegistryContext, tx: Transaction, thread: ThreadRecord) -> None:
        """Raises `MessagesUnknown` or `StateDamaged` if the messages cannot be decoded."""
        self._context = context
        self._tx = tx
        self._thread = thread
        self._made: Projection | None = None
        self._rows = range(0)
        self._stored: Sequence[StoredMessage] = ()
        self._added: Sequence[Message] = ()
        """The messages of `_stored`."""
        self._append_only_from = 0
        if thread.head_id is not None:
            self._open(thread, thread.head_id)

    def __len__(self) -> int:
        return len(self._rows) + len(self._added)

    def read(self, start: int, stop: int) -> list[Message]:
        """Return the messages from one position to before another, without versions."""
        end = min(stop, len(self._rows))
        found: list[Message] | None = []
        if start < end:
            found = self._tx.messages.read(self._thread.position, self._rows[0] + end, end - start)
        if found is None:  # one of them can only be read from the checkpoint
            return self._decode_all()[start:stop]
        after = len(self._rows)
        return found + list(self._added[max(start - after, 0) : max(stop - after, 0)])

    def read_with_versions(self, start: int, stop: int) -> list[Message]:
        """Return the messages from one position to before another, with their versions."""
        found = self.read(start, stop)
        for position, version in self._versions(stop).items():
            if start <= position < stop:
                found[position - start] = with_version(found[position - start], *version)
        return found

    def find(self, message_id: str) -> int | None:
        """Return the position of the first message with this id; None if there is none."""
        row_id = self._tx.messages.find(self._thread.position, message_id) if self._rows else None
        if row_id is not None and row_id in self._rows:
            return row_id - self._rows[0]
        ids = [each.id for each in self._added]
        return len(self._rows) + ids.index(message_id) if message_id in ids else None

    def ids(self) -> list[str | None]:
        """Return the ids of all messages, as they are stored."""
        stored = self._tx.messages.ids(self._thread.position)[: len(self._rows)] if self._rows else []
        return stored + [each.id for each in self._added]

    def find_last(self, roles: Collection[str]) -> int | None:
        """Return the position of the last message of one of these roles; None if there is none."""
        return next((n for n, each in self.read_backward() if each.role in roles), None)

    def read_forward(self) -> Iterator[Message]:
        """Yield the messages, without versions, from the first one on."""
        for start in range(0, len(self), READ_AT_ONCE):
            yield from self.read(start, min(start + READ_AT_ONCE, len(self)))

    def read_backward(self, before: int | None = None) -> Iterator[tuple[int, Message]]:
        """Yield positions and messages, without versions, from the last one before a position back."""
        stop = len(self) if before is None else before
        while stop > 0:
            start = max(0, stop - READ_AT_ONCE)
            yield from zip(range(stop - 1, start - 1, -1), reversed(self.read(start, stop)), strict=True)
            stop = start

    def origin(self, position: int) -> StoredOrigin:
        """Return what is known about where a message came in."""
        if position < len(self._rows):
            checkpoint_id, digest = self._tx.messages.origin(self._rows[position])
        else:
            stored = self._stored[position - len(self._rows)]
            checkpoint_id, digest = stored.checkpoint_id, stored.digest
        return StoredOrigin(checkpoint_id, digest, position >= self._append_only_from)

    def of_run(self, run_id: str) -> tuple[Message, ...]:
        """Return the messages that a run stored, without versions."""
        found = list[Message]()
        is_last = any(each.run_id == run_id for each in self._added)
        rows = None
        if self._rows:
            rows = self._tx.messages.find_run(self._thread.position, run_id, is_last=is_last)
        if rows is not None:
            first = self._rows[0]
            found = self.read(rows.start - first, min(rows.stop - first, len(self._rows)))
        return tuple(each for each in (*found, *self._added) if each.run_id == run_id)

    def _open(self, thread: ThreadRecord, head_id: str) -> None:
        table = self._tx.projections
        if thread.is_stale or thread.message_count is None or not table.has_message_rows():
            decoder = self._context.decoder
            self._made = made = table.derive(thread, decoder)
            if made.message_count is None:
                raise decoder.why_unknown(self._tx.connection, thread.thread_id, head_id)
            if not self._context.database.read_only:
                self._context.store.submit(lambda tx: tx.projections.store([made]))
            self._stored = made.conversation
            self._added = [each.message for each in made.conversation]
            self._append_only_from = 0 if made.is_append_only else len(made.conversation)
        if self._made is None or self._made.since is not None:
            kept = None if self._made is None else self._made.kept
            self._rows = self._tx.messages.row_ids(thread.position)[:kept]
            self._append_only_from = table.append_only_from(thread.position)

    def _versions(self, before: int) -> dict[int, tuple[int, tuple[str, ...]]]:
        """Version and versions of the messages before a position that have several, by position."""
        thread, decoder = self._thread, self._context.load_decoder
        branches = self._tx.projections.other_branches(thread, self._made, decoder)
        start = min((each.shared for each in branches), default=before)
        if start >= before:  # all branches begin with the messages before that
            return {}
        stored = self._tx.messages.identities(thread.position, start) if self._rows else []
        current = stored[: max(len(self._rows) - start, 0)] + list(map(identify, self._added))
        places = [start + n for n, each in enumerate(current) if each.is_versioned]
        ours = [each for each in current if each.is_versioned]
        lines = [(each.tip, each.line(current, start)) for each in branches]
        found = find_versions(ours, lines, str(thread.head_id))
        return {places[position]: version for position, version in found.items()}

    def _decode_all(self) -> list[Message]:
        thread: Any = self._thread
        head = self._context.decoder.read_head(self._tx.connection, thread.thread_id, thread.head_id)
        return [] if head is None else [each.message for each in head.messages]
