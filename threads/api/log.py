"""The server's log: JSON lines on stderr, rate-limited by kind, written by a thread of its own."""

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

QUEUE_SIZE = 10_000
"""Log records that wait for a slow reader; more are dropped."""
FLUSH_TIMEOUT = 0.5
"""Seconds to write the queued records when the server stops."""
INTERVAL = 1.0
"""Seconds between two lines of one kind."""
LEVELS = {"threads": logging.INFO, "uvicorn": logging.WARNING, "asyncio": logging.WARNING}
"""Loggers whose records are written, and from which level on."""


class JsonFormatter(logging.Formatter):
    """Formats a record as a line of JSON; of an exception its class, never its message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        created = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"time": created, "level": record.levelname.lower(), "logger": record.name}
        line["event"] = record.getMessage() if record.exc_info is None else "exception"
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
        return json.dumps({**line, **getattr(record, "fields", {})})


class LogRateLimit(logging.Filter):
    """Passes one record of a kind in `seconds`; the next one says how many were suppressed."""

    def __init__(self, seconds: float = INTERVAL, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._last: dict[Hashable, float] = {}
        self._suppressed: dict[Hashable, tuple[int, logging.LogRecord]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written now."""
        kind = record_kind(record)
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
        _add_suppressed(record, count)
        return True

    def overdue(self) -> list[logging.LogRecord]:
        """Return the last record of each kind that was suppressed and had no successor in `seconds`."""
        now = self._clock()
        with self._lock:
            due = [kind for kind in self._suppressed if now - self._last[kind] >= self._seconds]
            pairs = [self._suppressed.pop(kind) for kind in due]
            self._last = {kind: at for kind, at in self._last.items() if now - at < self._seconds}
            self._last |= dict.fromkeys(due, now)
        for count, record in pairs:
            _add_suppressed(record, count - 1)
        return [record for _, record in pairs]


class DroppingQueueHandler(logging.handlers.QueueHandler):
    """Queues records without blocking; drops them where the queue is full."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return the record unchanged: the writer thread formats it."""
        return record

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop the record: the queue is full, because the log is not read."""


class ServerLog:
    """The log of `threads serve`, from `start` to `stop`."""

    def __init__(self) -> None:
        lines = logging.StreamHandler(sys.stderr)
        lines.setFormatter(JsonFormatter())
        self._records: queue.Queue[logging.LogRecord | None] = queue.Queue(QUEUE_SIZE)
        self._limit = LogRateLimit()
        self._handler = DroppingQueueHandler(self._records)
        self._handler.addFilter(self._limit)
        self._lines = lines
        self._writer = threading.Thread(target=self._write, name="threads-log", daemon=True)

    def start(self) -> None:
        """Handle the records of `LEVELS`; those of other loggers where the root logger has no handler."""
        for name, level in LEVELS.items():
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = [self._handler], False
            logger.setLevel(level)
        if not logging.root.handlers:
            logging.root.addHandler(self._handler)
        self._writer.start()

    def tick(self) -> None:
        """Write suppressed records that had no successor. Call it about once a second."""
        for record in self._limit.overdue():
            self._handler.enqueue(record)

    def stop(self) -> bool:
        """Write the queued records and stop the thread; False if stderr is not read, so it cannot stop."""
        self.tick()
        try:
            self._records.put(None, timeout=FLUSH_TIMEOUT)
        except queue.Full:
            return False
        self._writer.join(FLUSH_TIMEOUT)
        return not self._writer.is_alive()

    def _write(self) -> None:
        while (record := self._records.get()) is not None:
            self._lines.handle(record)


def record_kind(record: logging.LogRecord) -> Hashable | None:
    """Return what a record is rate-limited with; None for authenticated requests, which have a line each."""
    fields = getattr(record, "fields", {})
    if record.msg == "request" and getattr(record, "is_authenticated", False):
        return None
    error = record.exc_info[0] if record.exc_info else fields.get("error") or fields.get("code")
    return record.name, record.levelno, str(record.msg).partition("\n")[0], error, fields.get("status")


def _add_suppressed(record: logging.LogRecord, count: int) -> None:
    if count:
        record.fields = {**getattr(record, "fields", {}), "suppressed": count}
