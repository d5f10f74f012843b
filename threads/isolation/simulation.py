"""Playing a scenario: its own database, fresh names and canary words, and everything that was observed.

This module decides which words may appear where. A word may appear in the thread it was sent to, and in a
fork made later. A deleted thread contains nothing; its id starts with no words when another participant
uses it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langgraph.store.memory import InMemoryStore

import threads
from threads.isolation.canaries import CanaryWords, find_canaries
from threads.isolation.driver import AgentDriver, Participant, TurnResult
from threads.isolation.observations import Observation, Observations
from threads.isolation.probes import PROBES, ProbeContext, search_hits
from threads.isolation.runner_driver import open_driver
from threads.isolation.scenario import (
    TURN_VERBS,
    VERBS_WITH_WORD,
    Mode,
    Scenario,
    Step,
    Verb,
    greeting_text,
    question_text,
    statement_text,
)
from threads.isolation.targets import Target
from threads.runs.event_loop import LoopThread


@dataclass(frozen=True)
class AuditSetup:
    """What all simulations of an audit share."""

    target: Target
    loop: LoopThread
    words: CanaryWords
    types: tuple[Any, ...] = ()
    """Types of the target's state, for the strict allow-list."""
    now: Callable[[], float] = time.monotonic
    failure_points: int = 1
    """The number of points at which a turn of the target can fail."""
    stop_at: float = float("inf")
    """The time, by `now`, after which no further step is started."""


@dataclass
class Simulation:
    """One play of a scenario."""

    setup: AuditSetup
    scenario: Scenario
    registry: threads.Registry
    path: Path
    driver: AgentDriver
    nonce: str
    """Letters that no other simulation has."""
    participants: tuple[Participant, ...]
    store: Any
    completed: list[tuple[Step, TurnResult | None]] = field(default_factory=list)
    """The steps that were taken, with the results of those that are turns."""
    allowed_words: dict[int, set[str]] = field(default_factory=dict)
    """The words that may appear in a conversation, by the index of its participant."""
    word_owners: dict[str, int] = field(default_factory=dict)
    """The index of the participant who sent a word first."""
    cut_short: bool = False
    _words_by_thread: dict[str, set[str]] = field(default_factory=dict)

    @property
    def turns(self) -> list[tuple[Step, TurnResult]]:
        """The completed steps that are turns."""
        return [(step, turn) for step, turn in self.completed if turn is not None]

    @property
    def observations(self) -> Observations:
        return self.driver.observations

    def make_message(self, step: Step) -> str:
        """Return the message of a step, and register its canary word as allowed in this thread."""
        participant = self.participants[step.speaker]
        self.allowed_words[step.speaker] = self._words_by_thread.setdefault(participant.thread_id, set())
        for word in find_canaries(f"{participant.user} {participant.thread_id}"):
            self._allow(step.speaker, word)
        if step.verb in VERBS_WITH_WORD:
            word = self.setup.words.draw()
            self._allow(step.speaker, word)
            return statement_text(word)
        if step.verb == Verb.ASK:
            return question_text(self.nonce)
        return greeting_text(self.nonce) if step.verb == Verb.GREET else ""

    def perform(self, step: Step) -> None:
        """Take one step."""
        turn, participant = None, self.participants[step.speaker]
        if step.verb in TURN_VERBS:
            failure_point = step.failure_point % self.setup.failure_points
            turn = self.driver.drive(participant, self.make_message(step), step.verb, failure_point)
        elif step.verb == Verb.DELETE:
            self.registry.checkpointer.delete_thread(participant.thread_id)
            self._words_by_thread.pop(participant.thread_id, None)
        elif step.verb == Verb.FORK and not self._fork(step):
            return  # the source has no messages: it cannot be forked
        elif step.verb == Verb.RESTART:
            self.driver.graph = self.setup.target.graph(self.registry.checkpointer, self.store)
        self.completed.append((step, turn))

    def find_foreign_words(self) -> list[Observation]:
        """Return the observations of words where they are not allowed, oldest first."""
        return [
            each
            for each in self.observations.first_seen.values()
            if each.word in self.word_owners and each.word not in self.allowed_words.get(each.speaker, ())
        ]

    def run_probes(self) -> None:
        """Search everything that is stored of each conversation."""
        if self.driver.graph is None:
            return
        self.registry.checkpointer.flush()
        hits = search_hits(self.registry)
        for speaker in sorted(self.allowed_words):
            participant = self.participants[speaker]
            if self._words_by_thread.get(participant.thread_id) is not self.allowed_words[speaker]:
                continue  # the thread was deleted; the participant who uses its id now is probed instead
            context = ProbeContext(participant, self.registry, self.driver.graph, self.path, hits)
            for probe in PROBES:
                for text in probe.read(context):
                    self.observations.search_text(speaker, probe.surface, text)

    def _allow(self, speaker: int, word: str) -> None:
        self.word_owners.setdefault(word, speaker)
        self.allowed_words[speaker].add(word)

    def _fork(self, step: Step) -> bool:
        source, participant = self.participants[step.source], self.participants[step.speaker]
        try:
            self.registry.fork(source.thread_id, new_id=participant.thread_id)
        except threads.ThreadsError:
            return False
        words = set(self._words_by_thread.get(source.thread_id, ()))
        self._words_by_thread[participant.thread_id] = self.allowed_words[step.speaker] = words
        return True


