"""The state of this repository's agents: their messages."""

from typing import TypedDict

from threads.graphs import MessageChannel, MessageRefused, merge_messages

__all__ = ["AgentState", "MessageRefused", "merge_messages"]


class AgentState(TypedDict):
    """What a thread of an agent stores."""

    messages: MessageChannel
    """The conversation, oldest first. The system prompt is never part of it."""
