"""Recovery of tool calls: those that may have had their effect though the thread has no answer of theirs.

The outcome of a call is unknown if it was started in a step that is not finished, unless its tool
declares that it may run twice, has failed, or raised an interrupt (then it is to run again). So is that
of a call which came to its end, where its answer was lost in the crash. Not where a run ended in order
before the step did: then the graph itself wants the step again, such as one in which another tool raised
an interrupt.

A person decides, by `again` or by a text that stands for the answer. The decisions are looked up in the
runs that took them, so one that was given stays given, however often the runs after it fail. A call that
has its answer so is kept from running by a copy of the graph, whose nodes are given only the calls that
remain: its neighbours, in the same task or beside it, keep their results, run, or interrupt, and the
edges behind them lead where they always lead.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.pregel import Pregel
from langgraph.types import Command, Interrupt, StateSnapshot

from threads.checkpoint.message_channel import CHANNEL
from threads.errors import InvalidValue
from threads.runs.tool_calls import NAMESPACE, unanswered_calls
from threads.store.runs import RunRecord, ToolRecord

AGAIN = "again"
QUESTION = (
    "The process ended while these tools were running; they may have had their effect. "
    f"Resume with {AGAIN!r} to run them again, or with a text to use as their answer"
)
SEVERAL_HINT = "; to tell them apart, map each tool_call_id to its answer"
ONLY_AGAIN_HINT = ". No text can stand for the answer of: "

ToolAnswers = Mapping[str, Mapping[str, tuple[str, str]]]
"""By task (as LangGraph names its namespace) and id of the call: the tool's name and its answer."""
Decisions = Mapping[str, tuple[int, str]]
"""By id of the call: the position of the run that took the last decision, and the decision."""


@dataclass(slots=True)
class ToolCallRecord:
    """A tool call, as it was started last."""

    data: Mapping[str, Any]
    """Of its `tool_started` event."""
    run_position: int
    """Of the run that started it."""
    has_ended: bool = False

    @property
    def id(self) -> str:
        return str(self.data["tool_call_id"])

    @property
    def task(self) -> str:
        """The namespace of its task in the graph."""
        return str(self.data.get("task") or "")


@dataclass(slots=True)
class GraphPosition:
    """Where a thread stands, in the graph and in those subgraphs whose state is known."""

    unfinished: set[str] = field(default_factory=set)
    """The tasks that are to run."""
    known: set[str] = field(default_factory=set)
    """The namespaces whose tasks are known."""
    unanswered: set[tuple[str, str]] = field(default_factory=set)
    """Namespace and id of the calls in messages that no message answers."""
    closed: set[str] = field(default_factory=set)
    """The tasks of nodes that cannot be given an answer."""

    def may_rerun(self, call: ToolCallRecord, run_position: int) -> bool:
        """Return whether this call belongs to a step that is to run again, or may."""
        if call.task in self.unfinished:
            return True
        if call.has_ended:
            return False
        parent, _, _ = call.task.rpartition("|")
        is_hidden = parent not in self.known and call.task.partition("|")[0] in self.unfinished
        return is_hidden or call.run_position == run_position  # its step may not have been stored

    def accepts_answer(self, call: ToolCallRecord) -> bool:
        """Return whether a text can be its answer: the conversation waits for one."""
        parent = call.task.rpartition("|")[0]
        return (parent, call.id) in self.unanswered and call.task not in self.closed


def position_of(state: StateSnapshot) -> GraphPosition:
    """Return where a thread stands by its state, read with its subgraphs."""
    position = GraphPosition()
    _collect(state, position)
    return position


def started_calls(events: Iterable[ToolRecord]) -> list[ToolCallRecord]:
    """Return the calls that did not fail and were not left by a run that ended in order, in their order."""
    calls: dict[tuple[str, str], ToolCallRecord] = {}
    for event in events:
        call = ToolCallRecord(event.data, event.run_position)
        if event.type == "tool_started":
            calls.pop((call.task, call.id), None)
            calls[call.task, call.id] = call
        elif event.type == "tool_finished":
            if "error" in event.data or "interrupted" in event.data:
                calls.pop((call.task, call.id), None)
            elif found := calls.get((call.task, call.id)):
                found.has_ended = True
        elif not any(is_recovery_interrupt(each["value"]) for each in event.data.get("interrupts", ())):
            for key in [
                key
                for key, each in calls.items()
                if each.run_position == event.run_position and each.has_ended
            ]:
                del calls[key]
    return list(calls.values())


