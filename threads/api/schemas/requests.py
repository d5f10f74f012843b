"""Request bodies. Unknown fields are refused by name.

No field reaches a graph's `configurable`, its metadata, a role or an id: messages are built by the
runner, threads get their ids and owners from the server.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
)
from pydantic_core import PydanticCustomError

from threads.errors import InvalidValue
from threads.models import Action
from threads.runs.runner import Strategy
from threads.runs.temporary import MAX_MESSAGES
from threads.store.validation import checked_tags

Metadata = dict[str, Any]
MAX_DEPTH = 100
EXAMPLE_ID = "019c14e2-7d3a-7c11-9a5e-2f6b1c0d4e8f"


class RequestModel(BaseModel):
    """Base of all request models: refuses unknown fields and values that cannot be stored."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _is_storable(cls, value: Any) -> Any:
        if reason := storage_problem(value):
            raise PydanticCustomError("flawed", "it {reason}", {"reason": reason})
        return value


def storage_problem(value: Any) -> str | None:
    """Return why this JSON value cannot be stored and returned unchanged; None if it can."""
    stack = [(value, 0)]
    while stack:
        each, depth = stack.pop()
        if isinstance(each, str) and not each.isascii() and any("\ud800" <= c <= "\udfff" for c in each):
            return "holds half of a surrogate pair, which is not valid text"
        if isinstance(each, float) and not math.isfinite(each):
            return "holds a number that JSON does not know"
        if isinstance(each, int) and not -(2**63) <= each < 2**63:
            return "holds a number of more than 64 bits"
        parts = [*each, *each.values()] if isinstance(each, dict) else each if isinstance(each, list) else ()
        if parts and depth == MAX_DEPTH:
            return f"is nested more than {MAX_DEPTH} deep"
        stack += [(part, depth + 1) for part in parts]
    return None


class TextBlock(RequestModel):
    """A block of text in a message."""

    type: Literal["text"]
    text: str = Field(min_length=1)


def _not_empty(content: str | list[TextBlock]) -> str | list[TextBlock]:
    texts = [content] if isinstance(content, str) else [block.text for block in content]
    if not texts or not all(text.strip() for text in texts):
        raise PydanticCustomError("empty", "it is empty")
    return content


MessageContent = Annotated[
    str | list[TextBlock], AfterValidator(_not_empty), Field(description="Text, or blocks of text.")
]


def runner_content(content: str | list[TextBlock]) -> str | list[dict[str, str]]:
    """Return a message as the runner takes it: text, or blocks of text that are built here."""
    return content if isinstance(content, str) else [{"type": "text", "text": each.text} for each in content]


def _valid_tag(text: str) -> str:
    try:
        checked_tags([text])
    except InvalidValue as error:
        raise PydanticCustomError("tag", "{reason}", {"reason": error.reason}) from None
    return text


TagName = Annotated[str, AfterValidator(_valid_tag)]


class CreateThreadRequest(RequestModel):
    """A new thread, with an initial message or none."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "agent_id": "my-agent",
                    "title": "Discussion about AI",
                    "initial_message": "Hello, I want to learn about AI",
                }
            ]
        },
    )
    agent_id: str | None = Field(
        default=None, description="The agent that runs; by default the server's first one."
    )
    title: str | None = Field(default=None, description="By default it is made from the first message.")
    initial_message: MessageContent | None = None
    metadata: Metadata = Field(default_factory=dict, description="Any JSON object.")
    tags: list[str] = Field(default_factory=list)
    owner: str | None = Field(default=None, description="For admins; other users own what they create.")


class UpdateThreadRequest(RequestModel):
    """Fields to change; others stay. Metadata is merged by key; null removes a key."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"title": "Lamps", "tags": ["vip"], "pinned": True}]}
    )
    title: str | None = Field(default=None, description="null restores the automatic title.")
    metadata: Metadata = Field(default_factory=dict)
    tags: list[str] = Field(default_factory=list)
    pinned: bool = False
    archived: bool = False
    agent_id: str | None = None
    owner: str | None = Field(default=None, description="For admins.")


