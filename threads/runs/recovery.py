"""Where an attempt starts: with its request, or where an earlier attempt ended.

A first attempt may find tool calls that no message answers; they are answered first, else a provider
would refuse every turn from then on. A later attempt looks at what its predecessor left: nothing, then it
starts with the request; unfinished tasks, then it continues them; a finished turn, then that is the
result. Whatever continues looks first for tool calls whose outcome is unknown
(`threads.runs.tool_recovery`): none of them is run again without a decision of a person.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from langgraph.types import Command, Interrupt

from threads.checkpoint.branches import has_input_of_run
from threads.checkpoint.resume_writes import find_stale_resumes
from threads.errors import AlreadyAnswered, RunFailed
from threads.registry.context import RegistryContext
from threads.runs.attempt import Attempt, Start
from threads.runs.completion import Outcome, OutcomeStatus
from threads.runs.queue import follows_unclean_end
from threads.runs.request import ANSWER_KINDS, INPUT_KINDS, Request, named_interrupts
from threads.runs.tool_calls import FAILED_TEXT, repair_dangling_calls
from threads.runs.tool_recovery import (
    ToolAnswers,
    accepted_answers,
    answers_given,
    can_be_answered,
    position_of,
    recovery_interrupt,
    skip_answered_calls,
    started_calls,
    uncertain_calls,
)
from threads.store.runs import ChainedRun, RunRecord


async def first_start(
    attempt: Attempt, run: RunRecord, request: Request, context: RegistryContext
) -> Start | Outcome:
    """Return where a first attempt starts."""
    if request.kind in ANSWER_KINDS:
        return await _start_of_answer(attempt, run, request, context)
    if request.kind in ("message", "input") and follows_unclean_end(context.store, run):
        await repair_dangling_calls(attempt.graph, _without_run_id(attempt.config), FAILED_TEXT)
    return Start(request.graph_input(run.thread_id, run.run_id, run.key), request.base)


async def restart(
    attempt: Attempt, run: RunRecord, request: Request, context: RegistryContext
) -> Start | Outcome:
    """Return where an attempt starts that follows one which failed, or whose process ended."""
    state = await _state(attempt)
    head_id = _head_id(state)
    head_moved = head_id != run.start_head_id
    if not head_moved and request.kind in ANSWER_KINDS:
        return await first_start(attempt, run, request, context)
    if head_moved and await asyncio.to_thread(_lacks_input, run, request, context):
        return await first_start(attempt, run, request, context)
    if head_moved and (state.metadata or {}).get("run_id") != run.run_id:
        error = RunFailed(run.thread_id, run.run_id, "the thread was modified by another run")
        return Outcome(OutcomeStatus.ERROR, error=error, is_superseded=True)
    if head_moved and not state.tasks:
        due = await asyncio.to_thread(_due_nodes, run.thread_id, head_id, context)
        if not due:
            return Outcome(OutcomeStatus.SUCCESS, values=state.values)
        reason = f"agent {run.agent_id!r} has no node {due[0]!r}; its graph is not the one that failed"
        return Outcome(OutcomeStatus.ERROR, error=RunFailed(run.thread_id, run.run_id, reason))
    tools = await asyncio.to_thread(_tool_state, attempt, run, state, context)
    if tools.interrupt is not None:
        return Outcome(OutcomeStatus.INTERRUPTED, values=state.values, interrupts=[tools.interrupt])
    if not head_moved:
        return await first_start(attempt, run, request, context)
    if state.interrupts:
        return Outcome(OutcomeStatus.INTERRUPTED, values=state.values, interrupts=list(state.interrupts))
    return await _continue_at_head(attempt, state, None, run, context)


async def _start_of_answer(
    attempt: Attempt, run: RunRecord, request: Request, context: RegistryContext
) -> Start | Outcome:
    """Return where a run starts that answers an interrupt: no tool whose outcome is unknown may run again."""
    state = await _state(attempt)
    tools = await asyncio.to_thread(_tool_state, attempt, run, state, context)
    if tools.interrupt is not None:
        return Outcome(OutcomeStatus.INTERRUPTED, values=state.values, interrupts=[tools.interrupt])
    attempt.graph = skip_answered_calls(attempt.graph, tools.answers)
    pending = await asyncio.to_thread(_pending_interrupts, run.thread_id, state, context)
    if request.kind == "resume" and run.attempt == 1:
        left = _still_pending(request, pending)
        if left is None:  # another run took an answer after this one was accepted
            error = AlreadyAnswered(run.thread_id)
            return Outcome(OutcomeStatus.ERROR, error=error, is_superseded=True)
        return await _continue_at_head(attempt, state, left, run, context)
    before = next((each for each in reversed(tools.chain) if each.run.kind != "recovery"), None)
    earlier = (
        None if before is None or before.run.start_head_id != _head_id(state) else _request(before, context)
    )
    if before is None or earlier is None or earlier.kind == "recovery" or isinstance(earlier.input, Command):
        return await _continue_at_head(attempt, state, None, run, context)
    if earlier.kind == "resume":  # what was answered here before stays answered
        return await _continue_at_head(attempt, state, _still_pending(earlier, pending), run, context)
    return await first_start(attempt, before.run, earlier, context)  # nothing of that request was stored


def _still_pending(request: Request, pending: Collection[str]) -> Request | None:
    """Return the answers whose interrupts are pending still, None if there are none.

    LangGraph would take an answer to another one for the next interrupt of its task.
    """
    if not named_interrupts(request.input):
        return request
    left = {id: answer for id, answer in request.input.items() if id in pending}
    return replace(request, input=left) if left else None


def _pending_interrupts(thread_id: str, state: Any, context: RegistryContext) -> set[str]:
    """Return the ids of the interrupts that wait for an answer."""
    head_id = _head_id(state)
    if head_id is None:
        return set()
    with context.store.read() as tx:
        return {each.id for each in context.decoder.interrupts(tx.connection, thread_id, head_id)}


def _due_nodes(thread_id: str, head_id: str | None, context: RegistryContext) -> list[str] | None:
    """Return the nodes that are due, whatever graph is at hand; None where that is unknown."""
    if head_id is None:
        return None
    with context.store.read() as tx:
        due: list[str] | None = context.decoder.due_nodes(tx.connection, thread_id, head_id)
    return due


@dataclass(frozen=True, slots=True)
class ToolState:
    """What is known of the tools that a run and those it continues have started."""

    chain: list[ChainedRun]
    """The run, behind those that it continues."""
    interrupt: Interrupt | None
    """What a person has to decide before the run may continue."""
    answers: ToolAnswers
    """The answers that persons gave for tools that are not to run."""


def _tool_state(attempt: Attempt, run: RunRecord, state: Any, context: RegistryContext) -> ToolState:
    with context.store.read() as tx:
        chain = tx.runs.list_chain(run)
        calls = started_calls(tx.runs.list_tool_events(run))
    requests = {each.run.run_id: _request(each, context) for each in chain if each.run.kind == "recovery"}
    position = position_of(state)
    position.closed = {call.task for call in calls if not can_be_answered(attempt.graph, call.task)}
    inputs = {run_id: request.input for run_id, request in requests.items() if request}
    given = answers_given([each.run for each in chain], inputs)
    uncertain = uncertain_calls(calls, position, given, run.position)
    interrupt = recovery_interrupt(run.run_id, uncertain, position) if uncertain else None
    return ToolState(chain, interrupt, accepted_answers(calls, position, given))


def _request(chained: ChainedRun, context: RegistryContext) -> Request | None:
    if chained.request is None:
        return None
    return Request.loaded(chained.run.kind, chained.request, context.checkpointer.serde)


async def _state(attempt: Attempt) -> Any:
    """Return the thread's state, with its subgraphs."""
    config = {"configurable": attempt.config["configurable"]}  # with the lease, for the checkpointer's errors
    return await attempt.graph.aget_state(config, subgraphs=True)


