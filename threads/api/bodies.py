"""What requests hold. Nothing else is taken: an unknown field or parameter is refused by name.

None of it reaches a graph's `configurable`, its metadata, a role or an id: messages are built by the
runner, threads get their ids and owners from the server.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from threads.models import Action, Measured, SortBy, SortOrder, Status
from threads.runs.runner import Strategy

Metadata = dict[str, Any]
Which = Literal["false", "true", "any"]
WHICH = {"false": False, "true": True, "any": None}


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


class Narrowed(Body):
    """Which threads are meant."""

    agent_id: str | None = None
    owner: str | None = None
    tag: list[str] = Field(default_factory=list, description="All of them must be there.")
    status: Status | None = None
    pinned: bool | None = None
    archived: Which = "false"
    trashed: Which = "false"
    metadata: str | None = Field(
        default=None,
        description="A JSON object: keys and the values they must have.",
        examples=['{"plan": "gold"}'],
    )
    since: datetime | None = Field(default=None, description="Active since then; with a time zone.")
    until: datetime | None = Field(default=None, description="Last active before then; with a time zone.")
    limit: int = Field(default=20, ge=1, le=1000)
    offset: int = Field(default=0, ge=0, le=2**53)
    cursor: str | None = Field(default=None, description="X-Next-Cursor of the page before.")
    count: bool = Field(default=True, description="Whether X-Total-Count is told.")


class ListQuery(Narrowed):
    """A page of threads."""

    sort_by: SortBy = "updated_at"
    sort_order: SortOrder = "desc"


class SearchQuery(Narrowed):
    """A page of what was found."""

    text: str = Field(max_length=4000, examples=['refund tag:vip "my lamp"'])


class MessagesQuery(Body):
    """A page of messages, the last ones."""

    limit: int | None = Field(default=None, ge=1, le=1000)
    before: str | None = Field(default=None, description="Only those before this message: X-Next-Cursor.")
    at: str | None = Field(default=None, description="As it was at this checkpoint, or on its branch.")


class PageQuery(Body):
    """A page of a plain list."""

    limit: int = Field(default=20, ge=1, le=1000)
    cursor: str | None = None


class EventsQuery(Body):
    """Where a stream of events begins."""

    after: int | None = Field(
        default=None, ge=0, le=2**63 - 1,
        description="Replay what came after this number, then go on live; without it, what is to come.",
    )  # fmt: skip
    follow: bool = Field(default=True, description="Whether to wait for more.")


class AnalyticsQuery(Body):
    """What is added up."""

    by: Measured | Literal["all"] = "day"
    agent_id: str | None = None
    owner: str | None = None
    tag: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class UnreadQuery(Body):
    """Of which threads."""

    id: list[str] = Field(max_length=1000)


class TagsQuery(Body):
    """Of which threads."""

    agent_id: str | None = None
    owner: str | None = None
    archived: Which = "false"
    trashed: Which = "false"


class DeleteQuery(Body):
    """How far it goes."""

    permanent: bool = Field(
        default=False, description="Erase it for good instead of putting it in the trash."
    )


class Nothing(Body):
    """No parameters are taken."""
