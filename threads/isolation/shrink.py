"""Reducing steps to the fewest that still leak: delta debugging (ddmin by Zeller and Hildebrandt)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def minimize_steps(
    steps: Sequence[T], still_leaks: Callable[[tuple[T, ...]], bool], has_time: Callable[[], bool]
) -> tuple[T, ...]:
    """Return steps of which none can be left out, or the fewest found before the time was over.

    `still_leaks` is called with proper subsets of `steps` only, which are known to leak.
    """
    current, granularity = tuple(steps), 2
    while len(current) >= 2 and has_time():
        size = -(-len(current) // granularity)
        chunks = [(start, min(start + size, len(current))) for start in range(0, len(current), size)]
        single_chunks = [current[start:end] for start, end in chunks] if granularity == 2 else []
        complements = [current[:start] + current[end:] for start, end in reversed(chunks)]
        smaller = next(
            (each for each in single_chunks + complements if has_time() and still_leaks(each)), None
        )
        if smaller is not None:
            granularity = 2 if smaller in single_chunks else max(granularity - 1, 2)
            current = smaller
        elif size == 1:
            break
        else:
            granularity = min(2 * granularity, len(current))
    return current
