"""Runs without a thread: an agent answers a conversation that its client sends along, and nothing is stored.

A temporary run passes the same code as a run in a thread (`Attempt`), so its events are the same. What that
code stores goes to a log in memory, and the graph's checkpoints to LangGraph's saver in memory; both end with
the run: graphs that a node calls get that saver from LangGraph, even those with a checkpointer of their own.
The graph's own store, its long-term memory, is replaced by an empty one, and its cache left out.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Literal, Self, cast

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langgraph.checkpoint.base import get_checkpoint_id
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore

from threads import ids
from threads.background import log_failure
from threads.checkpoint.message_channel import CHANNEL
from threads.errors import InvalidValue
from threads.models import Event
from threads.runs.attempt import Attempt, Start
from threads.runs.completion import Outcome, OutcomeStatus, complete
from threads.runs.event_loop import LoopThread
from threads.runs.events import EventWriter, RunLeaseContext
from threads.runs.queue import StopReason
from threads.runs.request import Content, Request, checked_message
from threads.runs.streams import Foresight, RunStreams
from threads.store.event_log import NewEvent, as_read

MAX_MESSAGES = 1000
"""Messages that a client may send along."""
Turn = tuple[Literal["user", "assistant"], Content]
"""The role and the content of a message that the client sends along."""


class TemporaryRun(AsyncIterator[Event]):
    """A run whose events are kept for one reader; closing it stops the run."""

    def __init__(self, id: str, sent_ids: Sequence[str], stop: Callable[[], object]) -> None:
        self.id = id
        self._sent_ids = frozenset(sent_ids)
        self._stop = stop
        self._lock = threading.Lock()
        self._arrived: deque[Event] = deque()
        self._waiter: tuple[asyncio.AbstractEventLoop, asyncio.Future[None]] | None = None
        self._number = 0
        self._is_over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while True:
            with self._lock:
                if self._arrived:
                    return self._arrived.popleft()
                if self._is_over:
                    raise StopAsyncIteration
                loop = asyncio.get_running_loop()
                waiter = loop.create_future()
                self._waiter = (loop, waiter)
            await waiter

    def receive(self, event: NewEvent) -> None:
        """Take the next event; called on the loop of the runs."""
        if event.type == "message" and event.message_id in self._sent_ids:
            return
        self._number += 1
        read = as_read(event._replace(thread_id=""), self._number)
        if read.in_conversation:
            self._notify(read)
        if read.is_end:
            self._notify(None)

    def close(self) -> None:
        """Stop the run, and end the iteration."""
        with self._lock:
            is_over, self._is_over = self._is_over, True
        if not is_over:
            with suppress(RuntimeError):  # the loop was closed, and the run with it
                self._stop()
        self._notify(None)

    def _notify(self, event: Event | None) -> None:
        with self._lock:
            if event is not None and not self._is_over:
                self._arrived.append(event)
            self._is_over = self._is_over or event is None
            waiting, self._waiter = self._waiter, None
        if waiting is not None:
            loop, waiter = waiting
            with suppress(RuntimeError):  # the reader's loop was closed
                loop.call_soon_threadsafe(_resolve, waiter)


class TemporaryRuns:
    """The temporary runs of one runner."""

    def __init__(
        self,
        agents: Mapping[str, Any],
        message_channel: Callable[[str], str | None],
        loop: LoopThread,
        config: Mapping[str, Any],
        now: Callable[[], int],
    ) -> None:
        self._agents = agents
        self._message_channel = message_channel
        self._loop = loop
        self._config = dict(config)
        self._now = now
        self._foresight: dict[str, Foresight] = {}
        self._running: set[str] = set()

    def __len__(self) -> int:
        """How many run now."""
        return len(self._running)

    def start(self, agent_id: str, turns: Sequence[Turn]) -> TemporaryRun:
        """Start a run of the agent that answers the last of these messages. Raises `InvalidValue`."""
        messages = _to_messages(turns)
        run_id, sent_ids = ids.new_id(), [str(message.id) for message in messages]
        run = TemporaryRun(run_id, sent_ids, lambda: self._loop.call_soon(attempt.stop, StopReason.CANCEL))
        log, graph = _MemoryLog(run.receive), self._agents[agent_id]
        writer = EventWriter(cast("Any", log), cast("Any", log), self._loop.loop)
        foresight = self._foresight.setdefault(agent_id, Foresight())
        has_channel = CHANNEL in getattr(graph, "channels", ())
        lease = RunLeaseContext(
            run_id, run_id, (0, 1), writer,
            known_messages=lambda: set(sent_ids), now=self._now,
            streams=RunStreams(run_id, foresight, has_channel=has_channel),
        )  # fmt: skip
        channel = self._message_channel(agent_id) or CHANNEL
        request = Request("input", {channel: messages}, channel=channel)
        attempt = Attempt(_unbound(graph, _MemorySaver(lease, log)), lease, request, writer, self._config)
        self._running.add(run_id)
        performing = self._perform(attempt, request.input, writer, agent_id)
        self._loop.start_task(performing, f"temporary run {run_id} failed")
        return run

    async def _perform(self, attempt: Attempt, input: Any, writer: EventWriter, agent_id: str) -> None:
        """Run the attempt to its end, and report that."""
        outcome = Outcome(OutcomeStatus.STOPPED)
        started = {"kind": "message", "agent_id": agent_id, "attempt": 1}
        try:
            await writer.write_event(attempt.lease.new_event("started", started))
            outcome = await attempt.run(Start(input))
            if outcome.error is not None and not isinstance(outcome.error, Exception):
                log_failure("a temporary run failed", outcome.error)
        finally:
            self._running.discard(attempt.lease.run_id)
            await complete(attempt.lease, outcome, writer, self._now)


def _to_messages(turns: Sequence[Turn]) -> list[BaseMessage]:
    """Return the messages of a conversation, with ids that are made here."""
    if not 0 < len(turns) <= MAX_MESSAGES:
        raise InvalidValue("messages", f"1 to {MAX_MESSAGES} messages are needed")
    if turns[-1][0] != "user":
        raise InvalidValue("messages", "the last message must be a user's")
    kinds = {"user": HumanMessage, "assistant": AIMessage}
    return [kinds[role](checked_message(content), id=str(uuid.uuid4())) for role, content in turns]


def _unbound(graph: Any, saver: _MemorySaver) -> Any:
    """Return the graph with this checkpointer, with an empty store where it has one, and without a cache."""
    store = None if graph.store is None else InMemoryStore()
    return graph.copy(update={"checkpointer": saver, "store": store, "cache": None})


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class _MemorySaver(InMemorySaver):
    """LangGraph's saver in memory, which reports what a run stores as the registry's checkpointer does."""

    def __init__(self, lease: RunLeaseContext, log: _MemoryLog) -> None:
        super().__init__()
        self._lease = lease
        self._log = log

    async def aput_writes(
        self, config: Any, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        if not config["configurable"].get("checkpoint_ns"):
            self._lease.record_writes(get_checkpoint_id(config), writes, task_id)
        await super().aput_writes(config, writes, task_id, task_path)

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        if not config["configurable"].get("checkpoint_ns"):
            self._log.submit(self._lease.transaction_hook(get_checkpoint_id(config), checkpoint["id"]))
        return await super().aput(config, checkpoint, metadata, new_versions)


class _MemoryLog:
    """Stands for store, transaction and poller where a run stores something; hands events to one reader."""

    def __init__(self, receive: Callable[[NewEvent], None]) -> None:
        self._receive = receive
        self.events = self.leases = self.runs = self

    def submit(self, change: Callable[[Any], Any]) -> Future[Any]:
        """Apply the change without waiting for a transaction."""
        future: Future[Any] = Future()
        try:
            future.set_result(change(self))
        except Exception as error:  # noqa: BLE001  it is the caller's, as from a real store
            future.set_exception(error)
        return future

    def append(self, events: Sequence[NewEvent]) -> None:
        for event in events:
            self._receive(event)

    def has_lease(self, run_id: str, attempt: int) -> bool:
        return True

    def increment_attempt(self, run_id: str, attempt: int) -> int:
        return attempt + 1

    def __getattr__(self, name: str) -> Any:
        """Store nothing: for what a run stores besides its events."""
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *arguments, **options: None
