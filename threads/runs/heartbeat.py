"""The heartbeat of a runner: renews the leases of its runs, and recovers the runs of processes that are gone.

It beats on a loop of its own, for a node that blocks the runner's loop must not cost the lease. Beside it the
executor looks for what other processes did (`RunExecutor.poll`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from threads.runs.event_loop import attempted, repeat
from threads.runs.executor import RunExecutor
from threads.runs.queue import RunQueue
from threads.store.runs import RunRecord
from threads.store.transaction import Store, Transaction

HEARTBEAT_WORKERS = 2
"""Threads in which it reads: one for the poll of the executor, one for expired runs."""


class Heartbeat:
    """Renews the leases of one executor's runs, and recovers those that expired."""

    def __init__(
        self, executor: RunExecutor, queue: RunQueue, store: Store, agent_ids: Collection[str]
    ) -> None:
        self._executor = executor
        self._queue = queue
        self._store = store
        self._agent_ids = agent_ids

    async def run(self, *, recover: bool) -> None:
        """Beat until cancelled. `recover`: also take over the runs of processes that are gone."""
        lease_seconds = self._queue.lease_seconds
        async with asyncio.TaskGroup() as tasks:  # none is delayed by another: leases cannot wait
            tasks.create_task(repeat(lambda: lease_seconds / 4, self._renew_leases))
            tasks.create_task(repeat(self._executor.poll_pause, self._executor.poll))
            if recover:
                tasks.create_task(repeat(lambda: lease_seconds / 2, self._recover_expired))

    async def _renew_leases(self) -> None:
        """Renew the leases of this runner's runs, and stop those that were lost."""
        run_ids = self._executor.running_ids() | self._executor.waiting_ids()
        if not run_ids:
            return

        def renew(tx: Transaction) -> set[str]:
            lost = run_ids - tx.leases.renew(self._queue.worker_id, run_ids, self._queue.lease_seconds)
            tx.leases.count_late(self._executor.performed_ids(lost))
            return lost

        self._executor.lose_leases(await asyncio.wrap_future(self._store.submit(renew)))

    async def _recover_expired(self) -> None:
        """Take over the runs whose leases expired, as far as their agents are loaded here."""
        for run in await asyncio.to_thread(self._expired):
            await attempted(self._executor.take_over(run.run_id))  # one failure must not leave the others

    def _expired(self) -> list[RunRecord]:
        with self._store.read() as tx:
            expired = tx.runs.list_expired()
        return [run for run in expired if run.kind == "title" or run.agent_id in self._agent_ids]
