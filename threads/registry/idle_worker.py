"""Refreshing what is stale while nobody writes, so that the next list finds everything ready."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from threads.background import start_thread
from threads.errors import DatabaseGone, ThreadsError

QUIET = 0.5
"""Seconds without a write after which the writer counts as idle."""
AT_CLOSE = 1.0
"""Seconds that closing spends at most on what is stale."""


class IdleRefresher:
    """Calls `refresh(stop)` in a thread of its own once `touch` was not called for `QUIET` seconds."""

    def __init__(self, refresh: Callable[[Callable[[], bool]], object]) -> None:
        self._refresh = refresh
        self._touched = threading.Event()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def touch(self) -> None:
        """Something was written just now."""
        self._touched.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._closed.is_set():
                    self._start()

    def close(self) -> None:
        """Stop, and refresh a last time, if anything was written."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            self._touched.set()
        if self._thread is not None:
            self._thread.join()
            deadline = time.monotonic() + AT_CLOSE
            self._try(lambda: time.monotonic() > deadline)

    def _start(self) -> None:
        try:
            self._thread = start_thread(self._run, "threads-idle", self._closed.is_set)
        except RuntimeError as error:  # no thread can be started now; who reads refreshes, and the next touch
            logging.getLogger(__name__).warning("stale threads stay stale for now: %s", error)

    def _run(self) -> None:
        while not self._closed.is_set():
            self._touched.wait()
            while self._touched.is_set() and not self._closed.is_set():
                self._touched.clear()
                self._closed.wait(QUIET)
            if not self._closed.is_set():
                self._try(lambda: self._closed.is_set() or self._touched.is_set())

    def _try(self, stop: Callable[[], bool]) -> None:
        try:
            self._refresh(stop)
        except DatabaseGone:
            pass  # logged when it was noticed
        except ThreadsError as error:  # a full disk, say: who reads these rows meets it
            logging.getLogger(__name__).warning("stale threads stay stale for now: %s", error)
