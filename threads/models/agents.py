"""Agents, as users choose them."""

from __future__ import annotations

from dataclasses import dataclass

from threads.models.display import NotebookDisplay


@dataclass(frozen=True, slots=True)
class AgentInfo(NotebookDisplay):
    """An agent of a runner, and what it says about itself."""

    id: str
    name: str
    """For people; the id where the agent has no other name."""
    description: str | None = None
    starters: tuple[str, ...] = ()
    """Up to four messages that a conversation with it may begin with."""
