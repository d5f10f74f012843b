"""One attempt of a run: lets the request through the graph, and tells what happens while it does.

The graph runs as a task of its own on the runner's loop, so nobody who listens can stop it by
leaving. What ends it is its end, an error, or a request to stop; then the words that were said by
then are kept (`threads.runs.cancellation`).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessageChunk
from langgraph.types import Interrupt

from threads.checkpoint.run_config import LEASE_CONTEXT_KEY
from threads.errors import LeaseLost
from threads.runs.cancellable_task import Told
from threads.runs.event_payloads import plain
from threads.runs.event_writer import Recorder, storing
from threads.runs.lease_context import ActiveTurn
from threads.runs.request import Request
from threads.runs.tool_events import ToolWatch
from threads.store import runs

KEEP, ROLLBACK = "keep", "rollback"
"""What becomes of the words of a run that somebody stopped."""
PASS_OVER = "pass over"
"""Wanted of a run that waits: its message gets into the thread in its turn, and nobody answers it."""
HAND_OVER = "hand over"
"""Stopped here for another process to go on."""
REFUSED = "refused"
"""Stopped here because what it did could not be stored."""
LOST = "lost"
"""Stopped here because its lease ran out, or somebody else has it."""
MODES = ["values", "updates", "messages", "custom"]


@dataclass(slots=True)
class Outcome:
    """How an attempt ended."""

    status: str
    values: Any = None
    """What `invoke` would have returned."""
    error: BaseException | None = None
    interrupts: list[Interrupt] = field(default_factory=list)
    taken_back: bool = False
    """Whether it is to be as if the run had not been."""
    by_agent: bool = False
    """Whether the agent raised the error: whatever class it is of, it says nothing about this run."""
    is_aside: bool = False
    """Whether the thread went on without this run: then it is not the thread's error."""

    @property
    def is_left(self) -> bool:
        """Whether the run has not ended, and may not be ended here any more."""
        return self.status == HAND_OVER or (isinstance(self.error, LeaseLost) and not self.by_agent)


@dataclass(slots=True)
class Saying:
    """A message that a model is saying."""

    id: str
    node: str
    """The root graph's node that it is said in."""
    text: str = ""


