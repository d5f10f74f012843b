"""The async half of the checkpointer: the same work as the sync one, done while the loop goes on.

Writes are handed to the database and done in any case, also when the task that waits is cancelled;
reads and rare operations run in a few threads. A thread's reads come after its writes that were
submitted here: a turn that follows a cancelled one must not begin before that one's last words.
"""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_id,
)

from threads.checkpoint.conflicts import Read, Turn, address, config_of, noted, turn_of
from threads.checkpoint.delta_history import handed_out
from threads.checkpoint.pending_writes import LateResults, Work
from threads.checkpoint.writer import Storing, key_of
from threads.db.database import Database
from threads.delays import PUT_GATHERING

T = TypeVar("T")

READ_AT_ONCE = 50
"""Checkpoints that an async list reads ahead."""
READERS = 4
"""Threads in which async reads wait for the disk."""


class AsyncMethods(BaseCheckpointSaver[str]):
    """LangGraph's `a...` methods, for a saver that has the sync ones."""

    def __init__(self, database: Database, late: LateResults, on_put: Callable[[], None]) -> None:
        self._database = database
        self._late = late
        self._on_put = on_put
        self._readers = ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="threads-reader")
        self._counting = threading.Lock()
        self._writing: Counter[str] = Counter()

    @abstractmethod
    def _put(self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata) -> Storing:
        """The work that stores a checkpoint."""

    @abstractmethod
    def _put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str
    ) -> Storing | None:
        """The work that stores a task's results now; None if they wait."""

    @abstractmethod
    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest", n: int = 1) -> None:
        """As LangGraph's, and `keep_n`."""

    def is_writing(self, thread_id: str) -> bool:
        """Whether something that was submitted to this thread is not stored yet."""
        return thread_id in self._writing

    def close_threads(self) -> None:
        """Wait for the reads under way, and let the threads go."""
        self._readers.shutdown(wait=True)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        with noted(config):
            return await self._aside(self.get_tuple, config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        found = self.list(config, filter=filter, before=before, limit=limit)
        while some := await self._aside(_take, found):
            for item in some:
                yield item

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As LangGraph's. A run with a lease does not wait here: what ends it is stored after this.

        Nor does the file at once: what follows within a moment shares the transaction.
        """
        thread_id = address(config)[0]
        turn = turn_of(config, thread_id)
        with noted(config):
            promise = self._submitted(config, self._put(config, checkpoint, metadata), soon=turn is None)
            if turn is None:
                await _kept(promise)
                self._on_put()
            else:
                promise.add_done_callback(partial(self._put_ended, turn))
                asyncio.get_running_loop().call_later(PUT_GATHERING, self._gathered, promise)
        return config_of(*address(config), checkpoint["id"])

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        with noted(config):
            work = self._put_writes(config, writes, task_id, task_path)
            if work is not None:
                await _kept(self._submitted(config, work))

    async def adelete_thread(self, thread_id: str) -> None:
        await asyncio.shield(self._aside(self.delete_thread, thread_id))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        await asyncio.shield(self._aside(self.copy_thread, source_thread_id, target_thread_id))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest", n: int = 1) -> None:
        await asyncio.shield(self._aside(lambda: self.prune(thread_ids, strategy=strategy, n=n)))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        await asyncio.shield(self._aside(self.delete_for_runs, run_ids))

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        checkpoint_id = get_checkpoint_id(config)
        if isinstance(checkpoint_id, Read) and (history := checkpoint_id.taken(channels)) is not None:
            return handed_out(history, channels)  # it was read together with the head
        with noted(config):
            return await self._aside(lambda: self.get_delta_channel_history(config=config, channels=channels))

    async def _aside(self, work: Callable[..., T], *arguments: Any) -> T:
        self._database.check_open()
        return await asyncio.get_running_loop().run_in_executor(self._readers, work, *arguments)

    def _put_ended(self, turn: Turn, promise: Future[Sequence[Work]]) -> None:
        if error := promise.exception():
            turn.refused(error)
        else:
            self._on_put()

    def _gathered(self, promise: Future[Any]) -> None:
        if not promise.done():
            self._database.flush_now()

    def _submitted(
        self, config: RunnableConfig, work: Storing, *, soon: bool = True
    ) -> Future[Sequence[Work]]:
        thread_id = address(config)[0]
        promise = self._late.submit(key_of(config), work, soon=soon)
        with self._counting:
            self._writing[thread_id] += 1
        promise.add_done_callback(lambda _: self._written(thread_id))
        return promise

    def _written(self, thread_id: str) -> None:
        with self._counting:
            self._writing[thread_id] -= 1
            if not self._writing[thread_id]:
                del self._writing[thread_id]


async def _kept(promise: Future[T]) -> T:
    """What was promised; it is done also when the task that waits is cancelled."""
    return await asyncio.shield(asyncio.wrap_future(promise))


def _take(found: Iterator[CheckpointTuple]) -> list[CheckpointTuple]:
    """The next few of an iterator."""
    return [item for _, item in zip(range(READ_AT_ONCE), found, strict=False)]
