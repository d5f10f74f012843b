"""The end of an attempt: its outcome is stored as the lease is released, and reaches the caller.

The future of a run is resolved by the run where it is performed here, else from what is stored.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from langgraph.types import Interrupt

from threads import models
from threads.background import is_main_thread
from threads.db.errors import is_temporary
from threads.errors import LeaseLost, RunFailed, RunNotFound, ThreadDeleted, ThreadsError, UsageError
from threads.runs.event_loop import is_cancelled
from threads.runs.events import EventWriter, RunLeaseContext, insert_events
from threads.runs.failures import failure_of
from threads.runs.tool_recovery import is_recovery_interrupt
from threads.serialization import to_jsonable
from threads.store.runs import run_failed
from threads.store.transaction import Store, Transaction


class OutcomeStatus(StrEnum):
    """How an attempt ended."""

    SUCCESS = "success"
    ERROR = "error"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"
    UNFINISHED = "unfinished"
    """The run has not ended: it is left to a recovery."""


@dataclass(slots=True)
class Outcome:
    """The end of an attempt."""

    status: OutcomeStatus
    values: Any = None
    """What `invoke` would have returned."""
    error: BaseException | None = None
    interrupts: list[Interrupt] = field(default_factory=list)
    is_rolled_back: bool = False
    """Whether it is to be as if the run had not been."""
    by_agent: bool = False
    """Whether the agent raised the error: whatever class it is of, it says nothing about this run."""
    is_superseded: bool = False
    """Whether the thread went on without this run: then it is not the thread's error."""

    @property
    def is_unfinished(self) -> bool:
        """Whether the run has not ended, and may not be ended here any more."""
        return self.status is OutcomeStatus.UNFINISHED or (
            isinstance(self.error, LeaseLost) and not self.by_agent
        )


END_EVENTS = {
    OutcomeStatus.SUCCESS: "finished",
    OutcomeStatus.ERROR: "failed",
    OutcomeStatus.INTERRUPTED: "interrupted",
    OutcomeStatus.STOPPED: "stopped",
}


async def complete(
    lease: RunLeaseContext, outcome: Outcome, writer: EventWriter, now: Callable[[], int]
) -> Outcome:
    """Store how an attempt ended and release its lease; returns the outcome that was stored.

    What cannot be stored as it is (a value that is no JSON) is stored as a failure. Where the lease is lost,
    if only for a moment, or the file cannot be written, the run has not ended: it is left to a recovery.
    """
    error = outcome.error
    if isinstance(error, LeaseLost) and error.thread_id == lease.thread_id and not outcome.by_agent:
        outcome = Outcome(OutcomeStatus.UNFINISHED, error=error)
    if outcome.status is not OutcomeStatus.UNFINISHED:
        outcome = await _store(lease, outcome, writer, now)
    if outcome.is_unfinished:
        with suppress(ThreadsError):  # locked, or closed: then the lease expires by itself
            await writer.write(lambda tx: tx.leases.release(lease.run_id, lease.fence[1]))
    return outcome


async def _store(
    lease: RunLeaseContext, outcome: Outcome, writer: EventWriter, now: Callable[[], int]
) -> Outcome:
    events = writer.take(lease.run_id, lease.fence[1])

    def insert_end(tx: Transaction) -> None:
        if not tx.leases.has_lease(lease.run_id, lease.fence[1]):
            raise LeaseLost(lease.thread_id)
        if lease.rejection is not None and outcome.error is None:
            raise lease.rejection
        insert_events(tx, events)
        _insert_outcome(tx, lease, outcome, now())

    while True:
        try:
            await writer.write(insert_end)
        except BaseException as error:
            if is_cancelled(error):
                raise
            if is_temporary(error):
                return Outcome(OutcomeStatus.UNFINISHED, error=error)
            if outcome.error is None:
                outcome = Outcome(OutcomeStatus.ERROR, error=error)
                is_database_error = isinstance(error, ThreadsError) and error is not lease.rejection
                if not is_database_error:
                    continue  # store the failure
        return outcome


def _insert_outcome(tx: Transaction, lease: RunLeaseContext, outcome: Outcome, at: int) -> None:
    failure = None if outcome.error is None else failure_of(outcome.error)
    interrupts = [_described(each) for each in outcome.interrupts]
    is_recovery = bool(interrupts) and is_recovery_interrupt(outcome.interrupts[0].value)
    question = {name: interrupts[0][name] for name in ("id", "value")} if is_recovery else None
    tx.runs.end(lease.run_id, outcome.status, at,
        failure=failure, question=question, tokens=lease.tokens,
        is_aside=outcome.is_superseded,
    )  # fmt: skip
    if outcome.is_rolled_back:
        tx.runs.restore_thread_status(lease.run_id)
    data: dict[str, Any] = {"input_tokens": lease.tokens[0], "output_tokens": lease.tokens[1]}
    if failure is not None:
        data.update(failure.event_data())
    if interrupts:
        data["interrupts"] = interrupts
    if outcome.is_rolled_back:
        data["taken_back"] = True
    tx.events.append([lease.new_event(END_EVENTS[outcome.status], data)])
    if outcome.is_rolled_back:  # after that, so that no number is used twice
        tx.events.delete_before_end(lease.thread_id, lease.run_id)
    tx.events.delete_tokens(lease.thread_id, lease.run_id)
    tx.events.trim(lease.thread_id)


