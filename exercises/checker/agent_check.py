"""Checks that an agent remembers all messages of a thread, and in that thread alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checker.agents import config, stored_texts, user_input
from checker.findings import CheckFailed

QUESTION = "What is my code word?"
"""The same question in both threads, so that a cache keyed by the text is found."""


def check_agent(agent: Any, function: Callable[..., Any]) -> None:
    """Send one code word in each of two threads and read both; `function` made the agent."""
    if getattr(agent, "checkpointer", "unknown") is None:
        raise CheckFailed("no-checkpointer", "the agent has no checkpointer", function)
    threads = (("probe-1", "kingfisher", "marzipan"), ("probe-2", "marzipan", "kingfisher"))
    for thread_id, word, _ in threads:
        agent.invoke(user_input(f"My code word is {word}."), config(thread_id))
        agent.invoke(user_input(QUESTION), config(thread_id))
    for thread_id, word, other in threads:
        stored = stored_texts(agent, thread_id)
        if any(other in text for text in stored):
            got = f"{other!r} was said in another thread and is in {thread_id!r}"
            raise CheckFailed("agent-leaks", got, function)
        if not any(word in text for text in stored):
            got = f"{word!r} was said in {thread_id!r}; its memory holds {stored}"
            raise CheckFailed("saver-per-call", got, function)
        if QUESTION not in stored:
            got = f"{QUESTION!r} was asked in {thread_id!r} and is not in its memory"
            raise CheckFailed("cached-answers", got, function)
