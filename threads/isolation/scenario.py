"""What an attack does: participants, and the steps they take in turn or concurrently.

A scenario contains no canary word and no run id: they are drawn when it is played, because what an agent
wrongly keeps from one simulation must not be taken for a leak in the next. So a scenario can be played
again with fewer steps, until only the steps that leak are left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

Mode = Literal["in turn", "asyncio", "OS threads", "processes"]
Verb = Literal[
    "tell", "ask", "greet", "fail", "edit", "stop", "retry", "again", "delete", "fork", "restart", "kill"
]  # fmt: skip


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
    """Adjacent steps of the same batch are taken concurrently, unless the mode is "in turn"."""
    source: int = 0
    """For `fork`: the index of the participant whose thread is forked."""
    failure_point: int = 0
    """For `fail`: the point at which the turn fails, counted as in `AuditCallbackHandler.failure_points`."""


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
    `edit`, `stop`, `retry` and `again`. With 0 the agent is called directly.
    """

    users: tuple[ScenarioUser, ...]
    steps: tuple[Step, ...]
    mode: Mode = "in turn"
    processes: int = 2
    runners: int = 0

    def batches(self) -> Iterator[tuple[Step, ...]]:
        """Yield the steps in order, concurrent ones together."""
        if self.mode == "in turn":
            yield from ((step,) for step in self.steps)
            return
        for _, steps in groupby(self.steps, key=lambda step: step.batch):
            yield tuple(steps)

    def with_steps(self, steps: tuple[Step, ...]) -> Scenario:
        """Return the scenario with other steps."""
        return replace(self, steps=steps)

    def sequential(self) -> Scenario:
        """Return the scenario in one process, one step after the other."""
        return replace(self, mode="in turn", steps=tuple(s for s in self.steps if s.verb != "kill"))


VERBS_WITH_WORD: frozenset[Verb] = frozenset({"tell", "fail", "edit", "stop"})
"""Turns whose message contains a new canary word."""
TURN_VERBS: frozenset[Verb] = VERBS_WITH_WORD | {"ask", "greet", "retry", "again"}
"""Steps that are turns of the agent."""
