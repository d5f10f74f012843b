"""The end of the server: what waits for runs is notified, and the process ends within `PROCESS_TIMEOUT`.

Requests under way get most of the time. Then their runs are left to the next process, and the file is
closed. A node that never returns blocks its thread, and Python joins such threads at exit: so a thread of
the deadline ends the process, then and wherever another step hangs.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import signal
import sys
import threading
import time
from contextlib import suppress

PROCESS_TIMEOUT = 10.0
"""Seconds from the signal to the end of the process."""
REQUEST_TIMEOUT = 7.0
"""Seconds of them in which requests under way can be finished."""
NOTICE_TIMEOUT = 1.0
"""Seconds of those in which clients that still wait are answered with where to find the result."""
EXIT_TIMEOUT = 2.0
"""Seconds that the interpreter has to exit once everything is closed."""


class ShutdownNotice:
    """An event that can be awaited in several event loops; `asyncio.Event` belongs to the first one."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiters: set[asyncio.Future[None]] = set()

    def set(self) -> None:
        """Wake all waiters, now and later."""
        self._is_set = True
        for waiter in list(self._waiters):
            with suppress(RuntimeError):  # its loop is closed: nothing waits there
                waiter.get_loop().call_soon_threadsafe(_resolve, waiter)

    def clear(self) -> None:
        """Make later calls of `wait` wait again."""
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


class Deadline:
    """Ends the process `PROCESS_TIMEOUT` seconds after `start`, unless it has ended by then."""

    def __init__(self) -> None:
        self._started_at: float | None = None
        self._code = 1
        self._is_closed = False
        self._signals: queue.SimpleQueue[float] = queue.SimpleQueue()  # the one that a signal handler may use
        threading.Thread(target=self._watch, name="threads-deadline", daemon=True).start()

    def start(self) -> None:
        """Start the clock; later calls change nothing. May be called by a signal handler."""
        if self._started_at is None:
            self._started_at = time.monotonic()
            self._signals.put(self._started_at + PROCESS_TIMEOUT)

    def remaining(self, timeout: float) -> float:
        """Return the seconds that are left of a timeout which began with `start`; 0 before `start`."""
        return 0.0 if self._started_at is None else max(0.0, self._started_at + timeout - time.monotonic())

    def exit(self, code: int) -> None:
        """Everything is closed: let the process exit by itself, within `EXIT_TIMEOUT` seconds."""
        self._code, self._is_closed = code, True
        self._signals.put(time.monotonic() + EXIT_TIMEOUT)

    def _watch(self) -> None:
        until = self._signals.get()
        while (seconds := until - time.monotonic()) > 0:
            with suppress(queue.Empty):
                until = min(until, self._signals.get(timeout=seconds))
        if not self._is_closed:
            logging.getLogger(__name__).error("shutdown did not complete in time; ending the process")
            time.sleep(0.2)  # for the thread that writes the log
        os._exit(self._code)


def uvicorn_is_stopping() -> bool:
    """True if the uvicorn that handles this process's signals is stopping: it waits for open streams then.

    uvicorn ends the lifespan only after all responses, too late to close streams; so this looks at the
    signal handler.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(server, "should_exit", False))


def exit_now(code: int) -> None:
    """End the process without waiting for anything; output that cannot be written by now is dropped."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(code)
