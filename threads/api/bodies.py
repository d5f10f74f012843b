"""What requests hold. Nothing else is taken: an unknown field or parameter is refused by name.

None of it reaches a graph's `configurable`, its metadata, a role or an id: messages are built by the
runner, threads get their ids and owners from the server.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from threads.models import Action
from threads.runs.runner import Strategy

Metadata = dict[str, Any]


class Body(BaseModel):
    """Base of all: strict about what is there."""

    model_config = ConfigDict(extra="forbid")


class TextBlock(Body):
    """A piece of text in a message."""

    type: Literal["text"]
    text: str = Field(min_length=1)


Said = Annotated[str | list[TextBlock], Field(description="Text, or blocks of text.")]


class CreateThreadRequest(Body):
    """A new thread; with an initial message it is answered at once."""

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
        default=None, description="Who answers; the server's first agent if not said."
    )
    title: str | None = Field(default=None, description="Set by hand; else the first message makes one.")
    initial_message: Said | None = None
    metadata: Metadata = Field(default_factory=dict, description="Facts of yours.")
    tags: list[str] = Field(default_factory=list)
    owner: str | None = Field(default=None, description="For admins; others own what they begin.")


class UpdateThreadRequest(Body):
    """What is not given stays; metadata merges by key, and null removes one."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"title": "Lamps", "tags": ["vip"], "pinned": True}]}
    )
    title: str | None = Field(default=None, description="null brings the automatic title back.")
    metadata: Metadata = Field(default_factory=dict)
    tags: list[str] = Field(default_factory=list)
    pinned: bool = False
    archived: bool = False
    agent_id: str | None = None
    owner: str | None = Field(default=None, description="For admins.")


class SendMessageRequest(Body):
    """Something that a user says."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"message": "What are the applications of machine learning?"}]},
    )
    message: Said
    agent_id: str | None = Field(default=None, description="Who answers, if not the thread's own agent.")
    multitask_strategy: Strategy = Field(default="reject", description="If a run is under way already.")


class EditRequest(Body):
    """A user message, said differently."""

    message: Said


class RegenerateRequest(Body):
    """Which answer to give anew."""

    message_id: str | None = Field(
        default=None, description="An assistant message; the last one if not said."
    )


class ResumeRequest(Body):
    """The answer to the question that the thread waits with."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"value": True}]})
    value: Any = None


class ForkRequest(Body):
    """Where the new thread begins."""

    at: str | None = Field(default=None, description="A checkpoint or a message; the end if not said.")


class RewindRequest(Body):
    """Where to go back to."""

    to: str = Field(description="A checkpoint or a message.")


class ReadRequest(Body):
    """How far it was read."""

    upto: str | None = Field(default=None, description="A message; all if not said.")


class BulkRequest(Body):
    """Many threads, changed together or not at all."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"ids": ["a", "b"], "archived": True}]}
    )
    ids: list[str] = Field(max_length=10_000)
    tag: list[str] = Field(default_factory=list, description="Tags to add.")
    untag: list[str] = Field(default_factory=list, description="Tags to remove.")
    pinned: bool = False
    archived: bool = False
    trashed: bool = False
    metadata: Metadata = Field(default_factory=dict)
    delete: bool = Field(default=False, description="Erase them for good.")


class TagRequest(Body):
    """What a tag is called from now on."""

    name: str


class RuleRequest(Body):
    """Which threads a rule takes, and what it does with them; lengths of time in seconds."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"action": "archive", "inactive": 7_776_000}]}
    )
    action: Action
    thread_id: str | None = None
    tag: str | None = None
    agent_id: str | None = None
    owner: str | None = None
    abandoned: bool = False
    inactive: int | None = Field(default=None, ge=0, le=3_153_600_000)
    age: int | None = Field(default=None, ge=0, le=3_153_600_000)
    trashed: int | None = Field(default=None, ge=0, le=3_153_600_000)


class CleanupRequest(Body):
    """Whether rules act, or only tell."""

    dry_run: bool = False
