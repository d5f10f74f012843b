"""A progress bar on stderr for what takes longer than a second: adopting a file, reading many threads."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TextIO

DELAY = 1.0
"""Seconds after which a person wonders what is going on."""


class ProgressBar:
    """Hand it in as `progress`: it draws nothing where the work is quick, or stderr is no terminal."""

    def __init__(
        self,
        stream: TextIO | None = None,
        now: Callable[[], float] = time.monotonic,
        delay: float = DELAY,
    ) -> None:
        self._delay = delay
        self._stream = sys.stderr if stream is None else stream
        self._now = now
        self._since = now()
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        if self._bar is None and (self._now() - self._since < self._delay or not self._stream.isatty()):
            return
        if self._bar is None:
            self._start()
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=total)
        self._bar.update(self._tasks[what], completed=done, total=total)
        if done >= total:
            self.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show that `what` goes on, which cannot tell how far it is."""
        timer = threading.Timer(self._delay, self._wait, [what])
        timer.daemon = True
        if self._stream.isatty():
            timer.start()
        try:
            yield
        finally:
            timer.cancel()
            if timer.ident is not None:
                timer.join()
            self.stop()

    def _wait(self, what: str) -> None:
        self._start()
        self._bar.add_task(what, total=None)

    def stop(self) -> None:
        """Take the bar away; the next work has its own second of patience."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            self._tasks = {}
        self._since = self._now()

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(console=Console(file=self._stream), transient=True)
        self._bar.start()
