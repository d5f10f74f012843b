"""Answers to the questions that threads wait with, each taken once.

Many may give the same answer, at once or late, from several processes. So an answer's key follows from
the run that asked: whoever gives it again gets the run that took it. And it is handed to LangGraph by
the id of its question: handed in a second time, after a crash, it answers nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from threads.bootstrap import Registry
from threads.errors import InvalidValue, NothingToResume
from threads.registry import runs
from threads.runs.doubts import checked_answer
from threads.runs.requests import Request

ANSWERS = ("resume", "recovery")
"""Kinds of runs that answer a question."""
OF_LANGGRAPH = re.compile("[0-9a-f]{32}")
"""The ids of questions that LangGraph takes answers by."""


class Reply(NamedTuple):
    """What is asked of the thread's agent with an answer."""

    request: Request
    agent_id: str | None
    """Who asked; None leaves it to the thread."""
    key: str | None


def reply(registry: Registry, thread_id: str, last: Any, value: Any, key: str | None) -> Reply:
    """What this answer is to a thread whose last run is `last`; `NothingToResume`, `InvalidValue`."""
    asked_by = None if last is None else last["agent_id"]
    was_answer = last is not None and last["kind"] in ANSWERS
    if was_answer and last["status"] in ("pending", "running", "error"):
        return _again(registry, last, value)
    if last is not None and last["status"] == "interrupted" and last["question"] is not None:
        if _has_taken(registry, last, value):
            return _again(registry, last, value)
        checked = checked_answer(last["question"], value)
        return Reply(Request("recovery", checked), asked_by, key or f"resume:recovery:{last['run_id']}")
    questions = [question.id for question in registry.interrupts(thread_id)]
    is_paused = last is not None and last["status"] == "interrupted"  # at a breakpoint, which asks nothing
    if not questions and not is_paused:
        if was_answer and key in (None, last["key"]):
            return _again(registry, last, value)
        raise NothingToResume(thread_id, "it asks nothing")
    since = thread_id if last is None else last["run_id"]
    request = Request("resume", by_question(questions, value) if questions else None)
    return Reply(request, asked_by, key or f"resume:{since}:{','.join(sorted(questions))}")


def by_question(questions: Sequence[str], value: Any) -> Any:
    """The answer by the id of its question; `InvalidValue` if it does not show which of several it is for."""
    if isinstance(value, Mapping) and value and value.keys() <= set(questions):
        return dict(value)
    if len(questions) > 1:
        waiting = ", ".join(questions)
        raise InvalidValue("value", f"there are several questions; map their ids to answers: {waiting}")
    return {questions[0]: value} if OF_LANGGRAPH.fullmatch(questions[0]) else value


def _has_taken(registry: Registry, last: Any, value: Any) -> bool:
    """Whether the last run took this answer to a question of the graph: then it is none to recovery's."""
    inside = registry._inside()
    with inside.database.read() as connection:
        stored = runs.request(connection, last["run_id"])
    if stored is None or last["kind"] != "resume":
        return False
    taken = Request.loaded("resume", stored, inside.checkpointer.serde).input
    if isinstance(taken, Mapping) and len(taken) == 1 and not isinstance(value, Mapping):
        return bool(next(iter(taken.values())) == value)
    return bool(taken == value)


def _again(registry: Registry, last: Any, value: Any) -> Reply:
    """The same answer once more, to the run that took it; another one will be refused by its key."""
    inside = registry._inside()
    with inside.database.read() as connection:
        stored = runs.request(connection, last["run_id"])
    if stored is not None and last["kind"] == "resume":
        taken = Request.loaded("resume", stored, inside.checkpointer.serde).input
        if isinstance(taken, Mapping):
            value = by_question(list(taken), value)
    return Reply(Request(last["kind"], value), last["agent_id"], last["key"])