class SendMessageRequest(RequestModel):
    """A user message that starts a run."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"message": "What are the applications of machine learning?"}]},
    )
    message: MessageContent
    agent_id: str | None = Field(
        default=None, description="The agent that runs; by default the thread's own."
    )
    multitask_strategy: Strategy = Field(default="reject", description="What to do if another run is active.")
    if_not_exists: Literal["reject", "create"] = Field(
        default="reject",
        description="What to do if there is no such thread: 404, or create it. `Location` names the thread "
        "that was created: its id is derived from the given one, for admins it is the given one.",
    )


class TemporaryMessage(RequestModel):
    """A message of a conversation that the client sends along."""

    role: Literal["user", "assistant"]
    content: MessageContent


class TemporaryRunRequest(RequestModel):
    """A conversation that ends with the user message to answer."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"messages": [{"role": "user", "content": "My lamp is broken"}]}]},
    )
    messages: list[TemporaryMessage] = Field(
        min_length=1, max_length=MAX_MESSAGES, description="The whole conversation, oldest first."
    )
    agent_id: str | None = Field(
        default=None, description="The agent that runs; by default the server's first one."
    )


class EditRequest(RequestModel):
    """The new text of a user message."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"message": "My lamp is broken, not my chair"}]}
    )

    message: MessageContent


class RegenerateRequest(RequestModel):
    """The answer to regenerate."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"message_id": EXAMPLE_ID}]})

    message_id: str | None = Field(default=None, description="An assistant message; by default the last one.")


class ResumeRequest(RequestModel):
    """The value that resumes the pending interrupt."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"value": True}]})
    value: Any = None


class ForkRequest(RequestModel):
    """Where the new thread starts."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"at": EXAMPLE_ID}]})

    at: str | None = Field(default=None, description="A checkpoint or a message; by default the end.")


class RewindRequest(RequestModel):
    """The checkpoint or message to go back to."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"to": "1f0d2c7e-8a3b-6f10-8003-5b9c2e7d4a61"}]}
    )

    to: str = Field(description="A checkpoint or a message.")


class UndoRequest(RequestModel):
    """The user message to undo, with all that followed it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"message_id": EXAMPLE_ID}]})

    message_id: str | None = Field(default=None, description="A user message; by default the last one.")


class ReadRequest(RequestModel):
    """The last message that was read."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"upto": EXAMPLE_ID}]})

    upto: str | None = Field(default=None, description="A message; by default the last one.")


class BulkRequest(RequestModel):
    """Changes of many threads in one transaction."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"ids": ["a", "b"], "archived": True}]}
    )
    ids: list[str] = Field(max_length=10_000)
    tag: list[TagName] = Field(default_factory=list, description="Tags to add.")
    untag: list[TagName] = Field(default_factory=list, description="Tags to remove.")
    pinned: bool = False
    archived: bool = False
    trashed: bool = False
    metadata: Metadata = Field(default_factory=dict)
    delete: bool = Field(default=False, description="Delete them permanently.")


class TagRequest(RequestModel):
    """The new name of a tag."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "gold"}]})

    name: TagName


class RuleRequest(RequestModel):
    """The conditions and the action of a retention rule; durations in seconds."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"action": "archive", "inactive": 7_776_000}]}
    )
    action: Action
    thread_id: str | None = None
    tag: TagName | None = None
    agent_id: str | None = None
    owner: str | None = None
    abandoned: bool = False
    inactive: int | None = Field(default=None, ge=1, le=3_153_600_000)
    age: int | None = Field(default=None, ge=1, le=3_153_600_000)
    trashed: int | None = Field(default=None, ge=1, le=3_153_600_000)


class CleanupRequest(RequestModel):
    """Whether the rules are applied or only reported."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"dry_run": True}]})

    dry_run: bool = False
