"""What happens in threads, and what they wait for: runs, events, questions."""

from __future__ import annotations

import json

from threads.db.seals import seals_of
from threads.models import Interrupt, Page, RunInfo
from threads.registry.branches import Branching
from threads.registry.subscription import Events, listen
from threads.store import threads as thread_table
from threads.store.filters import checked_range, fixed


class Following(Branching):
    """Follows what runs do, without taking part."""

    def events(
        self,
        thread_id: str | None = None,
        *,
        owner: str | None = None,
        after: int | None = 0,
        follow: bool = True,
    ) -> Events:
        """The thread's events after sequence number `after`, and then live; iterate by `for` or `async for`.

        `after=None` begins with what is to come; `follow=False` ends where there is nothing more now.
        Without `thread_id` those of all threads, or of an owner's, after position `after`. With an `owner`
        positions are sealed: they tell only which event to go on after. Events of other processes arrive
        within 100 ms. Raises `ThreadNotFound`, `InvalidValue`.
        """
        return listen(self._database, self._tail, thread_id, after, owner=owner, follow=follow)

    def runs(self, id: str, *, limit: int = 20, cursor: str | None = None) -> Page[RunInfo]:
        """The thread's runs, the last one first; `ThreadNotFound`, `InvalidCursor`."""
        from threads.store import runs

        limit, _ = checked_range(limit, 0)
        with self._database.read() as connection:
            thread_id = thread_table.get(connection, id)["thread_id"]
            seals, purpose = seals_of(connection), ("runs", thread_id)
            before = None if cursor is None else int(seals.open(purpose, cursor))
            rows = runs.of_thread(connection, thread_id, limit + 1, before)
        more = len(rows) > limit
        next_cursor = seals.seal(purpose, fixed(rows[limit - 1]["position"])) if more else None
        return Page(tuple(map(runs.run_of, rows[:limit])), next_cursor, lambda: self._run_count(thread_id))

    def interrupts(self, id: str) -> tuple[Interrupt, ...]:
        """The questions that the thread waits with; empty if it waits for nothing. `ThreadNotFound`."""
        from threads.store import runs

        self._flush()
        with self._database.read() as connection:
            row = self._visible(thread_table.get(connection, id))
            last = runs.one(connection, "last_of_thread", row["thread_id"])
            if last is not None and last["status"] == "interrupted" and last["question"] is not None:
                return (Interrupt(**json.loads(last["question"])),)
            if row["head_id"] is None:
                return ()
            found: tuple[Interrupt, ...] = self._decoder().interrupts(
                connection, row["thread_id"], row["head_id"]
            )
        return found

    def _run_count(self, thread_id: str) -> int:
        from threads.store import runs

        with self._database.read() as connection:
            return runs.count(connection, thread_id)
