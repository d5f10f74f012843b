"""`RunService`: events, runs and pending interrupts of threads. Only reads; `threads.Runner` starts runs."""

from __future__ import annotations

import json

from threads.db.seals import seals_of
from threads.models import Interrupt, Page, RunInfo
from threads.registry.context import RegistryContext, get_active
from threads.registry.subscription import EventSubscription, subscribe
from threads.store import threads as thread_table
from threads.store.filters import checked_range, fixed


class RunService:
    """Reads what runs stored."""

    def __init__(self, context: RegistryContext) -> None:
        self._context = context
        self._database = context.database

    def events(
        self, thread_id: str | None, owner: str | None, after: int | None, follow: bool
    ) -> EventSubscription:
        """Subscribe to events; see `Registry.events`."""
        return subscribe(self._database, self._context.events, thread_id, after, owner=owner, follow=follow)

    def runs(self, id: str, limit: int, cursor: str | None) -> Page[RunInfo]:
        """Return a page of the thread's runs; see `Registry.runs`."""
        from threads.store import runs

        limit, _ = checked_range(limit, 0)
        with self._database.read() as connection:
            thread_id = thread_table.get(connection, id)["thread_id"]
            seals, purpose = seals_of(connection), ("runs", thread_id)
            before = None if cursor is None else int(seals.open(purpose, cursor))
            rows = runs.of_thread(connection, thread_id, limit + 1, before)
        has_more = len(rows) > limit
        next_cursor = seals.seal(purpose, fixed(rows[limit - 1]["position"])) if has_more else None
        return Page(tuple(map(runs.run_of, rows[:limit])), next_cursor, lambda: self._count(thread_id))

    def interrupts(self, id: str) -> tuple[Interrupt, ...]:
        """Return the pending interrupts of a thread; see `Registry.interrupts`."""
        from threads.store import runs

        self._context.flush()
        with self._database.read() as connection:
            row = get_active(connection, id)
            last = runs.one(connection, "last_of_thread", row["thread_id"])
            if last is not None and last["status"] == "interrupted" and last["question"] is not None:
                return (Interrupt(**json.loads(last["question"])),)
            if row["head_id"] is None:
                return ()
            found: tuple[Interrupt, ...] = self._context.decoder.interrupts(
                connection, row["thread_id"], row["head_id"]
            )
        return found

    def _count(self, thread_id: str) -> int:
        from threads.store import runs

        with self._database.read() as connection:
            return runs.count(connection, thread_id)
