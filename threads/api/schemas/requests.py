"""Request bodies and query parameters. Unknown fields and parameters are refused by name.

No field reaches a graph's `configurable`, its metadata, a role or an id: messages are built by the
runner, threads get their ids and owners from the server.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
)
from pydantic_core import PydanticCustomError

from threads.errors import InvalidValue
from threads.models import Action, Measured, SortBy, SortOrder, Status
from threads.runs.runner import Strategy
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
    """A piece of text in a message."""

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
    initial_message: MessageContent | None = None
    metadata: Metadata = Field(default_factory=dict, description="Facts of yours.")
    tags: list[str] = Field(default_factory=list)
    owner: str | None = Field(default=None, description="For admins; others own what they begin.")


class UpdateThreadRequest(RequestModel):
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


class SendMessageRequest(RequestModel):
    """Something that a user says."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"message": "What are the applications of machine learning?"}]},
    )
    message: MessageContent
    agent_id: str | None = Field(default=None, description="Who answers, if not the thread's own agent.")
    multitask_strategy: Strategy = Field(default="reject", description="If a run is under way already.")


class EditRequest(RequestModel):
    """A user message, said differently."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"message": "My lamp is broken, not my chair"}]}
    )

    message: MessageContent


class RegenerateRequest(RequestModel):
    """Which answer to give anew."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"message_id": EXAMPLE_ID}]})

    message_id: str | None = Field(
        default=None, description="An assistant message; the last one if not said."
    )


class ResumeRequest(RequestModel):
    """The answer to the question that the thread waits with."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"value": True}]})
    value: Any = None


class ForkRequest(RequestModel):
    """Where the new thread begins."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"at": EXAMPLE_ID}]})

    at: str | None = Field(default=None, description="A checkpoint or a message; the end if not said.")


class RewindRequest(RequestModel):
    """Where to go back to."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"to": "1f0d2c7e-8a3b-6f10-8003-5b9c2e7d4a61"}]}
    )

    to: str = Field(description="A checkpoint or a message.")


class ReadRequest(RequestModel):
    """How far it was read."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"upto": EXAMPLE_ID}]})

    upto: str | None = Field(default=None, description="A message; all if not said.")


class BulkRequest(RequestModel):
    """Many threads, changed together or not at all."""

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
    delete: bool = Field(default=False, description="Erase them for good.")


class TagRequest(RequestModel):
    """What a tag is called from now on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "gold"}]})

    name: TagName


class RuleRequest(RequestModel):
    """Which threads a rule takes, and what it does with them; lengths of time in seconds."""

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
    """Whether rules act, or only tell."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"dry_run": True}]})

    dry_run: bool = False


# query parameters

TriState = Literal["false", "true", "any"]


def _without_time(value: object) -> object:
    """Refuse a time without a zone, which pydantic takes as a date where it is midnight."""
    if isinstance(value, str) and "T" in value.upper():
        raise ValueError("a time needs a time zone")
    return value


PlainDate = Annotated[date, BeforeValidator(_without_time)]
Day = Annotated[AwareDatetime | PlainDate, Field(union_mode="left_to_right")]
DAY = "a date, or a time with a time zone, which means the UTC day it is in."
TRI_STATE = {"false": False, "true": True, "any": None}


class ThreadFilterParams(RequestModel):
    """Filters and page of a list of threads."""

    agent_id: str | None = None
    owner: str | None = None
    tag: list[TagName] = Field(default_factory=list, description="All of them must be there.")
    status: Status | None = None
    pinned: bool | None = None
    archived: TriState = "false"
    trashed: TriState = "false"
    metadata: str | None = Field(
        default=None,
        description="A JSON object: keys and the values they must have.",
        examples=['{"plan": "gold"}'],
    )
    since: AwareDatetime | None = Field(default=None, description="Active since then; with a time zone.")
    until: AwareDatetime | None = Field(
        default=None, description="Last active before then; with a time zone."
    )
    limit: int = Field(default=20, ge=1, le=1000)
    offset: int = Field(default=0, ge=0, le=2**53)
    cursor: str | None = Field(default=None, description="X-Next-Cursor of the page before.")
    count: bool = Field(default=True, description="Whether X-Total-Count is told.")


class ListThreadsParams(ThreadFilterParams):
    """A sorted page of threads."""

    sort_by: SortBy = "updated_at"
    sort_order: SortOrder = "desc"


class SearchParams(ThreadFilterParams):
    """A page of search results."""

    text: str = Field(max_length=4000, examples=['refund tag:vip "my lamp"'])


class MessagesParams(RequestModel):
    """A page of messages, the newest ones."""

    limit: int | None = Field(default=None, ge=1, le=1000)
    before: str | None = Field(default=None, description="Only those before this message.")
    cursor: str | None = Field(default=None, description="X-Next-Cursor of the page before, instead.")
    at: str | None = Field(default=None, description="As it was at this checkpoint, or on its branch.")


class PageParams(RequestModel):
    """A page of a list without filters."""

    limit: int = Field(default=20, ge=1, le=1000)
    cursor: str | None = Field(default=None, description="X-Next-Cursor of the page before.")


class EventsParams(RequestModel):
    """Where an event stream starts, and whether it stays open."""

    after: int | None = Field(
        default=None, ge=0, le=2**63 - 1,
        description="Replay what came after this number, then go on live; without it, what is to come.",
    )  # fmt: skip
    follow: bool = Field(default=True, description="Whether to wait for more.")


class AnalyticsParams(RequestModel):
    """Grouping and filters of the statistics."""

    by: Measured | Literal["all"] = "day"
    agent_id: str | None = None
    owner: str | None = None
    tag: TagName | None = None
    since: Day | None = Field(default=None, description=f"From that UTC day on: {DAY}")
    until: Day | None = Field(default=None, description=f"Before that UTC day: {DAY}")


class UnreadParams(RequestModel):
    """The threads whose unread messages are counted."""

    id: list[str] = Field(max_length=1000)


class TagsParams(RequestModel):
    """The threads whose tags are listed."""

    agent_id: str | None = None
    owner: str | None = None
    archived: TriState = "false"
    trashed: TriState = "false"


class DeleteParams(RequestModel):
    """Trash or permanent deletion."""

    permanent: bool = Field(
        default=False, description="Erase it for good instead of putting it in the trash."
    )
