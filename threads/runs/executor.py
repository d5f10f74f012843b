"""The executor: performs the runs of one runner, from their lease to their end, and starts what follows.

Whatever several processes could disagree about is decided in a transaction (`threads.runs.queue`); the
memory here holds the runs of this process only. Its methods may be called from any thread, async ones on
the loop or on the heartbeat's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any

from threads.background import log_failure
from threads.checkpoint.message_channel import CHANNEL
from threads.db.errors import came_of_no_descriptors, is_temporary
from threads.errors import (
    AgentNotFound,
    InvalidValue,
    MessagesUnknown,
    RunFailed,
    StateDamaged,
    ThreadNotFound,
    ThreadsError,
    UsageError,
)
from threads.registry.context import RegistryContext
from threads.registry.head_view import HeadView
from threads.runs.attempt import Attempt, Start
from threads.runs.cancellation import settle_stopped
from threads.runs.completion import Outcome, OutcomeStatus, RunFutures, complete
from threads.runs.event_loop import CLOSE_TIMEOUT, LoopThread, is_cancelled
from threads.runs.events import EventWriter, RunLeaseContext
from threads.runs.queue import RunQueue, StopReason, SubmitResult, follows_unclean_end
from threads.runs.recovery import first_start, restart
from threads.runs.request import ANSWER_KINDS, Request
from threads.runs.streams import Foresight, RunStreams
from threads.runs.title_runs import TitleRuns, TitleTask
from threads.store.runs import RunRecord

QUEUE_POLL = 0.02
"""Polling interval in seconds while a run waits for its thread."""
STOP_POLL = 0.2
"""Polling interval in seconds for what other processes stored; at most an eighth of a lease."""

STOP_TIMEOUT = 1.5
"""Seconds that runs which are stopped at the end have to notice it."""
HURRY_POLL = 0.1
"""Seconds between two looks whether closing is in a hurry."""


class RunExecutor:
    """The runs of one runner: performed here, or accepted here and waiting for their thread."""

    def __init__(
        self,
        context: RegistryContext,
        agents: Mapping[str, Any],
        queue: RunQueue,
        titles: TitleRuns,
        loop: LoopThread,
        *,
        config: Mapping[str, Any],
        recover: bool,
    ) -> None:
        """`agents`: the graphs by their ids. `loop`: performs the runs, and is closed with this executor.

        `recover`: whether unfinished runs are recovered here.
        """
        self._context = context
        self._store = context.store
        self._agents = agents
        self._queue = queue
        self._titles = titles
        self._makes_titles = titles.has_model
        self._config = dict(config)
        self._recovers = recover
        self._loop = loop
        self._writer = EventWriter(context.store, context.events, self._loop.loop)
        self._futures = RunFutures(context.store, agents)
        self._is_closing = False
        self._leased: set[str] = set()
        """Runs that have a lease of this runner."""
        self._active: dict[str, Attempt | TitleTask] = {}
        """Those of them that are performed now."""
        self._waiting: dict[str, str] = {}
        """Runs accepted here that wait for their thread, and its id."""
        self._requests: dict[str, Request] = {}
        """The requests of runs accepted here; those of others are read from the database."""
        self._tasks: set[asyncio.Task[Any] | None] = set()
        self._foresight: defaultdict[str | None, Foresight] = defaultdict(Foresight)
        """What the runs of each agent have shown of its nodes."""

    # what callers want of it

    def check_open(self) -> None:
        """Raise `UsageError` once it is closed."""
        if self._is_closing:
            raise UsageError("the runner was closed")

    def accept(self, submitted: SubmitResult) -> Future[Any]:
        """Perform a submitted run, now or when its thread is free; returns the future of its result."""
        run = submitted.run
        self._context.events.wake()
        if not submitted.accepted_here:
            return self._futures.get(run.run_id)
        future = self._futures.create(run.run_id)
        if submitted.request is not None:
            self._requests.setdefault(run.run_id, submitted.request)
        if submitted.started:
            self._start(run)
        else:
            self._waiting[run.run_id] = run.thread_id
        return future

    def retry(self, run_id: str, agent_id: str | None) -> Future[Any]:
        """Start a failed run again where it failed, by its own agent or another; returns its future.

        Raises `ThreadBusy`, `AgentNotFound`, `UsageError`.
        """
        self.check_open()
        self._start(self._store.write(lambda tx: self._queue.restart(tx, tx.runs.get(run_id), agent_id)))
        return self._futures.get(run_id)  # only now: before, its old end would resolve it

    def future(self, run_id: str) -> Future[Any]:
        """Return the future of the result of any run."""
        return self._futures.get(run_id)

    def stop(self, run_id: str, reason: StopReason) -> bool:
        """Stop a run wherever it is performed; False if it has ended."""
        is_unfinished: bool = self._store.write(lambda tx: tx.runs.request_stop(run_id, reason))
        if is_unfinished and (run_id in self._active or run_id in self._waiting):
            self.stop_here(run_id, reason)
        return is_unfinished

    def is_current_thread(self) -> bool:
        """Return whether the caller is on the loop that performs the runs, and so must not block it."""
        return self._loop.is_current_thread()

    # what the heartbeat wants of it

    def running_ids(self) -> set[str]:
        """Return the runs that have a lease of this runner."""
        return set(self._leased)

    def waiting_ids(self) -> set[str]:
        """Return the runs accepted here that wait for their thread."""
        return set(self._waiting)

    def performed_ids(self, run_ids: Collection[str]) -> set[str]:
        """Return those of these runs that are performed now."""
        return {run_id for run_id in run_ids if run_id in self._active}

    def stop_here(self, run_id: str, reason: StopReason) -> None:
        """Stop a run that is performed here, or withdraw it if it waits here."""
        self._loop.start_task(self._stop_here(run_id, reason), f"run {run_id} was not stopped")

    def lose_leases(self, run_ids: Collection[str]) -> None:
        """Stop runs whose leases expired or were taken over; what they store from now on is rejected."""
        for run_id in run_ids:
            self._waiting.pop(run_id, None)
            if attempt := self._active.get(run_id):
                self._loop.call_soon(attempt.stop, StopReason.LEASE_LOST)

    def poll_pause(self) -> float:
        """Return the seconds until the next `poll`."""
        return QUEUE_POLL if self._waiting else min(STOP_POLL, self._queue.lease_seconds / 8)

    async def poll(self) -> None:
        """Act on what other processes stored: stop requests, ends of runs, and threads that became free.

        What this process does itself is acted on at once.
        """
        if self._leased or self._waiting or self._futures.unresolved():
            stop_requests, ended = await asyncio.to_thread(self._changes)
            for run_id, reason in stop_requests.items():
                self.stop_here(run_id, StopReason(reason))
            for run_id in ended:
                self._waiting.pop(run_id, None)
                self._requests.pop(run_id, None)
                await asyncio.to_thread(self._futures.resolve_stored, run_id)
        if self._waiting:
            for thread_id in await asyncio.to_thread(self._unblocked_threads):
                await self.start_next(thread_id)

    async def start_next(self, thread_id: str) -> None:
        """Start the run that waits longest for this thread, if it was accepted here."""
        if self._is_closing or thread_id not in self._waiting.values():
            return
        run = await self._writer.write(lambda tx: self._queue.start_next(tx, thread_id))
        if run is not None:
            self._waiting.pop(run.run_id, None)
            self._start(run)

    async def take_over(self, run_id: str) -> None:
        """Recover a run whose lease expired; not while an attempt of it is still stopping here."""
        if run_id in self._leased:
            return
        run = await self._writer.write(lambda tx: self._queue.take_over(tx, run_id))
        if run is not None and run.status == "running":
            self._start(run)
        elif run is not None:
            self._waiting[run_id] = run.thread_id

    # performing

    def _start(self, run: RunRecord) -> None:
        self._leased.add(run.run_id)
        self._loop.start_task(self._perform(run), f"run {run.run_id} failed")

    async def _perform(self, run: RunRecord) -> None:
        """Perform a run that has a lease, to its end."""
        self._tasks.add(asyncio.current_task())
        run_id, thread_id = run.run_id, run.thread_id
        lease = RunLeaseContext(
            run_id, thread_id, run.fence, self._writer,
            known_messages=lambda: self._known_messages(thread_id),
            streams=self._new_streams(run), now=self._context.now,
        )  # fmt: skip
        lease.origin_id = run.first_id
        try:
            await (self._perform_title if run.kind == "title" else self._perform_run)(run, lease)
        except BaseException as error:
            if not is_cancelled(error):
                await self._release(run)
            raise
        finally:
            self._leased.discard(run_id)
            self._tasks.discard(asyncio.current_task())

    def _new_streams(self, run: RunRecord) -> RunStreams:
        channels = getattr(self._agents.get(str(run.agent_id)), "channels", ())
        return RunStreams(run.run_id, self._foresight[run.agent_id], has_channel=CHANNEL in channels)

    async def _perform_run(self, run: RunRecord, lease: RunLeaseContext) -> None:
        run_id = run.run_id
        try:
            with lease.library_errors():
                request = self._requests.get(run_id) or self._stored_request(run)
                if run.agent_id not in self._agents:
                    raise AgentNotFound(run.agent_id, tuple(self._agents))
            attempt = Attempt(self._agents[str(run.agent_id)], lease, request, self._writer, self._config)
            self._active[run_id] = attempt
            if run.stop_request is not None:  # since it waits, or since before a crash
                attempt.stop(StopReason(run.stop_request))
            outcome = await self._outcome(attempt, run, request)
            lease = attempt.lease  # another one where it had to abandon a task
        except BaseException as error:
            if is_cancelled(error):
                raise
            by_agent = not lease.is_library_error(error)
            outcome = Outcome(OutcomeStatus.ERROR, error=error, by_agent=by_agent)
        outcome = await self._complete(lease, outcome)
        await self._start_following(run, outcome)

    async def _perform_title(self, run: RunRecord, lease: RunLeaseContext) -> None:
        task = self._active[run.run_id] = self._titles.new_task(run)
        await self._complete(lease, await task.run())

    async def _outcome(self, attempt: Attempt, run: RunRecord, request: Request) -> Outcome:
        start = await self._start_of(attempt, run, request)
        if isinstance(start, Outcome):
            is_stopping = attempt.stop_reason in (StopReason.CANCEL, StopReason.ROLLBACK)
            if start.error is not None or not is_stopping:
                return start
            start = Start(None)  # its last attempt ended as it was about to stop, or before
        outcome = await attempt.run(start)
        if outcome.status is not OutcomeStatus.STOPPED:
            return outcome
        reason = attempt.stop_reason
        if reason is None and not self._is_closing:
            log_failure(f"run {run.run_id} failed", outcome.error or asyncio.CancelledError())
            failure = RunFailed(run.thread_id, run.run_id, "a node was cancelled")
            return Outcome(OutcomeStatus.ERROR, error=failure)
        if reason in (None, StopReason.HANDOVER, StopReason.LEASE_LOST):
            return Outcome(OutcomeStatus.UNFINISHED)
        if reason is StopReason.WRITE_REJECTED:
            return Outcome(OutcomeStatus.ERROR, error=attempt.lease.rejection)
        return await settle_stopped(attempt, run, start, self._context)

    async def _start_of(self, attempt: Attempt, run: RunRecord, request: Request) -> Start | Outcome:
        if run.attempt > 1:
            return await restart(attempt, run, request, self._context)
        if request.kind in ANSWER_KINDS or follows_unclean_end(self._store, run):
            return await first_start(attempt, run, request, self._context)
        return Start(request.graph_input(run.thread_id, run.run_id, run.key), request.base)

    async def _complete(self, lease: RunLeaseContext, outcome: Outcome) -> Outcome:
        """Store the outcome of an attempt and resolve the future of its run, unless it is to be recovered."""
        is_passing = came_of_no_descriptors if outcome.by_agent else is_temporary
        if self._recovers and outcome.status is OutcomeStatus.ERROR and is_passing(outcome.error):
            outcome = Outcome(OutcomeStatus.UNFINISHED, error=outcome.error)  # recovered once that has ended
            why = type(outcome.error).__name__
            logging.getLogger(__name__).warning(
                "a run was interrupted by a temporary error and will be recovered: %s", why
            )
        if outcome.error is not None and not isinstance(outcome.error, Exception):
            log_failure(f"run {lease.run_id} failed", outcome.error)
        if outcome.status is not OutcomeStatus.SUCCESS:
            await self._store_buffered(lease.thread_id)
        outcome = await complete(lease, outcome, self._writer, self._context.now)
        self._active.pop(lease.run_id, None)
        self._requests.pop(lease.run_id, None)
        if self._is_closing or not (self._recovers and outcome.is_unfinished):
            self._futures.resolve(lease.run_id, outcome, lease.thread_id)  # else the recovery does
        return outcome

    async def _store_buffered(self, thread_id: str) -> None:
        """Store what tasks wrote while the lease is held: no checkpoint comes of it to store it with."""
        with suppress(ThreadsError):  # then they are run again
            await asyncio.to_thread(self._context.checkpointer.wait_for_writes, thread_id)

    async def _start_following(self, run: RunRecord, outcome: Outcome) -> None:
        """Start what follows a run; the run has ended by now, so an error here is only logged."""
        run_id, thread_id = run.run_id, run.thread_id
        try:
            await self.start_next(thread_id)
            if self._makes_titles and outcome.status is OutcomeStatus.SUCCESS:
                title_run = await asyncio.to_thread(self._titles.submit_if_needed, run)
                if title_run is not None:
                    self.accept(title_run)
        except (ThreadNotFound, InvalidValue):  # deleted, or given a title by hand, a moment ago
            pass
        except BaseException as error:
            if is_cancelled(error):
                raise
            log_failure(f"the runs that follow run {run_id} could not be started", error)

    async def _release(self, run: RunRecord) -> None:
        """Release the lease of a run whose end could not be stored: its recovery continues or fails it."""
        run_id = run.run_id
        self._active.pop(run_id, None)
        self._requests.pop(run_id, None)
        if not self._recovers:
            self._futures.resolve(run_id, Outcome(OutcomeStatus.UNFINISHED), run.thread_id)
        await self._writer.write(lambda tx: tx.leases.release(run_id, run.attempt))

    async def _stop_here(self, run_id: str, reason: StopReason) -> None:
        if attempt := self._active.get(run_id):
            attempt.stop(reason)
        elif reason is not StopReason.SKIP and self._waiting.pop(run_id, None) is not None:
            await self._writer.write(lambda tx: self._queue.withdraw(tx, run_id))

    def _changes(self) -> tuple[dict[str, str], set[str]]:
        """Return the stop requests, and the runs that are awaited but not performed here and have ended."""
        awaited = [run_id for run_id in self._futures.unresolved() if run_id not in self._active]
        with self._store.read() as tx:
            stop_requests = tx.runs.list_stop_requests(self._queue.worker_id)
            return stop_requests, tx.runs.list_finished(awaited) if awaited else set()

    def _unblocked_threads(self) -> set[str]:
        with self._store.read() as tx:
            return tx.runs.list_free_threads(self._queue.worker_id)

    def _stored_request(self, run: RunRecord) -> Request:
        with self._store.read() as tx:
            stored = tx.runs.find_request(run.run_id)
        if stored is None:
            raise RunFailed(run.thread_id, run.run_id, "its request could not be stored")
        return Request.loaded(run.kind, stored, self._context.checkpointer.serde)

    def _known_messages(self, thread_id: str) -> set[str | None]:
        with self._store.read() as tx, suppress(MessagesUnknown, StateDamaged):
            return set(HeadView(self._context, tx, tx.threads.get(thread_id)).ids())
        return set()

    # closing

    def close(self, heartbeat: Future[None], timeout: float, hurry: Callable[[], bool]) -> None:
        """Wait for the runs under way, leave to others what is unfinished then, and stop the loop.

        Their leases are renewed until then, by `heartbeat`. The loop gets `STOP_TIMEOUT` seconds: a node
        may have blocked it.
        """
        if self._is_closing or self._store.database.is_foreign():
            return
        self._is_closing = True
        under_way = [self._futures.create(run_id) for run_id in list(self._leased)]
        until = time.monotonic() + timeout
        while not hurry() and (seconds := until - time.monotonic()) > 0:
            if not wait(under_way, min(seconds, HURRY_POLL)).not_done:
                break
        heartbeat.cancel()
        stopping = self._loop.submit(self._stop_all())
        is_blocked = bool(wait([stopping], STOP_TIMEOUT).not_done)
        self._hand_over()
        self._futures.fail_all()
        self._loop.close(timeout=0.0 if is_blocked else CLOSE_TIMEOUT)

    async def _stop_all(self) -> None:
        for attempt in list(self._active.values()):
            attempt.stop(StopReason.HANDOVER)
        await asyncio.gather(*(task for task in self._tasks if task is not None), return_exceptions=True)

    def _hand_over(self) -> None:
        """Expire the leases of what is unfinished, so that another runner can recover it without waiting."""
        log = logging.getLogger(__name__)
        try:
            left = self._store.write(lambda tx: tx.leases.release_all(self._queue.worker_id))
        except ThreadsError as error:  # locked, or closed already: then the leases expire by themselves
            log.warning("the leases of unfinished runs could not be released: %s", error)
            return
        if left:
            log.info("unfinished runs left to the next process that serves the file: %s", ", ".join(left))
