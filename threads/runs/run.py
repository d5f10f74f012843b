"""A run in the hands of who asked for it: its result, its events, and the way to stop it.

The same object serves scripts (`run.result()`, `for event in run`) and async code (`await run`,
`async for event in run`). Letting go of it stops nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import Future
from typing import Any

from threads.errors import UsageError
from threads.models import Event, Message, RunInfo, RunStatus
from threads.registry.subscription import Events, listen
from threads.runs.attempt import KEEP
from threads.runs.executor import Engine
from threads.store import event_log as events
from threads.store import runs
from threads.store import threads as thread_table
from threads.store.runs import run_of


class Run:
    """One run of an agent in a thread; also of one that another process performs."""

    def __init__(self, engine: Engine, id: str, thread_id: str, after: int, future: Future[Any]) -> None:
        self.id = id
        self.thread_id = thread_id
        self._engine = engine
        self._after = after
        self._future = future

    def __repr__(self) -> str:
        return f"Run({self.id!r}, thread_id={self.thread_id!r}, status={self.status!r})"

    @property
    def info(self) -> RunInfo:
        """What is stored of it now; `RunNotFound` if its thread was deleted."""
        with self._engine.inside.database.read() as connection:
            return run_of(runs.get(connection, self.id))

    @property
    def status(self) -> RunStatus:
        """`pending`, `running`, or how it ended: `success`, `error`, `interrupted`, `stopped`."""
        return self.info.status

    def result(self, timeout: float | None = None) -> Any:
        """The graph's output, as `invoke` returns it, once the run has ended; waits up to `timeout` seconds.

        Of a stopped run, the state with what was said by then; of an interrupted one, with
        `__interrupt__`; of one whose lease ran out, what came of it where it was gone on with. Raises
        `RunFailed` with the reason, `TimeoutError`, `ThreadDeleted`, and `LeaseLost` if nobody here
        goes on with it.
        """
        if self._engine.thread.is_here():
            raise UsageError("an async node must not wait for another run like this; use `await run`")
        return self._future.result(timeout)

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.shield(asyncio.wrap_future(self._future)).__await__()

    def __iter__(self) -> Iterator[Event]:
        """The run's events from its start, as they come, to its end."""
        with self.events() as happening:
            for event in happening:
                if event.run_id == self.id:
                    yield event
                    if self.ends_with(event):
                        return

    async def __aiter__(self) -> AsyncIterator[Event]:
        with self.events() as happening:
            async for event in happening:
                if event.run_id == self.id:
                    yield event
                    if self.ends_with(event):
                        return

    def stop(self) -> None:
        """End it within a second; what was said by then is kept. Of a run that has ended: nothing."""
        self._engine.ask_to_stop(self.id, KEEP)

    def messages(self) -> tuple[Message, ...]:
        """What this run brought to the thread by now, the user's message first."""
        inside = self._engine.inside
        inside.checkpointer.wait_for_writes(self.thread_id)
        with inside.database.read() as connection:
            row = runs.get(connection, self.id)
            head_id = row["head_id"] or thread_table.get(connection, self.thread_id)["head_id"]
            if head_id is None:
                return ()
            found = inside.decoder.messages(connection, self.thread_id, head_id, dated=True) or ()
        return tuple(message for message in found if message.run_id == self.id)

    def mark_read(self, user: str) -> int:
        """Note that `user` was given what this run brought by now; how many messages are unread still.

        Raises `ThreadNotFound`, `ThreadTrashed`, `InvalidValue`.
        """
        registry = self._engine.registry
        if brought := [message.id for message in self.messages() if message.id]:
            return registry.mark_read(self.thread_id, user, upto=brought[-1])
        return registry.unread([self.thread_id], user)[self.thread_id]

    def events(self, *, owner: str | None = None) -> Events:
        """All that happens in its thread from its start on; of a run that has ended, only what was stored.

        `owner` as in `Registry.events`.
        """
        inside = self._engine.inside
        follow = self.status in ("pending", "running")
        return listen(inside.database, inside.tail, self.thread_id, self._after, owner=owner, follow=follow)

    def ends_with(self, event: Event) -> bool:
        """Whether the run ends with this event, and was not begun again after it."""
        if event.run_id != self.id or not event.is_end:
            return False
        with self._engine.inside.database.read() as connection:
            return not events.was_begun_after(connection, event)
