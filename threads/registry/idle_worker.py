"""`IdleWorker`: runs tasks in a background thread while nothing is written.

The registry refreshes stale projections there, so that the next list finds them up to date, and empties the
trash by its retention rules.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from threads.background import start_thread
from threads.errors import DatabaseGone, ThreadsError

IDLE_AFTER = 0.5
"""Seconds without a write after which the registry counts as idle."""
CLOSE_LIMIT = 1.0
"""Seconds that the tasks may take while the registry is closed."""

IdleTask = Callable[[Callable[[], bool]], object]
"""Called with `stop`: the task returns as soon as `stop()` is true."""


class IdleWorker:
    """Runs its tasks once `touch` was not called for `IDLE_AFTER` seconds, and a last time at `close`."""

    def __init__(self) -> None:
        self._tasks: list[IdleTask] = []
        self._touched = threading.Event()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add_task(self, task: IdleTask) -> None:
        """Run `task` in future idle times, after those that were added before."""
        self._tasks.append(task)

    def touch(self) -> None:
        """Note that something was written just now."""
        self._touched.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._closed.is_set():
                    self._start()

    def close(self) -> None:
        """Stop the thread; run the tasks a last time if anything was written."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            self._touched.set()
        if self._thread is not None:
            self._thread.join()
            deadline = time.monotonic() + CLOSE_LIMIT
            self._run_tasks(lambda: time.monotonic() > deadline)

    def _start(self) -> None:
        try:
            self._thread = start_thread(self._run, "threads-idle", self._closed.is_set)
        except RuntimeError as error:  # no thread can be started now; the next touch tries again
            logging.getLogger(__name__).warning("projections stay stale for now: %s", error)

    def _run(self) -> None:
        while not self._closed.is_set():
            self._touched.wait()
            while self._touched.is_set() and not self._closed.is_set():
                self._touched.clear()
                self._closed.wait(IDLE_AFTER)
            if not self._closed.is_set():
                self._run_tasks(lambda: self._closed.is_set() or self._touched.is_set())

    def _run_tasks(self, stop: Callable[[], bool]) -> None:
        try:
            for task in self._tasks:
                task(stop)
        except DatabaseGone:
            pass  # logged when it was noticed
        except ThreadsError as error:  # a full disk, say: the next reader gets the error
            logging.getLogger(__name__).warning("projections stay stale for now: %s", error)
