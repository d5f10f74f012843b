"""Search results and usage statistics."""

from __future__ import annotations

from dataclasses import dataclass

from threads.models.display import NotebookDisplay
from threads.models.pagination import Page
from threads.models.threads import Message, Thread


@dataclass(frozen=True, slots=True)
class Hit(NotebookDisplay):
    """A search result: a message, or a thread by its title."""

    thread: Thread
    message: Message | None
    """None where the title matches, or the search has filters only."""
    snippet: str
    """The text around the matches, in one line."""
    matches: tuple[tuple[int, int], ...] = ()
    """Start and end of each match in the snippet; the end is exclusive."""
    rank: float = 0.0
    """The lower, the better; 0 where so much matches that the newest come first."""

    def marked(self, before: str = "**", after: str = "**") -> str:
        """Return the snippet with each match between `before` and `after`."""
        parts, end = [], 0
        for start, stop in self.matches:
            parts += [self.snippet[end:start], before, self.snippet[start:stop], after]
            end = stop
        return "".join([*parts, self.snippet[end:]])


@dataclass(frozen=True, slots=True, repr=False)
class Hits(Page[Hit]):
    """A page of search results."""

    unindexed: int = 0
    """Threads whose latest messages were not searched, because indexing them takes longer than allowed."""


@dataclass(frozen=True, slots=True)
class Stat(NotebookDisplay):
    """Usage on one day, or of one agent, owner or tag."""

    key: str | None
    """The day (`2026-01-31`, UTC), agent, owner or tag; None for none, or for all together."""
    threads: int
    """Created threads."""
    messages: int | None
    """None where a thread is among them whose messages are unknown; so are the tokens then."""
    input_tokens: int | None
    output_tokens: int | None
    runs: int
    failures: int
    latency: float | None
    """Mean duration of a run in seconds; None without runs."""


@dataclass(frozen=True, slots=True, repr=False)
class Stats(Page[Stat]):
    """Usage by day, agent, owner or tag."""

    unindexed: int = 0
    """Threads whose latest messages are not counted yet, because indexing them takes longer than allowed."""
