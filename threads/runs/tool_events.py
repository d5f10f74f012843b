"""Tools in runs: what they do is told, and they have a key that stays the same when they are run again.

A tool says that it may safely run twice by its metadata: `{"idempotent": True}`, or MCP's
`idempotentHint` and `readOnlyHint`. Recovery runs only such tools again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import ToolMessage
from langgraph.errors import GraphBubbleUp

from threads.checkpoint.run_config import LEASE_CONTEXT_KEY
from threads.runs.event_payloads import plain
from threads.runs.event_writer import Recorder
from threads.runs.failures import message_of, type_of
from threads.runs.lease_context import ActiveTurn
from threads.store.event_log import Happened

NAMESPACE = "langgraph_checkpoint_ns"
"""Where LangGraph's metadata tell in which task of the graph it is."""
SAFE = ("idempotent", "idempotentHint", "readOnlyHint")


def tool_key(config: Mapping[str, Any], tool_call_id: str) -> str:
    """A key for this call that is the same whenever it is run again: thread, run and call.

    The run is the one that began, also in those that go on with it when a question was answered.
    `config` is the `RunnableConfig` that a tool can ask for, `tool_call_id` its `InjectedToolCallId`.
    Hand it to whatever the tool calls as its idempotency key.
    """
    configurable = config["configurable"]
    turn = configurable.get(LEASE_CONTEXT_KEY)
    run_id = turn.origin_id if turn is not None else (config.get("metadata") or {}).get("run_id", "")
    return f"{configurable['thread_id']}/{run_id}/{tool_call_id}"


class ToolWatch(AsyncCallbackHandler):
    """Stores that a tool was started before it starts: a crash must not hide what may have had effects."""

    raise_error = True
    run_inline = True
    """Else langchain makes a task for each event of any kind, though it wants those of tools only."""
    ignore_llm = True
    ignore_chat_model = True
    ignore_chain = True
    ignore_retriever = True
    ignore_custom_event = True

    def __init__(self, turn: ActiveTurn, recorder: Recorder) -> None:
        self._turn = turn
        self._recorder = recorder
        self._calls: dict[UUID, dict[str, Any]] = {}

    async def on_tool_start(
        self, serialized: dict[str, Any], input_str: str, *, run_id: UUID, **told: Any
    ) -> None:
        """A tool is about to run."""
        metadata = told.get("metadata") or {}
        name = (serialized or {}).get("name") or told.get("name") or ""
        call = {
            "tool_call_id": told.get("tool_call_id") or str(run_id),
            "name": name,
            "task": metadata.get(NAMESPACE, ""),
        }
        self._calls[run_id] = call
        inputs = told.get("inputs")
        data = {
            **call,
            "args": plain(inputs if inputs is not None else input_str),
            "idempotent": any(metadata.get(word) is True for word in SAFE),
        }
        await self._turn.called(call["tool_call_id"])
        with self._turn.noting():
            await self._recorder.store(self._turn.event("tool_started", data))

    async def on_tool_end(self, output: Any, *, run_id: UUID, **told: Any) -> None:
        """It has answered."""
        failed = isinstance(output, ToolMessage) and output.status == "error"
        if happened := self._finished(run_id, {"error": str(output.text)} if failed else {}):
            self._recorder.add(happened)

    async def on_tool_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """It has failed, or asks a question: then it will run again when that is answered."""
        asks = isinstance(error, GraphBubbleUp)
        failure = {"error": message_of(error) or type_of(error), "error_type": type_of(error)}
        told = {"interrupted": True} if asks else failure
        happened = self._finished(run_id, told)
        if happened is not None and asks:  # before the question is: else a crash makes it one of recovery's
            with self._turn.noting():
                await self._recorder.store(happened)
        elif happened is not None:
            self._recorder.add(happened)

    def _finished(self, run_id: UUID, told: dict[str, Any]) -> Happened | None:
        call = self._calls.pop(run_id, None)
        return None if call is None else self._turn.event("tool_finished", {**call, **told})
