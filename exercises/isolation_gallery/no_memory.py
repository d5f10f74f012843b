"""Agents that do not leak because they do not remember."""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.memory import InMemorySaver

from isolation_gallery.fake_model import answer, ask_agent, compile_graph

AGENT = compile_graph(answer)


def saver_per_call(user: str, text: str) -> str:
    """Each call makes a new checkpointer."""
    return ask_agent(compile_graph(answer, InMemorySaver()), user, text)


def no_checkpointer(user: str, text: str) -> str:
    """The thread id is right, but the graph has no checkpointer."""
    return ask_agent(AGENT, user, text)


def checkpointer_not_handed_on(checkpointer: Any = None) -> Any:
    """Takes a checkpointer and compiles without it."""
    return compile_graph(answer)
