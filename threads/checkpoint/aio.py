"""The async half of the checkpointer: the sync methods' work, done while the event loop runs.

Writes are submitted to the database and executed in any case, also when the task that waits is cancelled;
reads and rare operations run in a few threads. A thread's reads come after its writes that were submitted
here: a run that follows a cancelled one must not begin before that one's last checkpoint.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
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

from threads.checkpoint.conflicts import (
    HeadRead,
    LeaseContext,
    checkpoint_config,
    lease_context_of,
    report_errors,
    thread_and_namespace,
)
from threads.checkpoint.delta_history import to_langgraph
from threads.checkpoint.writer import CheckpointWriter, PutFn, WriteFn, step_key
from threads.db.database import Database
from threads.delays import PUT_GATHERING

T = TypeVar("T")

PAGE_SIZE = 50
"""Checkpoints that an async list reads at once."""
READER_THREADS = 4
"""Threads in which async reads wait for the disk."""


class AsyncMethods(BaseCheckpointSaver[str]):
    """LangGraph's `a...` methods, for a saver that has the sync ones.

    A base class, since LangGraph calls both kinds of methods on one object.
    """

    def __init__(self, database: Database, writer: CheckpointWriter, on_put: Callable[[], None]) -> None:
        self._database = database
        self._writer = writer
        self._pending = writer.pending
        self._on_put = on_put
        self._readers = ThreadPoolExecutor(max_workers=READER_THREADS, thread_name_prefix="threads-reader")

    @abstractmethod
    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest", n: int = 1) -> None:
        """LangGraph's `prune`, and the strategy `keep_n`."""

    def close_threads(self) -> None:
        """Wait for the running reads, and end the reader threads."""
        self._readers.shutdown(wait=True)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        with report_errors(config):
            return await self._in_reader(self.get_tuple, config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        found = self.list(config, filter=filter, before=before, limit=limit)
        while page := await self._in_reader(_next_page, found):
            for item in page:
                yield item

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint like `put`. A run with a lease does not wait for it: its end is stored later.

        Nor is it committed at once: what follows within `PUT_GATHERING` shares the transaction.
        """
        thread_id = thread_and_namespace(config)[0]
        context = lease_context_of(config, thread_id)
        with report_errors(config):
            put = self._writer.prepare_put(config, checkpoint, metadata, self.serde)
            future = self._submit(config, put, soon=context is None)
            if context is None:
                await _shielded(future)
                self._on_put()
            else:
                future.add_done_callback(partial(self._on_put_done, context))
                asyncio.get_running_loop().call_later(PUT_GATHERING, self._flush_if_pending, future)
        return checkpoint_config(*thread_and_namespace(config), checkpoint["id"])

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        with report_errors(config):
            put = self._writer.prepare_writes(config, writes, task_id, task_path, self.serde)
            if put is not None:
                await _shielded(self._submit(config, put))

    async def adelete_thread(self, thread_id: str) -> None:
        await asyncio.shield(self._in_reader(self.delete_thread, thread_id))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        await asyncio.shield(self._in_reader(self.copy_thread, source_thread_id, target_thread_id))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest", n: int = 1) -> None:
        await asyncio.shield(self._in_reader(lambda: self.prune(thread_ids, strategy=strategy, n=n)))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        await asyncio.shield(self._in_reader(self.delete_for_runs, run_ids))

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        checkpoint_id = get_checkpoint_id(config)
        if isinstance(checkpoint_id, HeadRead):
            history = checkpoint_id.take_history(channels)
            if history is not None:
                return to_langgraph(history, channels)
        with report_errors(config):
            return await self._in_reader(
                lambda: self.get_delta_channel_history(config=config, channels=channels)
            )

    async def _in_reader(self, function: Callable[..., T], *arguments: Any) -> T:
        self._database.check_open()
        return await asyncio.get_running_loop().run_in_executor(self._readers, function, *arguments)

    def _on_put_done(self, context: LeaseContext, future: Future[Sequence[WriteFn]]) -> None:
        if error := future.exception():
            context.on_rejected(error)
        else:
            self._on_put()

    def _flush_if_pending(self, future: Future[Any]) -> None:
        if not future.done():
            self._database.flush_now()

    def _submit(self, config: RunnableConfig, put: PutFn, *, soon: bool = True) -> Future[Sequence[WriteFn]]:
        return self._pending.submit(step_key(config), put, soon=soon)


async def _shielded(future: Future[T]) -> T:
    """Return the future's result; it is computed also when the task that waits is cancelled."""
    return await asyncio.shield(asyncio.wrap_future(future))


def _next_page(found: Iterator[CheckpointTuple]) -> list[CheckpointTuple]:
    return [item for _, item in zip(range(PAGE_SIZE), found, strict=False)]
