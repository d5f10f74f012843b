"""Agents that leak nothing because they keep nothing."""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.memory import InMemorySaver

from threads.isolation.gallery.parrot import answer, ask, graph

WITHOUT = graph(answer)


def saver_per_call(user: str, text: str) -> str:
    """Each turn has a memory of its own."""
    return ask(graph(answer, InMemorySaver()), user, text)


def no_checkpointer(user: str, text: str) -> str:
    """The id is right, but nothing is kept under it."""
    return ask(WITHOUT, user, text)


def checkpointer_not_handed_on(checkpointer: Any = None) -> Any:
    """Takes a checkpointer and forgets to compile with it."""
    return graph(answer)
