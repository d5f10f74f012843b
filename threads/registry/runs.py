"""`RunService`: events, runs and pending interrupts of threads. Only reads; `threads.Runner` starts runs."""

from __future__ import annotations

import json

from threads.errors import InvalidValue
from threads.models import Interrupt, Page, RunInfo
from threads.registry.context import RegistryContext
from threads.registry.subscription import EventSubscription, subscribe
from threads.store.cursors import CursorCodec
from threads.store.filters import checked_range


class RunService:
    """Reads what runs stored."""

    def __init__(self, context: RegistryContext) -> None:
        self._context = context
        self._store = context.store

    def events(
        self,
        thread_id: str | None,
        owner: str | None,
        after: int | None,
        follow: bool,
        inner: bool,
        changes: bool,
    ) -> EventSubscription:
        """Subscribe to events; see `Registry.events`."""
        if changes and thread_id is not None:
            raise InvalidValue("changes", "it is for the events of all threads; leave out thread_id")
        return subscribe(
            self._context, thread_id, after, owner=owner, follow=follow, inner=inner, changes=changes
        )

    def runs(self, id: str, limit: int, cursor: str | None) -> Page[RunInfo]:
        """Return a page of the thread's runs; see `Registry.runs`."""
        limit, _ = checked_range(limit, 0)
        with self._store.read() as tx:
            thread_id = tx.threads.get(id).thread_id
            codec = CursorCodec(tx.seals, "runs", thread_id)
            before = None if cursor is None else int(codec.decode(cursor)[0])
            records = tx.runs.list_for_thread(thread_id, limit + 1, before)
        has_more = len(records) > limit
        next_cursor = codec.encode(records[limit - 1].position) if has_more else None
        infos = tuple(record.info() for record in records[:limit])
        return Page(infos, next_cursor, lambda: self._count(thread_id))

    def interrupts(self, id: str) -> tuple[Interrupt, ...]:
        """Return the pending interrupts of a thread; see `Registry.interrupts`."""
        self._context.flush()
        with self._store.read() as tx:
            thread = tx.threads.get_visible(id)
            last = tx.runs.find_last(thread.thread_id)
            interrupted = last if last is not None and last.status == "interrupted" else None
            if interrupted is not None and interrupted.recovery_question is not None:
                return (Interrupt.of(**json.loads(interrupted.recovery_question)),)
            if thread.head_id is None:
                return ()
            at, decoder = (tx.connection, thread.thread_id, thread.head_id), self._context.decoder
            found: tuple[Interrupt, ...] = decoder.interrupts(*at)
            if found or interrupted is None or interrupted.head_id != thread.head_id:
                return found
            return (Interrupt.at_breakpoint(interrupted.run_id, decoder.due_nodes(*at)),)

    def is_finished(self, id: str) -> bool:
        """Return whether no node is due at the thread's head; False where only its graph can tell."""
        self._context.flush()
        with self._store.read() as tx:
            thread = tx.threads.get_visible(id)
            at = (tx.connection, thread.thread_id, thread.head_id)
            return thread.head_id is None or bool(self._context.decoder.is_finished(*at))

    def _count(self, thread_id: str) -> int:
        with self._store.read() as tx:
            return tx.runs.count(thread_id)
