"""The fewest steps that still leak: delta debugging (Zeller and Hildebrandt's ddmin) for a limited time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def smallest(
    steps: Sequence[T], still_shows: Callable[[tuple[T, ...]], bool], in_time: Callable[[], bool]
) -> tuple[T, ...]:
    """Steps of which none can be left out, or those that were left when the time was over.

    `still_shows` is only asked about fewer steps than `steps`, which are known to show it.
    """
    kept, parts = tuple(steps), 2
    while len(kept) >= 2 and in_time():
        size = -(-len(kept) // parts)
        chunks = [(start, min(start + size, len(kept))) for start in range(0, len(kept), size)]
        alone = [kept[start:end] for start, end in chunks] if parts == 2 else []
        without = [kept[:start] + kept[end:] for start, end in reversed(chunks)]
        smaller = next((each for each in alone + without if in_time() and still_shows(each)), None)
        if smaller is not None:
            parts = 2 if smaller in alone else max(parts - 1, 2)
            kept = smaller
        elif size == 1:
            break
        else:
            parts = min(2 * parts, len(kept))
    return kept
