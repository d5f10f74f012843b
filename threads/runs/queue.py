"""The queue of each thread: which run has the lease, which wait, and which are given up.

Each method is one step of a transaction, for several processes want the same threads. A request becomes a
row; the row gets the lease where the thread is free and waits where it is not; it is started again after
a crash or a failure, and is withdrawn before it started where a newer request wants that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from threads.errors import InvalidValue, KeyReused, QueueFull, ThreadBusy
from threads.runs.agents import AgentRegistry
from threads.runs.attempt import StopReason
from threads.runs.request import ANSWER_KINDS
from threads.store.event_log import NewEvent
from threads.store.runs import NewRun, RunRecord, process_lost
from threads.store.transaction import Store, Transaction

STRATEGIES = ("reject", "enqueue", "interrupt", "rollback")
MAX_ATTEMPTS = 10
"""How often a run is recovered whose process ends each time; it may be what ends the process."""
MAX_SLOW_ATTEMPTS = 100
"""The same, with the attempts whose process was only too slow to renew the lease."""


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """What became of a request."""

    run: RunRecord
    accepted_here: bool
    """Whether this runner performs the run."""
    started: bool = False
    after_sequence: int = 0
    """The thread's last event before it."""


class RunQueue:
    """Admits runs for one runner, which is `worker_id` in the leases."""

    def __init__(
        self,
        agents: AgentRegistry,
        worker_id: str,
        lease_seconds: float,
        max_waiting: int,
        now: Callable[[], int],
    ) -> None:
        self._agents = agents
        self.worker_id = worker_id
        self.lease_seconds = lease_seconds
        self._max_waiting = max_waiting
        self._now = now

    def submit(self, tx: Transaction, new_run: NewRun, strategy: str) -> SubmitResult:
        """Store a run, and start it if its thread is free.

        Raises `ThreadBusy`, `QueueFull`, `KeyReused`, `ThreadTrashed`.
        """
        thread_id = new_run.thread_id
        tx.threads.get_visible(thread_id)
        if new_run.key is not None:
            known = tx.runs.find_by_key(thread_id, new_run.key)
            if known is not None:
                return self._submit_known(tx, known, new_run, strategy)
        after = tx.events.last_sequence(thread_id)
        running = self._running(tx, thread_id)
        first = running or self._first_waiting(tx, thread_id)
        if first is not None and strategy == "reject":
            raise ThreadBusy(thread_id, first.run_id)
        if first is not None:
            self._check_room(tx, thread_id, strategy)
        run = tx.runs.insert(new_run, self.worker_id, self.lease_seconds, self._now())
        if first is not None and self._must_wait(tx, run, running, strategy):
            return SubmitResult(run, True, False, after)
        return SubmitResult(self._start(tx, new_run.run_id), True, True, after)

    def submit_title(self, tx: Transaction, new_run: NewRun) -> SubmitResult:
        """Store and start a run that makes a title; `InvalidValue` where the title was set by hand."""
        thread = tx.threads.get(new_run.thread_id)
        if thread.title is not None:
            raise InvalidValue("title", f"{thread.title!r} was set by hand; title=None removes it")
        after = tx.events.last_sequence(new_run.thread_id)
        tx.runs.insert(new_run, self.worker_id, self.lease_seconds, self._now())
        return SubmitResult(self._start(tx, new_run.run_id), True, True, after)

    def restart(self, tx: Transaction, run: RunRecord) -> RunRecord:
        """Start a failed run again; returns its row. Raises `ThreadBusy`."""
        running = self._running(tx, run.thread_id)
        if running is not None and running.run_id != run.run_id:
            raise ThreadBusy(run.thread_id, running.run_id)
        return self._start(tx, run.run_id)

    def start_next(self, tx: Transaction, thread_id: str) -> RunRecord | None:
        """Start the run that waits longest for this thread, if it is this runner's and the thread is free."""
        waiting = self._first_waiting(tx, thread_id)
        if waiting is None or waiting.holder != self.worker_id or self._running(tx, thread_id) is not None:
            return None
        return self._start(tx, waiting.run_id)

    def take_over(self, tx: Transaction, run_id: str) -> RunRecord | None:
        """Take over a run whose lease expired: if it was running, start it again; else it goes on waiting.

        Returns its record; None if another runner was faster, or the run was given up.
        """
        run = tx.runs.find(run_id)
        if run is None or not run.is_unfinished or run.has_lease:
            return None
        if run.attempt - run.late_attempts >= MAX_ATTEMPTS or run.attempt >= MAX_SLOW_ATTEMPTS:
            self._fail(tx, run, f"failed after {run.attempt} attempts")
            return None
        if run.status == "running":
            return self._start(tx, run_id)
        tx.runs.reassign(run_id, self.worker_id, self.lease_seconds)
        return run

    def withdraw(self, tx: Transaction, run_id: str) -> None:
        """End a run that has not started."""
        run = tx.runs.get(run_id)
        if run.status == "pending":
            at = self._now()
            tx.runs.end(run_id, "stopped", at)
            data = _tokens(run) | ({"taken_back": True} if run.attempt == 0 else {})
            tx.events.append([NewEvent("stopped", run.thread_id, run_id, data, at)])

    def _submit_known(
        self, tx: Transaction, known: RunRecord, new_run: NewRun, strategy: str
    ) -> SubmitResult:
        """Return the run that this key has already; one that failed is started again, or waits for that."""
        if known.request_digest != new_run.request_digest:
            raise KeyReused(new_run.thread_id, str(new_run.key))
        if (
            known.status != "error"
            or not self._agents.has(known.agent_id)
            or not self._may_restart(tx, known)
        ):
            return SubmitResult(known, False)
        running = self._running(tx, known.thread_id)
        if running is None or strategy == "reject":
            return SubmitResult(self.restart(tx, known), True, True)
        self._check_room(tx, known.thread_id, strategy)
        after = tx.events.last_sequence(known.thread_id)
        run = tx.runs.requeue(known.run_id, self.worker_id, self.lease_seconds)
        self._must_wait(tx, run, running, strategy)
        return SubmitResult(run, True, False, after)

    def _may_restart(self, tx: Transaction, failed: RunRecord) -> bool:
        """Return whether a failed run may be started again: an answer only while it is the last run."""
        last = tx.runs.find_last(failed.thread_id)
        return failed.kind not in ANSWER_KINDS or last is None or last.run_id == failed.run_id

    def _check_room(self, tx: Transaction, thread_id: str, strategy: str) -> None:
        """Raise `QueueFull` if one more run cannot wait for this thread; `rollback` makes room itself."""
        if strategy != "rollback" and tx.runs.count_queued(thread_id) >= self._max_waiting:
            raise QueueFull(thread_id, self._max_waiting)

    def _must_wait(self, tx: Transaction, run: RunRecord, running: RunRecord | None, strategy: str) -> bool:
        """Stop or withdraw the runs before this one as `strategy` wants; returns whether one is left."""
        if strategy == "enqueue":
            return True
        if running is not None:
            reason = StopReason.ROLLBACK if strategy == "rollback" else StopReason.CANCEL
            tx.runs.request_stop(running.run_id, reason)
        for each in tx.runs.list_queued_before(run):
            if strategy == "rollback" and each.attempt == 0:  # else its message may be there already
                self.withdraw(tx, each.run_id)
            else:
                tx.runs.request_stop(each.run_id, StopReason.SKIP)
        return running is not None or bool(tx.runs.list_queued_before(run))

    def _running(self, tx: Transaction, thread_id: str) -> RunRecord | None:
        """Return the run that has the thread; an expired one that cannot be recovered here is given up."""
        running = tx.runs.find_running(thread_id)
        return None if running is not None and self._give_up(tx, running) else running

    def _first_waiting(self, tx: Transaction, thread_id: str) -> RunRecord | None:
        """Return the run that waits longest for the thread; expired ones are given up as by `_running`."""
        while True:
            waiting = tx.runs.find_next_queued(thread_id)
            if waiting is None or not self._give_up(tx, waiting):
                return waiting

    def _give_up(self, tx: Transaction, run: RunRecord) -> bool:
        if run.has_lease or self._agents.has(run.agent_id):
            return False
        reason = f"its process ended, and agent {run.agent_id!r} is not loaded to recover it"
        self._fail(tx, run, reason)
        return True

    def _fail(self, tx: Transaction, run: RunRecord, reason: str) -> None:
        at, failure = self._now(), process_lost(reason)
        tx.runs.end(run.run_id, "error", at, failure=failure)
        data = {**_tokens(run), **failure.event_data()}
        tx.events.append([NewEvent("failed", run.thread_id, run.run_id, data, at)])
        tx.events.delete_tokens(run.thread_id, run.run_id)

    def _start(self, tx: Transaction, run_id: str) -> RunRecord:
        at = self._now()
        run = tx.runs.begin(run_id, self.worker_id, self.lease_seconds, at)
        data = {"kind": run.kind, "agent_id": run.agent_id, "attempt": run.attempt}
        tx.events.append([NewEvent("started", run.thread_id, run_id, data, at)])
        return run


def follows_unclean_end(store: Store, run: RunRecord) -> bool:
    """Return whether the turn before this run may have been left in the middle."""
    if run.start_head_id is None:  # the thread was empty
        return False
    with store.read() as tx:
        before = next(iter(tx.runs.list_for_thread(run.thread_id, 1, before=run.position)), None)
    return (
        before is None
        or before.head_id != run.start_head_id
        or before.status in ("error", "interrupted")
        or before.kind in ANSWER_KINDS
    )


def _tokens(run: RunRecord) -> dict[str, Any]:
    return {"input_tokens": run.input_tokens, "output_tokens": run.output_tokens}
