"""Tasks that are told to end, and left behind where they do not.

A node, a tool or a model may catch the cancelling of its task and go on, for ever perhaps. Who waits for
it waits `PATIENCE` and goes on without it. The task cannot be killed: whoever leaves it behind sees to
it that nothing it stores gets in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")

PATIENCE = 0.5
"""Seconds that a task has to end once it is told to."""


class Told(Generic[T]):
    """A task, on the running loop, that can be told to end."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(work)
        self._enough: asyncio.Future[None] = self._loop.create_future()

    def end(self) -> None:
        """Tell it to end now."""
        self._task.cancel()
        self._loop.call_later(PATIENCE, self._give_up)

    async def result(self) -> T | None:
        """What it returns or raises; None if it was told to end and did not."""
        await asyncio.wait((self._task, self._enough), return_when=asyncio.FIRST_COMPLETED)
        return self._task.result() if self._task.done() else None

    def _give_up(self) -> None:
        if not self._enough.done():
            self._enough.set_result(None)
            self._task.add_done_callback(_unheard)


def is_cancelled(error: BaseException) -> bool:
    """Whether `error` is the cancelling of the running task, and not one that a node or a model raised."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def _unheard(task: asyncio.Task[Any]) -> None:
    """What it raises in the end is nobody's any more, and none to complain of."""
    if not task.cancelled():
        task.exception()
