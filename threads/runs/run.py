"""`Run`: the handle of a run, with its result, its events, and the way to stop it.

The same object serves scripts (`run.result()`, `for event in run`) and async code (`await run`,
`async for event in run`). Dropping it does not stop the run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import Future
from typing import Any

from threads.errors import UsageError
from threads.models import Event, Message, RunInfo, RunStatus
from threads.registry import Registry
from threads.registry.subscription import EventSubscription, subscribe
from threads.runs.attempt import StopReason
from threads.runs.executor import RunExecutor


class Run:
    """A run of an agent in a thread, performed by this process or another."""

    def __init__(
        self,
        registry: Registry,
        executor: RunExecutor,
        id: str,
        thread_id: str,
        after_sequence: int,
        future: Future[Any],
    ) -> None:
        """`after_sequence`: the thread's last event before the run."""
        self.id = id
        self.thread_id = thread_id
        self._registry = registry
        self._context = registry._context
        self._executor = executor
        self._after_sequence = after_sequence
        self._future = future

    def __repr__(self) -> str:
        return f"Run({self.id!r}, thread_id={self.thread_id!r}, status={self.status!r})"

    @property
    def info(self) -> RunInfo:
        """Its stored state; `RunNotFound` if its thread was deleted."""
        with self._context.store.read() as tx:
            return tx.runs.get(self.id).info()

    @property
    def status(self) -> RunStatus:
        """`pending`, `running`, or how it ended: `success`, `error`, `interrupted`, `stopped`."""
        return self.info.status

    def result(self, timeout: float | None = None) -> Any:
        """Return the graph's output, as `invoke` does, once the run has ended; waits up to `timeout` seconds.

        Of a stopped run, the state with its partial output; of an interrupted one, with `__interrupt__`; of
        one whose lease expired, the result of its recovery. Raises `RunFailed` with the reason,
        `TimeoutError`, `ThreadDeleted`, and `LeaseLost` if this runner does not recover runs.
        """
        if self._executor.is_current_thread():
            raise UsageError("an async node must not wait for another run like this", "use `await run`")
        return self._future.result(timeout)

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.shield(asyncio.wrap_future(self._future)).__await__()

    def __iter__(self) -> Iterator[Event]:
        """Yield the run's events from its start, as they come, to its end."""
        with self.events() as events:
            for event in events:
                if event.run_id == self.id:
                    yield event
                    if self.ends_with(event):
                        return

    async def __aiter__(self) -> AsyncIterator[Event]:
        with self.events() as events:
            async for event in events:
                if event.run_id == self.id:
                    yield event
                    if self.ends_with(event):
                        return

    def stop(self) -> None:
        """Cancel the run, within a second. Its partial output is kept, as a message with `stopped=True`.

        Does nothing if the run has ended.
        """
        self._executor.stop(self.id, StopReason.CANCEL)

    def messages(self) -> tuple[Message, ...]:
        """Return the messages that this run has added to the thread by now, the user's first."""
        context = self._context
        context.checkpointer.wait_for_writes(self.thread_id)
        with context.store.read() as tx:
            head_id = tx.runs.get(self.id).head_id or tx.threads.get(self.thread_id).head_id
            if head_id is None:
                return ()
            found = context.decoder.messages(tx.connection, self.thread_id, head_id, dated=True) or ()
        return tuple(message for message in found if message.run_id == self.id)

    def mark_read(self, user: str) -> int:
        """Mark the thread as read by `user` up to this run's last message; returns how many are unread.

        Raises `ThreadNotFound`, `ThreadTrashed`, `InvalidValue`.
        """
        registry = self._registry
        if message_ids := [message.id for message in self.messages() if message.id]:
            return registry.mark_read(self.thread_id, user, upto=message_ids[-1])
        return registry.unread([self.thread_id], user)[self.thread_id]

    def events(self, *, owner: str | None = None) -> EventSubscription:
        """Subscribe to its thread's events from its start on; of a run that has ended, only the stored ones.

        `owner` as in `Registry.events`.
        """
        follow = self.status in ("pending", "running")
        after = self._after_sequence
        return subscribe(self._context, self.thread_id, after, owner=owner, follow=follow)

    def ends_with(self, event: Event) -> bool:
        """Return whether the run ends with this event, and was not started again after it."""
        if event.run_id != self.id or not event.is_end:
            return False
        with self._context.store.read() as tx:
            return not tx.events.was_restarted(event)
