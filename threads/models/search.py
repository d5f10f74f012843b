"""What a search finds, and what is measured."""

from __future__ import annotations

from dataclasses import dataclass

from threads.models.display import NotebookDisplay
from threads.models.pagination import Page
from threads.models.threads import Message, Thread


@dataclass(frozen=True, slots=True)
class Hit(NotebookDisplay):
    """Something that was found: a message, or a thread by its title."""

    thread: Thread
    message: Message | None
    """None where the title was found, or the thread by filters alone."""
    snippet: str
    """The piece of the text around what was found, in one line."""
    matches: tuple[tuple[int, int], ...] = ()
    """Where in the snippet the finds stand: the first character and the one after the last."""
    rank: float = 0.0
    """The lower, the better; 0 where so much was found that the newest come first."""

    def marked(self, before: str = "**", after: str = "**") -> str:
        """The snippet with each find between `before` and `after`."""
        parts, end = [], 0
        for start, stop in self.matches:
            parts += [self.snippet[end:start], before, self.snippet[start:stop], after]
            end = stop
        return "".join([*parts, self.snippet[end:]])


@dataclass(frozen=True, slots=True, repr=False)
class Hits(Page[Hit]):
    """A page of what was found."""

    unindexed: int = 0
    """Threads whose latest words were not looked at: reading them all takes longer than was allowed."""


@dataclass(frozen=True, slots=True)
class Stat(NotebookDisplay):
    """What went on, on one day or with one agent, owner or tag."""

    key: str | None
    """The day (`2026-01-31`, UTC), agent, owner or tag; None for none, or for all together."""
    threads: int
    """That were begun."""
    messages: int
    input_tokens: int
    output_tokens: int
    runs: int
    failures: int
    latency: float | None
    """Seconds that a run took, on average; None without runs."""


@dataclass(frozen=True, slots=True, repr=False)
class Stats(Page[Stat]):
    """What went on, by day, agent, owner or tag."""

    unindexed: int = 0
    """Threads whose latest messages are not counted yet: reading them takes longer than was allowed."""
