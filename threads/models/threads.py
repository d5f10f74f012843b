"""Threads, what is said in them, and the states they went through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from threads.models.display import NotebookDisplay
from threads.models.types import Role, Status


@dataclass(frozen=True, slots=True)
class Thread(NotebookDisplay):
    """A conversation, as a list shows it."""

    id: str
    title: str
    """Set by hand, else taken from the first user message."""
    agent_id: str | None
    """The agent that answers here, where it was said or the agent's checkpoints say it."""
    owner: str | None
    """Whose it is; None: the local user's and the admins'."""
    status: Status
    created_at: datetime | None
    """UTC; None where an adopted checkpoint does not tell."""
    updated_at: datetime | None
    """When a checkpoint was last stored, UTC."""
    message_count: int | None
    """User and assistant messages with visible text; None where the state cannot be decoded."""
    last_message: str | None
    """Preview: the last user or assistant message with text, at most 100 characters, without Markdown."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    pinned: bool = False
    archived: bool = False
    trashed_at: datetime | None = None

    @property
    def config(self) -> dict[str, dict[str, str]]:
        """What LangGraph wants as `config` to speak in this thread."""
        return {"configurable": {"thread_id": self.id}}


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What an assistant message asks a tool to do."""

    id: str | None
    name: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens a model reported for one message."""

    input_tokens: int
    output_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class Message(NotebookDisplay):
    """One message of a thread, as a person would read it."""

    id: str | None
    role: Role
    text: str
    """What is visible: the text parts, joined."""
    content: tuple[Mapping[str, Any], ...] = ()
    """LangChain's standard content blocks: text, images, tool calls, reasoning, ..."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    """In a tool's message: the call it answers."""
    name: str | None = None
    created_at: datetime | None = None
    """When the step that wrote it was stored, UTC; None where the history no longer tells."""
    run_id: str | None = None
    usage: Usage | None = None
    version: int = 1
    """Which of its `versions` it is, from 1."""
    versions: tuple[str, ...] = ()
    """Where it was said differently, or answered anew: the last checkpoints of those branches and of its
    own, in the order in which they were said. `Registry.rewind(to=...)` brings one into view."""
    stopped: bool = False
    """Whether it was cut off: somebody stopped the run that was saying it."""


@dataclass(frozen=True, slots=True)
class Checkpoint(NotebookDisplay):
    """A state of a thread that can be read, forked or gone back to."""

    id: str
    parent_id: str | None
    created_at: datetime | None
    source: str | None
    """What made it: `input`, `loop`, `update` or `fork`."""
    step: int | None


@dataclass(frozen=True, slots=True)
class Diff:
    """What one conversation has and another has not."""

    common: int
    """Messages that both begin with."""
    removed: tuple[Message, ...]
    """After them, in the first only."""
    added: tuple[Message, ...]
    """After them, in the second only."""


@dataclass(frozen=True, slots=True)
class Tag(NotebookDisplay):
    """A tag, and how many threads in sight have it."""

    name: str
    threads: int
