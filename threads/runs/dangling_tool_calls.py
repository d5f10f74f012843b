"""Threads wedged by a call of a tool that nobody answered, and mending them.

An assistant message that calls tools must be followed by their answers; a provider refuses every
conversation in which one is missing. A run that was killed or stopped between the two, with another
turn after it, leaves such a thread. A question that waits for a person is no such thing, until a new
message takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, RemoveMessage, ToolMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES

from threads.checkpoint.message_mapping import CHANNEL
from threads.runs.cancellation import answer_orphans, orphans


async def unwedge(graph: Any, config: dict[str, Any], text: str) -> int:
    """Answer what nobody answered, where it was called, before a new input; how many calls that were."""
    state = await graph.aget_state(config)
    messages = state.values.get(CHANNEL) if isinstance(state.values, dict) else None
    if not isinstance(messages, list):
        return 0
    if orphans(messages):
        return await answer_orphans(graph, config, text, instead_of_question=True)
    whole, answered = with_answers(messages, text)
    if answered:
        update = {CHANNEL: [RemoveMessage(REMOVE_ALL_MESSAGES), *whole]}
        await graph.aupdate_state(config, update, as_node="__start__" if "__start__" in graph.nodes else None)
    return answered


def with_answers(messages: Sequence[Any], text: str) -> tuple[list[BaseMessage], int]:
    """The messages with an answer behind each call that has none, and how many were missing."""
    answered = {message.tool_call_id for message in messages if isinstance(message, ToolMessage)}
    whole: list[BaseMessage] = []
    missing = 0
    for message in messages:
        whole.append(message)
        if isinstance(message, AIMessage):
            for call in message.tool_calls:
                if call["id"] not in answered:
                    missing += 1
                    id = str(call["id"])
                    whole.append(ToolMessage(text, tool_call_id=id, name=call["name"], status="error"))
    return whole, missing
