"""What an attack does: conversations, and steps that are taken in them, in turn or at once.

A script names no word and no id of a run: those are made new each time it is played, because what an
agent wrongly keeps from one play must not be mistaken for a leak in the next. So a script can be played
again with fewer steps, until only those are left that leak.
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


COMMON = "code word"
"""What every user says."""


def ask(run: str) -> str:
    """A question that all users of a play ask alike, and those of no other play: caches outlive a play."""
    return f"What is my {COMMON}? (Question {run})"


def greet(run: str) -> str:
    """Another one, that can be asked before anything was told."""
    return f"Hello, what do you know about me? (Question {run})"


def tell(word: str) -> str:
    """The message that tells a word."""
    return f"My {COMMON} is {word}."


@dataclass(frozen=True)
class Step:
    """Something done in the conversation `who`, which is a place in `Script.users`."""

    verb: Verb
    who: int
    at: int = 0
    """Steps beside each other with the same number are taken at once, unless the mode is "in turn"."""
    source: int = 0
    """For `fork`: the conversation that is forked."""
    point: int = 0
    """For `fail`: how far the turn comes, of the points that the agent's turns have."""


@dataclass(frozen=True)
class User:
    """Who speaks in a conversation.

    `{word}` in a name stands for a canary word of this conversation, `{run}` for something that is the
    same in one play and new in the next.
    """

    name: str
    thread_of: int | None = None
    """The conversation whose thread_id this one has too; None: the user's name is the thread's id."""


@dataclass(frozen=True)
class Script:
    """Steps to play; `mode` says how those of one number come together.

    With `runners` the turns go through as many `threads.Runner`, which alone know the verbs `edit`, `stop`,
    `retry` and `again`; with none the agent is called itself.
    """

    users: tuple[User, ...]
    steps: tuple[Step, ...]
    mode: Mode = "in turn"
    processes: int = 2
    runners: int = 0

    def batches(self) -> Iterator[tuple[Step, ...]]:
        """The steps in order, those that are taken at once together."""
        if self.mode == "in turn":
            yield from ((step,) for step in self.steps)
            return
        for _, steps in groupby(self.steps, key=lambda step: step.at):
            yield tuple(steps)

    def only(self, steps: tuple[Step, ...]) -> Script:
        """The same with fewer steps."""
        return replace(self, steps=steps)

    def in_turn(self) -> Script:
        """The same steps one after the other, in one process."""
        return replace(self, mode="in turn", steps=tuple(s for s in self.steps if s.verb != "kill"))


TELLING: frozenset[Verb] = frozenset({"tell", "fail", "edit", "stop"})
"""What a new word is told in."""
SPEAKING: frozenset[Verb] = TELLING | {"ask", "greet", "retry", "again"}
"""What is a turn of the agent."""
