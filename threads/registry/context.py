"""`RegistryContext`: what the services of one open registry share.

The checkpointer and the decoder are loaded on first use, because they import LangGraph (most of a second):
listing threads whose projections are up to date needs neither.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from threads.background import start_thread
from threads.db.database import Database
from threads.db.migrations import Progress
from threads.errors import DatabaseGone, ReadOnly, ThreadsError
from threads.registry.event_poller import EventPoller
from threads.store.transaction import Store, Transaction

Clock = Callable[[], datetime]
Reducer = Callable[[list[Any], list[Any]], list[Any]]
AllowedTypes = tuple[type | tuple[str, str], ...]


class Closeable(ABC):
    """`with` and `async with` around `close()`. A mixin, because Python looks both up on the class."""

    @abstractmethod
    def close(self) -> None:
        """Release all resources. Closing twice is harmless."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import asyncio  # a third of the time of `import threads`, and listing does not need it

        await asyncio.to_thread(self.close)


class RegistryContext:
    """The database of a registry, its checkpointer and decoder, clock and background threads.

    `registry._context` is how `threads.runs` and the interfaces reach it.
    """

    def __init__(
        self,
        database: Database,
        *,
        types: AllowedTypes,
        reducer: Reducer | None,
        clock: Clock,
        progress: Progress | None,
    ) -> None:
        self.database = database
        self.store = Store(database)
        self.clock = clock
        self.progress = progress
        self.has_reducer = reducer is not None
        """Whether a reducer, or a graph, is at hand that may tell what checkpoints alone do not."""
        self.events = EventPoller(self.store)
        self.idle = IdleWorker()
        self.retried_heads: set[str | None] = set()
        """Heads whose messages stayed unknown though a reducer is at hand."""
        self._schemas: list[Any] = []
        self._types = types
        self._reducer = reducer
        self._lock = threading.Lock()
        self._checkpointer: Any = None
        self._decoder: Any = None

    @property
    def checkpointer(self) -> Any:
        """The `Checkpointer` of this database, loaded on first use: one object, usable from any thread."""
        if self._checkpointer is None:
            decoder = self.decoder
            with self._lock:
                if self._checkpointer is None:
                    self._checkpointer = self._load_checkpointer(decoder)
        return self._checkpointer

    @property
    def decoder(self) -> Any:
        """The `Transcripts` that read messages out of checkpoints, loaded on first use."""
        if self._decoder is None:
            with self._lock:
                if self._decoder is None:
                    from threads.checkpoint.serde import LenientSerializer
                    from threads.checkpoint.transcript import Transcripts

                    self._decoder = Transcripts(LenientSerializer(self._types), self._reducer)
        return self._decoder

    def learn(self, graph: Any) -> dict[str, str]:
        """Use a compiled graph to read states: its types, its message channel and that channel's reducer.

        Returns what the graph's checkpoints should say in their metadata, for readers without the graph.
        """
        from threads.checkpoint.graph_schema import read_schema

        schema = read_schema(graph)
        self._use(schema)
        return schema.metadata

    def learn_from(self, other: RegistryContext) -> None:
        """Use the graphs that another registry has learned of."""
        for schema in other._schemas if other is not self else ():
            self._use(schema)

    def _use(self, schema: Any) -> None:
        self._schemas.append(schema)
        self.checkpointer.serde.allow(schema.types)
        if self.decoder.learn(schema):
            self.has_reducer = True
            self.retried_heads.clear()
            if not self.database.read_only:
                self.store.write(lambda tx: tx.projections.invalidate_unknown())

    def load_decoder(self) -> Any:
        """Return `decoder`, for code that may turn out not to need it."""
        return self.decoder

    def now(self) -> int:
        """Return the clock's time in milliseconds since 1970."""
        return round(self.clock().timestamp() * 1000)

    def flush(self, thread_id: str | None = None) -> None:
        """Store the writes that the checkpointer buffers, of one thread or all; raises `DatabaseError`."""
        if self._checkpointer is None:
            return
        if thread_id is None:
            self._checkpointer.flush()
        else:
            self._checkpointer.wait_for_writes(thread_id)

    def release_deleted(self, thread_ids: Iterable[str]) -> None:
        """Drop what the checkpointer caches of deleted threads, and overwrite their text in the file."""
        for thread_id in thread_ids:
            if self._checkpointer is not None:
                self._checkpointer.forget(thread_id)
        self.database.purge_deleted_text()

    def check_has_tables(self, tx: Transaction) -> None:
        """Raise `ReadOnly` for a file without our tables that was opened for reading only."""
        if self.database.read_only and not tx.has_registry:
            raise ReadOnly(
                f"{self.database.where} has no registry yet", "open it once without read_only=True"
            )

    def close(self) -> None:
        """Stop the background threads and close the checkpointer and the database. Closing twice is harmless.

        Does nothing in a process that was forked from the one that opened the database.
        """
        if self.database.is_foreign():
            return
        with ExitStack() as stack:  # last in, first out; each runs even if another one raises
            stack.callback(self.database.close)
            if self._checkpointer is not None:
                stack.callback(self._checkpointer.close)
            stack.callback(self.idle.close)
            stack.callback(self.events.close)

    def _load_checkpointer(self, decoder: Any) -> Any:
        from threads.checkpoint.saver import Checkpointer
        from threads.checkpoint.serde import StrictSerializer

        serde = StrictSerializer(self._types)
        return Checkpointer(self.database, serde=serde, transcripts=decoder, on_put=self.idle.touch)


IDLE_AFTER = 0.5
"""Seconds without a write after which the registry counts as idle."""
CLOSE_LIMIT = 1.0
"""Seconds that the tasks may take while the registry is closed."""
IdleTask = Callable[[Callable[[], bool]], object]
"""Called with `stop`: the task returns as soon as `stop()` is true."""


class IdleWorker:
    """Runs its tasks once `touch` was not called for `IDLE_AFTER` seconds, and a last time at `close`."""

    def __init__(self) -> None:
        self._tasks: list[IdleTask] = []
        self._touched = threading.Event()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add_task(self, task: IdleTask) -> None:
        """Run `task` in future idle times, after those that were added before."""
        self._tasks.append(task)

    def touch(self) -> None:
        """Note that something was written just now."""
        self._touched.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._closed.is_set():
                    self._start()

    def close(self) -> None:
        """Stop the thread; run the tasks a last time if anything was written."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            self._touched.set()
        if self._thread is not None:
            self._thread.join()
            deadline = time.monotonic() + CLOSE_LIMIT
            self._run_tasks(lambda: time.monotonic() > deadline)

    def _start(self) -> None:
        try:
            self._thread = start_thread(self._run, "threads-idle", self._closed.is_set)
        except RuntimeError as error:  # no thread can be started now; the next touch tries again
            logging.getLogger(__name__).warning("projections stay stale for now: %s", error)

    def _run(self) -> None:
        while not self._closed.is_set():
            self._touched.wait()
            while self._touched.is_set() and not self._closed.is_set():
                self._touched.clear()
                self._closed.wait(IDLE_AFTER)
            if not self._closed.is_set():
                self._run_tasks(lambda: self._closed.is_set() or self._touched.is_set())

    def _run_tasks(self, stop: Callable[[], bool]) -> None:
        try:
            for task in self._tasks:
                task(stop)
        except DatabaseGone:
            pass  # logged when it was noticed
        except ThreadsError as error:  # a full disk, say: the next reader gets the error
            logging.getLogger(__name__).warning("projections stay stale for now: %s", error)
