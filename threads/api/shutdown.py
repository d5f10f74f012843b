"""The end of the server's process: within `ENDS_WITHIN` seconds of a signal, whatever an agent does.

Answers under way get most of the time. Then their runs are left to the next process, and the file is
closed. A node that never returns keeps its thread, and Python waits for such threads when it ends: a
thread of its own ends the process then, and where any other step hangs.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
import time
from contextlib import suppress

ENDS_WITHIN = 10.0
"""Seconds from the signal to the end of the process."""
ANSWERS_WITHIN = 7.0
"""Seconds of them in which answers under way can be finished."""
LAST_WORDS = 1.0
"""Seconds of those in which who still waits is told where to look for the answer."""
EXIT_WITHIN = 2.0
"""Seconds that the interpreter has to end once all is closed."""


class Deadline:
    """Ends the process `ENDS_WITHIN` seconds after `begin`, unless it has ended by then."""

    def __init__(self) -> None:
        self._begun_at: float | None = None
        self._code = 1
        self._is_closed = False
        self._signals: queue.SimpleQueue[float] = queue.SimpleQueue()  # the one that a signal handler may use
        threading.Thread(target=self._watch, name="threads-deadline", daemon=True).start()

    def begin(self) -> None:
        """The time runs from now; later calls change nothing. May be called by a signal handler."""
        if self._begun_at is None:
            self._begun_at = time.monotonic()
            self._signals.put(self._begun_at + ENDS_WITHIN)

    def left(self, of: float = ENDS_WITHIN) -> float:
        """Seconds that are left of the first `of` ones, none before it began."""
        return 0.0 if self._begun_at is None else max(0.0, self._begun_at + of - time.monotonic())

    def exit(self, code: int) -> None:
        """All is closed: the process may end by itself, within `EXIT_WITHIN` seconds."""
        self._code, self._is_closed = code, True
        self._signals.put(time.monotonic() + EXIT_WITHIN)

    def _watch(self) -> None:
        until = self._signals.get()
        while (seconds := until - time.monotonic()) > 0:
            with suppress(queue.Empty):
                until = min(until, self._signals.get(timeout=seconds))
        if not self._is_closed:
            logging.getLogger(__name__).error("the server did not end by itself, so it is ended now")
            time.sleep(0.2)  # for the thread that writes the log
        os._exit(self._code)


def uvicorn_is_ending() -> bool:
    """Whether the uvicorn that has this process's signals was told to end: it waits for open streams then.

    An application is not told before all its answers are finished; so the handler of the signal is asked.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(server, "should_exit", False))


def end_now(code: int) -> None:
    """End the process without waiting for anything; what cannot be written by now is dropped."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(code)
