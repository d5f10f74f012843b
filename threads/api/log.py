"""The server's log: lines of JSON on stderr, written by a thread of their own, few of each kind."""

from __future__ import annotations

import json
import logging
import logging.handlers
import queue
import sys
import threading
import time
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from typing import Any

LINES_KEPT = 10_000
"""Lines of the log that wait for a slow reader."""
LAST_LINES = 0.5
"""Seconds in which what waits is written at the end."""
EACH_KIND = 1.0
"""Seconds between two lines of a kind."""
LEVELS = {"threads": logging.INFO, "uvicorn": logging.WARNING, "asyncio": logging.WARNING}
"""Whose lines are written, from which level on."""


class JsonLines(logging.Formatter):
    """A log record as a line of JSON; of exceptions the class, never the words."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        made = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told: dict[str, Any] = {"time": made, "level": record.levelname.lower(), "logger": record.name}
        told["event"] = record.getMessage() if record.exc_info is None else "exception"
        if record.exc_info and record.exc_info[0]:
            told["error"] = record.exc_info[0].__name__
        return json.dumps({**told, **getattr(record, "told", {})})


class RateLimit(logging.Filter):
    """Lets one line of a kind through in `seconds`; the next one says how many were suppressed."""

    def __init__(self, seconds: float = EACH_KIND, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._last: dict[Hashable, float] = {}
        self._suppressed: dict[Hashable, tuple[int, logging.LogRecord]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is written now."""
        kind = kind_of(record)
        if kind is None:
            return True
        now = self._clock()
        with self._lock:
            if now - self._last.get(kind, -self._seconds) < self._seconds:
                count, _ = self._suppressed.get(kind, (0, record))
                self._suppressed[kind] = (count + 1, record)
                return False
            self._last[kind] = now
            count, _ = self._suppressed.pop(kind, (0, record))
        _tell(record, count)
        return True

    def overdue(self) -> list[logging.LogRecord]:
        """The last line of each kind of which some were suppressed and none came since."""
        now = self._clock()
        with self._lock:
            due = [kind for kind in self._suppressed if now - self._last[kind] >= self._seconds]
            found = [self._suppressed.pop(kind) for kind in due]
            self._last = {kind: at for kind, at in self._last.items() if now - at < self._seconds}
            self._last |= dict.fromkeys(due, now)
        for count, record in found:
            _tell(record, count - 1)
        return [record for _, record in found]


class Waiting(logging.handlers.QueueHandler):
    """Takes records without waiting for the reader of the log; drops those that are too many."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """As it is: made into text by the one that writes."""
        return record

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop the record: the queue is full, because the log is not read."""


class ServerLog:
    """The handlers of `threads serve`, from `begin` to `end`."""

    def __init__(self) -> None:
        lines = logging.StreamHandler(sys.stderr)
        lines.setFormatter(JsonLines())
        self._records: queue.Queue[logging.LogRecord | None] = queue.Queue(LINES_KEPT)
        self._limit = RateLimit()
        self._handler = Waiting(self._records)
        self._handler.addFilter(self._limit)
        self._lines = lines
        self._writer = threading.Thread(target=self._write, name="threads-log", daemon=True)

    def begin(self) -> None:
        """Take the lines of this server and of what it stands on; of others where no handler does."""
        for name, level in LEVELS.items():
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = [self._handler], False
            logger.setLevel(level)
        if not logging.root.handlers:
            logging.root.addHandler(self._handler)
        self._writer.start()

    def tick(self) -> None:
        """Write what was suppressed and had no successor; to be called about once a second."""
        for record in self._limit.overdue():
            self._handler.enqueue(record)

    def end(self) -> bool:
        """Write what waits and end the thread; False if it cannot end, because the log is not read."""
        self.tick()
        try:
            self._records.put(None, timeout=LAST_LINES)
        except queue.Full:
            return False
        self._writer.join(LAST_LINES)
        return not self._writer.is_alive()

    def _write(self) -> None:
        while (record := self._records.get()) is not None:
            self._lines.handle(record)


def kind_of(record: logging.LogRecord) -> Hashable | None:
    """What lines are counted with this one; None for requests of known callers, which have a line each."""
    told = getattr(record, "told", {})
    if record.msg == "request" and getattr(record, "is_known", False):
        return None
    error = record.exc_info[0] if record.exc_info else told.get("error") or told.get("code")
    return record.name, record.levelno, str(record.msg).partition("\n")[0], error, told.get("status")


def _tell(record: logging.LogRecord, suppressed: int) -> None:
    if suppressed:
        record.told = {**getattr(record, "told", {}), "suppressed": suppressed}
