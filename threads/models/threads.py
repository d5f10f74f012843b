"""Threads, their messages, checkpoints and tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from threads.models.display import NotebookDisplay
from threads.models.types import Role, Status

SUMMARIZATION = "summarization"
"""The source of summaries, in LangChain's and deepagents' middleware."""


@dataclass(frozen=True, slots=True)
class Thread(NotebookDisplay):
    """A conversation, as it is listed."""

    id: str
    title: str
    """Set by hand, else taken from the first user message."""
    agent_id: str | None
    """The agent that answers here, as far as the caller or the checkpoints name it."""
    owner: str | None
    """The user that it belongs to; None: the local user's and the admins'."""
    status: Status
    created_at: datetime | None
    """UTC; None where it is unknown, as in an adopted file."""
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
        """The LangGraph `config` that selects this thread."""
        return {"configurable": {"thread_id": self.id}}


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call of an assistant message."""

    id: str | None
    name: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that the model reported for one message."""

    input_tokens: int
    output_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class Message(NotebookDisplay):
    """One message of a thread."""

    id: str | None
    role: Role
    text: str
    """The visible text: the text blocks, joined."""
    content: tuple[Mapping[str, Any], ...] = ()
    """LangChain's standard content blocks: text, images, tool calls, reasoning, ..."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    """In a tool message: the call that it answers."""
    name: str | None = None
    created_at: datetime | None = None
    """When the step that wrote it was stored, UTC; None where its checkpoint was deleted."""
    run_id: str | None = None
    usage: Usage | None = None
    version: int = 1
    """Which of its `versions` it is, from 1."""
    versions: tuple[str, ...] = ()
    """The heads of the branches where it was edited or regenerated, and of its own, in the order in which
    they were written. `Registry.rewind(to=...)` makes one of them the thread's head."""
    stopped: bool = False
    """Whether it is incomplete because its run was stopped."""
    source: str | None = None
    """Who wrote it in the user's name: `summarization`, `rubric_grader`, ..., as middleware names itself.

    Its role is `system`; it is neither counted nor a turn. None for all other messages."""

    model: str | None = None
    """The name of the model that made it, as its provider reported it."""

    @property
    def label(self) -> str:
        """Its role as it is shown to readers: `summary` for a summary of earlier messages."""
        if self.source is None:
            return self.role
        return "summary" if self.source == SUMMARIZATION else f"{self.role} ({self.source})"


@dataclass(frozen=True, slots=True)
class Checkpoint(NotebookDisplay):
    """A stored state of a thread, to read, to fork or to rewind to."""

    id: str
    parent_id: str | None
    created_at: datetime | None
    source: str | None
    """What created it: `input`, `loop`, `update` or `fork`."""
    step: int | None


@dataclass(frozen=True, slots=True)
class Diff:
    """The difference between the messages of two threads, or of two states of one."""

    common: int
    """Number of messages at the start that both have."""
    removed: tuple[Message, ...]
    """The first one's messages after them."""
    added: tuple[Message, ...]
    """The second one's messages after them."""


@dataclass(frozen=True, slots=True)
class Tag(NotebookDisplay):
    """A tag, and the number of visible threads that have it."""

    name: str
    threads: int
