"""How runs end: what is stored of it, in the transaction that lets the lease go."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from threads.db.errors import is_temporary
from threads.errors import LeaseLost, ThreadsError
from threads.runs.attempt import HAND_OVER, Outcome
from threads.runs.cancellable_task import is_cancelled
from threads.runs.event_writer import Recorder, storing
from threads.runs.failures import failure_of
from threads.runs.lease_context import ActiveTurn
from threads.serialization import to_jsonable
from threads.store import event_log, runs

TOLD = {"success": "finished", "error": "failed", "interrupted": "interrupted", "stopped": "stopped"}


class End:
    """The last step of an attempt, to be done in the transaction that lets the lease go."""

    def __init__(self, turn: ActiveTurn, outcome: Outcome, question: dict[str, Any] | None) -> None:
        self._turn = turn
        self._outcome = outcome
        self._question = question

    def __call__(self, connection: sqlite3.Connection, at: int) -> None:
        turn, outcome = self._turn, self._outcome
        failure = None if outcome.error is None else failure_of(outcome.error)
        runs.end(
            connection, turn.run_id, outcome.status, at,
            failure=failure, question=self._question, tokens=turn.tokens,
            is_aside=outcome.is_aside,
        )  # fmt: skip
        if outcome.taken_back:
            runs.restore_status(connection, turn.run_id)
        data: dict[str, Any] = {"input_tokens": turn.tokens[0], "output_tokens": turn.tokens[1]}
        if failure is not None:
            data.update(failure.told())
        if outcome.interrupts:
            data["interrupts"] = [
                {"id": each.id, "value": to_jsonable(each.value)} for each in outcome.interrupts
            ]
        if outcome.taken_back:
            data["taken_back"] = True
        event_log.record(connection, [turn.event(TOLD[outcome.status], data)])
        if outcome.taken_back:  # after that, so that no number is used twice
            event_log.drop_before_end(connection, turn.thread_id, turn.run_id)
        event_log.drop_tokens(connection, turn.thread_id, turn.run_id)
        event_log.trim(connection, turn.thread_id)


async def ended(turn: ActiveTurn, outcome: Outcome, recorder: Recorder, now: Callable[[], int]) -> Outcome:
    """Store how an attempt ended, and let its lease go; returns what became of that.

    What cannot be stored as it is (a value that is no JSON) is stored as a failure. Where the lease is lost,
    if only for a moment, or the file cannot be written, the run has not ended: whoever comes next goes on.
    """
    said = recorder.take(turn.run_id, turn.fence[1])

    async def store(outcome: Outcome) -> Outcome:
        def work(connection: sqlite3.Connection) -> None:
            if not runs.is_held(connection, turn.run_id, turn.fence[1]):
                raise LeaseLost(turn.thread_id)
            if turn.refusal is not None and outcome.error is None:
                raise turn.refusal
            storing(said)(connection)
            ending(turn, outcome)(connection, now())

        try:
            await recorder.write(work)
        except BaseException as error:
            if is_cancelled(error):
                raise
            if is_temporary(error):
                return Outcome(HAND_OVER, error=error)
            if outcome.error is None:
                failed = Outcome("error", error=error)
                is_of_file = isinstance(error, ThreadsError) and error is not turn.refusal
                return failed if is_of_file else await store(failed)
        return outcome

    error = outcome.error
    if isinstance(error, LeaseLost) and error.thread_id == turn.thread_id and not outcome.by_agent:
        outcome = Outcome(HAND_OVER, error=error)
    if outcome.status != HAND_OVER:
        outcome = await store(outcome)
    if outcome.is_left:
        with suppress(ThreadsError):  # locked, or closed: then the lease runs out by itself
            await recorder.write(lambda connection: runs.let_go(connection, turn.run_id, turn.fence[1]))
    return outcome


def ending(turn: ActiveTurn, outcome: Outcome) -> Callable[[sqlite3.Connection, int], None]:
    """The work that stores this outcome, at a moment."""
    asked = outcome.interrupts[0] if outcome.interrupts else None
    ours = asked is not None and isinstance(asked.value, dict) and asked.value.get("asked_by") == "recovery"
    question = {"id": asked.id, "value": to_jsonable(asked.value)} if asked is not None and ours else None
    return End(turn, outcome, question)
