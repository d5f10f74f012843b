"""The `__resume__` writes in which LangGraph stores the resume values that a task has taken.

LangGraph keeps them also where the task failed after it took them. Passed to the task again, such a value
would be taken for its next interrupt, and another value could never replace it. So of a task of a run that
failed none is stored: its state is then as after a crash, and the run passes its value again by the
interrupt's id, which belongs to one place in the list.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.types import RESUME
from langgraph.types import StateSnapshot

from threads.db.queries import statements
from threads.langgraph_internals import (
    NAMESPACE_SEPARATOR,
    NULL_TASK_ID,
    TASK_SEPARATOR,
    interrupt_id,
)

Change = Callable[[sqlite3.Connection], None]
"""Changes rows in the caller's transaction."""


class InterruptedTask(NamedTuple):
    """A task that waits with an interrupt."""

    checkpoint_ns: str
    checkpoint_id: str
    task_id: str
    name: str
    interrupt_id: str

    def resumes_taken(self, most: int) -> int | None:
        """Return how many resume values the task had taken at its interrupt; None if more than `most`."""
        own = f"{self.name}{TASK_SEPARATOR}{self.task_id}"
        namespace = f"{self.checkpoint_ns}{NAMESPACE_SEPARATOR}{own}".removeprefix(NAMESPACE_SEPARATOR)
        return next((n for n in range(most + 1) if interrupt_id(namespace, n) == self.interrupt_id), None)


def find_stale_resumes(
    connection: sqlite3.Connection, state: StateSnapshot, serde: SerializerProtocol
) -> Change | None:
    """Return the change that deletes resume values of failed tasks in a thread of this state; None if there
    are none.

    A plain `invoke` that failed leaves them. `state` is read with its subgraphs.
    """
    thread_id, head = (state.config["configurable"][name] for name in ("thread_id", "checkpoint_id"))
    sql = statements("checkpoints")
    stored = {
        tuple(row)[:3]: (row["type"], row["value"])
        for row in connection.execute(sql["answers"], {"thread_id": thread_id, "channel": RESUME})
    }
    changes: list[tuple[str, dict[str, Any]]] = []
    if ("", head, NULL_TASK_ID) in stored:  # for whichever task has an interrupt next
        changes.append(("drop_answers", _row_key(thread_id, ("", head, NULL_TASK_ID))))
    for task in _interrupted_tasks(state) if stored else ():
        key = task[:3]
        if key not in stored:
            continue
        values = serde.loads_typed(stored[key])
        values = values if isinstance(values, list) else [values]
        taken = task.resumes_taken(len(values))
        if taken == 0:
            changes.append(("drop_answers", _row_key(thread_id, key)))
        elif taken is not None and taken < len(values):
            kind, value = serde.dumps_typed(values[:taken])
            changes.append(("replace_answers", {**_row_key(thread_id, key), "type": kind, "value": value}))

    def apply_changes(connection: sqlite3.Connection) -> None:
        for name, values in changes:
            connection.execute(sql[name], values)

    return apply_changes if changes else None


def _row_key(thread_id: str, key: tuple[str, str, str]) -> dict[str, Any]:
    names = ("checkpoint_ns", "checkpoint_id", "task_id")
    return {"thread_id": thread_id, "channel": RESUME, **dict(zip(names, key, strict=True))}


def _interrupted_tasks(state: StateSnapshot) -> Iterator[InterruptedTask]:
    at = state.config["configurable"]
    for task in state.tasks:
        if isinstance(task.state, StateSnapshot) and task.state.metadata is not None:
            yield from _interrupted_tasks(task.state)
        elif task.result is None and len(task.interrupts) == 1:
            yield InterruptedTask(
                str(at.get("checkpoint_ns") or ""),
                str(at["checkpoint_id"]), task.id, task.name, task.interrupts[0].id,
            )  # fmt: skip
