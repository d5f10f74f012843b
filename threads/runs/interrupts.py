"""Answers to the interrupts that threads wait with, each taken once.

Many clients may give the same answer, at once or late, from several processes. So an answer's key is made
from the run that was interrupted: the same answer again gets the run that took it. And it is passed to
LangGraph by the id of its interrupt: passed a second time, after a crash, it answers nothing else. An
answer that names its interrupt is recognised however late it comes. One that does not, and that has no
key, is taken for an answer to the interrupt that waits now. Where the run of an answer failed while its
interrupt still waits, another answer may take its place; the same one starts that run again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from threads.errors import InvalidValue, NothingToResume, ThreadBusy
from threads.registry import Registry
from threads.runs.history import RunHistory
from threads.runs.queue import Submission
from threads.runs.request import ANSWER_KINDS, LANGGRAPH_INTERRUPT_ID, Request, named_interrupts
from threads.runs.tool_recovery import checked_decision
from threads.store.runs import RunRecord


def new_answer(value: Any, context: Any) -> Request:
    """Return an answer as the caller gives it, whose digest does not depend on how it names its interrupt."""
    identity = {"answer": _without_interrupt_id(value), "context": context}
    return Request("resume", value, context, identity=identity)


def resolve_resume(
    registry: Registry, history: RunHistory, thread_id: str, answer: Request, key: str | None
) -> Submission:
    """Return the submission that this answer is to the thread as it is now.

    Raises `NothingToResume`, `InvalidValue`, `ThreadBusy`.
    """
    last = history.last(thread_id)
    failed = last is not None and last.kind in ANSWER_KINDS and last.status == "error"
    if last is not None and failed and history.took(last, answer):
        return _repeat(answer, last)  # never an answer to what waits now
    pending = [interrupt.id for interrupt in registry.interrupts(thread_id)]
    resume = _Resume(history, thread_id, answer, key, last, pending)
    if last is not None and last.kind in ANSWER_KINDS and last.is_unfinished:
        return resume.while_answering(last)
    if not resume.named <= set(pending):
        return resume.late()
    is_paused = last is not None and last.status == "interrupted"  # or at a breakpoint
    if not pending and not is_paused:
        return resume.without_interrupt()
    resume.complete_context(last if is_paused or failed else None)
    if last is not None and is_paused and last.recovery_question is not None:
        return resume.to_recovery(last, last.recovery_question)
    return resume.to_interrupts() if pending else resume.at_breakpoint()


@dataclass(slots=True)
class _Resume:
    """An answer, and the state of the thread that it is to resume."""

    history: RunHistory
    thread_id: str
    answer: Request
    key: str | None
    last: RunRecord | None
    pending: Sequence[str]
    """The ids of the interrupts that wait."""
    context: Any = None

    @property
    def named(self) -> set[str]:
        """The ids of the interrupts that the answer names."""
        return named_interrupts(self.answer.input)

    def complete_context(self, run: RunRecord | None) -> None:
        """Take the context from the answer, else from this run, else from the last run that had one."""
        context = self.answer.context
        self.context = self.history.context(self.thread_id, run) if context is None else context

    def while_answering(self, running: RunRecord) -> Submission:
        """Another answer was accepted and its run has not ended: a repetition gets that run."""
        if not self.named:
            return _repeat(self.answer, running)
        if taken := self._find_taken():
            return _repeat(self.answer, taken)
        raise ThreadBusy(self.thread_id, running.run_id)

    def late(self) -> Submission:
        """It names interrupts that do not wait any more: a repetition gets the run that took it."""
        taken = self._find_taken()
        if taken is None:
            raise InvalidValue(
                "value", f"no interrupt is waiting with the id {' or '.join(sorted(self.named))}"
            )
        if left := self.named.intersection(self.pending):
            raise InvalidValue(
                "value", f"of these interrupts only {', '.join(sorted(left))} is still waiting"
            )
        return _repeat(self.answer, taken)

    def without_interrupt(self) -> Submission:
        """Nothing waits: an answer without the id of its interrupt may be a repetition of the last one."""
        last = self.last
        was_answered = last is not None and last.kind in ANSWER_KINDS
        if last is not None and was_answered and (last.status == "error" or self.key in (None, last.key)):
            return _repeat(self.answer, last)
        raise NothingToResume(self.thread_id, "it has no pending interrupt")

    def to_recovery(self, interrupted: RunRecord, question: str) -> Submission:
        """Recovery asks what to do with tool calls whose outcome is unknown."""
        if self._took_before(interrupted):
            return _repeat(self.answer, interrupted)
        decision = checked_decision(question, self.answer.input)
        request = replace(self.answer, kind="recovery", input=decision, context=self.context)
        key = self.key or f"resume:recovery:{interrupted.run_id}"
        return Submission(request, interrupted.agent_id, key)

    def at_breakpoint(self) -> Submission:
        """The graph waits at a breakpoint, which takes no answer."""
        return self._submission(None, "")

    def to_interrupts(self) -> Submission:
        """The graph waits with interrupts."""
        input = answers_by_interrupt(self.pending, self.answer.input)
        return self._submission(input, ",".join(sorted(self.pending)))

    def _submission(self, input: Any, interrupt_ids: str) -> Submission:
        request = replace(self.answer, input=input, context=self.context)
        since = self.thread_id if self.last is None else self.last.run_id
        agent_id = None if self.last is None else self.last.agent_id
        return Submission(request, agent_id, self.key or f"resume:{since}:{interrupt_ids}")

    def _find_taken(self) -> RunRecord | None:
        """Return the run that took this answer."""
        named = self.named
        return self.history.find_answer(self.thread_id, named) or self.history.find_by_key(
            self.thread_id, f"resume:{min(named)}"
        )

    def _took_before(self, run: RunRecord) -> bool:
        """Return whether the run took this answer to an interrupt of the graph, and not of recovery."""
        request = self.history.request(run) if run.kind == "resume" else None
        return request is not None and bool(
            _without_interrupt_id(request.input) == _without_interrupt_id(self.answer.input)
        )


def answers_by_interrupt(interrupt_ids: Sequence[str], value: Any) -> Any:
    """Return the answer by the id of its interrupt; `InvalidValue` if it may be one to several."""
    if isinstance(value, Mapping) and value and value.keys() <= set(interrupt_ids):
        return dict(value)
    if len(interrupt_ids) > 1:
        waiting = ", ".join(interrupt_ids)
        raise InvalidValue("value", f"several interrupts are waiting; map their ids to answers: {waiting}")
    return {interrupt_ids[0]: value} if LANGGRAPH_INTERRUPT_ID.fullmatch(interrupt_ids[0]) else value


def _repeat(answer: Request, run: RunRecord) -> Submission:
    """Return a submission that gets this run, or starts it again if it failed."""
    return Submission(answer, run.agent_id, run.key)


def _without_interrupt_id(value: Any) -> Any:
    """Return an answer without the id of its interrupt; one to several as it is."""
    is_single = isinstance(value, Mapping) and len(named_interrupts(value)) == 1
    return next(iter(value.values())) if is_single else value
