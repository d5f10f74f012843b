"""What becomes of a stopped run's words: kept as a message that says so.

A thread must not be left in the middle: a call of a tool that nobody answers (a provider would refuse
every later turn), a step that the next turn would take up again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langgraph.constants import END

from threads.checkpoint.message_mapping import CHANNEL, STOPPED
from threads.runs.attempt import Attempt

NOT_RUN = "The call was not answered: the run was stopped."


async def keep(attempt: Attempt) -> None:
    """End the thread's unfinished step, with what was said by then as its last message."""
    graph, config = attempt.graph, attempt.config
    for saying in attempt.saying.values() if CHANNEL in graph.channels else ():
        if saying.id not in attempt.turn.stored and saying.node in graph.nodes:
            said = AIMessage(saying.text, id=saying.id, response_metadata={STOPPED: True})
            await graph.aupdate_state(config, {CHANNEL: [said]}, as_node=saying.node)
    await answer_orphans(graph, config)
    for _ in range(2):  # what a task has found may call for others
        if (await graph.aget_state(config)).tasks:
            await graph.aupdate_state(config, None, as_node=END)


async def answer_orphans(
    graph: Any, config: dict[str, Any], text: str = NOT_RUN, *, instead_of_question: bool = False
) -> int:
    """Answer the calls of tools that the last assistant message made and nobody answered; how many.

    None while a question waits, unless `instead_of_question`: then nobody will answer that any more.
    """
    state = await graph.aget_state(config)
    values = state.values if isinstance(state.values, dict) else {}
    calls = orphans(values.get(CHANNEL) or ())
    if calls and (instead_of_question or not state.interrupts):
        if any(task.result is not None for task in state.tasks):  # they have found something: it stays
            await graph.aupdate_state(config, None, as_node=END)
        answers = [ToolMessage(text, tool_call_id=id, name=name, status="error") for id, name in calls]
        await graph.aupdate_state(config, {CHANNEL: answers}, as_node=_answering(graph, state))
        return len(calls)
    return 0


def orphans(messages: Sequence[Any]) -> list[tuple[str, str]]:
    """Id and name of the calls at the end of a conversation that have no answer."""
    answered: set[str] = set()
    for message in reversed(messages):
        if isinstance(message, ToolMessage):
            answered.add(message.tool_call_id)
        elif isinstance(message, AIMessage) and message.tool_calls:
            calls = [(str(call["id"]), call["name"]) for call in message.tool_calls]
            return [call for call in calls if call[0] not in answered]
        elif isinstance(message, BaseMessage):
            return []
    return []


def _answering(graph: Any, state: Any) -> str | None:
    """The node whose work these answers are: the pending one; else LangGraph decides."""
    return state.next[0].partition(":")[0] if state.next else None
