"""Performing runs: takes their leases, lets them through, stores their ends, hands their threads on.

Everything that several processes could disagree about is decided in a transaction; what is kept in
memory here are the runs of this process only.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any

from threads.background import log_failure
from threads.db.errors import came_of_no_descriptors, is_temporary
from threads.errors import InvalidValue, RunFailed, ThreadNotFound, ThreadsError, UsageError
from threads.registry import Registry
from threads.runs.agents import Agents
from threads.runs.attempt import HAND_OVER, KEEP, LOST, PASS_OVER, REFUSED, ROLLBACK, Attempt, Outcome
from threads.runs.cancellable_task import is_cancelled
from threads.runs.completion import ended
from threads.runs.event_loop import PATIENCE, LoopThread
from threads.runs.event_writer import Recorder
from threads.runs.lease_context import ActiveTurn
from threads.runs.queue import Accepted, Desk
from threads.runs.recovery import Start, begin_again, start_of
from threads.runs.request import Request
from threads.runs.results import Promises
from threads.runs.settlement import settle_stopped
from threads.runs.title_runs import TITLE, Naming, title_asked
from threads.store import runs
from threads.store import threads as thread_table
from threads.store.runs import Asked

LEAVING = 1.5
"""Seconds that runs which are stopped at the end have to notice it."""
HURRIED_EVERY = 0.1
"""Seconds between two looks whether the end is in a hurry."""


class Engine:
    """The runs of one runner."""

    def __init__(
        self, registry: Registry, agents: Any, extra: dict[str, Any], seconds: float, title_model: Any,
        *, recovers: bool, max_waiting: int,
    ) -> None:  # fmt: skip
        self.registry = registry
        self.inside = registry._context
        self.agents = Agents(agents, self.inside.checkpointer)
        self.extra = extra
        self.desk = Desk(self.inside, self.agents, uuid.uuid4().hex, seconds, max_waiting)
        self.title_model = title_model
        self.recovers = recovers
        """Whether it goes on with runs whose lease ran out."""
        self.thread = LoopThread("threads-runs")
        self.recorder = Recorder(self.inside.database, self.inside.events, self.thread.loop)
        self.active: dict[str, Attempt | Naming] = {}
        self.pending: dict[str, str] = {}
        """Runs accepted here that wait for their thread, and which it is."""
        self.requests: dict[str, Request] = {}
        self.promises = Promises(self.inside, self.agents)
        self.begun: set[str] = set()
        """Runs that have the lease for this runner."""
        self.is_closing = False
        self.performing: set[Any] = set()

    # asking

    def accept(self, asked: Asked, request: Request, strategy: str) -> tuple[Accepted, Future[Any]]:
        """What became of a request, and the promise of its result; `UsageError` once it is closed."""
        self.check_open()
        accepted = self.desk.ask(asked, strategy)
        is_new = accepted.row["run_id"] == asked.run_id  # else what is stored of it counts
        return self._accepted(accepted, request if is_new else None)

    def make_title(self, asked: Asked, request: Request, after_run: str | None = None) -> Any:
        """As `accept`, for a title; None if it comes after a run that needs none."""
        accepted = self.desk.ask_for_title(asked, after_run)
        return None if accepted is None else self._accepted(accepted, request)

    def retry(self, run_id: str) -> None:
        """Begin a run again that failed, where it broke; `ThreadBusy`, `UsageError`."""
        self.check_open()
        self._begin(self.desk.begin_again(run_id))

    def check_open(self) -> None:
        """Raise `UsageError` once it is closed."""
        if self.is_closing:
            raise UsageError("the runner was closed")

    def _begin(self, row: sqlite3.Row) -> None:
        self.begun.add(row["run_id"])
        self.thread.begin(self.perform(row), f"run {row['run_id']} broke off")

    def _accepted(self, accepted: Accepted, request: Request | None) -> tuple[Accepted, Future[Any]]:
        row = accepted.row
        self.inside.events.wake()
        if not accepted.is_mine:
            return accepted, self.promises.of(row["run_id"])
        future = self.promises.make(row["run_id"])
        if request is not None:
            self.requests.setdefault(row["run_id"], request)
        if accepted.has_begun:
            self._begin(row)
        else:
            self.pending[row["run_id"]] = row["thread_id"]
        return accepted, future

    # performing

    async def perform(self, row: sqlite3.Row) -> None:
        """Let a run that has the lease through, to its end."""
        self.performing.add(asyncio.current_task())
        turn = ActiveTurn(
            row["run_id"], row["thread_id"], (row["position"], row["attempt"]), self.recorder,
            known=lambda: self._known_messages(row["thread_id"]), now=self.inside.now,
        )  # fmt: skip
        try:
            await (self._perform_title if row["kind"] == "title" else self._perform)(row, turn)
        except BaseException as error:
            if not is_cancelled(error):
                await self._leave_broken(row)
            raise
        finally:
            self.begun.discard(row["run_id"])
            self.performing.discard(asyncio.current_task())

    async def _perform(self, row: sqlite3.Row, turn: ActiveTurn) -> None:
        run_id, thread_id = row["run_id"], row["thread_id"]
        try:
            with turn.noting():
                request = self.requests.get(run_id) or self._stored_request(row)
                graph = self.agents[row["agent_id"]]
            attempt = Attempt(graph, turn, request, self.recorder, self.extra)
            self.active[run_id] = attempt
            if row["stopping"] is not None:  # since it waits, or since before a crash
                attempt.stop(row["stopping"])
            outcome = await self._outcome(attempt, row, request)
            turn = attempt.turn  # another one where it had to leave a task behind
        except BaseException as error:
            if is_cancelled(error):
                raise
            outcome = Outcome("error", error=error, by_agent=not turn.is_ours(error))
        outcome = await self._finish(turn, outcome)
        self.active.pop(run_id, None)
        self.requests.pop(run_id, None)
        if self.is_closing or not (self.recovers and outcome.is_left):
            self.promises.keep(run_id, outcome, thread_id)  # else it is kept by whoever goes on with the run
        await self._hand_on(row, outcome)

    async def _hand_on(self, row: sqlite3.Row, outcome: Outcome) -> None:
        """Begin what follows a run; it has ended by now, whatever becomes of that."""
        run_id, thread_id = row["run_id"], row["thread_id"]
        try:
            await self.begin_next(thread_id)
            if self.title_model is not None and outcome.status == "success":
                asked = title_asked(thread_id, row["agent_id"])
                await asyncio.to_thread(self.make_title, asked, TITLE, run_id)
        except (ThreadNotFound, InvalidValue):  # deleted, or given a title by hand, a moment ago
            pass
        except BaseException as error:
            if is_cancelled(error):
                raise
            log_failure(f"what follows run {run_id} was not begun", error)

    async def _perform_title(self, row: sqlite3.Row, turn: ActiveTurn) -> None:
        run_id, thread_id = row["run_id"], row["thread_id"]
        naming = self.active[run_id] = Naming(self.title_model, self.inside, row)
        outcome = await self._finish(turn, await naming.run())
        self.active.pop(run_id, None)
        if self.is_closing or not (self.recovers and outcome.is_left):
            self.promises.keep(run_id, outcome, thread_id)

    async def _outcome(self, attempt: Attempt, row: sqlite3.Row, request: Request) -> Outcome:
        if row["attempt"] == 1:
            start: Start | Outcome = await start_of(attempt, row, request, self.inside)
        else:
            start = await begin_again(attempt, row, request, self.inside)
        if isinstance(start, Outcome):
            if start.error is not None or attempt.stopping not in (KEEP, ROLLBACK):
                return start
            start = Start(None)  # it broke off as it was about to stop, or before
        outcome = await attempt.run(start.input, start.base)
        if outcome.status != "stopped":
            return outcome
        if attempt.stopping is None and not self.is_closing:
            log_failure(f"run {row['run_id']} failed", outcome.error or asyncio.CancelledError())
            return Outcome("error", error=RunFailed(row["thread_id"], row["run_id"], "a node was cancelled"))
        if attempt.stopping in (None, HAND_OVER, LOST):
            return Outcome(HAND_OVER)
        if attempt.stopping == REFUSED:
            return Outcome("error", error=attempt.turn.refusal)
        return await settle_stopped(attempt, row, start, self.inside)

    async def _leave_broken(self, row: sqlite3.Row) -> None:
        """Let go of a run whose end could not be stored: its recovery goes on, or says that it failed."""
        run_id = row["run_id"]
        self.active.pop(run_id, None)
        self.requests.pop(run_id, None)
        if not self.recovers:
            self.promises.keep(run_id, Outcome(HAND_OVER), row["thread_id"])
        await self.recorder.write(lambda connection: runs.let_go(connection, run_id, row["attempt"]))

    async def _finish(self, turn: ActiveTurn, outcome: Outcome) -> Outcome:
        is_for_now = came_of_no_descriptors if outcome.by_agent else is_temporary
        if self.recovers and outcome.status == "error" and is_for_now(outcome.error):
            outcome = Outcome(HAND_OVER, error=outcome.error)  # it is recovered once the lack has ended
            why = type(outcome.error).__name__
            logging.getLogger(__name__).warning("a run cannot go on now and is recovered later: %s", why)
        if outcome.error is not None and not isinstance(outcome.error, Exception):
            log_failure(f"run {turn.run_id} failed", outcome.error)
        return await ended(turn, outcome, self.recorder, self.inside.now)

    async def begin_next(self, thread_id: str) -> None:
        """Begin the run that waits longest for this thread, if it was accepted here."""
        if self.is_closing or thread_id not in self.pending.values():
            return

        row = await self.recorder.write(lambda connection: self.desk.begin_next(connection, thread_id))
        if row is not None:
            self.pending.pop(row["run_id"], None)
            self._begin(row)

    # stopping, and going on with what others left

    def ask_to_stop(self, run_id: str, how: str) -> bool:
        """End a run wherever it is performed; False if it has ended."""
        asked: bool = self.inside.database.write(lambda connection: runs.ask_to_stop(connection, run_id, how))
        if asked and (run_id in self.active or run_id in self.pending):
            self.thread.begin(self.stop_here(run_id, how), f"run {run_id} was not stopped")
        return asked

    async def stop_here(self, run_id: str, how: str) -> None:
        """End a run that is performed here, or waits here."""
        if attempt := self.active.get(run_id):
            attempt.stop(how)
        elif how != PASS_OVER and self.pending.pop(run_id, None) is not None:
            await self.recorder.write(lambda connection: self.desk.withdraw(connection, run_id))

    async def take_over(self, run_id: str) -> None:
        """Go on with a run whose process is gone, or lost its lease; not while it is still stopping here."""
        if run_id in self.begun:
            return
        row = await self.recorder.write(lambda connection: self.desk.take_over(connection, run_id))
        if row is not None and row["status"] == "running":
            self._begin(row)
        elif row is not None:
            self.pending[run_id] = row["thread_id"]

    # the end

    def close(self, watching: Future[None], timeout: float, hurry: Callable[[], bool]) -> None:
        """Wait for the runs under way, leave to others what goes on then, and let the loop go.

        The loop gets `LEAVING` seconds for that: a node may have blocked it.
        """
        if self.is_closing or self.inside.database.is_foreign():
            return
        self.is_closing = True
        under_way = [self.promises.make(run_id) for run_id in list(self.begun)]
        until = time.monotonic() + timeout
        while not hurry() and (seconds := until - time.monotonic()) > 0:
            if not wait(under_way, min(seconds, HURRIED_EVERY)).not_done:
                break
        watching.cancel()
        stopping = self.thread.submit(self._stop_all())
        is_blocked = bool(wait([stopping], LEAVING).not_done)
        self._hand_over()
        self.promises.break_all()
        self.thread.close(patience=0.0 if is_blocked else PATIENCE)

    async def _stop_all(self) -> None:
        for attempt in list(self.active.values()):
            attempt.stop(HAND_OVER)
        await asyncio.gather(*self.performing, return_exceptions=True)

    def _hand_over(self) -> None:
        """Hand over what is unfinished here, so that another runner can recover it without waiting."""
        log = logging.getLogger(__name__)
        try:
            left = self.inside.database.write(lambda connection: runs.hand_over(connection, self.desk.holder))
        except ThreadsError as error:  # locked, or closed already: then their leases run out by themselves
            log.warning("the runs under way could not be handed over: %s", error)
            return
        if left:
            log.info("runs left to the next process that serves the file: %s", ", ".join(left))

    def _stored_request(self, row: sqlite3.Row) -> Request:
        with self.inside.database.read() as connection:
            stored = runs.request(connection, row["run_id"])
        if stored is None:
            raise RunFailed(row["thread_id"], row["run_id"], "what was asked could not be stored")
        return Request.loaded(row["kind"], stored, self.inside.checkpointer.serde)

    def _known_messages(self, thread_id: str) -> set[str | None]:
        with self.inside.database.read() as connection:
            head = thread_table.get(connection, thread_id)["head_id"]
            found = self.inside.decoder.messages(connection, thread_id, head) if head else []
        return {message.id for message in found or ()}
