"""The end of waiting for answers when a server shuts down."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class LastCall:
    """An event that can be awaited in several event loops; `asyncio.Event` belongs to the first one."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiters: set[asyncio.Future[None]] = set()

    def set(self) -> None:
        """Let all go who wait, now and later."""
        self._is_set = True
        for waiter in list(self._waiters):
            with suppress(RuntimeError):  # its loop is closed: nothing waits there
                waiter.get_loop().call_soon_threadsafe(_resolve, waiter)

    def clear(self) -> None:
        """Let those wait who come from now on."""
        self._is_set = False

    async def wait(self) -> None:
        """Return once it is set."""
        if self._is_set:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
