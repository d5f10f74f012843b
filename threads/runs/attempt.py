"""One attempt of a run: passes the request through the graph and reports what happens as events.

The graph runs as a task of its own on the runner's loop, so a subscriber that leaves cannot stop it.
What ends it is its end, an error, or a stop reason; then partial output is kept or rolled back
(`threads.runs.cancellation`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessageChunk, ToolMessage
from langgraph.errors import GraphBubbleUp

from threads.checkpoint.conflicts import LEASE_CONTEXT_KEY
from threads.errors import LeaseLost
from threads.runs.completion import Outcome, OutcomeStatus
from threads.runs.event_loop import CancellableTask
from threads.runs.events import EventWriter, RunLeaseContext, insert_events
from threads.runs.failures import error_message, error_type
from threads.runs.queue import StopReason
from threads.runs.request import Request
from threads.runs.streams import StreamedMessage, content_of
from threads.runs.tool_calls import IDEMPOTENT_HINTS, NAMESPACE
from threads.serialization import to_jsonable
from threads.store.event_log import NewEvent
from threads.store.transaction import Transaction

STREAM_MODES = ["values", "updates", "messages", "custom", "tasks"]


@dataclass(frozen=True, slots=True)
class Start:
    """What the graph is given, and the checkpoint it continues from if that is not the head."""

    input: Any
    base: str | None = None


class Attempt:
    """Runs `request` in `graph`, under a lease."""

    def __init__(
        self,
        graph: Any,
        lease: RunLeaseContext,
        request: Request,
        writer: EventWriter,
        config: dict[str, Any],
    ) -> None:
        self.graph = graph
        self.lease = lease
        self.stop_reason: StopReason | None = None
        self.ignores_cancellation = False
        """Whether its task did not end within `CANCEL_TIMEOUT`; it may go on still."""
        self._request = request
        self._writer = writer
        self._runner_config = config
        self._task: CancellableTask[Outcome] | None = None

    @property
    def config(self) -> dict[str, Any]:
        """The config of this run; no value of a caller's request gets into it."""
        configurable = {"thread_id": self.lease.thread_id, LEASE_CONTEXT_KEY: self.lease}
        metadata = {**self._runner_config.get("metadata", {}), "run_id": self.lease.run_id}
        return {**self._runner_config, "configurable": configurable, "metadata": metadata}

    async def run(self, start: Start) -> Outcome:
        """Pass the input through the graph; returns how that ended, never raises."""
        if self.stop_reason is not None:
            return Outcome(OutcomeStatus.STOPPED)
        loop = asyncio.get_running_loop()
        self.lease.rejection_callback = lambda: loop.call_soon_threadsafe(
            self.stop, StopReason.WRITE_REJECTED
        )
        self._task = CancellableTask(self._run_graph(start))
        try:
            outcome = await self._task.result()
        except asyncio.CancelledError as error:  # before it had begun
            outcome = Outcome(OutcomeStatus.STOPPED, error=error)
        finally:
            self._task = None
        self.ignores_cancellation = outcome is None
        return outcome or Outcome(OutcomeStatus.STOPPED)

    def stop(self, reason: StopReason) -> None:
        """End it now. On the loop only. The first reason counts, but a rollback replaces a cancellation."""
        reason = StopReason.CANCEL if reason is StopReason.SKIP else reason
        if self.stop_reason is None or (self.stop_reason, reason) == (StopReason.CANCEL, StopReason.ROLLBACK):
            is_first, self.stop_reason = self.stop_reason is None, reason
            if is_first and self._task is not None:
                self._task.cancel()

    async def write_input_only(self, start: Start) -> None:
        """Store the input in the thread and run no node. None: finish storing one that is there already."""
        async for _ in self._stream(start, interrupt_before="*"):
            pass

    async def abandon_task(self) -> None:
        """Continue under a new fencing token; `LeaseLost`.

        What the task that ignored its cancellation stores from now on is rejected.
        """
        lease, self.lease.rejection_callback = self.lease, lambda: None
        events = self._writer.take(lease.run_id, lease.fence[1])

        def bump_fencing_token(tx: Transaction) -> int:
            attempt = tx.leases.increment_attempt(lease.run_id, lease.fence[1])
            if attempt is None:
                raise LeaseLost(lease.thread_id)
            insert_events(tx, events)
            return attempt

        with lease.library_errors():
            self.lease = lease.with_new_lease(await self._writer.write(bump_fencing_token))

    async def write(self, change: Callable[[Transaction], None]) -> None:
        """Change what is stored in the thread, under this run's lease; raises `LeaseLost`."""

        def change_if_leased(tx: Transaction) -> None:
            if not tx.leases.has_lease(self.lease.run_id, self.lease.fence[1]):
                raise LeaseLost(self.lease.thread_id)
            change(tx)

        with self.lease.library_errors():
            await self._writer.write(change_if_leased)

    def partial_messages(self) -> list[StreamedMessage]:
        """Return what models have streamed for the conversation and is not stored; several may at once."""
        return [
            each
            for each in self.lease.streams.messages.values()
            if each.text
            and each.in_conversation
            and each.root_node in self.graph.nodes
            and each.id not in self.lease.stored_messages
        ]

    def failed(self, error: BaseException) -> Outcome:
        """Return the outcome of an attempt that ended with this error."""
        return Outcome(OutcomeStatus.ERROR, error=error, by_agent=not self.lease.is_library_error(error))

    async def _run_graph(self, start: Start) -> Outcome:
        outcome = Outcome(OutcomeStatus.SUCCESS)
        try:
            async for namespace, mode, chunk in self._stream(start):
                if not self.ignores_cancellation:
                    self._on_stream_item(outcome, namespace, mode, chunk)
            if outcome.status is OutcomeStatus.INTERRUPTED and not outcome.interrupts:
                state = await self.graph.aget_state({"configurable": self.config["configurable"]})
                if not state.next:  # a breakpoint behind the last node
                    outcome.status = OutcomeStatus.SUCCESS
        except asyncio.CancelledError as error:
            return Outcome(OutcomeStatus.STOPPED, error=error)
        except BaseException as error:  # noqa: BLE001  it is the run's outcome; a Rust panic is no Exception
            return self.failed(error)
        if outcome.interrupts and isinstance(outcome.values, dict):
            outcome.values["__interrupt__"] = outcome.interrupts
        return outcome

    def _stream(self, start: Start, **options: Any) -> AsyncIterator[Any]:
        config = self.config
        if start.base is not None:
            config["configurable"]["checkpoint_id"] = start.base
        handler = ToolEventHandler(self.lease, self._writer)
        config["callbacks"] = [*(self._runner_config.get("callbacks") or ()), handler]
        stream: AsyncIterator[Any] = self.graph.astream(
            start.input, config, context=self._request.context, stream_mode=STREAM_MODES, subgraphs=True,
            durability="async", **options,
        )  # fmt: skip
        return stream

    def _on_stream_item(self, outcome: Outcome, namespace: tuple[str, ...], mode: str, chunk: Any) -> None:
        if mode == "messages":
            self._on_message(namespace, *chunk)
        elif mode == "tasks":
            self.lease.streams.on_task(namespace, chunk)
        elif mode == "custom":
            where = self.lease.streams.origin_of_value(namespace)
            self._writer.add(self.lease.new_event("custom", {"value": to_jsonable(chunk), **where}))
        elif namespace:  # the state of a subgraph is its own
            if mode == "updates":
                for message in self.lease.streams.on_update(chunk):
                    self._report_inner(message)
        elif mode == "updates":
            if isinstance(chunk, dict) and "__interrupt__" in chunk:  # empty at a breakpoint
                outcome.status = OutcomeStatus.INTERRUPTED
                outcome.interrupts.extend(chunk["__interrupt__"])
        elif not (isinstance(chunk, dict) and chunk.keys() == {"__interrupt__"}):
            outcome.values = chunk

    def _on_message(self, namespace: tuple[str, ...], message: Any, metadata: dict[str, Any]) -> None:
        if message.id in self.lease.stored_messages:
            return
        streamed = self.lease.streams.on_message(namespace, message, metadata)
        if streamed is None:
            return
        if isinstance(message, AIMessageChunk):
            text, content = str(message.text), content_of(message)
            if text or content:
                streamed.text += text
                data = {"message_id": message.id, "text": text, **streamed.origin()}
                if content is not None:
                    data["content"] = content
                self._writer.add(self.lease.new_event("token", data, message.id))
        self._report_inner(streamed)

    def _report_inner(self, message: StreamedMessage) -> None:
        """Report a complete message of a model inside a tool; whether others are inner is known later."""
        known = message.complete is not None and not message.is_reported
        if known and not message.in_conversation and self.lease.streams.is_in_tool(message.task):
            self._writer.add(self.lease.inner_message_event(message))