@contextmanager
def open_simulation(setup: AuditSetup, scenario: Scenario) -> Iterator[Simulation]:
    """Yield a simulation before its first step. Its files are deleted at the end."""
    with TemporaryDirectory(prefix="threads-audit-", ignore_cleanup_errors=True) as folder:
        path = Path(folder).resolve() / "audit.db"
        with threads.open(path, types=setup.types) as registry:
            store = InMemoryStore()
            graph = setup.target.graph(registry.checkpointer, store)
            plain_driver = AgentDriver(setup.target, graph, setup.loop)
            with open_driver(plain_driver, registry, path, setup.types, scenario.runners) as driver:
                nonce = setup.words.draw()[3:].lower()
                participants = _make_participants(setup, scenario, nonce)
                yield Simulation(setup, scenario, registry, path, driver, nonce, participants, store)


def play(simulation: Simulation) -> Simulation:
    """Take all steps of the scenario, run the probes, and return the simulation."""
    for batch in simulation.scenario.batches():
        if simulation.setup.now() >= simulation.setup.stop_at:
            simulation.cut_short = True
            break
        _perform_batch(simulation, batch)
    simulation.run_probes()
    return simulation


def _make_participants(setup: AuditSetup, scenario: Scenario, nonce: str) -> tuple[Participant, ...]:
    participants: list[Participant] = []
    for index, user in enumerate(scenario.users):
        name = user.name.format(word=setup.words.draw().lower(), nonce=nonce)
        thread_id = name if user.thread_of is None else participants[user.thread_of].thread_id
        participants.append(Participant(index, name, thread_id))
    return tuple(participants)


def _perform_batch(simulation: Simulation, batch: tuple[Step, ...]) -> None:
    """Take the steps of a batch concurrently; those that are no turns follow the turns."""
    turn_steps = [step for step in batch if step.verb in TURN_VERBS]
    if len(turn_steps) < 2 or simulation.scenario.mode == Mode.IN_TURN:
        for step in batch:
            simulation.perform(step)
        return
    turns = _drive_concurrently(simulation, turn_steps)
    simulation.completed += zip(turn_steps, turns, strict=True)
    for step in batch:
        if step.verb not in TURN_VERBS:
            simulation.perform(step)


def _drive_concurrently(simulation: Simulation, steps: list[Step]) -> list[TurnResult]:
    driver = simulation.driver
    texts = [simulation.make_message(step) for step in steps]
    participants = [simulation.participants[step.speaker] for step in steps]
    verbs = [step.verb for step in steps]
    if simulation.scenario.mode != Mode.ASYNCIO:
        with ThreadPoolExecutor(len(steps)) as pool:
            return list(pool.map(driver.drive, participants, texts, verbs))

    async def drive_all() -> list[TurnResult]:
        return await asyncio.gather(*map(driver.drive_async, participants, texts, verbs))

    return simulation.setup.loop.submit(drive_all()).result()
