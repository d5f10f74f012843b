"""What an attack does: participants, and the steps they take in turn or concurrently.

A scenario contains no canary word and no run id: they are drawn when it is played, because what an agent
wrongly keeps from one simulation must not be taken for a leak in the next. So a scenario can be played
again with fewer steps, until only the steps that leak are left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby


class Mode(StrEnum):
    """How the steps of a batch are taken."""

    IN_TURN = "in turn"
    ASYNCIO = "asyncio"
    OS_THREADS = "OS threads"
    PROCESSES = "processes"


class Verb(StrEnum):
    """What a step does: a turn of the agent, or an operation on the thread, the agent or its process."""

    TELL = "tell"
    ASK = "ask"
    GREET = "greet"
    FAIL = "fail"
    EDIT = "edit"
    STOP = "stop"
    RETRY = "retry"
    RESEND = "again"
    DELETE = "delete"
    FORK = "fork"
    RESTART = "restart"
    KILL = "kill"


COMMON_PHRASE = "code word"
"""A phrase in the messages of all participants."""


def question_text(nonce: str) -> str:
    """Return a question that all participants of one simulation ask: caches outlive a simulation."""
    return f"What is my {COMMON_PHRASE}? (Question {nonce})"


def greeting_text(nonce: str) -> str:
    """Return a question like `question_text` that can be asked before any other message."""
    return f"Hello, what do you know about me? (Question {nonce})"


def statement_text(word: str) -> str:
    """Return the message that contains a canary word."""
    return f"My {COMMON_PHRASE} is {word}."


@dataclass(frozen=True)
class Step:
    """An action of the participant with the index `speaker` in `Scenario.users`."""

    verb: Verb
    speaker: int
    batch: int = 0
    """Adjacent steps of the same batch are taken concurrently, unless the mode is `IN_TURN`."""
    source: int = 0
    """For `FORK`: the index of the participant whose thread is forked."""
    failure_point: int = 0
    """For `FAIL`: the point at which the turn fails, counted as in `AuditCallbackHandler.failure_points`."""


@dataclass(frozen=True)
class ScenarioUser:
    """A participant of a scenario.

    In the name, `{word}` stands for a canary word of this participant, `{nonce}` for letters that are the
    same in one simulation and new in the next.
    """

    name: str
    thread_of: int | None = None
    """The index of the participant whose thread id is used; None: the name is the thread id."""


@dataclass(frozen=True)
class Scenario:
    """Steps to play. `mode` decides how the steps of a batch are taken.

    With `runners` the turns go through so many instances of `threads.Runner`, which alone support the verbs
    `EDIT`, `STOP`, `RETRY` and `RESEND`. With 0 the agent is called directly.
    """

    users: tuple[ScenarioUser, ...]
    steps: tuple[Step, ...]
    mode: Mode = Mode.IN_TURN
    processes: int = 2
    runners: int = 0

    def batches(self) -> Iterator[tuple[Step, ...]]:
        """Yield the steps in order, concurrent ones together."""
        if self.mode == Mode.IN_TURN:
            yield from ((step,) for step in self.steps)
            return
        for _, steps in groupby(self.steps, key=lambda step: step.batch):
            yield tuple(steps)

    def with_steps(self, steps: tuple[Step, ...]) -> Scenario:
        """Return the scenario with other steps."""
        return replace(self, steps=steps)

    def sequential(self) -> Scenario:
        """Return the scenario in one process, one step after the other."""
        return replace(self, mode=Mode.IN_TURN, steps=tuple(s for s in self.steps if s.verb != Verb.KILL))


VERBS_WITH_WORD: frozenset[Verb] = frozenset({Verb.TELL, Verb.FAIL, Verb.EDIT, Verb.STOP})
"""Turns whose message contains a new canary word."""
TURN_VERBS: frozenset[Verb] = VERBS_WITH_WORD | {Verb.ASK, Verb.GREET, Verb.RETRY, Verb.RESEND}
"""Steps that are turns of the agent."""
