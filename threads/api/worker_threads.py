"""The worker threads of `threads serve`: what blocks runs there, not in the event loop.

Reads run in anyio's threads, as FastAPI runs plain handlers (`starlette.concurrency.run_in_threadpool`). What
waits for a commit runs in the event loop's own executor (`asyncio.to_thread`, `in_write_thread`): while
another process holds the file's lock, reads do not wait behind writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import anyio.to_thread

P = ParamSpec("P")
T = TypeVar("T")

READ_THREADS = 8
"""Threads that read; each has a connection to the file, which is two descriptors. Python runs one thread at a
time, so that more of them answer no more requests."""
WRITE_THREADS = 8
"""Threads that wait for commits; what they wait for together shares a transaction."""


def limit_worker_threads() -> None:
    """Limit the worker threads of the running event loop, which by default are 40 and up to 32."""
    anyio.to_thread.current_default_thread_limiter().total_tokens = READ_THREADS
    executor = ThreadPoolExecutor(WRITE_THREADS, thread_name_prefix="threads-api")
    asyncio.get_running_loop().set_default_executor(executor)


def in_write_thread(handler: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Return a plain handler that waits for commits as one that does so in a write thread."""

    @wraps(handler)
    async def handle(*arguments: P.args, **options: P.kwargs) -> T:
        return await asyncio.to_thread(handler, *arguments, **options)

    return handle
