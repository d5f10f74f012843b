"""Where an attempt starts: with what was asked, or where an earlier attempt broke off.

A first attempt may find the thread wedged by calls of tools that nobody answered; they are answered
first, else a provider would refuse every turn from then on. A later attempt looks at what its
predecessor left: nothing, then it begins from the start; unfinished tasks, then it goes on with them;
a finished turn, then that is the answer. A tool that was started, that did not answer and that does
not say it may run twice is not run again without asking a person.
"""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass
from typing import Any

from langgraph.types import Interrupt

from threads.bootstrap.opened import Inside
from threads.errors import RunFailed
from threads.memory import rewind
from threads.registry import runs
from threads.runs.attempt import Attempt, Outcome
from threads.runs.requests import Request
from threads.runs.stopping import answer_orphans
from threads.runs.wedged import unwedge

AGAIN = "again"
LOST = "The call was not answered: the run broke off."


@dataclass(frozen=True, slots=True)
class Start:
    """What the graph is handed, and the checkpoint it goes on from if that is not the head."""

    input: Any
    base: str | None = None


async def start_of(attempt: Attempt, row: sqlite3.Row, request: Request, inside: Inside) -> Start | Outcome:
    """Where a first attempt starts."""
    if request.kind == "recovery":
        if request.input not in (True, AGAIN):
            await answer_orphans(attempt.graph, attempt.config, str(request.input))
        return await _going_on(attempt, None, inside)
    if request.kind in ("message", "input") and _is_suspect(row, inside):
        await unwedge(attempt.graph, _in_nobodys_name(attempt.config), LOST)
    input = request.graph_input(row["thread_id"], row["run_id"], row["key"])
    if request.kind == "resume":
        return await _going_on(attempt, input, inside)
    return Start(input, request.base)


async def begin_again(
    attempt: Attempt, row: sqlite3.Row, request: Request, inside: Inside
) -> Start | Outcome:
    """Where an attempt starts that follows one which broke off."""
    thread_id, run_id = row["thread_id"], row["run_id"]
    state = await attempt.graph.aget_state({"configurable": {"thread_id": thread_id}})
    head = state.config["configurable"].get("checkpoint_id") if state.metadata is not None else None
    if head == row["begun_at_id"] or await asyncio.to_thread(_is_unsaid, row, request, inside):
        return await start_of(attempt, row, request, inside)
    if (state.metadata or {}).get("run_id") != run_id:
        return Outcome("error", error=RunFailed(thread_id, run_id, "the thread went on without it"))
    if not state.tasks:
        return Outcome("success", values=state.values)
    if state.interrupts:
        return Outcome("interrupted", values=state.values, interrupts=list(state.interrupts))
    doubtful = await asyncio.to_thread(_doubtful, thread_id, run_id, inside)
    if doubtful:
        return Outcome("interrupted", values=state.values, interrupts=[_question(run_id, doubtful)])
    return await _going_on(attempt, None, inside)


async def _going_on(attempt: Attempt, input: Any, inside: Inside) -> Start:
    """Go on from the head, where tasks of an earlier attempt may have finished: they are not run again.

    What they wrote gets into the next checkpoint, and is told with it.
    """
    saved = await inside.checkpointer.aget_tuple({"configurable": {"thread_id": attempt.turn.thread_id}})
    if saved is not None:
        pending = [(channel, value) for _, channel, value in saved.pending_writes or ()]
        attempt.turn.wrote(str(saved.checkpoint["id"]), pending)
    return Start(input)


def _in_nobodys_name(config: dict[str, Any]) -> dict[str, Any]:
    """The config without the run's id: LangGraph takes an input after a checkpoint with that for said."""
    metadata = {key: value for key, value in config["metadata"].items() if key != "run_id"}
    return {**config, "metadata": metadata}


def _is_unsaid(row: sqlite3.Row, request: Request, inside: Inside) -> bool:
    """Whether what was asked never got into the thread, though something else did since."""
    if request.kind not in ("message", "edit", "input"):
        return False
    with inside.database.read() as connection:
        return not rewind.has_input_of(connection, row["thread_id"], row["run_id"])


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
        )


def _doubtful(thread_id: str, run_id: str, inside: Inside) -> list[dict[str, Any]]:
    with inside.database.read() as connection:
        started = runs.unanswered_tools(connection, thread_id, run_id)
    return [call for call in started if not call.get("idempotent")]


def _question(run_id: str, calls: list[dict[str, Any]]) -> Interrupt:
    value = {
        "asked_by": "recovery",
        "question": "The process broke off while these tools were at work; they may have had their effect. "
        f"Resume with {AGAIN!r} to run them again, or with a text to take it as their answer.",
        "tools": [{key: call[key] for key in ("tool_call_id", "name", "args")} for call in calls],
    }
    return Interrupt(value=value, id=f"recovery:{run_id}")
