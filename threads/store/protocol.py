"""`ThreadStore`: the protocol of a store of threads, whose test suite is `threads.contract`.

There is no `update_thread_with_message`: titles and counts are projections, and no caller has to update
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from threads.models import Page, SortBy, SortOrder, Status, Thread


class Unset:
    """The type of `UNSET`, for a field that is not changed; None is a value."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset()


@runtime_checkable
class ThreadStore(Protocol):
    """Creates, reads, lists, changes and deletes threads; deleting takes two steps."""

    def create(
        self,
        *,
        id: str | None = None,
        title: str | None = None,
        agent_id: str | None = None,
        owner: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
        if_exists: Literal["raise", "do_nothing"] = "raise",
    ) -> Thread:
        """Create a thread; raises `ThreadExists`, or with `do_nothing` returns the stored one."""
        ...

    def get(self, id: str) -> Thread:
        """The thread, also from the trash; raises `ThreadNotFound`."""
        ...

    def list(
        self,
        *,
        agent_id: str | None = None,
        owner: str | None = None,
        tag: str | Sequence[str] | None = None,
        status: Status | None = None,
        pinned: bool | None = None,
        archived: bool | None = False,
        trashed: bool | None = False,
        metadata: Mapping[str, Any] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        sort_by: SortBy = "updated_at",
        sort_order: SortOrder = "desc",
        limit: int = 20,
        offset: int = 0,
        cursor: str | None = None,
    ) -> Page[Thread]:
        """The threads that fit all filters, newest activity first; None leaves a filter out."""
        ...

    def update(
        self,
        id: str,
        *,
        title: str | Unset | None = UNSET,
        metadata: Mapping[str, Any] | Unset = UNSET,
        tags: Sequence[str] | Unset = UNSET,
        pinned: bool | Unset = UNSET,
        archived: bool | Unset = UNSET,
        owner: str | Unset | None = UNSET,
        agent_id: str | Unset | None = UNSET,
    ) -> Thread:
        """The changed thread. Metadata merges by key, and None removes a key; tags are replaced."""
        ...

    def trash(self, id: str) -> Thread:
        """Move the thread to the trash: not listed, neither read nor written, until `restore`."""
        ...

    def restore(self, id: str) -> Thread:
        """Take the thread out of the trash."""
        ...

    def delete(self, id: str) -> None:
        """Delete the thread with all its checkpoints; raises `ThreadNotFound`."""
        ...
