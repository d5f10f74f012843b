"""Answers to interrupts as LangGraph stores them, and taking back those that came to nothing.

LangGraph keeps the answers that a task has taken in its `__resume__` write, also where the task failed
after it took them. Handed in again, such an answer would be taken for the task's next interrupt, and another
answer could never take its place. So of a run's task that failed none is stored: it is then as after a
crash, and the run hands its answer in again by the interrupt's id, which is of one place in the list.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME
from langgraph.types import StateSnapshot, _interrupt_id

from threads.checkpoint.rewind import NULL_TASK
from threads.db.queries import statements

Change = Callable[[sqlite3.Connection], None]


class WaitingTask(NamedTuple):
    """A task that waits with an interrupt."""

    checkpoint_ns: str
    checkpoint_id: str
    task_id: str
    name: str
    interrupt_id: str

    def answers_before(self, most: int) -> int | None:
        """How many answers the task had taken when it asked, if that were at most `most`."""
        here = f"{self.checkpoint_ns}|{self.name}:{self.task_id}".removeprefix("|")
        return next((n for n in range(most + 1) if _interrupt_id(here, n) == self.interrupt_id), None)


def without_failed_answers(writes: Sequence[tuple[str, Any]]) -> Sequence[tuple[str, Any]]:
    """What a task wrote, without the answers it had taken when it failed."""
    channels = {channel for channel, _ in writes}
    if ERROR not in channels or INTERRUPT in channels:
        return writes
    return [(channel, value) for channel, value in writes if channel != RESUME]


def stale_answers(
    connection: sqlite3.Connection, state: StateSnapshot, serde: SerializerProtocol
) -> Change | None:
    """The change that takes back answers which nothing came of, in a thread of this state, if there are any.

    A plain `invoke` that failed leaves them, and so did earlier versions. `state` is read with its subgraphs.
    """
    thread_id, head = (state.config["configurable"][name] for name in ("thread_id", "checkpoint_id"))
    sql = statements("checkpoints")
    stored = {
        tuple(row)[:3]: (row["type"], row["value"])
        for row in connection.execute(sql["answers"], {"thread_id": thread_id, "channel": RESUME})
    }
    changes: list[tuple[str, dict[str, Any]]] = []
    if ("", head, NULL_TASK) in stored:  # to whichever task asks next
        changes.append(("drop_answers", _place(thread_id, ("", head, NULL_TASK))))
    for waiting in _waiting_tasks(state) if stored else ():
        at = waiting[:3]
        if at not in stored:
            continue
        answers = serde.loads_typed(stored[at])
        answers = answers if isinstance(answers, list) else [answers]
        before = waiting.answers_before(len(answers))
        if before == 0:
            changes.append(("drop_answers", _place(thread_id, at)))
        elif before is not None and before < len(answers):
            kind, value = serde.dumps_typed(answers[:before])
            changes.append(("replace_answers", {**_place(thread_id, at), "type": kind, "value": value}))

    def change(connection: sqlite3.Connection) -> None:
        for name, values in changes:
            connection.execute(sql[name], values)

    return change if changes else None


def _place(thread_id: str, at: tuple[str, str, str]) -> dict[str, Any]:
    names = ("checkpoint_ns", "checkpoint_id", "task_id")
    return {"thread_id": thread_id, "channel": RESUME, **dict(zip(names, at, strict=True))}


def _waiting_tasks(state: StateSnapshot) -> Iterator[WaitingTask]:
    at = state.config["configurable"]
    for task in state.tasks:
        if isinstance(task.state, StateSnapshot) and task.state.metadata is not None:
            yield from _waiting_tasks(task.state)
        elif task.result is None and len(task.interrupts) == 1:
            yield WaitingTask(
                str(at.get("checkpoint_ns") or ""),
                str(at["checkpoint_id"]), task.id, task.name, task.interrupts[0].id,
            )  # fmt: skip
