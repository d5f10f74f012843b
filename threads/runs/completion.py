"""The end of an attempt: its outcome is stored in the transaction that releases the lease."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from threads.db.errors import is_temporary
from threads.errors import LeaseLost, ThreadsError
from threads.runs.attempt import Outcome, OutcomeStatus, is_cancelled
from threads.runs.event_writer import EventWriter, insert_events, to_event_data
from threads.runs.failures import failure_of
from threads.runs.lease_context import RunLeaseContext
from threads.runs.tool_recovery import is_recovery_interrupt
from threads.store.transaction import Transaction

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
            await writer.write(lambda tx: tx.runs.release(lease.run_id, lease.fence[1]))
    return outcome


async def _store(
    lease: RunLeaseContext, outcome: Outcome, writer: EventWriter, now: Callable[[], int]
) -> Outcome:
    events = writer.take(lease.run_id, lease.fence[1])

    def insert_end(tx: Transaction) -> None:
        if not tx.runs.has_lease(lease.run_id, lease.fence[1]):
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
    interrupts = [{"id": each.id, "value": to_event_data(each.value)} for each in outcome.interrupts]
    asked_by_recovery = bool(interrupts) and is_recovery_interrupt(outcome.interrupts[0].value)
    tx.runs.end(lease.run_id, outcome.status, at,
        failure=failure, question=interrupts[0] if asked_by_recovery else None, tokens=lease.tokens,
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
