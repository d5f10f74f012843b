"""Titles made by a model, in a run of their own: never in the way of an answer, never over a hand's.

Such a run takes no lease, for it only reads the conversation. While it goes on the automatic title
stands; when it fails, that stays.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage

from threads import ids
from threads.db.queries import statements
from threads.errors import InvalidValue, LeaseLost, RunFailed, ThreadsError
from threads.models import Message
from threads.registry.context import RegistryContext as Inside
from threads.runs.attempt import HAND_OVER, LOST, Outcome
from threads.runs.cancellable_task import Told, is_cancelled
from threads.runs.failures import failure_of
from threads.runs.request import Request
from threads.store import runs
from threads.store import threads as thread_table
from threads.store.runs import Asked
from threads.store.validation import LONGEST_TITLE, checked_title

READ = 2000
"""Characters of a message that the model is shown."""
TURNS = 6
"""Messages of the conversation that the model is shown, from its beginning."""
NOT_PART = " \t\"'“”„«»*#."
"""What models put around a title."""
PROMPT = (
    "Give this conversation a title of two to six words, in its own language. "
    "Answer with the title alone: no quotes, no full stop."
)


TITLE = Request("title", None)


def title_asked(thread_id: str, agent_id: str | None) -> Asked:
    """A run that makes a title."""
    return Asked(ids.new_id(), thread_id, "title", agent_id, None, "", None)


class Naming:
    """The making of a title, which can be stopped."""

    def __init__(self, model: Any, inside: Inside, row: sqlite3.Row) -> None:
        self._asked = (model, inside, row)
        self._stopping: str | None = None
        self._task: Told[str] | None = None

    async def run(self) -> Outcome:
        """Make it; returns how that ended, never raises."""
        self._task = Told(make_title(*self._asked))
        try:
            title = await self._task.result()
            if title is not None:
                return Outcome("success", values=title)
        except BaseException as error:  # noqa: BLE001  it is the run's outcome: stored, and raised by `result()`
            is_told = self._stopping is not None or is_cancelled(error)
            if not (is_told and isinstance(error, asyncio.CancelledError)):
                return Outcome("error", error=error)
        finally:
            self._task = None
        return Outcome(HAND_OVER if self._stopping in (HAND_OVER, LOST) else "stopped")

    def stop(self, how: str) -> None:
        """End it now. On the loop only."""
        self._stopping = how
        if self._task is not None:
            self._task.end()


async def make_title(model: Any, inside: Inside, row: sqlite3.Row) -> str:
    """Ask `model` for a title and store it, unless the thread has one that was set by hand; the title.

    Raises `LeaseLost` where the run that makes it (`row`) has ended meanwhile.
    """
    thread_id = row["thread_id"]
    if model is None:
        raise InvalidValue("title_model", "there is none here")
    said = _beginning(inside, thread_id)
    if not said:
        raise InvalidValue("thread_id", f"thread {thread_id!r} has no messages to make a title of")
    asked = [SystemMessage(PROMPT), HumanMessage(_shown(said))]
    try:
        answer = await model.ainvoke(asked, {"metadata": {"run_id": row["run_id"]}})
    except ThreadsError as error:  # whatever the model says, it is no error of ours
        failure = failure_of(error)
        raise RunFailed(
            thread_id, row["run_id"], failure.text, error_type=failure.type, error_message=failure.message
        ) from error
    title = _cleaned(str(getattr(answer, "text", answer)))
    await _stored(inside, row, title)
    return title


def wants_title(connection: sqlite3.Connection, thread_id: str, run_id: str) -> bool:
    """Whether this run brought the thread's first exchange, and nobody has given it a title."""
    return (
        connection.execute(
            statements("runs")["wants_title"], {"thread_id": thread_id, "run_id": run_id}
        ).fetchone()
        is not None
    )


def _beginning(inside: Inside, thread_id: str) -> Sequence[Message]:
    with inside.database.read() as connection:
        head_id = thread_table.get(connection, thread_id)["head_id"]
        found: list[Message] | None = (
            inside.decoder.messages(connection, thread_id, head_id) if head_id else []
        )
    return [each for each in found or () if each.role in ("user", "assistant") and each.text][:TURNS]


def _shown(said: Sequence[Message]) -> str:
    return "\n\n".join(f"{each.role}: {each.text[:READ]}" for each in said)


def _cleaned(title: str) -> str:
    """A model's answer as a title: one line, without the quotes it was told not to use."""
    line = next((line for line in title.splitlines() if line.strip()), "").strip(NOT_PART)
    checked = checked_title(line[:LONGEST_TITLE] or None)
    if checked is None:
        raise InvalidValue("title", "the model gave none")
    return checked


async def _stored(inside: Inside, row: sqlite3.Row, title: str) -> None:
    def work(connection: sqlite3.Connection) -> None:
        if not runs.is_held(connection, row["run_id"], row["attempt"]):
            raise LeaseLost(row["thread_id"])
        connection.execute(statements("runs")["entitle"], {"thread_id": row["thread_id"], "title": title})

    await asyncio.shield(asyncio.wrap_future(inside.database.submit(work)))
    inside.events.wake()