def _head_id(state: Any) -> str | None:
    head_id: str | None = (
        state.config["configurable"].get("checkpoint_id") if state.metadata is not None else None
    )
    return head_id


async def _continue_at_head(
    attempt: Attempt, state: Any, answer: Request | None, run: RunRecord, context: RegistryContext
) -> Start:
    """Continue at the head, where tasks of an earlier attempt may have finished: they are not run again.

    What they wrote gets into the next checkpoint, and is reported with it. Answers that nothing came of are
    removed first.
    """
    input = None if answer is None else answer.graph_input(run.thread_id, run.run_id, None)
    change = await asyncio.to_thread(_find_stale_resumes, state, context)
    if change is not None:
        await attempt.write(lambda tx: change(tx.connection))
    saved = await context.checkpointer.aget_tuple({"configurable": {"thread_id": attempt.lease.thread_id}})
    if saved is not None:
        pending = [(channel, value) for _, channel, value in saved.pending_writes or ()]
        attempt.lease.record_writes(str(saved.checkpoint["id"]), pending)
    return Start(input)


def _find_stale_resumes(state: Any, context: RegistryContext) -> Any:
    if state.metadata is None:
        return None
    with context.store.read() as tx:
        return find_stale_resumes(tx.connection, state, context.checkpointer.serde)


def _without_run_id(config: dict[str, Any]) -> dict[str, Any]:
    """Return the config without the run's id: by it LangGraph would take the input for one it has."""
    metadata = {key: value for key, value in config["metadata"].items() if key != "run_id"}
    return {**config, "metadata": metadata}


def _lacks_input(run: RunRecord, request: Request, context: RegistryContext) -> bool:
    """Return whether the input never got into the thread, though something else did since."""
    if request.kind not in INPUT_KINDS:
        return False
    with context.store.read() as tx:
        return not has_input_of_run(tx.connection, run.thread_id, run.run_id)
