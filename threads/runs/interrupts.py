"""Answers to the questions that threads wait with, each taken once.

Many may give the same answer, at once or late, from several processes. So an answer's key follows from
the run that asked: whoever gives it again gets the run that took it. And it is handed to LangGraph by
the id of its question: handed in a second time, after a crash, it answers nothing else. An answer that
names its question is known again however late it comes. One that does not, and that has no key, is
taken for an answer to the question that waits now. Where the run of an answer failed while its question
still waits, another answer may take its place; the same one begins that run again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from threads.errors import InvalidValue, NothingToResume, ThreadBusy
from threads.registry import Registry
from threads.runs.history import Earlier
from threads.runs.request import ANSWERS, OF_LANGGRAPH, Request, named_interrupts
from threads.runs.tool_recovery import checked_answer


class Reply(NamedTuple):
    """What is asked of which agent, under which key."""

    request: Request
    agent_id: str | None
    """None leaves it to the thread."""
    key: str | None


def answer(value: Any, context: Any) -> Request:
    """An answer as a person gives it, by which it is known again."""
    return Request("resume", value, context, told={"answer": _alone(value), "context": context})


def reply(registry: Registry, earlier: Earlier, thread_id: str, said: Request, key: str | None) -> Reply:
    """What this answer is to the thread as it is now; `NothingToResume`, `InvalidValue`, `ThreadBusy`."""
    last: Any = earlier.last(thread_id)
    was_answer = last is not None and last["kind"] in ANSWERS
    is_open = was_answer and last["status"] in ("pending", "running")
    has_failed = was_answer and last["status"] == "error"
    if has_failed and earlier.is_same(last, said):  # it is begun again, and never an answer to what waits now
        return Reply(said, last["agent_id"], last["key"])
    questions = [question.id for question in registry.interrupts(thread_id)]
    named = named_interrupts(said.input)
    if named and (is_open or not named <= set(questions)):
        if taken := _taken(earlier, thread_id, named, () if is_open else questions):
            return Reply(said, taken["agent_id"], taken["key"])
        if is_open:
            raise ThreadBusy(thread_id, last["run_id"])
    if is_open:
        return Reply(said, last["agent_id"], last["key"])
    if named and not named <= set(questions):
        raise InvalidValue("value", f"no question waits with the id {' or '.join(sorted(named))}")
    is_paused = last is not None and last["status"] == "interrupted"  # at a breakpoint, which asks nothing
    if not questions and not is_paused:
        if has_failed or (was_answer and key in (None, last["key"])):
            return Reply(said, last["agent_id"], last["key"])
        raise NothingToResume(thread_id, "it asks nothing")
    request = said
    if said.context is None:
        request = replace(said, context=earlier.context(thread_id, last if is_paused or has_failed else None))
    asked_by = None if last is None else last["agent_id"]
    if is_paused and last["question"] is not None:
        if _has_taken(earlier, last, said):
            return Reply(said, last["agent_id"], last["key"])
        request = replace(request, kind="recovery", input=checked_answer(last["question"], said.input))
        return Reply(request, asked_by, key or f"resume:recovery:{last['run_id']}")
    since = thread_id if last is None else last["run_id"]
    request = replace(request, input=by_question(questions, said.input) if questions else None)
    return Reply(request, asked_by, key or f"resume:{since}:{','.join(sorted(questions))}")


def by_question(questions: Sequence[str], value: Any) -> Any:
    """The answer by the id of its question; `InvalidValue` if it does not show which of several it is for."""
    if isinstance(value, Mapping) and value and value.keys() <= set(questions):
        return dict(value)
    if len(questions) > 1:
        waiting = ", ".join(questions)
        raise InvalidValue("value", f"there are several questions; map their ids to answers: {waiting}")
    return {questions[0]: value} if OF_LANGGRAPH.fullmatch(questions[0]) else value


def _taken(earlier: Earlier, thread_id: str, named: set[str], waiting: Sequence[str]) -> Any:
    """The run that took this answer; `InvalidValue` if it is one to questions that wait still, too."""
    taken = earlier.answered(thread_id, named) or earlier.with_key(thread_id, f"resume:{min(named)}")
    if taken is not None and (left := named.intersection(waiting)):
        raise InvalidValue("value", f"of these questions only {', '.join(sorted(left))} waits still")
    return taken


def _has_taken(earlier: Earlier, last: Any, said: Request) -> bool:
    """Whether the last run took this answer to a question of the graph: then it is none to recovery's."""
    asked = earlier.request(last) if last["kind"] == "resume" else None
    return asked is not None and bool(_alone(asked.input) == _alone(said.input))


def _alone(value: Any) -> Any:
    """An answer without the id of its question; one to several stays as it is."""
    return (
        next(iter(value.values()))
        if isinstance(value, Mapping) and len(named_interrupts(value)) == 1
        else value
    )
