"""Title runs: a model makes a thread's title, in a run of its own that delays no answer.

Such a run takes no lease of the thread, for it only reads the conversation. While it goes on the
automatic title stands; when it fails, that stays. A title that was set by hand is never replaced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage

from threads import ids
from threads.errors import InvalidValue, LeaseLost, MessagesUnknown, RunFailed, StateDamaged, ThreadsError
from threads.models import Message
from threads.registry.context import RegistryContext
from threads.registry.head_view import HeadView
from threads.runs.completion import Outcome, OutcomeStatus
from threads.runs.event_loop import CancellableTask, is_cancelled
from threads.runs.failures import failure_of
from threads.runs.queue import RunQueue, StopReason, SubmitResult
from threads.runs.request import Request
from threads.store.runs import NewRun, RunRecord
from threads.store.transaction import Transaction
from threads.store.validation import MAX_TITLE, checked_title

MAX_MESSAGE_LENGTH = 2000
"""Characters of a message that the model is shown."""
MAX_MESSAGES = 6
"""Messages of the conversation that the model is shown, from its beginning."""
QUOTES = " \t\"'“”„«»*#."
"""What models put around a title."""
PROMPT = (
    "Give this conversation a title of two to six words, in its own language. "
    "Answer with the title alone: no quotes, no full stop."
)
TITLE_REQUEST = Request("title", None)


class TitleRuns:
    """The title runs of one runner."""

    def __init__(self, context: RegistryContext, queue: RunQueue, model: Any) -> None:
        self._context = context
        self._queue = queue
        self._model = model

    @property
    def has_model(self) -> bool:
        """Whether there is a model to make titles."""
        return self._model is not None

    def submit(self, thread_id: str, agent_id: str | None) -> SubmitResult:
        """Store and start a title run; `InvalidValue` where the title was set by hand."""
        new_run = _new_run(thread_id, agent_id)
        submitted = self._context.store.write(lambda tx: self._queue.submit_title(tx, new_run))
        return replace(submitted, request=TITLE_REQUEST)

    def submit_if_needed(self, run: RunRecord) -> SubmitResult | None:
        """As `submit`, if `run` was the thread's first exchange and the thread has no title."""
        new_run = _new_run(run.thread_id, run.agent_id)

        def submit(tx: Transaction) -> SubmitResult | None:
            needs_title = tx.runs.needs_title(run.thread_id, run.run_id)
            return self._queue.submit_title(tx, new_run) if needs_title else None

        submitted = self._context.store.write(submit)
        return None if submitted is None else replace(submitted, request=TITLE_REQUEST)

    def new_task(self, run: RunRecord) -> TitleTask:
        """Return the task of a title run that has its lease."""
        return TitleTask(self._model, self._context, run)


class TitleTask:
    """The making of a title, which can be stopped."""

    def __init__(self, model: Any, context: RegistryContext, run: RunRecord) -> None:
        self._model = model
        self._context = context
        self._record = run
        self._stop_reason: StopReason | None = None
        self._task: CancellableTask[str] | None = None

    async def run(self) -> Outcome:
        """Make the title; returns how that ended, never raises."""
        self._task = CancellableTask(make_title(self._model, self._context, self._record))
        try:
            title = await self._task.result()
            if title is not None:
                return Outcome(OutcomeStatus.SUCCESS, values=title)
        except BaseException as error:  # noqa: BLE001  it is the run's outcome: stored, and raised by `result()`
            was_cancelled = self._stop_reason is not None or is_cancelled(error)
            if not (was_cancelled and isinstance(error, asyncio.CancelledError)):
                return Outcome(OutcomeStatus.ERROR, error=error)
        finally:
            self._task = None
        is_unfinished = self._stop_reason in (StopReason.HANDOVER, StopReason.LEASE_LOST)
        return Outcome(OutcomeStatus.UNFINISHED if is_unfinished else OutcomeStatus.STOPPED)

    def stop(self, reason: StopReason) -> None:
        """End it now. On the loop only."""
        self._stop_reason = reason
        if self._task is not None:
            self._task.cancel()


async def make_title(model: Any, context: RegistryContext, run: RunRecord) -> str:
    """Return a title by `model`, and store it unless the thread has one that was set by hand.

    Raises `LeaseLost` where the run that makes it has ended meanwhile.
    """
    thread_id = run.thread_id
    if model is None:
        raise InvalidValue("title_model", "none was given")
    beginning = _beginning(context, thread_id)
    if not beginning:
        raise InvalidValue("thread_id", f"thread {thread_id!r} has no messages to make a title of")
    prompt = [SystemMessage(PROMPT), HumanMessage(_transcript(beginning))]
    try:
        answer = await model.ainvoke(prompt, {"metadata": {"run_id": run.run_id}})
    except ThreadsError as error:  # raised by the model: it is no error of the library
        failure = failure_of(error)
        raise RunFailed(
            thread_id, run.run_id, failure.text, error_type=failure.type, error_message=failure.message
        ) from error
    title = _cleaned(str(getattr(answer, "text", answer)))
    await _store(context, run, title)
    return title


def _new_run(thread_id: str, agent_id: str | None) -> NewRun:
    return NewRun(ids.new_id(), thread_id, "title", agent_id, None, "", None)


def _beginning(context: RegistryContext, thread_id: str) -> Sequence[Message]:
    with context.store.read() as tx, suppress(MessagesUnknown, StateDamaged):
        head = HeadView(context, tx, tx.threads.get(thread_id))
        found = (each for each in head.read_forward() if each.role in ("user", "assistant") and each.text)
        return list(islice(found, MAX_MESSAGES))
    return []


def _transcript(messages: Sequence[Message]) -> str:
    return "\n\n".join(f"{each.role}: {each.text[:MAX_MESSAGE_LENGTH]}" for each in messages)


def _cleaned(title: str) -> str:
    """Return a model's answer as a title: one line, without the quotes that the prompt forbids."""
    line = next((line for line in title.splitlines() if line.strip()), "").strip(QUOTES)
    checked = checked_title(line[:MAX_TITLE] or None)
    if checked is None:
        raise InvalidValue("title", "the model returned none")
    return checked


async def _store(context: RegistryContext, run: RunRecord, title: str) -> None:
    def set_title(tx: Transaction) -> None:
        if not tx.leases.has_lease(run.run_id, run.attempt):
            raise LeaseLost(run.thread_id)
        tx.threads.set_model_title(run.thread_id, title)

    await asyncio.shield(asyncio.wrap_future(context.store.submit(set_title)))
    context.events.wake()
