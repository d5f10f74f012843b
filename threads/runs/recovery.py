"""Where an attempt starts: with what was asked, or where an earlier attempt broke off.

A first attempt may find the thread wedged by calls of tools that nobody answered; they are answered
first, else a provider would refuse every turn from then on. A later attempt looks at what its
predecessor left: nothing, then it begins from the start; unfinished tasks, then it goes on with them;
a finished turn, then that is the answer. Whatever goes on looks first for calls of tools that are in
doubt (`threads.runs.tool_recovery`): none of them is run again without asking a person.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from langgraph.types import Command, Interrupt

from threads.checkpoint.branches import has_input_of_run
from threads.checkpoint.resume_writes import Change, find_stale_resumes
from threads.errors import AlreadyAnswered, RunFailed
from threads.registry.context import Inside
from threads.runs.answered_tools import Answers, can_take, with_answers
from threads.runs.attempt import Attempt, Outcome
from threads.runs.dangling_tool_calls import unwedge
from threads.runs.request import ANSWERS, BRINGING, Request, named_interrupts
from threads.runs.tool_recovery import answers_given, calls_of, doubtful, place_of, question, texts
from threads.store import runs

LOST = "The call was not answered: the run broke off."


@dataclass(frozen=True, slots=True)
class Start:
    """What the graph is handed, and the checkpoint it goes on from if that is not the head."""

    input: Any
    base: str | None = None


async def start_of(attempt: Attempt, row: sqlite3.Row, request: Request, inside: Inside) -> Start | Outcome:
    """Where a first attempt starts."""
    attempt.turn.origin_id = row["origin_id"] or row["run_id"]
    if request.kind in ANSWERS:
        return await _answering(attempt, row, request, inside)
    if request.kind in ("message", "input") and _is_suspect(row, inside):
        await unwedge(attempt.graph, _in_nobodys_name(attempt.config), LOST)
    return Start(request.graph_input(row["thread_id"], row["run_id"], row["key"]), request.base)


async def begin_again(
    attempt: Attempt, row: sqlite3.Row, request: Request, inside: Inside
) -> Start | Outcome:
    """Where an attempt starts that follows one which broke off."""
    attempt.turn.origin_id = row["origin_id"] or row["run_id"]
    thread_id, run_id = row["thread_id"], row["run_id"]
    state = await _state(attempt)
    head = _head(state)
    has_begun = head != row["begun_at_id"]
    if not has_begun and request.kind in ANSWERS:
        return await start_of(attempt, row, request, inside)
    if has_begun and await asyncio.to_thread(_is_unsaid, row, request, inside):
        return await start_of(attempt, row, request, inside)
    if has_begun and (state.metadata or {}).get("run_id") != run_id:
        error = RunFailed(thread_id, run_id, "the thread went on without it")
        return Outcome("error", error=error, is_aside=True)
    if has_begun and not state.tasks:
        return Outcome("success", values=state.values)
    doubts = await asyncio.to_thread(_doubts, attempt, row, state, inside)
    if doubts.question is not None:
        return Outcome("interrupted", values=state.values, interrupts=[doubts.question])
    if not has_begun:
        return await start_of(attempt, row, request, inside)
    if state.interrupts:
        return Outcome("interrupted", values=state.values, interrupts=list(state.interrupts))
    return await _going_on(attempt, state, None, row, inside)


async def _answering(attempt: Attempt, row: sqlite3.Row, request: Request, inside: Inside) -> Start | Outcome:
    """Where a run starts that answers a question: nothing may run again there that is in doubt still."""
    state = await _state(attempt)
    doubts = await asyncio.to_thread(_doubts, attempt, row, state, inside)
    if doubts.question is not None:
        return Outcome("interrupted", values=state.values, interrupts=[doubts.question])
    attempt.graph = with_answers(attempt.graph, doubts.texts)
    waiting = await asyncio.to_thread(_waiting, row["thread_id"], state, inside)
    if request.kind == "resume" and row["attempt"] == 1:
        left = _untaken(request, waiting)
        if left is None:  # another run took an answer after this one was accepted
            return Outcome("error", error=AlreadyAnswered(row["thread_id"]), is_aside=True)
        return await _going_on(attempt, state, left, row, inside)
    before = next((each for each in reversed(doubts.chain) if each["kind"] != "recovery"), row)
    asked = _request(before, inside) if before["begun_at_id"] == _head(state) else None
    if asked is None or asked.kind == "recovery" or isinstance(asked.input, Command):
        return await _going_on(attempt, state, None, row, inside)
    if asked.kind == "resume":  # what was answered here before is not asked again
        return await _going_on(attempt, state, _untaken(asked, waiting), row, inside)
    return await start_of(attempt, before, asked, inside)  # nothing of what it was asked was stored


def _untaken(asked: Request, waiting: Collection[str]) -> Request | None:
    """The answers whose interrupts wait still, None if there are none.

    LangGraph would take an answer to another one for the next interrupt of its task.
    """
    if not named_interrupts(asked.input):
        return asked
    left = {id: answer for id, answer in asked.input.items() if id in waiting}
    return replace(asked, input=left) if left else None


def _waiting(thread_id: str, state: Any, inside: Inside) -> set[str]:
    """The ids of the interrupts that wait for an answer."""
    head = _head(state)
    if head is None:
        return set()
    with inside.database.read() as connection:
        return {each.id for each in inside.decoder.interrupts(connection, thread_id, head)}


@dataclass(frozen=True, slots=True)
class Doubts:
    """What is known of the tools that a run and those before it have started."""

    chain: list[sqlite3.Row]
    """The run, behind those that it goes on with."""
    question: Interrupt | None
    """What a person has to decide before the run may go on."""
    texts: Answers
    """What persons gave as answers of tools that are not to run."""


def _doubts(attempt: Attempt, row: sqlite3.Row, state: Any, inside: Inside) -> Doubts:
    with inside.database.read() as connection:
        chain = runs.of_origin(connection, row)
        calls = calls_of(runs.tools_of_origin(connection, row))
    answers = [(each, _request(each, inside)) for each in chain if each["kind"] == "recovery"]
    place = place_of(state)
    place.closed = {call.task for call in calls if not can_take(attempt.graph, call.task)}
    given = answers_given(chain, {each["run_id"]: request.input for each, request in answers if request})
    left = doubtful(calls, place, given, row["position"])
    asked = question(row["run_id"], left, place) if left else None
    return Doubts(chain, asked, texts(calls, place, given))


def _request(row: sqlite3.Row, inside: Inside) -> Request | None:
    if row["request"] is None:
        return None
    return Request.loaded(row["kind"], (row["request_type"], row["request"]), inside.checkpointer.serde)


async def _state(attempt: Attempt) -> Any:
    """Where the thread stands, with its subgraphs."""
    config = {"configurable": attempt.config["configurable"]}  # by which errors of the checkpointer are known
    return await attempt.graph.aget_state(config, subgraphs=True)


def _head(state: Any) -> str | None:
    head: str | None = (
        state.config["configurable"].get("checkpoint_id") if state.metadata is not None else None
    )
    return head


async def _going_on(
    attempt: Attempt, state: Any, answer: Request | None, row: sqlite3.Row, inside: Inside
) -> Start:
    """Go on from the head, where tasks of an earlier attempt may have finished: they are not run again.

    What they wrote gets into the next checkpoint, and is told with it. Answers that nothing came of go first.
    """
    input = None if answer is None else answer.graph_input(row["thread_id"], row["run_id"], None)
    if change := await asyncio.to_thread(_stale_answers, state, inside):
        await attempt.write(change)
    saved = await inside.checkpointer.aget_tuple({"configurable": {"thread_id": attempt.turn.thread_id}})
    if saved is not None:
        pending = [(channel, value) for _, channel, value in saved.pending_writes or ()]
        attempt.turn.wrote(str(saved.checkpoint["id"]), pending)
    return Start(input)


def _stale_answers(state: Any, inside: Inside) -> Change | None:
    if state.metadata is None:
        return None
    with inside.database.read() as connection:
        return find_stale_resumes(connection, state, inside.checkpointer.serde)


def _in_nobodys_name(config: dict[str, Any]) -> dict[str, Any]:
    """The config without the run's id: LangGraph takes an input after a checkpoint with that for said."""
    metadata = {key: value for key, value in config["metadata"].items() if key != "run_id"}
    return {**config, "metadata": metadata}


def _is_unsaid(row: sqlite3.Row, request: Request, inside: Inside) -> bool:
    """Whether what was asked never got into the thread, though something else did since."""
    if request.kind not in BRINGING:
        return False
    with inside.database.read() as connection:
        return not has_input_of_run(connection, row["thread_id"], row["run_id"])


def _is_suspect(row: sqlite3.Row, inside: Inside) -> bool:
    """Whether the turn before this one may have been left in the middle."""
    with inside.database.read() as connection:
        if row["begun_at_id"] is None:
            return False
        before = runs.of_thread(connection, row["thread_id"], 1, before=row["position"])
        return (
            not before
            or before[0]["head_id"] != row["begun_at_id"]
            or before[0]["status"] in ("error", "interrupted")
            or before[0]["kind"] in ANSWERS
        )
