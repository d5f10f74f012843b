"""Pages: parts of lists, and how they look in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


def _bundle(items: Sequence[Any], text: str, *, more: bool = False) -> dict[str, str]:
    from threads import notebook  # when a notebook asks: most processes never do

    return notebook.bundle(items, text, more=more)


class Shown:
    """Something that looks well as the last line of a notebook's cell."""

    __slots__ = ()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return _bundle([self], repr(self))


@dataclass(frozen=True, slots=True, repr=False)
class Page(Sequence[T], Generic[T]):
    """A part of a list: a sequence of its items, and how to go on."""

    items: tuple[T, ...]
    next_cursor: str | None = None
    """Hand it in as `cursor` to get the next page; None on the last one."""
    counted: Callable[[], int] = field(default=lambda: 0, compare=False)

    @property
    def total(self) -> int:
        """How many there are on all pages together; counted when it is read."""
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
        return _bundle(self.items, repr(self), more=self.next_cursor is not None)
