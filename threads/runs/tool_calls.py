"""Tool calls in runs: their idempotency key, and answers to those that were left without one.

A tool declares that it may safely run twice by its metadata: `{"idempotent": True}`, or MCP's
`idempotentHint` and `readOnlyHint`. Recovery runs only such tools again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, RemoveMessage, ToolMessage
from langgraph.constants import END
from langgraph.graph.message import REMOVE_ALL_MESSAGES

from threads.checkpoint.conflicts import LEASE_CONTEXT_KEY
from threads.checkpoint.message_channel import CHANNEL
from threads.dangling_tool_calls import DanglingCall, DanglingCalls, MessageCalls, dangling_tool_calls

NAMESPACE = "langgraph_checkpoint_ns"
"""The key in LangGraph's metadata of the task that runs a tool or a model, behind those it is nested in."""
IDEMPOTENT_HINTS = ("idempotent", "idempotentHint", "readOnlyHint")
STOPPED_TEXT = "The call was not answered: the run was stopped."
FAILED_TEXT = "The call was not answered: the run failed."
REPLACED_TEXT = "The call was not answered: the user sent another message instead."


def tool_key(config: Mapping[str, Any], tool_call_id: str) -> str:
    """Return an idempotency key for a tool call that is the same whenever the call is run again.

    It is made of the thread, the run and the call. The run is the one that began, also in those that continue
    it when an interrupt was answered. `config` is the `RunnableConfig` that a tool can ask for,
    `tool_call_id` its `InjectedToolCallId`. Pass the key to the service that the tool calls.
    """
    configurable = config["configurable"]
    lease = configurable.get(LEASE_CONTEXT_KEY)
    run_id = lease.origin_id if lease is not None else (config.get("metadata") or {}).get("run_id", "")
    return f"{configurable['thread_id']}/{run_id}/{tool_call_id}"


def unanswered_calls(messages: Sequence[Any]) -> list[DanglingCall]:
    """Return the calls at the end of a conversation that have no answer."""
    return _dangling(messages).last


async def answer_dangling_calls(
    graph: Any, config: dict[str, Any], text: str, *, replace_interrupts: bool = False
) -> None:
    """Answer, as failed, the calls at the end of a thread that have no answer.

    Not while an interrupt waits, unless `replace_interrupts`: then it will not be answered any more.
    """
    state = await graph.aget_state(config)
    values = state.values if isinstance(state.values, dict) else {}
    calls = unanswered_calls(values.get(CHANNEL) or ())
    if calls and (replace_interrupts or not state.interrupts):
        if any(task.result is not None for task in state.tasks):  # they have results: these stay
            await graph.aupdate_state(config, None, as_node=END)
        answers = [_failed_answer(call, text) for call in calls]
        node = state.next[0].partition(":")[0] if state.next else None  # None: LangGraph decides
        await graph.aupdate_state(config, {CHANNEL: answers}, as_node=node)


async def repair_dangling_calls(graph: Any, config: dict[str, Any], text: str) -> None:
    """Answer, as failed, all calls in a thread that have no answer, before a new input.

    A run that was killed or stopped between a call and its answer, with another turn after it, leaves a
    thread that a provider refuses. A new message also replaces an interrupt that waits.
    """
    state = await graph.aget_state(config)
    messages = state.values.get(CHANNEL) if isinstance(state.values, dict) else None
    if not isinstance(messages, list):
        return
    if unanswered_calls(messages):
        text = REPLACED_TEXT if state.interrupts else text
        await answer_dangling_calls(graph, config, text, replace_interrupts=True)
        return
    answered = {message.tool_call_id for message in messages if isinstance(message, ToolMessage)}
    missing = [
        call for call in _dangling(messages).passed if call.id not in answered
    ]  # also a late one counts
    if missing:
        whole: list[Any] = []
        for position, message in enumerate(messages):
            whole += [message, *(_failed_answer(call, text) for call in missing if call.position == position)]
        update = {CHANNEL: [RemoveMessage(REMOVE_ALL_MESSAGES), *whole]}
        await graph.aupdate_state(config, update, as_node="__start__" if "__start__" in graph.nodes else None)


def _dangling(messages: Sequence[Any]) -> DanglingCalls:
    return dangling_tool_calls(_calls_of(messages))


def _calls_of(messages: Sequence[Any]) -> Iterator[MessageCalls]:
    for message in messages:
        if isinstance(message, ToolMessage):
            yield MessageCalls(is_answer=True, answers=message.tool_call_id)
        elif isinstance(message, AIMessage):
            yield MessageCalls([(str(call["id"]), call["name"]) for call in message.tool_calls])
        else:  # what is no message ends no turn
            yield MessageCalls(is_answer=not isinstance(message, BaseMessage))


def _failed_answer(call: DanglingCall, text: str) -> ToolMessage:
    return ToolMessage(text, tool_call_id=call.id, name=call.name, status="error")
