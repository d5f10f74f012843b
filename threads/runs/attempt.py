"""One attempt of a run: passes the request through the graph and reports what happens as events.

The graph runs as a task of its own on the runner's loop, so a subscriber that leaves cannot stop it.
What ends it is its end, an error, or a stop reason; then partial output is kept or rolled back
(`threads.runs.cancellation`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from langchain_core.messages import AIMessageChunk
from langgraph.types import Interrupt

from threads.checkpoint.conflicts import LEASE_CONTEXT_KEY
from threads.errors import LeaseLost
from threads.runs.event_writer import EventWriter, insert_events
from threads.runs.lease_context import RunLeaseContext
from threads.runs.request import Request
from threads.runs.tool_calls import ToolEventHandler
from threads.serialization import to_jsonable
from threads.store.transaction import Transaction

T = TypeVar("T")
STREAM_MODES = ["values", "updates", "messages", "custom"]
CANCEL_TIMEOUT = 0.5
"""Seconds that a task has to end once it is cancelled."""


class StopReason(StrEnum):
    """Why a run is to end early; the first three are stored as its stop request."""

    CANCEL = "cancel"
    """Its partial output is kept."""
    ROLLBACK = "rollback"
    """It is to be as if the run had not been."""
    SKIP = "skip"
    """Of a run that waits: its message gets into the thread in its turn, and is not answered."""
    HANDOVER = "handover"
    """Stopped here for another process to recover."""
    WRITE_REJECTED = "write_rejected"
    """Stopped here because a checkpoint of it could not be stored."""
    LEASE_LOST = "lease_lost"
    """Stopped here because its lease expired, or another runner has it."""


class OutcomeStatus(StrEnum):
    """How an attempt ended."""

    SUCCESS = "success"
    ERROR = "error"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"
    UNFINISHED = "unfinished"
    """The run has not ended: it is left to a recovery."""


@dataclass(slots=True)
class Outcome:
    """The end of an attempt."""

    status: OutcomeStatus
    values: Any = None
    """What `invoke` would have returned."""
    error: BaseException | None = None
    interrupts: list[Interrupt] = field(default_factory=list)
    is_rolled_back: bool = False
    """Whether it is to be as if the run had not been."""
    by_agent: bool = False
    """Whether the agent raised the error: whatever class it is of, it says nothing about this run."""
    is_superseded: bool = False
    """Whether the thread went on without this run: then it is not the thread's error."""

    @property
    def is_unfinished(self) -> bool:
        """Whether the run has not ended, and may not be ended here any more."""
        return self.status is OutcomeStatus.UNFINISHED or (
            isinstance(self.error, LeaseLost) and not self.by_agent
        )


@dataclass(frozen=True, slots=True)
class Start:
    """What the graph is given, and the checkpoint it continues from if that is not the head."""

    input: Any
    base: str | None = None


@dataclass(slots=True)
class PartialMessage:
    """A message that a model is streaming."""

    id: str
    node: str
    """The root graph's node that streams it."""
    text: str = ""


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
        self.partial_messages: dict[str, PartialMessage] = {}
        """What models stream and is not stored yet, by message; several may stream at once."""
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
            attempt = tx.runs.increment_attempt(lease.run_id, lease.fence[1])
            if attempt is None:
                raise LeaseLost(lease.thread_id)
            insert_events(tx, events)
            return attempt

        with lease.library_errors():
            self.lease = lease.with_new_lease(await self._writer.write(bump_fencing_token))

    async def write(self, change: Callable[[Transaction], None]) -> None:
        """Change what is stored in the thread, under this run's lease; raises `LeaseLost`."""

        def change_if_leased(tx: Transaction) -> None:
            if not tx.runs.has_lease(self.lease.run_id, self.lease.fence[1]):
                raise LeaseLost(self.lease.thread_id)
            change(tx)

        with self.lease.library_errors():
            await self._writer.write(change_if_leased)

    def failed(self, error: BaseException) -> Outcome:
        """Return the outcome of an attempt that ended with this error."""
        return Outcome(OutcomeStatus.ERROR, error=error, by_agent=not self.lease.is_library_error(error))

    async def _run_graph(self, start: Start) -> Outcome:
        outcome = Outcome(OutcomeStatus.SUCCESS)
        try:
            async for namespace, mode, chunk in self._stream(start):
                if not self.ignores_cancellation:
                    self._on_stream_item(outcome, namespace, mode, chunk)
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
            self._on_token(namespace, *chunk)
        elif mode == "custom":
            self._writer.add(self.lease.new_event("custom", {"value": to_jsonable(chunk)}))
        elif namespace:
            pass  # the state of a subgraph is its own
        elif mode == "updates":
            if isinstance(chunk, dict) and "__interrupt__" in chunk:  # empty at a breakpoint
                outcome.status = OutcomeStatus.INTERRUPTED
                outcome.interrupts.extend(chunk["__interrupt__"])
        elif not (isinstance(chunk, dict) and chunk.keys() == {"__interrupt__"}):
            outcome.values = chunk

    def _on_token(self, namespace: tuple[str, ...], message: Any, metadata: dict[str, Any]) -> None:
        if (
            not isinstance(message, AIMessageChunk)
            or not message.id
            or message.id in self.lease.stored_messages
        ):
            return
        text = str(message.text)
        if not text:
            return
        if message.id not in self.partial_messages:
            node = namespace[0].partition(":")[0] if namespace else metadata.get("langgraph_node", "")
            self.partial_messages[message.id] = PartialMessage(message.id, node)
        self.partial_messages[message.id].text += text
        data = {"message_id": message.id, "text": text}
        self._writer.add(self.lease.new_event("token", data, message.id))


class CancellableTask(Generic[T]):
    """A task on the running loop that is abandoned where it ignores its cancellation.

    A node, a tool or a model may catch the cancellation and go on, for ever perhaps. The task cannot be
    killed: whatever abandons it sees to it that nothing it stores is accepted.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(coroutine)
        self._abandoned: asyncio.Future[None] = self._loop.create_future()

    def cancel(self) -> None:
        """Cancel it; `result` returns after `CANCEL_TIMEOUT` seconds at most."""
        self._task.cancel()
        self._loop.call_later(CANCEL_TIMEOUT, self._abandon)

    async def result(self) -> T | None:
        """Return or raise what the task does; None if it was cancelled and did not end."""
        await asyncio.wait((self._task, self._abandoned), return_when=asyncio.FIRST_COMPLETED)
        return self._task.result() if self._task.done() else None

    def _abandon(self) -> None:
        if not self._abandoned.done():
            self._abandoned.set_result(None)
            self._task.add_done_callback(_ignore_result)


def is_cancelled(error: BaseException) -> bool:
    """Return whether `error` is the cancellation of the running task, not one that a node raised."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def _ignore_result(task: asyncio.Task[Any]) -> None:
    """Retrieve the exception of an abandoned task, so that asyncio does not log it."""
    if not task.cancelled():
        task.exception()
