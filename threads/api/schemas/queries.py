"""What addresses hold behind the question mark: filters, pages, and where to go on."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, Field

from threads.api.schemas.requests import Body, Tag
from threads.models import Measured, SortBy, SortOrder, Status

Which = Literal["false", "true", "any"]


def plain_date(value: object) -> object:
    """A date, and no time without a zone that happens to be midnight."""
    if isinstance(value, str) and "T" in value.upper():
        raise ValueError("a time needs a time zone")
    return value


PlainDate = Annotated[date, BeforeValidator(plain_date)]
Day = Annotated[AwareDatetime | PlainDate, Field(union_mode="left_to_right")]
DAY = "a date, or a time with a time zone, which means the UTC day it is in."
WHICH = {"false": False, "true": True, "any": None}


class Narrowed(Body):
    """Which threads are meant."""

    agent_id: str | None = None
    owner: str | None = None
    tag: list[Tag] = Field(default_factory=list, description="All of them must be there.")
    status: Status | None = None
    pinned: bool | None = None
    archived: Which = "false"
    trashed: Which = "false"
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
    before: str | None = Field(default=None, description="Only those before this message.")
    cursor: str | None = Field(default=None, description="X-Next-Cursor of the page before, instead.")
    at: str | None = Field(default=None, description="As it was at this checkpoint, or on its branch.")


class PageQuery(Body):
    """A page of a plain list."""

    limit: int = Field(default=20, ge=1, le=1000)
    cursor: str | None = Field(default=None, description="X-Next-Cursor of the page before.")


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
    tag: Tag | None = None
    since: Day | None = Field(default=None, description=f"From that UTC day on: {DAY}")
    until: Day | None = Field(default=None, description=f"Before that UTC day: {DAY}")


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