class ToolEventHandler(AsyncCallbackHandler):
    """Stores that a tool was started before it starts: a crash must not hide what may have had effects."""

    raise_error = True
    run_inline = True
    """Else langchain makes a task for each event of any kind, though only those of tools are handled."""
    ignore_llm = True
    ignore_chat_model = True
    ignore_chain = True
    ignore_retriever = True
    ignore_custom_event = True

    def __init__(self, lease: RunLeaseContext, writer: EventWriter) -> None:
        self._lease = lease
        self._writer = writer
        self._calls: dict[UUID, dict[str, Any]] = {}

    async def on_tool_start(
        self, serialized: dict[str, Any], input_str: str, *, run_id: UUID, **options: Any
    ) -> None:
        """Store `tool_started`, once the message that makes the call is being stored."""
        metadata = options.get("metadata") or {}
        name = (serialized or {}).get("name") or options.get("name") or ""
        call = {
            "tool_call_id": options.get("tool_call_id") or str(run_id),
            "name": name,
            "task": metadata.get(NAMESPACE, ""),
        }
        call.update(self._lease.streams.origin_of_tool(call["task"]))
        self._lease.streams.on_tool(call["task"], begins=True)
        self._calls[run_id] = call
        inputs = options.get("inputs")
        data = {
            **call,
            "args": to_jsonable(inputs if inputs is not None else input_str),
            "idempotent": any(metadata.get(hint) is True for hint in IDEMPOTENT_HINTS),
        }
        await self._lease.wait_for_call(call["tool_call_id"])
        with self._lease.library_errors():
            await self._writer.write_event(self._lease.new_event("tool_started", data))

    async def on_tool_end(self, output: Any, *, run_id: UUID, **options: Any) -> None:
        """Report `tool_finished`."""
        failed = isinstance(output, ToolMessage) and output.status == "error"
        if event := self._finished(run_id, {"error": str(output.text)} if failed else {}):
            self._writer.add(event)

    async def on_tool_error(self, error: BaseException, *, run_id: UUID, **options: Any) -> None:
        """Report that a tool failed or interrupts the graph; it will run again when that is answered."""
        interrupts = isinstance(error, GraphBubbleUp)
        failure = {"error": error_message(error) or error_type(error), "error_type": error_type(error)}
        event = self._finished(run_id, {"interrupted": True} if interrupts else failure)
        if event is not None and interrupts:  # before the interrupt is: else recovery asks after a crash
            with self._lease.library_errors():
                await self._writer.write_event(event)
        elif event is not None:
            self._writer.add(event)

    def _finished(self, run_id: UUID, outcome: dict[str, Any]) -> NewEvent | None:
        call = self._calls.pop(run_id, None)
        if call is None:
            return None
        self._lease.streams.on_tool(call["task"], begins=False)
        return self._lease.new_event("tool_finished", {**call, **outcome})
