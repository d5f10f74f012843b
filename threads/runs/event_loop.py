"""Event loops in threads of their own: runs need one, whatever the caller has (script, notebook, server)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from threads.background import log_failure, start_thread

T = TypeVar("T")

MAX_SYNC_NODES = 64
"""Nodes and tools that are not async run in a thread each; this many at once."""

CLOSE_TIMEOUT = 1.0
"""Seconds that tasks have to end when the loop is closed."""


class LoopThread:
    """An event loop in a daemon thread."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(ThreadPoolExecutor(MAX_SYNC_NODES, thread_name_prefix="threads-nodes"))
        self._is_stopping = False
        self._thread = start_thread(self._run, name, lambda: self.loop.is_closed())

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the loop, from any thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def start_task(self, coroutine: Coroutine[Any, Any, None], failure: str) -> None:
        """Run a coroutine on the loop without waiting for it; log `failure` if it raises."""
        self.submit(coroutine).add_done_callback(partial(_log_failure, failure))

    def call_soon(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function on the loop, from any thread."""
        self.loop.call_soon_threadsafe(function, *arguments)

    def is_current_thread(self) -> bool:
        """Return whether the caller is on this loop, and so must not block it."""
        return threading.current_thread() is self._thread

    def close(self, *, timeout: float = CLOSE_TIMEOUT) -> None:
        """Cancel all tasks and wait up to `timeout` seconds; one that ignores that stays in the thread."""
        if self.loop.is_closed():
            return
        self._is_stopping = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._is_stopping:
            try:
                self.loop.run_forever()
            except (SystemExit, KeyboardInterrupt):  # raised by a node: ends its run, and no other
                continue
        self._shut_down()

    def _shut_down(self) -> None:
        while tasks := asyncio.all_tasks(self.loop):  # again, for they may have made others
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


def _log_failure(failure: str, future: Future[Any]) -> None:
    error = CancelledError() if future.cancelled() else future.exception()
    if error is not None and not isinstance(error, CancelledError):
        log_failure(failure, error)
