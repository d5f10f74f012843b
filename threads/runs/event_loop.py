"""The loops that runs live on: a thread each, whatever the caller has (a script, a notebook, a server)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from threads.background import log_failure, start_thread

T = TypeVar("T")

AT_ONCE = 64
"""Nodes and tools that are not async, and so need a thread each while they run."""

PATIENCE = 1.0
"""Seconds that tasks have to end when the loop is closed."""


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(ThreadPoolExecutor(AT_ONCE, thread_name_prefix="threads-nodes"))
        self._is_over = False
        self._thread = start_thread(self._run, name, lambda: self.loop.is_closed())

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Do this there, from any thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def begin(self, work: Coroutine[Any, Any, None], what: str) -> None:
        """Run this there without waiting for it; if it fails, `what` is logged."""
        self.submit(work).add_done_callback(partial(_tell, what))

    def call(self, function: Any, *arguments: Any) -> None:
        """Call this there, soon."""
        self.loop.call_soon_threadsafe(function, *arguments)

    def is_here(self) -> bool:
        """Whether the caller is on this very loop, and so must not wait for it."""
        return threading.current_thread() is self._thread

    def close(self, *, patience: float = PATIENCE) -> None:
        """Cancel what is left, and let the thread go; what will not end goes on in it, and keeps nobody."""
        if self.loop.is_closed():
            return
        self._is_over = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(patience)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._is_over:
            try:
                self.loop.run_forever()
            except (SystemExit, KeyboardInterrupt):  # a node raised it: that ends its run, and no other
                continue
        self._end()

    def _end(self) -> None:
        while left := asyncio.all_tasks(self.loop):  # again, for they may have made others
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


def _tell(what: str, promise: Future[Any]) -> None:
    error = CancelledError() if promise.cancelled() else promise.exception()
    if error is not None and not isinstance(error, CancelledError):
        log_failure(what, error)
