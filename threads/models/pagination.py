"""A page of a list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

from threads.models.display import mime_bundle

T = TypeVar("T")


@dataclass(frozen=True, slots=True, repr=False)
class Page(Sequence[T], Generic[T]):
    """One page of a list: a sequence of its items, with the cursor of the next page."""

    items: tuple[T, ...]
    next_cursor: str | None = None
    """Pass it as `cursor` to get the next page; None on the last one."""
    counted: Callable[[], int] = field(default=lambda: 0, compare=False)
    """Counts the items on all pages."""

    @property
    def total(self) -> int:
        """Number of items on all pages together; counted each time it is read."""
        return self.counted()

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return self.items[index]

    def __repr__(self) -> str:
        return f"Page({list(self.items)!r})"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return mime_bundle(self.items, repr(self), more=self.next_cursor is not None)
