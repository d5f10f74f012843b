"""Calls of tools that may have had their effect, though the thread holds no answer of theirs.

A call is in doubt if it was started in a step that is not finished, unless its tool says that it may
run twice, has failed, or asked a question (then it is to run again). Also one that came to its end is,
where its answer was lost in the crash. Not where a run ended in order before the step did: then
the graph itself wants the step again, such as one in which another tool asked.

A question about it is answered with `again` or with a text; the answers are looked up in the runs that
took them, so one that was given stays given, however often the runs after it break off.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from langgraph.types import Interrupt, StateSnapshot

from threads.checkpoint.message_mapping import CHANNEL
from threads.errors import InvalidValue
from threads.runs.cancellation import orphans

AGAIN = "again"
BROKEN_OFF = (
    "The process broke off while these tools were at work; they may have had their effect. "
    f"Resume with {AGAIN!r} to run them again, or with a text to take it as their answer"
)
APART = "; to tell them apart, map each tool_call_id to its answer"
ONLY_AGAIN = ". No text can stand for the answer of: "


@dataclass(slots=True)
class Call:
    """A call of a tool, as it was started last."""

    told: Mapping[str, Any]
    run: int
    """The position of the run that started it."""
    has_ended: bool = False

    @property
    def id(self) -> str:
        return str(self.told["tool_call_id"])

    @property
    def task(self) -> str:
        """Where it runs: the namespace of its task in the graph."""
        return str(self.told.get("task") or "")


@dataclass(slots=True)
class Place:
    """Where a thread stands, in the graph and in the subgraphs that tell."""

    unfinished: set[str] = field(default_factory=set)
    """The tasks that are to run."""
    known: set[str] = field(default_factory=set)
    """The namespaces of which that is known."""
    unanswered: set[tuple[str, str]] = field(default_factory=set)
    """Namespace and id of the calls in messages that no message answers."""
    closed: set[str] = field(default_factory=set)
    """The tasks of nodes that cannot be handed an answer."""

    def holds(self, call: Call, run: int) -> bool:
        """Whether this call belongs to a step that is to run again, or may; `run` goes on there."""
        if call.task in self.unfinished:
            return True
        if call.has_ended:
            return False
        above, _, _ = call.task.rpartition("|")
        is_hidden = above not in self.known and call.task.partition("|")[0] in self.unfinished
        return is_hidden or call.run == run  # the step that called it may not have been stored

    def takes_answer(self, call: Call) -> bool:
        """Whether a text can be its answer: the conversation waits for one."""
        above = call.task.rpartition("|")[0]
        return (above, call.id) in self.unanswered and call.task not in self.closed


def place_of(state: StateSnapshot) -> Place:
    """Where a thread stands by its state, read with its subgraphs."""
    place = Place()
    _look(state, place)
    return place


def calls_of(story: Iterable[tuple[str, Mapping[str, Any], int]]) -> list[Call]:
    """The calls that are not known to have failed, or to have been left in order, in their order."""
    calls: dict[tuple[str, str], Call] = {}
    for type, told, run in story:
        if type == "tool_started":
            call = Call(told, run)
            calls.pop((call.task, call.id), None)
            calls[call.task, call.id] = call
        elif type == "tool_finished":
            ended = Call(told, run)
            if "error" in told or "interrupted" in told:
                calls.pop((ended.task, ended.id), None)
            elif found := calls.get((ended.task, ended.id)):
                found.has_ended = True
        elif not any(is_ours(each["value"]) for each in told.get("interrupts", ())):
            for each in [each for each in calls.values() if each.run == run and each.has_ended]:
                del calls[each.task, each.id]
    return list(calls.values())


def is_ours(question: Any) -> bool:
    """Whether recovery asks this, not the graph."""
    return isinstance(question, Mapping) and question.get("asked_by") == "recovery"


def doubtful(
    calls: Sequence[Call], place: Place, given: Mapping[str, tuple[int, str]], run: int
) -> list[Call]:
    """The calls to be asked about before `run` may go on."""

    def is_settled(call: Call) -> bool:
        after, answer = given.get(call.id, (-1, ""))
        return call.run < after and (answer == AGAIN or place.takes_answer(call))

    held = [call for call in calls if not call.told.get("idempotent") and place.holds(call, run)]
    return [call for call in held if not is_settled(call)]


def texts(
    calls: Sequence[Call], place: Place, given: Mapping[str, tuple[int, str]]
) -> dict[str, dict[str, tuple[str, str]]]:
    """By task and id of the call, name and answer of those that are not to run."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for call in calls:
        after, answer = given.get(call.id, (-1, AGAIN))
        if call.run < after and answer != AGAIN and place.takes_answer(call):
            found.setdefault(call.task, {})[call.id] = (str(call.told["name"]), answer)
    return found


def answers_given(chain: Sequence[sqlite3.Row], inputs: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    """By the id of its call, the last answer to recovery's questions, and the position of its run.

    `inputs` are, by their ids, the answers that runs took to the question of the run before them.
    """
    given: dict[str, tuple[int, str]] = {}
    for asked, row in pairwise(chain):
        if row["run_id"] in inputs and asked["question"] is not None:
            question = json.loads(asked["question"])
            for call_id, answer in _by_call(question, inputs[row["run_id"]]).items():
                given[call_id] = (row["position"], answer)
    return given


def question(run_id: str, calls: Sequence[Call], place: Place) -> Interrupt:
    """What a person is asked about these calls."""
    tied = [call.id for call in calls if not place.takes_answer(call)]
    text = BROKEN_OFF + (APART if len(calls) > 1 else "") + (ONLY_AGAIN + ", ".join(tied) if tied else "")
    tools = [{key: call.told[key] for key in ("tool_call_id", "name", "args")} for call in calls]
    value = {"asked_by": "recovery", "question": f"{text}.", "tools": tools}
    return Interrupt(value=value, id=f"recovery:{run_id}")


def checked_answer(stored: str, value: Any) -> Any:
    """An answer to the question that is stored so; `InvalidValue` if it is none."""
    question = json.loads(stored)
    asked = [tool["tool_call_id"] for tool in question["value"]["tools"]]
    answers = _by_call(question, value)
    if not answers or not all(isinstance(each, str) and each.strip() for each in answers.values()):
        raise InvalidValue(
            "value", f"tools are in question, so {AGAIN!r} is needed, or a text as their answer"
        )
    if others := answers.keys() - set(asked):
        raise InvalidValue(
            "value", f"{min(map(str, others))!r} is none of the calls in question: {', '.join(asked)}"
        )
    return value


def _by_call(question: Mapping[str, Any], value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping) and value.keys() == {question["id"]}:
        value = value[question["id"]]
    if not isinstance(value, Mapping):
        value = {tool["tool_call_id"]: value for tool in question["value"]["tools"]}
    return dict(value)


def _look(state: StateSnapshot, place: Place) -> None:
    if state.metadata is None:
        return
    here = str(state.config["configurable"].get("checkpoint_ns") or "")
    place.known.add(here)
    messages = state.values.get(CHANNEL) if isinstance(state.values, dict) else None
    if isinstance(messages, list):
        place.unanswered.update((here, call_id) for call_id, _ in orphans(messages))
    for task in state.tasks:
        if task.result is None:
            place.unfinished.add(f"{here}|{task.name}:{task.id}".removeprefix("|"))
            if isinstance(task.state, StateSnapshot):
                _look(task.state, place)
