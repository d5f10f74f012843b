"""Driving a graph through `threads.Runner`: runs that fail, are retried, stopped, edited or sent twice.

Each runner opens the file with its own registry, as another process would, and a participant's runs
alternate between the runners. Events are searched while they arrive, because token events are deleted when
their message is stored.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import threads
from threads.isolation.callbacks import AuditCallbackHandler, callback_context
from threads.isolation.driver import EVENTS, AgentDriver, Participant
from threads.isolation.probes import event_texts
from threads.isolation.scenario import Verb
from threads.isolation.target_io import run_arguments
from threads.runs import Run, Runner


class RunnerDriver(AgentDriver):
    """Drives a graph through several runners."""

    def __init__(self, driver: AgentDriver, runners: Sequence[Runner]) -> None:
        super().__init__(driver.target, driver.graph, driver.loop, driver.observations)
        self._next_runners: defaultdict[str, Iterator[Runner]] = defaultdict(
            partial(itertools.cycle, runners)
        )
        self._last_runner: dict[str, Runner] = {}
        """The runner of the last run of each thread."""
        self._last_message: dict[str, tuple[str, str]] = {}
        """The last message of each thread and its idempotency key."""
        self._keys = itertools.count()

    def fault_injection(self, participant: Participant, verb: Verb) -> Callable[[], None] | None:
        if verb == Verb.STOP:
            return lambda: self._stop(participant)
        return super().fault_injection(participant, verb)

    def call_agent(
        self, participant: Participant, text: str, verb: Verb, handler: AuditCallbackHandler
    ) -> Any:
        with callback_context(handler):
            run = self._start_run(participant, text, verb)
        for event_text in event_texts(_all_events(run)):
            self.observations.search_text(participant.index, EVENTS, event_text)
        return run.result()

    def _start_run(self, participant: Participant, text: str, verb: Verb) -> Run:
        thread_id = participant.thread_id
        runner = self._last_runner[thread_id] = next(self._next_runners[thread_id])
        if verb == Verb.RETRY:
            return runner.retry(thread_id)
        if verb == Verb.RESEND and thread_id in self._last_message:
            return self._send(runner, participant, *self._last_message[thread_id])
        if verb == Verb.EDIT and (message_id := _find_last_user_message(runner.registry, thread_id)):
            return runner.edit(thread_id, message_id, text)
        key = str(next(self._keys))
        self._last_message[thread_id] = text, key
        return self._send(runner, participant, text, key)

    def _send(self, runner: Runner, participant: Participant, text: str, key: str) -> Run:
        arguments = run_arguments(self.graph_input(text), text) | self.context_arguments(participant)
        return runner.start(
            participant.thread_id,
            **arguments,
            key=key,
            multitask_strategy="enqueue",
            if_not_exists="create",
        )

    def _stop(self, participant: Participant) -> None:
        self._last_runner[participant.thread_id].stop(participant.thread_id)


@contextmanager
def open_driver(
    driver: AgentDriver, registry: threads.Registry, path: Path, types: Any, runners: int
) -> Iterator[AgentDriver]:
    """Yield a driver that uses so many runners on the file, or `driver` itself with 0."""
    if not runners:
        yield driver
        return
    with ExitStack() as stack:
        others = [stack.enter_context(threads.open(path, types=types)) for _ in range(runners - 1)]
        opened = [stack.enter_context(Runner(each, driver.graph)) for each in (registry, *others)]
        yield RunnerDriver(driver, opened)


def _all_events(run: Run) -> Iterator[threads.Event]:
    """Yield the run's events to its end, also those that do not belong to the conversation."""
    with run.events(inner=True) as events:
        for event in events:
            if event.run_id == run.id:
                yield event
                if run.ends_with(event):
                    return


def _find_last_user_message(registry: threads.Registry, thread_id: str) -> str | None:
    """Return the id of the last user message, or None if the graph has no messages."""
    try:
        messages = registry.messages(thread_id)
    except (threads.ThreadNotFound, threads.MessagesUnknown):
        return None
    return next((each.id for each in reversed(messages.items) if each.role == "user"), None)
