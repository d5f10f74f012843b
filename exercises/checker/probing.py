"""Whether an agent remembers what is said in a thread, all of it, and there alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checker.agents import config, remembered, said
from checker.findings import Wrong

QUESTION = "What is my code word?"
"""Asked in both threads in the very same words, so that a cache keyed on the words shows."""


def check_agent(agent: Any, function: Callable[..., Any]) -> None:
    """Two threads with a canary each; `function` made the agent."""
    if getattr(agent, "checkpointer", "unknown") is None:
        raise Wrong("no-checkpointer", "the agent has no checkpointer", function)
    threads = (("probe-1", "kingfisher", "marzipan"), ("probe-2", "marzipan", "kingfisher"))
    for thread_id, word, _ in threads:
        agent.invoke(said(f"My code word is {word}."), config(thread_id))
        agent.invoke(said(QUESTION), config(thread_id))
    for thread_id, word, other in threads:
        held = remembered(agent, thread_id)
        if any(other in text for text in held):
            got = f"{other!r} was said in another thread and is in {thread_id!r}"
            raise Wrong("agent-leaks", got, function)
        if not any(word in text for text in held):
            got = f"{word!r} was said in {thread_id!r}; its memory holds {held}"
            raise Wrong("saver-per-call", got, function)
        if QUESTION not in held:
            got = f"{QUESTION!r} was asked in {thread_id!r} and is not in its memory"
            raise Wrong("cached-answers", got, function)
