"""Event loops in threads of their own: runs need one, whatever the caller has (script, notebook, server).

What runs on them: coroutines of any thread, tasks that may ignore their cancellation, and steps that repeat.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Generic, TypeVar

from threads.background import log_failure, start_thread
from threads.errors import DatabaseGone, ThreadsError

T = TypeVar("T")

MAX_SYNC_NODES = 64
"""Nodes and tools that are not async run in a thread each; this many at once."""

CLOSE_TIMEOUT = 1.0
"""Seconds that tasks have to end when the loop is closed."""

LEAVE_TIMEOUT = 5.0
"""Seconds that context managers have to be left before."""

CANCEL_TIMEOUT = 0.5
"""Seconds that a task has to end once it is cancelled."""


class LoopThread:
    """An event loop in a daemon thread."""

    def __init__(
        self, name: str, *, workers: int = MAX_SYNC_NODES, worker_name: str = "threads-nodes"
    ) -> None:
        """`workers`: how many threads at most run what blocks; they are started as they are needed."""
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(ThreadPoolExecutor(workers, thread_name_prefix=worker_name))
        self._is_stopping = False
        self._holders: dict[asyncio.Task[Any], asyncio.Event] = {}
        """Tasks that hold a context manager until their event is set."""
        self._thread = start_thread(self._run, name, lambda: self.loop.is_closed())

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the loop, from any thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def start_task(self, coroutine: Coroutine[Any, Any, None], failure: str) -> None:
        """Run a coroutine on the loop without waiting for it; log `failure` if it raises."""
        self.submit(coroutine).add_done_callback(partial(_log_failure, failure))

    def enter(self, manager: AbstractAsyncContextManager[T]) -> T:
        """Enter a context manager in a task of its own, which leaves it when the loop is closed."""
        entered: Future[T] = Future()
        self.start_task(self._hold(manager, entered), "a context manager of an agent failed")
        return entered.result()

    async def _hold(self, manager: AbstractAsyncContextManager[T], entered: Future[T]) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._holders[task] = closing = asyncio.Event()
        try:
            async with manager as value:
                entered.set_result(value)
                await closing.wait()
        except BaseException as error:
            if entered.done():
                raise
            entered.set_exception(error)
        finally:
            del self._holders[task]

    def call_soon(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function on the loop, from any thread."""
        self.loop.call_soon_threadsafe(function, *arguments)

    def is_current_thread(self) -> bool:
        """Return whether the caller is on this loop, and so must not block it."""
        return threading.current_thread() is self._thread

    def close(self, *, timeout: float = CLOSE_TIMEOUT) -> None:
        """Leave context managers, cancel all tasks and wait up to `timeout` seconds for those.

        A task that ignores that stays in the thread.
        """
        if self.loop.is_closed():
            return
        self._is_stopping = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout + LEAVE_TIMEOUT if self._holders and timeout else timeout)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._is_stopping:
            try:
                self.loop.run_forever()
            except (SystemExit, KeyboardInterrupt):  # raised by a node: ends its run, and no other
                continue
        self._shut_down()

    def _shut_down(self) -> None:
        if holders := list(self._holders):
            for closing in self._holders.values():
                closing.set()
            self.loop.run_until_complete(asyncio.wait(holders, timeout=LEAVE_TIMEOUT))
        while tasks := asyncio.all_tasks(self.loop):  # again, for they may have made others
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


class CancellableTask(Generic[T]):
    """A task on the running loop that is abandoned where it ignores its cancellation.

    A node, a tool or a model may catch the cancellation and go on, for ever perhaps. The task cannot be
    killed: whatever abandons it sees to it that nothing it stores is accepted.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(coroutine)
        self._abandoned: asyncio.Future[None] = self._loop.create_future()

    def cancel(self) -> None:
        """Cancel it; `result` returns after `CANCEL_TIMEOUT` seconds at most."""
        self._task.cancel()
        self._loop.call_later(CANCEL_TIMEOUT, self._abandon)

    async def result(self) -> T | None:
        """Return or raise what the task does; None if it was cancelled and did not end."""
        await asyncio.wait((self._task, self._abandoned), return_when=asyncio.FIRST_COMPLETED)
        return self._task.result() if self._task.done() else None

    def _abandon(self) -> None:
        if not self._abandoned.done():
            self._abandoned.set_result(None)
            self._task.add_done_callback(_ignore_result)


def is_cancelled(error: BaseException) -> bool:
    """Return whether `error` is the cancellation of the running task, not one that a node raised."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


async def repeat(pause: Callable[[], float], step: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a step again and again, with `pause()` seconds between, until cancelled."""
    while True:
        await attempted(step())
        await asyncio.sleep(pause())


async def attempted(step: Coroutine[Any, Any, None]) -> None:
    """Await a step and log its errors: the next one may succeed."""
    try:
        await step
    except DatabaseGone:
        pass  # logged when it was noticed
    except ThreadsError as error:  # the database is locked or full
        logging.getLogger(__name__).warning("the step of a runner failed and will be repeated: %s", error)
    except BaseException as error:
        if is_cancelled(error):
            raise
        log_failure("the step of a runner failed and will be repeated", error)


def _log_failure(failure: str, future: Future[Any]) -> None:
    error = CancelledError() if future.cancelled() else future.exception()
    if error is not None and not isinstance(error, CancelledError):
        log_failure(failure, error)


def _ignore_result(task: asyncio.Task[Any]) -> None:
    """Retrieve the exception of an abandoned task, so that asyncio does not log it."""
    if not task.cancelled():
        task.exception()