class Attempt:
    """Runs `request` in `graph`, as `turn`."""

    def __init__(
        self, graph: Any, turn: ActiveTurn, request: Request, recorder: Recorder, extra: dict[str, Any]
    ) -> None:
        self.graph = graph
        self.turn = turn
        self.saying: dict[str, Saying] = {}
        """What models say and is not stored yet, by message; several may talk at once."""
        self.stopping: str | None = None
        self.is_deaf = False
        """Whether it was told to end and did not: its task may go on still."""
        self._request = request
        self._recorder = recorder
        self._extra = extra
        self._task: Told[Outcome] | None = None

    @property
    def config(self) -> dict[str, Any]:
        """The config of this run, made here from nothing that a caller said."""
        configurable = {"thread_id": self.turn.thread_id, LEASE_CONTEXT_KEY: self.turn}
        metadata = {**self._extra.get("metadata", {}), "run_id": self.turn.run_id}
        return {**self._extra, "configurable": configurable, "metadata": metadata}

    async def run(self, input: Any, base: str | None) -> Outcome:
        """Let `input` through, from checkpoint `base` if it is given; returns how it ended, never raises."""
        if self.stopping is not None:
            return Outcome("stopped")
        loop = asyncio.get_running_loop()
        self.turn.on_refusal = lambda: loop.call_soon_threadsafe(self.stop, REFUSED)
        self._task = Told(self._ended(input, base))
        try:
            outcome = await self._task.result()
        except asyncio.CancelledError as error:  # before it had begun
            outcome = Outcome("stopped", error=error)
        finally:
            self._task = None
        self.is_deaf = outcome is None
        return outcome or Outcome("stopped")

    async def leave_behind(self) -> None:
        """Go on under a new fence: what the task that would not end stores from now on is refused.

        Raises `LeaseLost`.
        """
        turn, self.turn.on_refusal = self.turn, lambda: None
        said = self._recorder.take(turn.run_id, turn.fence[1])

        def work(connection: sqlite3.Connection) -> int:
            attempt = runs.raise_fence(connection, turn.run_id, turn.fence[1])
            if attempt is None:
                raise LeaseLost(turn.thread_id)
            storing(said)(connection)
            return attempt

        with turn.noting():
            self.turn = turn.under_fence(await self._recorder.write(work))

    async def write(self, change: Callable[[sqlite3.Connection], None]) -> None:
        """Change what is stored in the thread, under this run's lease; raises `LeaseLost`."""

        def fenced(connection: sqlite3.Connection) -> None:
            if not runs.is_held(connection, self.turn.run_id, self.turn.fence[1]):
                raise LeaseLost(self.turn.thread_id)
            change(connection)

        with self.turn.noting():
            await self._recorder.write(fenced)

    def stop(self, how: str) -> None:
        """End it now; `how` says what becomes of what was said. On the loop only."""
        how = KEEP if how == PASS_OVER else how
        if self.stopping is None or (self.stopping, how) == (KEEP, ROLLBACK):
            is_first, self.stopping = self.stopping is None, how
            if is_first and self._task is not None:
                self._task.end()

    async def say(self, input: Any, base: str | None) -> None:
        """Let `input` into the thread, and no node at it. Of None: what an input has left to do there."""
        async for _ in self._stream(input, base, interrupt_before="*"):
            pass

    async def _ended(self, input: Any, base: str | None) -> Outcome:
        try:
            return await self._through(input, base)
        except asyncio.CancelledError as error:
            return Outcome("stopped", error=error)
        except BaseException as error:  # noqa: BLE001  it is the run's outcome; a Rust panic is no Exception
            return self.failed(error)

    def failed(self, error: BaseException) -> Outcome:
        """The outcome of an attempt that ended with this error."""
        return Outcome("error", error=error, by_agent=not self.turn.is_ours(error))

    async def _through(self, input: Any, base: str | None) -> Outcome:
        outcome = Outcome("success")
        async for namespace, mode, chunk in self._stream(input, base):
            if not self.is_deaf:
                self._heard(outcome, namespace, mode, chunk)
        if outcome.interrupts and isinstance(outcome.values, dict):
            outcome.values["__interrupt__"] = outcome.interrupts
        return outcome

    def _stream(self, input: Any, base: str | None, **told: Any) -> AsyncIterator[Any]:
        config = self.config
        if base is not None:
            config["configurable"]["checkpoint_id"] = base
        config["callbacks"] = [*(self._extra.get("callbacks") or ()), ToolWatch(self.turn, self._recorder)]
        context = self._request.context
        stream: AsyncIterator[Any] = self.graph.astream(
            input, config, context=context, stream_mode=MODES, subgraphs=True, durability="async", **told
        )
        return stream

    def _heard(self, outcome: Outcome, namespace: tuple[str, ...], mode: str, chunk: Any) -> None:
        if mode == "messages":
            self._token(namespace, *chunk)
        elif mode == "custom":
            self._recorder.add(self.turn.event("custom", {"value": plain(chunk)}))
        elif namespace:
            pass  # the state of a subgraph is its own
        elif mode == "updates":
            if isinstance(chunk, dict) and "__interrupt__" in chunk:  # empty at a breakpoint
                outcome.status = "interrupted"
                outcome.interrupts.extend(chunk["__interrupt__"])
        elif not (isinstance(chunk, dict) and chunk.keys() == {"__interrupt__"}):
            outcome.values = chunk

    def _token(self, namespace: tuple[str, ...], message: Any, metadata: dict[str, Any]) -> None:
        if not isinstance(message, AIMessageChunk) or not message.id or message.id in self.turn.stored:
            return
        text = str(message.text)
        if not text:
            return
        if message.id not in self.saying:
            node = namespace[0].partition(":")[0] if namespace else metadata.get("langgraph_node", "")
            self.saying[message.id] = Saying(message.id, node)
        self.saying[message.id].text += text
        data = {"message_id": message.id, "text": text}
        self._recorder.add(self.turn.event("token", data, message.id))
