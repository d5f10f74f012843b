"""What requests hold. Nothing else is taken: an unknown field or parameter is refused by name.

None of it reaches a graph's `configurable`, its metadata, a role or an id: messages are built by the
runner, threads get their ids and owners from the server.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from threads.errors import InvalidValue
from threads.models import Action
from threads.runs.runner import Strategy
from threads.store.validation import checked_tags

Metadata = dict[str, Any]
DEEPEST = 100
SOME_ID = "019c14e2-7d3a-7c11-9a5e-2f6b1c0d4e8f"


class Body(BaseModel):
    """Base of all: strict about what is there."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _is_storable(cls, value: Any) -> Any:
        if reason := flaw_of(value):
            raise PydanticCustomError("flawed", "it {reason}", {"reason": reason})
        return value


def flaw_of(value: Any) -> str | None:
    """Why this JSON cannot be stored and told again as it is; None if it can."""
    waiting = [(value, 0)]
    while waiting:
        each, depth = waiting.pop()
        if isinstance(each, str) and not each.isascii() and any("\ud800" <= c <= "\udfff" for c in each):
            return "holds half of a surrogate pair, which is no text"
        if isinstance(each, float) and not math.isfinite(each):
            return "holds a number that JSON does not know"
        if isinstance(each, int) and not -(2**63) <= each < 2**63:
            return "holds a number of more than 64 bits"
        inside = [*each, *each.values()] if isinstance(each, dict) else each if isinstance(each, list) else ()
        if inside and depth == DEEPEST:
            return f"is nested more than {DEEPEST} deep"
        waiting += [(part, depth + 1) for part in inside]
    return None


class TextBlock(Body):
    """A piece of text in a message."""

    type: Literal["text"]
    text: str = Field(min_length=1)


def _not_empty(said: str | list[TextBlock]) -> str | list[TextBlock]:
    texts = [said] if isinstance(said, str) else [block.text for block in said]
    if not texts or not all(text.strip() for text in texts):
        raise PydanticCustomError("empty", "it is empty")
    return said


Said = Annotated[
    str | list[TextBlock], AfterValidator(_not_empty), Field(description="Text, or blocks of text.")
]


def _tag(text: str) -> str:
    try:
        checked_tags([text])
    except InvalidValue as error:
        raise PydanticCustomError("tag", "{reason}", {"reason": error.reason}) from None
    return text


Tag = Annotated[str, AfterValidator(_tag)]


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

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"message": "My lamp is broken, not my chair"}]}
    )

    message: Said


class RegenerateRequest(Body):
    """Which answer to give anew."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"message_id": SOME_ID}]})

    message_id: str | None = Field(
        default=None, description="An assistant message; the last one if not said."
    )


class ResumeRequest(Body):
    """The answer to the question that the thread waits with."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"value": True}]})
    value: Any = None


class ForkRequest(Body):
    """Where the new thread begins."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"at": SOME_ID}]})

    at: str | None = Field(default=None, description="A checkpoint or a message; the end if not said.")


class RewindRequest(Body):
    """Where to go back to."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"to": "1f0d2c7e-8a3b-6f10-8003-5b9c2e7d4a61"}]}
    )

    to: str = Field(description="A checkpoint or a message.")


class ReadRequest(Body):
    """How far it was read."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"upto": SOME_ID}]})

    upto: str | None = Field(default=None, description="A message; all if not said.")


class BulkRequest(Body):
    """Many threads, changed together or not at all."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"ids": ["a", "b"], "archived": True}]}
    )
    ids: list[str] = Field(max_length=10_000)
    tag: list[Tag] = Field(default_factory=list, description="Tags to add.")
    untag: list[Tag] = Field(default_factory=list, description="Tags to remove.")
    pinned: bool = False
    archived: bool = False
    trashed: bool = False
    metadata: Metadata = Field(default_factory=dict)
    delete: bool = Field(default=False, description="Erase them for good.")


class TagRequest(Body):
    """What a tag is called from now on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "gold"}]})

    name: Tag


class RuleRequest(Body):
    """Which threads a rule takes, and what it does with them; lengths of time in seconds."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"action": "archive", "inactive": 7_776_000}]}
    )
    action: Action
    thread_id: str | None = None
    tag: Tag | None = None
    agent_id: str | None = None
    owner: str | None = None
    abandoned: bool = False
    inactive: int | None = Field(default=None, ge=1, le=3_153_600_000)
    age: int | None = Field(default=None, ge=1, le=3_153_600_000)
    trashed: int | None = Field(default=None, ge=1, le=3_153_600_000)


class CleanupRequest(Body):
    """Whether rules act, or only tell."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"dry_run": True}]})

    dry_run: bool = False
