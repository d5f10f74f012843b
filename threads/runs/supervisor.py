"""The supervisor: renews leases, notices stop requests and freed threads, and recovers abandoned runs.

It runs on a loop of its own, for a node that blocks the runner's loop must not cost the lease. What this
process does itself is acted on at once; this is for what other processes did, and for what time does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from threads.background import log_failure
from threads.errors import DatabaseGone, ThreadsError
from threads.runs.agents import AgentRegistry
from threads.runs.attempt import StopReason, is_cancelled
from threads.runs.executor import RunExecutor
from threads.runs.queue import RunQueue
from threads.store.runs import RunRecord
from threads.store.transaction import Store, Transaction

QUEUE_POLL = 0.02
"""Polling interval in seconds while a run waits for its thread."""
STOP_POLL = 0.2
"""Polling interval in seconds for what other processes stored; at most an eighth of a lease."""


class Supervisor:
    """Supervises the runs of one executor."""

    def __init__(self, executor: RunExecutor, queue: RunQueue, store: Store, agents: AgentRegistry) -> None:
        self._executor = executor
        self._queue = queue
        self._store = store
        self._agents = agents

    async def run(self, *, recover: bool) -> None:
        """Supervise until cancelled. `recover`: also the runs of processes that are gone."""
        lease_seconds = self._queue.lease_seconds
        pause = min(STOP_POLL, lease_seconds / 8)
        async with asyncio.TaskGroup() as tasks:  # none is delayed by another: heartbeats cannot wait
            tasks.create_task(_every(lambda: lease_seconds / 4, self._renew_leases))
            tasks.create_task(
                _every(lambda: QUEUE_POLL if self._executor.waiting_ids() else pause, self._poll)
            )
            if recover:
                tasks.create_task(_every(lambda: lease_seconds / 2, self._recover_expired))

    async def _renew_leases(self) -> None:
        """Renew the leases of this runner's runs, and stop those that were lost."""
        run_ids = self._executor.running_ids() | self._executor.waiting_ids()
        if not run_ids:
            return

        def renew(tx: Transaction) -> set[str]:
            lost = run_ids - tx.runs.renew(self._queue.worker_id, run_ids, self._queue.lease_seconds)
            tx.runs.count_late(self._executor.performed_ids(lost))
            return lost

        self._executor.lose_leases(await asyncio.wrap_future(self._store.submit(renew)))

    async def _poll(self) -> None:
        """Act on stop requests, on runs that ended elsewhere, and on threads that became free."""
        if not self._executor.is_idle():
            stop_requests, ended = await asyncio.to_thread(self._changes)
            for run_id, reason in stop_requests.items():
                self._executor.stop_here(run_id, StopReason(reason))
            for run_id in ended:
                await asyncio.to_thread(self._executor.resolve_stored, run_id)
        if self._executor.waiting_ids():
            for thread_id in await asyncio.to_thread(self._unblocked_threads):
                await self._executor.start_next(thread_id)

    async def _recover_expired(self) -> None:
        """Take over the runs whose leases expired, as far as their agents are loaded here."""
        for run in await asyncio.to_thread(self._expired):
            await _attempted(self._executor.take_over(run.run_id))  # one failure must not leave the others

    def _changes(self) -> tuple[dict[str, str], set[str]]:
        awaited = self._executor.awaited_ids()
        with self._store.read() as tx:
            stop_requests = tx.runs.list_stop_requests(self._queue.worker_id)
            return stop_requests, tx.runs.list_finished(awaited) if awaited else set()

    def _unblocked_threads(self) -> set[str]:
        with self._store.read() as tx:
            return tx.runs.list_free_threads(self._queue.worker_id)

    def _expired(self) -> list[RunRecord]:
        with self._store.read() as tx:
            expired = tx.runs.list_expired()
        return [run for run in expired if run.kind == "title" or self._agents.has(run.agent_id)]


async def _every(pause: Callable[[], float], step: Callable[[], Coroutine[Any, Any, None]]) -> None:
    while True:
        await _attempted(step())
        await asyncio.sleep(pause())


async def _attempted(step: Coroutine[Any, Any, None]) -> None:
    """Await a step and log its errors: the next one may succeed."""
    try:
        await step
    except DatabaseGone:
        pass  # logged when it was noticed
    except ThreadsError as error:  # the database is locked or full
        logging.getLogger(__name__).warning("run supervision failed and will be retried: %s", error)
    except BaseException as error:
        if is_cancelled(error):
            raise
        log_failure("run supervision failed and will be retried", error)
