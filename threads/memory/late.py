"""Writes that go with the next checkpoint: one commit in place of two or three.

A task's results matter only together with the checkpoint that comes of them, or when another task
of the same step fails. LangGraph stores them by `put_writes` a moment before that checkpoint's
`put`. So they wait for it and are stored in its transaction; if it does not come within `PATIENCE`
they are stored alone. Until then a crash costs what it would have cost a moment earlier: the task is
run again. Questions to a person, errors and answers to questions never wait.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from functools import partial

from threads.database.connections import Database
from threads.errors import ThreadsError

Work = Callable[[sqlite3.Connection], None]

PATIENCE = 0.02
"""Seconds that results wait for their checkpoint."""


class LateWrites:
    """Keeps pieces of work by thread id until they are taken, or stores them when nobody comes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Work]] = {}
        self._arrived = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def add(self, thread_id: str, work: Work) -> None:
        """Keep `work` for the thread's next checkpoint."""
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="threads-late-writes", daemon=True)
                self._thread.start()
            self._waiting.setdefault(thread_id, []).append(work)
        self._arrived.set()

    def take(self, thread_id: str) -> list[Work]:
        """What waited for this thread; whoever takes it stores it."""
        if not self._waiting:
            return []
        with self._lock:
            return self._waiting.pop(thread_id, [])

    def flush(self) -> None:
        """Store all that waits."""
        while self._waiting:
            with self._lock:
                waiting, self._waiting = self._waiting, {}
            works = [work for each in waiting.values() for work in each]
            self._database.write(partial(do_all, works))

    def close(self) -> None:
        """Store all that waits, and wait no more."""
        with self._lock:
            self._closed = True
        self._arrived.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._closed:
            self._arrived.wait()
            time.sleep(PATIENCE)
            self._arrived.clear()
            try:
                self.flush()
            except ThreadsError as error:
                logging.getLogger(__name__).warning("results of a step are not stored: %s", error)


def do_all(works: list[Work], connection: sqlite3.Connection) -> None:
    """Do one piece of work after another."""
    for work in works:
        work(connection)