def is_recovery_interrupt(value: Any) -> bool:
    """Return whether an interrupt of this value is recovery's, not the graph's."""
    return isinstance(value, Mapping) and value.get("asked_by") == "recovery"


def uncertain_calls(
    calls: Sequence[ToolCallRecord], position: GraphPosition, decisions: Decisions, run_position: int
) -> list[ToolCallRecord]:
    """Return the calls to be decided before the run at `run_position` may continue."""

    def is_decided(call: ToolCallRecord) -> bool:
        decided_at, answer = decisions.get(call.id, (-1, ""))
        return call.run_position < decided_at and (answer == AGAIN or position.accepts_answer(call))

    return [
        call
        for call in calls
        if not call.data.get("idempotent") and position.may_rerun(call, run_position) and not is_decided(call)
    ]


def accepted_answers(
    calls: Sequence[ToolCallRecord], position: GraphPosition, decisions: Decisions
) -> ToolAnswers:
    """Return the answers that stand for calls which are not to run."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for call in calls:
        decided_at, answer = decisions.get(call.id, (-1, AGAIN))
        if call.run_position < decided_at and answer != AGAIN and position.accepts_answer(call):
            found.setdefault(call.task, {})[call.id] = (str(call.data["name"]), answer)
    return found


def answers_given(chain: Sequence[RunRecord], inputs: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    """Return the last decision on each call, and the position of the run that took it.

    `inputs` are, by their ids, the answers that runs took to the interrupt of the run before them.
    """
    decisions: dict[str, tuple[int, str]] = {}
    for interrupted, run in pairwise(chain):
        if run.run_id in inputs and interrupted.recovery_question is not None:
            question = json.loads(interrupted.recovery_question)
            for call_id, answer in _by_call(question, inputs[run.run_id]).items():
                decisions[call_id] = (run.position, answer)
    return decisions


def recovery_interrupt(run_id: str, calls: Sequence[ToolCallRecord], position: GraphPosition) -> Interrupt:
    """Return the interrupt by which a person is asked about these calls."""
    only_again = [call.id for call in calls if not position.accepts_answer(call)]
    text = QUESTION + (SEVERAL_HINT if len(calls) > 1 else "")
    text += ONLY_AGAIN_HINT + ", ".join(only_again) if only_again else ""
    tools = [{key: call.data[key] for key in ("tool_call_id", "name", "args")} for call in calls]
    value = {"asked_by": "recovery", "question": f"{text}.", "tools": tools}
    return Interrupt(value=value, id=f"recovery:{run_id}")


def checked_decision(stored: str, value: Any) -> Any:
    """Return an answer to the recovery interrupt that is stored so; `InvalidValue` if it is none."""
    question = json.loads(stored)
    call_ids = [tool["tool_call_id"] for tool in question["value"]["tools"]]
    answers = _by_call(question, value)
    if not answers or not all(isinstance(each, str) and each.strip() for each in answers.values()):
        raise InvalidValue(
            "value", f"tool calls have to be decided: pass {AGAIN!r}, or a text to use as their answer"
        )
    if unknown := answers.keys() - set(call_ids):
        raise InvalidValue(
            "value",
            f"{min(map(str, unknown))!r} is none of the tool calls to be decided: {', '.join(call_ids)}",
        )
    return value


def skip_answered_calls(graph: Any, answers: ToolAnswers) -> Any:
    """Return a copy of the graph in which these calls have their answers and are not run."""
    return _copied(graph, answers, {_node_path(task) for task in answers}) if answers else graph


def can_be_answered(graph: Any, task: str) -> bool:
    """Return whether this task is one of a node that can be given an answer."""
    *parents, name = _node_path(task)
    for parent in parents:
        if parent not in graph.nodes or not isinstance(graph.nodes[parent].bound, Pregel):
            return False
        graph = graph.nodes[parent].bound
    return name in graph.nodes


class AnsweredToolNode(Runnable[Any, Any]):
    """A node that runs the calls of its task that have no answer yet, and adds the answers of the others."""

    def __init__(self, bound: Runnable[Any, Any], answers: ToolAnswers) -> None:
        self._bound = bound
        self._answers = answers

    def invoke(self, input: Any, config: RunnableConfig | None = None, **options: Any) -> Any:
        raise NotImplementedError("runs are asynchronous")

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **options: Any) -> Any:
        """Return what the node returns for the calls that remain, with the answers of the others."""
        answers = self._answers.get(((config or {}).get("metadata") or {}).get(NAMESPACE, ""))
        if not answers:
            return await self._bound.ainvoke(input, config, **options)
        messages = [ToolMessage(text, tool_call_id=id, name=name) for id, (name, text) in answers.items()]
        rest = _without_calls(input, answers.keys())
        if rest is None:
            return {CHANNEL: messages}
        returned = await self._bound.ainvoke(rest, config, **options)
        updates = returned if isinstance(returned, list) else [returned]
        return [*updates, Command(update={CHANNEL: messages})]


def _collect(state: StateSnapshot, position: GraphPosition) -> None:
    if state.metadata is None:
        return
    namespace = str(state.config["configurable"].get("checkpoint_ns") or "")
    position.known.add(namespace)
    messages = state.values.get(CHANNEL) if isinstance(state.values, dict) else None
    if isinstance(messages, list):
        position.unanswered.update((namespace, call.id) for call in unanswered_calls(messages))
    for task in state.tasks:
        if task.result is None:
            position.unfinished.add(f"{namespace}|{task.name}:{task.id}".removeprefix("|"))
            if isinstance(task.state, StateSnapshot):
                _collect(task.state, position)


def _by_call(question: Mapping[str, Any], value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping) and value.keys() == {question["id"]}:
        value = value[question["id"]]
    if not isinstance(value, Mapping):
        value = {tool["tool_call_id"]: value for tool in question["value"]["tools"]}
    return dict(value)


def _node_path(task: str) -> tuple[str, ...]:
    return tuple(each.rpartition(":")[0] for each in task.split("|"))


def _copied(graph: Any, answers: ToolAnswers, paths: Collection[tuple[str, ...]]) -> Any:
    nodes = dict(graph.nodes)
    for name in {path[0] for path in paths}:
        bound, below = nodes[name].bound, {path[1:] for path in paths if path[0] == name and path[1:]}
        if below:
            bound = _copied(bound, answers, below)
        if (name,) in paths:
            bound = AnsweredToolNode(bound, answers)
        nodes[name] = nodes[name].copy({"bound": bound})
    return graph.copy({"nodes": nodes})


def _without_calls(input: Any, answered: Collection[str]) -> Any:
    """Return a node's input with the calls that are not answered; None if none remain, or it is not known."""
    if isinstance(input, Mapping) and input.get("__type") == "tool_call_with_context":
        return None if input["tool_call"]["id"] in answered else input
    if isinstance(input, list):
        return [
            call for call in input if isinstance(call, Mapping) and call.get("id") not in answered
        ] or None
    messages = input.get(CHANNEL) if isinstance(input, Mapping) else getattr(input, CHANNEL, None)
    if not isinstance(messages, list):
        return None
    done = {*answered, *(each.tool_call_id for each in messages if isinstance(each, ToolMessage))}
    for index, message in reversed(list(enumerate(messages))):
        if isinstance(message, AIMessage) and message.tool_calls:
            calls = [call for call in message.tool_calls if call["id"] not in done]
            shorter = message.model_copy(update={"tool_calls": calls})
            return (
                _with_messages(input, [*messages[:index], shorter, *messages[index + 1 :]]) if calls else None
            )
    return None


def _with_messages(input: Any, messages: list[Any]) -> Any:
    """Return a state with other messages, of whatever type it is."""
    if isinstance(input, Mapping):
        return {**input, CHANNEL: messages}
    if dataclasses.is_dataclass(input) and not isinstance(input, type):
        return dataclasses.replace(input, **{CHANNEL: messages})
    return input.model_copy(update={CHANNEL: messages})
