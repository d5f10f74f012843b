"""Graphs in which calls of tools that must not run again have their answers already.

Whoever answers for a tool answers one call of one task: its neighbours, in the same task or beside it,
keep what they have found, run, or ask, and the edges behind them lead where they always lead. So the
graph goes on as it is, but for the nodes of these tasks: they are handed only the calls that remain.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.pregel import Pregel
from langgraph.types import Command

from threads.checkpoint.message_mapping import CHANNEL
from threads.runs.tool_events import NAMESPACE

Answers = Mapping[str, Mapping[str, tuple[str, str]]]
"""By task (as LangGraph names its namespace) and id of the call: the tool's name and its answer."""


def with_answers(graph: Any, answers: Answers) -> Any:
    """A copy of the graph whose tasks have these answers."""
    return _copied(graph, answers, {_names(task) for task in answers}) if answers else graph


def can_take(graph: Any, task: str) -> bool:
    """Whether this task is one of a node that can be handed an answer."""
    *above, name = _names(task)
    for each in above:
        if each not in graph.nodes or not isinstance(graph.nodes[each].bound, Pregel):
            return False
        graph = graph.nodes[each].bound
    return name in graph.nodes


def _names(task: str) -> tuple[str, ...]:
    return tuple(each.rpartition(":")[0] for each in task.split("|"))


def _copied(graph: Any, answers: Answers, paths: Collection[tuple[str, ...]]) -> Any:
    nodes = dict(graph.nodes)
    for name in {path[0] for path in paths}:
        bound, below = nodes[name].bound, {path[1:] for path in paths if path[0] == name and path[1:]}
        if below:
            bound = _copied(bound, answers, below)
        if (name,) in paths:
            bound = Answered(bound, answers)
        nodes[name] = nodes[name].copy({"bound": bound})
    return graph.copy({"nodes": nodes})


class Answered(Runnable[Any, Any]):
    """What a node does, without the calls that are answered in its task."""

    def __init__(self, bound: Runnable[Any, Any], answers: Answers) -> None:
        self._bound = bound
        self._answers = answers

    def invoke(self, input: Any, config: RunnableConfig | None = None, **told: Any) -> Any:
        raise NotImplementedError("runs are asynchronous")

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **told: Any) -> Any:
        """What the node returns for the calls that remain, with the answers of the others."""
        answers = self._answers.get(((config or {}).get("metadata") or {}).get(NAMESPACE, ""))
        if not answers:
            return await self._bound.ainvoke(input, config, **told)
        said = [ToolMessage(text, tool_call_id=id, name=name) for id, (name, text) in answers.items()]
        rest = _without(input, answers.keys())
        if rest is None:
            return {CHANNEL: said}
        returned = await self._bound.ainvoke(rest, config, **told)
        more = returned if isinstance(returned, list) else [returned]
        return [*more, Command(update={CHANNEL: said})]


def _without(input: Any, answered: Collection[str]) -> Any:
    """A node's input with the calls that are not answered; None if none remain, or it is not known."""
    if isinstance(input, Mapping) and input.get("__type") == "tool_call_with_context":
        return None if input["tool_call"]["id"] in answered else input
    if isinstance(input, list):
        return [
            call for call in input if isinstance(call, Mapping) and call.get("id") not in answered
        ] or None
    messages = input.get(CHANNEL) if isinstance(input, Mapping) else getattr(input, CHANNEL, None)
    if not isinstance(messages, list):
        return None
    there = {*answered, *(each.tool_call_id for each in messages if isinstance(each, ToolMessage))}
    for at, message in reversed(list(enumerate(messages))):
        if isinstance(message, AIMessage) and message.tool_calls:
            calls = [call for call in message.tool_calls if call["id"] not in there]
            shorter = message.model_copy(update={"tool_calls": calls})
            return _saying(input, [*messages[:at], shorter, *messages[at + 1 :]]) if calls else None
    return None


def _saying(input: Any, messages: list[Any]) -> Any:
    """A state with other messages, of whatever kind it is."""
    if isinstance(input, Mapping):
        return {**input, CHANNEL: messages}
    if dataclasses.is_dataclass(input) and not isinstance(input, type):
        return dataclasses.replace(input, **{CHANNEL: messages})
    return input.model_copy(update={CHANNEL: messages})
