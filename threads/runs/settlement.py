"""How a stopped attempt is settled: what was asked and said by then is kept, or it is as if it had not been.

What was asked is kept in any case but the latter, also where the attempt was stopped before it came to
that, or was meant to come no further: a message that is passed over, for a newer one matters more.
"""

from __future__ import annotations

import asyncio
from typing import Any

from langgraph.types import Command

from threads.checkpoint.branches import discard_run, has_input_of_run, put_empty_head
from threads.registry.context import Inside
from threads.runs.attempt import ROLLBACK, Attempt, Outcome
from threads.runs.cancellable_task import is_cancelled
from threads.runs.cancellation import keep
from threads.runs.recovery import Start
from threads.runs.request import BRINGING

INPUT = "__start__"
"""LangGraph's node that brings what was asked from a checkpoint of its own to the state."""


async def settle_stopped(attempt: Attempt, row: Any, start: Start, inside: Inside) -> Outcome:
    """What a stopped attempt leaves: what was asked and its words so far; to be rolled back, nothing."""
    try:
        if attempt.is_deaf:
            await attempt.leave_behind()
        if attempt.stopping == ROLLBACK:
            await _take_back(attempt, row, inside)
        else:
            await _say(attempt, row, start, inside)
            await keep(attempt)
        state = await attempt.graph.aget_state({"configurable": attempt.config["configurable"]})
    except BaseException as error:
        if is_cancelled(error):
            raise
        return attempt.failed(error)
    return Outcome("stopped", values=state.values, taken_back=attempt.stopping == ROLLBACK)


async def _take_back(attempt: Attempt, row: Any, inside: Inside) -> None:
    thread_id, run_id = row["thread_id"], row["run_id"]
    if row["begun_at_id"] is None:  # a thread goes with its last checkpoint, and this one shall stay
        config = attempt.config["configurable"]
        await asyncio.to_thread(put_empty_head, inside.checkpointer, thread_id, config)
    with attempt.turn.noting():
        promise = inside.database.submit(lambda connection: discard_run(connection, thread_id, run_id))
        await asyncio.shield(asyncio.wrap_future(promise))


async def _say(attempt: Attempt, row: Any, start: Start, inside: Inside) -> None:
    """Get what was asked into the thread, where the attempt was stopped before all of it was there."""
    thread_id, run_id = row["thread_id"], row["run_id"]
    with attempt.turn.noting():
        promise = inside.database.submit(  # behind what the attempt stores still
            lambda connection: has_input_of_run(connection, thread_id, run_id)
        )
        is_there = await asyncio.shield(asyncio.wrap_future(promise))
    if not is_there and row["kind"] in BRINGING and not isinstance(start.input, Command):
        await attempt.say(start.input, start.base)
        return
    state = await attempt.graph.aget_state(attempt.config)
    if any(task.name == INPUT for task in state.tasks):
        await attempt.say(None, None)
