"""Query parameters: filters, pages, where an event stream starts. Unknown parameters are refused by name."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, Field

from threads.api.schemas.requests import RequestModel, TagName
from threads.models import Measured, SortBy, SortOrder, Status

TriState = Literal["false", "true", "any"]


def _without_time(value: object) -> object:
    """Refuse a time without a zone, which pydantic takes as a date where it is midnight."""
    if isinstance(value, str) and "T" in value.upper():
        raise ValueError("a time needs a time zone")
    return value


PlainDate = Annotated[date, BeforeValidator(_without_time)]
Day = Annotated[AwareDatetime | PlainDate, Field(union_mode="left_to_right")]
INNER = "Whether to send also what is not of the conversation, such as the tokens of a model inside a tool."
DAY = "a date, or a time with a time zone, which stands for its UTC day."
TRI_STATE = {"false": False, "true": True, "any": None}


class ThreadFilterParams(RequestModel):
    """Filters and page of a list of threads."""

    agent_id: str | None = None
    owner: str | None = None
    tag: list[TagName] = Field(default_factory=list, description="Threads that have all of these tags.")
    status: Status | None = None
    pinned: bool | None = None
    archived: TriState = "false"
    trashed: TriState = "false"
    metadata: str | None = Field(
        default=None,
        description="A JSON object: keys and their required values.",
        examples=['{"plan": "gold"}'],
    )
    since: AwareDatetime | None = Field(
        default=None, description="Last activity at or after this time; with a time zone."
    )
    until: AwareDatetime | None = Field(
        default=None, description="Last activity before this time; with a time zone."
    )
    limit: int = Field(default=20, ge=1, le=1000)
    offset: int = Field(default=0, ge=0, le=2**53)
    cursor: str | None = Field(default=None, description="X-Next-Cursor of the previous page.")
    count: bool = Field(default=True, description="Whether to send X-Total-Count.")


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
    before: str | None = Field(default=None, description="Only messages before this one.")
    cursor: str | None = Field(
        default=None, description="X-Next-Cursor of the previous page, instead of `before`."
    )
    at: str | None = Field(
        default=None, description="The messages as of this checkpoint, or of the last one with this message."
    )


class PageParams(RequestModel):
    """A page of a list without filters."""

    limit: int = Field(default=20, ge=1, le=1000)
    cursor: str | None = Field(default=None, description="X-Next-Cursor of the previous page.")


class EventsParams(RequestModel):
    """Where an event stream starts, and whether it stays open."""

    after: int | None = Field(
        default=None, ge=0, le=2**63 - 1,
        description="Replay the events after this event id, then follow; without it only new events.",
    )  # fmt: skip
    follow: bool = Field(default=True, description="Whether to wait for new events.")
    inner: bool = Field(default=False, description=INNER)


class AllEventsParams(EventsParams):
    """What a stream of the events of all threads has besides."""

    changes: bool = Field(
        default=False,
        description="Whether to send also `changed` events, which are not replayed.",
    )


class RunEventsParams(RequestModel):
    """Which events of a run are sent."""

    follow: bool = Field(default=True, description="Whether to wait for the run's end.")
    inner: bool = Field(default=False, description=INNER)


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

    permanent: bool = Field(default=False, description="Delete permanently instead of moving to the trash.")
