"""Driving a target: one observed turn of one participant, from any thread or event loop.

Objects made for one event loop work in that loop only, so all coroutines run in one loop of the audit's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from threads.isolation.callbacks import (
    AuditCallbackHandler,
    InjectedFailure,
    callback_context,
    extract_text,
    raise_injected_failure,
)
from threads.isolation.observations import Observations
from threads.isolation.scenario import Verb
from threads.isolation.target_io import (
    collect_async_output,
    collect_output,
    extract_reply,
    make_context,
    make_input,
    needs_event_loop,
)
from threads.isolation.targets import Target
from threads.runs.event_loop import LoopThread

REPLY = "replies"
RETURNED = "what a run returned"
EVENTS = "events"


@dataclass(frozen=True)
class Participant:
    """A user and the thread they speak in; `index` is the position in the simulation."""

    index: int
    user: str
    thread_id: str

    @property
    def config(self) -> dict[str, Any]:
        """The LangGraph config, with `user_id` for agents that store data by user."""
        return {"configurable": {"thread_id": self.thread_id, "user_id": self.user}}


@dataclass(frozen=True)
class TurnResult:
    """The message and the reply or error of one turn."""

    speaker: int
    text: str
    reply: str | None
    error: BaseException | None = None
    started: tuple[str, ...] = ()
    """The nodes, and `model`, that were seen to start."""
    failure_points: int = 0


@dataclass
class AgentDriver:
    """Sends messages to a target and observes its turns. `graph` is None if the target is an application."""

    target: Target
    graph: Any
    loop: LoopThread
    observations: Observations = field(default_factory=Observations)
    handler_factory: Callable[..., AuditCallbackHandler] = AuditCallbackHandler
    returns_plain_text: bool = True
    """Whether everything that an application returned was a `str`, or awaited to one."""

    def drive(
        self, participant: Participant, text: str, verb: Verb = Verb.TELL, failure_point: int = 0
    ) -> TurnResult:
        """Run one turn. An exception of the agent is part of the result, not raised."""
        handler = self._new_handler(participant, verb, failure_point)
        try:
            output = self.call_agent(participant, text, verb, handler)
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever the agent raises is a result here
            return self._failed(participant, text, handler, error)
        return self._answered(participant, text, handler, output)

    async def drive_async(self, participant: Participant, text: str, verb: Verb = Verb.TELL) -> TurnResult:
        """Run one turn in the running event loop; what blocks runs in a thread."""
        handler = self._new_handler(participant, verb)
        try:
            output = await self._call_agent_async(participant, text, handler)
        except (Exception, SystemExit) as error:  # noqa: BLE001
            return self._failed(participant, text, handler, error)
        return self._answered(participant, text, handler, output)

    def fault_injection(self, participant: Participant, verb: Verb) -> Callable[[], None] | None:
        """Return what to call while a turn of this verb is running."""
        return raise_injected_failure if verb == Verb.FAIL else None

    def call_agent(
        self, participant: Participant, text: str, verb: Verb, handler: AuditCallbackHandler
    ) -> Any:
        """Return what the target returns, or raise what it raises."""
        if self.target.is_async:
            return self.loop.submit(self._call_agent_async(participant, text, handler)).result()
        if self.graph is None:
            with callback_context(handler):
                return self._call_application(participant, text)
        config = self._config(participant, handler)
        return self.graph.invoke(self.graph_input(text), config, **self.context_arguments(participant))

    def context_arguments(self, participant: Participant) -> dict[str, Any]:
        """Return the keyword argument `context` if the graph has a context schema."""
        return make_context(self.graph, participant.user, participant.thread_id)

    def graph_input(self, text: str) -> Any:
        """Return the input of the graph for a text."""
        return make_input(self.graph, text, self.target.input)

    def _new_handler(
        self, participant: Participant, verb: Verb, failure_point: int = 0
    ) -> AuditCallbackHandler:
        inject_fault = self.fault_injection(participant, verb)
        return self.handler_factory(participant.index, self.observations, inject_fault, failure_point)

    async def _call_agent_async(
        self, participant: Participant, text: str, handler: AuditCallbackHandler
    ) -> Any:
        if self.graph is not None:
            config, context = self._config(participant, handler), self.context_arguments(participant)
            return await self.graph.ainvoke(self.graph_input(text), config, **context)
        with callback_context(handler):
            if self.target.is_async:
                output = await collect_async_output(self.target.value(participant.user, text))
                self.returns_plain_text = self.returns_plain_text and isinstance(output, str)
                return output
            return await asyncio.to_thread(self._call_application, participant, text)

    def _call_application(self, participant: Participant, text: str) -> Any:
        output = self.target.value(participant.user, text)
        self.returns_plain_text = self.returns_plain_text and isinstance(output, str)
        if needs_event_loop(output):
            return self.loop.submit(collect_async_output(output)).result()
        return collect_output(output)

    def _config(self, participant: Participant, handler: AuditCallbackHandler) -> dict[str, Any]:
        return {**participant.config, "callbacks": [handler]}

    def _failed(
        self, participant: Participant, text: str, handler: AuditCallbackHandler, error: BaseException
    ) -> TurnResult:
        if not isinstance(error, InjectedFailure):
            self.observations.search_text(participant.index, REPLY, str(error))
        return TurnResult(participant.index, text, None, error, tuple(handler.started))

    def _answered(
        self, participant: Participant, text: str, handler: AuditCallbackHandler, output: Any
    ) -> TurnResult:
        reply = extract_text(output) if self.graph is None else extract_reply(output)
        self.observations.search_text(participant.index, REPLY, reply)
        if self.graph is not None:
            self.observations.search_text(participant.index, RETURNED, extract_text(output))
        started = tuple(handler.started)
        return TurnResult(participant.index, text, reply, None, started, handler.failure_points)