def _described(interrupt: Interrupt[Any]) -> dict[str, Any]:
    """Return an interrupt as the event has it: the fields of `threads.Interrupt`."""
    described = models.Interrupt.from_langgraph(interrupt)
    names = [each.name for each in fields(described)]
    return {name: to_jsonable(getattr(described, name)) for name in names}


class RunFutures:
    """The results that are awaited in this process, by run."""

    def __init__(self, store: Store, agents: Mapping[str, Any]) -> None:
        self._store = store
        self._agents = agents
        self._lock = threading.Lock()
        self._unresolved: dict[str, Future[Any]] = {}

    def create(self, run_id: str) -> Future[Any]:
        """Return the future of an unfinished run's result, the same for all callers."""
        with self._lock:
            return self._unresolved.setdefault(run_id, Future())

    def get(self, run_id: str) -> Future[Any]:
        """As `create`, for any run: resolved at once if the run has ended."""
        future = self.create(run_id)
        with self._store.read() as tx:
            has_ended = bool(tx.runs.list_finished([run_id]))
        if has_ended:
            self.resolve_stored(run_id)
        return future

    def unresolved(self) -> list[str]:
        """Return the runs whose results are awaited."""
        with self._lock:
            return list(self._unresolved)

    def resolve(self, run_id: str, outcome: Outcome, thread_id: str) -> None:
        """Resolve the future of a run that ended here."""
        future = self._remove(run_id)
        if future is None:
            return
        if outcome.status is OutcomeStatus.UNFINISHED:
            future.set_exception(LeaseLost(thread_id))
        elif outcome.error is None:
            future.set_result(outcome.values)
        elif isinstance(outcome.error, ThreadsError) and not outcome.by_agent:
            future.set_exception(outcome.error)
        else:
            failure = failure_of(outcome.error)
            failed = RunFailed(
                thread_id, run_id, failure.text, error_type=failure.type, error_message=failure.message
            )
            failed.__cause__ = outcome.error
            future.set_exception(failed)

    def resolve_stored(self, run_id: str) -> None:
        """Resolve the future of a run that ended, here or elsewhere, from the database."""
        future = self._remove(run_id)
        if future is None:
            return
        try:
            future.set_result(self._stored_result(run_id))
        except RunNotFound:
            future.set_exception(ThreadDeleted())
        except BaseException as error:  # it is raised where the result is asked for
            if isinstance(error, KeyboardInterrupt) and is_main_thread():  # that caller wants something else
                with self._lock:
                    self._unresolved.setdefault(run_id, future)
                raise
            future.set_exception(error)

    def fail_all(self) -> None:
        """Fail the futures that are left; for closing."""
        for run_id in self.unresolved():
            if future := self._remove(run_id):
                future.set_exception(
                    UsageError(
                        f"the runner was closed before run {run_id} ended",
                        "another runner of this database recovers it; registry.runs(id) shows its outcome",
                    )
                )

    def _remove(self, run_id: str) -> Future[Any] | None:
        with self._lock:
            future = self._unresolved.pop(run_id, None)
        return None if future is None or future.done() else future

    def _stored_result(self, run_id: str) -> Any:
        """Return the graph's state when the run ended; raises what it failed with."""
        with self._store.read() as tx:
            run = tx.runs.get(run_id)
            last = tx.runs.find_last(run.thread_id)
            head_id = tx.threads.get(run.thread_id).head_id
        if run.status == "error":
            raise run_failed(run.info())
        if run.kind == "title" or run.head_id is None or run.agent_id not in self._agents:
            return None
        configurable = {"thread_id": run.thread_id}
        is_last = last is not None and last.run_id == run_id and head_id == run.head_id
        if not is_last:
            configurable["checkpoint_id"] = run.head_id
        state = self._agents[str(run.agent_id)].get_state({"configurable": configurable})
        interrupts = list(state.interrupts)
        if is_last:  # one that was answered beside one that waits is none any more
            interrupts = [each for task in state.tasks if task.result is None for each in task.interrupts]
        if isinstance(state.values, dict) and interrupts:
            return {**state.values, "__interrupt__": interrupts}
        return state.values
