"""What a stopped attempt leaves: its input and partial output, or nothing where it is rolled back.

The input is kept in any case but the latter, also where the attempt was stopped before it was stored, or
the run was to be skipped. A thread must not be left in the middle: with a tool call that no message answers
(a provider would refuse every later turn), or a step that the next turn would continue.
"""

from __future__ import annotations

import asyncio

from langchain_core.messages import AIMessage
from langgraph.constants import END
from langgraph.types import Command

from threads.checkpoint.branches import discard_run, has_input_of_run, put_empty_head
from threads.checkpoint.message_channel import CHANNEL
from threads.checkpoint.message_conversion import STOPPED
from threads.registry import Registry
from threads.registry.context import RegistryContext
from threads.runs.attempt import Attempt, Start
from threads.runs.completion import Outcome, OutcomeStatus
from threads.runs.event_loop import is_cancelled
from threads.runs.queue import StopReason
from threads.runs.request import INPUT_KINDS
from threads.runs.tool_calls import STOPPED_TEXT, answer_dangling_calls
from threads.store.runs import RunRecord

INPUT_NODE = "__start__"
"""LangGraph's node that moves an input from a checkpoint of its own to the state."""


def request_stop(registry: Registry, run_id: str, *, rollback: bool = False) -> bool:
    """Ask the process that performs a run to stop it; False if the run has ended.

    With `rollback` what it stored is removed. Works without the agents of the run: the process that has its
    lease acts on it, or the next that recovers it.
    """
    reason = StopReason.ROLLBACK if rollback else StopReason.CANCEL
    requested: bool = registry._context.store.write(lambda tx: tx.runs.request_stop(run_id, reason))
    return requested


async def settle_stopped(attempt: Attempt, run: RunRecord, start: Start, context: RegistryContext) -> Outcome:
    """Keep the input and partial output of a stopped attempt, or roll it back; returns the run's outcome."""
    try:
        if attempt.ignores_cancellation:
            await attempt.abandon_task()
        if attempt.stop_reason is StopReason.ROLLBACK:
            await _roll_back(attempt, run, context)
        else:
            await _keep_input(attempt, run, start, context)
            await _keep_partial_output(attempt)
        state = await attempt.graph.aget_state({"configurable": attempt.config["configurable"]})
    except BaseException as error:
        if is_cancelled(error):
            raise
        return attempt.failed(error)
    is_rolled_back = attempt.stop_reason is StopReason.ROLLBACK
    return Outcome(OutcomeStatus.STOPPED, values=state.values, is_rolled_back=is_rolled_back)


async def _roll_back(attempt: Attempt, run: RunRecord, context: RegistryContext) -> None:
    thread_id, run_id = run.thread_id, run.run_id
    if run.start_head_id is None:  # a thread is deleted with its last checkpoint, and this one shall stay
        config = attempt.config["configurable"]
        await asyncio.to_thread(put_empty_head, context.checkpointer, thread_id, config)
    with attempt.lease.library_errors():
        future = context.store.submit(lambda tx: discard_run(tx.connection, thread_id, run_id))
        await asyncio.shield(asyncio.wrap_future(future))


async def _keep_input(attempt: Attempt, run: RunRecord, start: Start, context: RegistryContext) -> None:
    """Store the input where the attempt was stopped before all of it was stored."""
    thread_id, run_id = run.thread_id, run.run_id
    with attempt.lease.library_errors():
        future = context.store.submit(  # behind what the attempt stores still
            lambda tx: has_input_of_run(tx.connection, thread_id, run_id)
        )
        has_input = await asyncio.shield(asyncio.wrap_future(future))
    if not has_input and run.kind in INPUT_KINDS and not isinstance(start.input, Command):
        await attempt.write_input_only(start)
        return
    state = await attempt.graph.aget_state(attempt.config)
    if any(task.name == INPUT_NODE for task in state.tasks):
        await attempt.write_input_only(Start(None))


async def _keep_partial_output(attempt: Attempt) -> None:
    """End the thread's unfinished step, with the partial output as its last message."""
    graph, config = attempt.graph, attempt.config
    for partial in attempt.partial_messages() if CHANNEL in graph.channels else ():
        message = AIMessage(partial.text, id=partial.id, response_metadata={STOPPED: True})
        await graph.aupdate_state(config, {CHANNEL: [message]}, as_node=partial.root_node)
    await answer_dangling_calls(graph, config, STOPPED_TEXT)
    for _ in range(2):  # the results of a task may start others
        if (await graph.aget_state(config)).tasks:
            await graph.aupdate_state(config, None, as_node=END)
