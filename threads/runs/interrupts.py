"""Answers to the interrupts that threads wait with, each taken once.

Many clients may give the same answer, at once or late, from several processes. So an answer's key is made
from the run that was interrupted: the same answer again gets the run that took it. And it is passed to
LangGraph by the id of its interrupt: passed a second time, after a crash, it answers nothing else. An
answer that names its interrupt is recognised however late it comes. One that does not, and that has no
key, is taken for an answer to the interrupt that waits now. Where the run of an answer failed while its
interrupt still waits, another answer may take its place; the same one starts that run again. An answer of
a wrong form, where its form is known, and one that no node of the agent waits for, start no run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langgraph.constants import START
from langgraph.types import StateSnapshot

from threads.errors import AgentNotFound, InvalidValue, NothingToResume, ThreadBusy
from threads.models import Interrupt
from threads.registry import Registry
from threads.runs.history import RunHistory
from threads.runs.queue import Submission, choose_agent
from threads.runs.request import ANSWER_KINDS, LANGGRAPH_INTERRUPT_ID, Request, named_interrupts
from threads.runs.tool_recovery import checked_decision
from threads.store.runs import RunRecord


def new_answer(value: Any, context: Any) -> Request:
    """Return an answer as the caller gives it, whose digest does not depend on how it names its interrupt."""
    identity = {"answer": _without_interrupt_id(value), "context": context}
    return Request("resume", value, context, identity=identity)


def resolve_resume(
    registry: Registry,
    history: RunHistory,
    agents: Mapping[str, Any],
    thread_id: str,
    answer: Request,
    key: str | None,
    agent_id: str | None = None,
    *,
    has_value: bool = True,
) -> Submission:
    """Return the submission that this answer is to the thread as it is now.

    `agent_id`: the agent that continues, instead of the one that was interrupted. `has_value`: whether the
    caller gave an answer, which may be None. Raises `NothingToResume`, `InvalidValue`, `ThreadBusy`,
    `AgentNotFound`.
    """
    last = history.last(thread_id)
    failed = last is not None and last.kind in ANSWER_KINDS and last.status == "error"
    is_loaded = last is not None and last.agent_id in agents and agent_id in (None, last.agent_id)
    questions = registry.interrupts(thread_id)
    resume = _Resume(registry, history, agents, thread_id, answer, key, last, questions, agent_id)
    may_repeat = has_value or not resume.pending
    if last is not None and failed and is_loaded and may_repeat and history.took(last, answer):
        return _repeat(answer, last)  # never an answer to what waits now
    if last is not None and last.kind in ANSWER_KINDS and last.is_unfinished:
        return resume.while_answering(last)
    if not resume.named <= {question.id for question in questions}:
        return resume.late()
    if not questions:
        return resume.without_interrupt()
    is_paused = last is not None and last.status == "interrupted"
    resume.complete_context(last if is_paused or failed else None)
    if last is not None and is_paused and last.recovery_question is not None:
        return resume.to_recovery(last, last.recovery_question)
    if not resume.pending:
        return resume.at_breakpoint()
    if not has_value:
        raise InvalidValue("value", f"an answer is required; waiting: {', '.join(resume.pending)}")
    return resume.to_interrupts()


@dataclass(slots=True)
class _Resume:
    """An answer, and the state of the thread that it is to resume."""

    registry: Registry
    history: RunHistory
    agents: Mapping[str, Any]
    thread_id: str
    answer: Request
    key: str | None
    last: RunRecord | None
    questions: Sequence[Interrupt]
    """The interrupts that wait, or the breakpoint."""
    agent_id: str | None
    """The agent that the caller named."""
    context: Any = None

    @property
    def pending(self) -> list[str]:
        """The ids of the interrupts that wait for an answer."""
        return [question.id for question in self.questions if question.kind != "breakpoint"]

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
        """Nothing waits: an answer without the id of its interrupt may be a repetition of the last one.

        Where a plain `invoke` was the last, it may wait at a breakpoint: only its graph can tell.
        """
        last = self.last
        if self.answer.input is None and self._head_moved_since(last):
            agent_id = self._choose_agent()
            if self._due_nodes(agent_id):
                return self._submission(None, agent_id, "")
        was_answered = last is not None and last.kind in ANSWER_KINDS
        if last is not None and was_answered and (last.status == "error" or self.key in (None, last.key)):
            return _repeat(self.answer, last)
        raise NothingToResume(self.thread_id, "has no pending interrupt.")

    def to_recovery(self, interrupted: RunRecord, question: str) -> Submission:
        """Recovery asks what to do with tool calls whose outcome is unknown."""
        if self._took_before(interrupted):
            return _repeat(self.answer, interrupted)
        decision = checked_decision(question, self.answer.input)
        request = replace(self.answer, kind="recovery", input=decision, context=self.context)
        key = self.key or f"resume:recovery:{interrupted.run_id}"
        return Submission(request, self._choose_agent(), key)

    def at_breakpoint(self) -> Submission:
        """The graph waits at a breakpoint, which takes no answer."""
        values = self.answer.input.values() if self.named else (self.answer.input,)
        if any(value is not None for value in values):
            raise InvalidValue(
                "value", "the thread is paused at a breakpoint, which takes no answer; resume it without one"
            )
        agent_id = self._choose_agent()
        if not self._due_nodes(agent_id):
            raise NothingToResume(self.thread_id, f"cannot continue: no node of agent {agent_id!r} is due")
        return self._submission(None, agent_id, "")

    def to_interrupts(self) -> Submission:
        """The graph waits with interrupts."""
        input = answers_by_interrupt(self.pending, self.answer.input)
        answers = input if named_interrupts(input) else {self.pending[0]: input}
        for question in self.questions:
            if question.id in answers:
                question.check_answer(answers[question.id])
        agent_id = self._choose_agent()
        waiting = {interrupt.id for interrupt in self._state(agent_id).interrupts}
        if not answers.keys() <= waiting:
            raise NothingToResume(
                self.thread_id,
                f"cannot continue: no node of agent {agent_id!r} waits for this answer; its graph is not "
                "the one that asked",
                "name the agent that asked by agent_id=, or send a new message",
            )
        return self._submission(input, agent_id, ",".join(sorted(self.pending)))

    def _submission(self, input: Any, agent_id: str, interrupt_ids: str) -> Submission:
        request = replace(self.answer, input=input, context=self.context)
        since = self.thread_id if self.last is None else self.last.run_id
        return Submission(request, agent_id, self.key or f"resume:{since}:{interrupt_ids}")

    def _choose_agent(self) -> str:
        """Return the agent that continues: the one named, else the one interrupted, else the thread's own."""
        own = self.registry.get(self.thread_id).agent_id
        interrupted = None if self.last is None else self.last.agent_id
        if self.agent_id is not None or interrupted is None:
            return choose_agent(self.agents, self.agent_id, own)
        found = next((each for each in (interrupted, own) if each in self.agents), None)
        if found is None:
            raise AgentNotFound(interrupted, tuple(self.agents), thread_id=self.thread_id)
        return found

    def _head_moved_since(self, run: RunRecord | None) -> bool:
        """Return whether something else than this run was the last to write to the thread."""
        head_id = self.history.head_id(self.thread_id)
        return head_id is not None and (run is None or head_id != run.head_id)

    def _due_nodes(self, agent_id: str) -> list[str]:
        """Return the nodes due in the graph of this agent; none where an input waits that was undone."""
        return [name for name in self._state(agent_id).next if name != START]

    def _state(self, agent_id: str) -> StateSnapshot:
        """Return where the thread stands in the graph of this agent."""
        config = {"configurable": {"thread_id": self.thread_id}}
        state: StateSnapshot = self.agents[agent_id].get_state(config)
        return state

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
