"""Performing runs: takes their leases, lets them through, stores their ends, hands their threads on.

Everything that several processes could disagree about is decided in a transaction; what is kept in
memory here are the runs of this process only.
"""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from typing import Any

from threads.bootstrap import Registry
from threads.database.leases import is_good
from threads.errors import KeyReused, LeaseLost, RunFailed, ThreadBusy, ThreadsError, ThreadTrashed
from threads.registry import events, runs, table
from threads.registry.events import Happened
from threads.registry.runs import Asked
from threads.runs.agents import Agents
from threads.runs.attempt import Attempt, Outcome
from threads.runs.ending import End, ending, stored_end
from threads.runs.loop import LoopThread
from threads.runs.recorder import Recorder, storing
from threads.runs.requests import Request
from threads.runs.resuming import Start, begin_again, start_of
from threads.runs.stopping import settle_stopped
from threads.runs.turn import ActiveTurn

STRATEGIES = ("reject", "enqueue", "interrupt", "rollback")
HAND_OVER = "hand over"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a request: its run, whether it is new here, and whether it has begun."""

    row: sqlite3.Row
    has_begun: bool
    is_mine: bool
    since: int = 0
    """The thread's last event before it."""
    future: Future[Any] = field(default_factory=Future)


class Engine:
    """The runs of one runner."""

    def __init__(self, registry: Registry, agents: Any, extra: dict[str, Any], seconds: float) -> None:
        self.inside = registry._inside()
        self.agents = Agents(agents, self.inside.checkpointer)
        self.extra = extra
        self.seconds = seconds
        self.holder = uuid.uuid4().hex
        self.thread = LoopThread()
        self.recorder = Recorder(self.inside.database, self.inside.tail, self.thread.loop)
        self.active: dict[str, Attempt] = {}
        self.pending: dict[str, str] = {}
        """Runs accepted here that wait for their thread, and which it is."""
        self.requests: dict[str, Request] = {}
        self.futures: dict[str, Future[Any]] = {}
        self.is_closing = False
        self.performing: set[Any] = set()

    # asking

    def accept(self, asked: Asked, request: Request, strategy: str) -> Accepted:
        """Store a run, and begin it if its thread is free; `ThreadBusy`, `KeyReused`."""
        accepted: Accepted = self.inside.database.write(
            lambda connection: self._ask(connection, asked, strategy)
        )
        self.inside.tail.wake()
        row = accepted.row
        if row["run_id"] == asked.run_id:
            self.requests[asked.run_id] = request
        accepted = replace(
            accepted, future=self.future(row["run_id"]) if accepted.is_mine else accepted.future
        )
        if accepted.is_mine and accepted.has_begun:
            self.thread.submit(self.perform(row))
        elif accepted.is_mine:
            self.pending[row["run_id"]] = row["thread_id"]
        return accepted

    def retry(self, row: sqlite3.Row) -> None:
        """Begin a run again that failed, where it broke; `ThreadBusy`."""

        def work(connection: sqlite3.Connection) -> sqlite3.Row:
            return self._begin_again(connection, runs.get(connection, row["run_id"]))

        begun = self.inside.database.write(work)
        self.thread.submit(self.perform(begun))

    def _ask(self, connection: sqlite3.Connection, asked: Asked, strategy: str) -> Accepted:
        if asked.key is not None:
            known = runs.with_key(connection, asked.thread_id, asked.key)
            if known is not None:
                return self._known(connection, known, asked)
        self._check_thread(connection, asked.thread_id)
        since = events.last_sequence(connection, asked.thread_id)
        running = self._running(connection, asked.thread_id)
        if running is not None and strategy == "reject":
            raise ThreadBusy(asked.thread_id, running["run_id"])
        waits = running is not None or runs.one(connection, "next_pending", asked.thread_id) is not None
        runs.ask(connection, asked, self.holder, self.seconds, self.inside.now())
        if running is not None and strategy in ("interrupt", "rollback"):
            runs.ask_to_stop(connection, running["run_id"], "rollback" if strategy == "rollback" else "keep")
        if waits:
            return Accepted(runs.get(connection, asked.run_id), False, True, since)
        return Accepted(self._begin(connection, asked.run_id), True, True, since)

    def _check_thread(self, connection: sqlite3.Connection, thread_id: str) -> None:
        if table.get(connection, thread_id)["trashed_at"] is not None:
            raise ThreadTrashed(thread_id)

    def _known(self, connection: sqlite3.Connection, known: sqlite3.Row, asked: Asked) -> Accepted:
        """The run that this key has had already; one that failed is begun again."""
        if known["asked"] != asked.digest:
            raise KeyReused(asked.thread_id, str(asked.key))
        if known["status"] == "error" and self.agents.knows(known["agent_id"]):
            return Accepted(self._begin_again(connection, known), True, True)
        return Accepted(known, known["status"] != "pending", False)

    def _running(self, connection: sqlite3.Connection, thread_id: str) -> sqlite3.Row | None:
        """The run that has the thread; one whose process is gone is given up if nobody here can go on."""
        running = runs.one(connection, "running", thread_id)
        if running is None or is_good(running["expires_at"]) or self.agents.knows(running["agent_id"]):
            return running
        reason = f"its process is gone, and agent {running['agent_id']!r} is not here to go on"
        runs.end(connection, running["run_id"], "error", self.inside.now(), error=reason)
        return None

    def _begin(self, connection: sqlite3.Connection, run_id: str) -> sqlite3.Row:
        at = self.inside.now()
        row = runs.begin(connection, run_id, self.holder, self.seconds, at)
        data = {"kind": row["kind"], "agent_id": row["agent_id"], "attempt": row["attempt"]}
        events.record(connection, [Happened("started", row["thread_id"], run_id, data, at)])
        return row

    def _begin_again(self, connection: sqlite3.Connection, row: sqlite3.Row) -> sqlite3.Row:
        running = runs.one(connection, "running", row["thread_id"])
        if running is not None and running["run_id"] != row["run_id"]:
            raise ThreadBusy(row["thread_id"], running["run_id"])
        return self._begin(connection, row["run_id"])

    # performing

    async def perform(self, row: sqlite3.Row) -> None:
        """Let a run that has the lease through, to its end."""
        self.performing.add(asyncio.current_task())
        try:
            await self._perform(row)
        finally:
            self.performing.discard(asyncio.current_task())

    async def _perform(self, row: sqlite3.Row) -> None:
        run_id, thread_id = row["run_id"], row["thread_id"]
        turn = ActiveTurn(
            run_id, thread_id, (row["position"], row["attempt"]), self.recorder,
            known=lambda: self._known_messages(thread_id), now=self.inside.now,
        )  # fmt: skip
        try:
            request = self.requests.get(run_id) or self._stored_request(row)
            graph = self.agents[row["agent_id"]]
            attempt = Attempt(graph, turn, request, self.recorder, self.extra)
            self.active[run_id] = attempt
            outcome = await self._outcome(attempt, row, request)
        except ThreadsError as error:  # what was asked cannot be read again, or its agent is not here
            outcome = Outcome("error", error=error)
        finally:
            self.active.pop(run_id, None)
        if outcome.status != HAND_OVER:
            outcome = await self._finish(turn, outcome)
        self._resolve(run_id, outcome, thread_id)
        self.requests.pop(run_id, None)
        await self.begin_next(thread_id)

    async def _outcome(self, attempt: Attempt, row: sqlite3.Row, request: Request) -> Outcome:
        if row["attempt"] == 1:
            start: Start | Outcome = await start_of(attempt, row, request, self.inside)
        else:
            start = await begin_again(attempt, row, request, self.inside)
        if isinstance(start, Outcome):
            return start
        outcome = await attempt.run(start.input, start.base)
        if outcome.status != "stopped":
            return outcome
        if attempt.stopping in (None, HAND_OVER):
            return Outcome(HAND_OVER)
        return await settle_stopped(attempt, row, self.inside)

    async def _finish(self, turn: ActiveTurn, outcome: Outcome) -> Outcome:
        """Store how it ended, and let the lease go."""
        said = self.recorder.take(turn.run_id)
        end = ending(turn, outcome)

        def work(connection: sqlite3.Connection) -> None:
            if not runs.is_held(connection, turn.run_id, turn.fence[1]):
                raise LeaseLost(turn.thread_id)
            storing(said)(connection)
            end(connection, self.inside.now())

        try:
            await self.recorder.write(work)
        except ThreadsError as error:
            if outcome.error is None:
                return Outcome("error", error=error)
        return outcome

    async def begin_next(self, thread_id: str) -> None:
        """Begin the run that waits longest for this thread, if it was accepted here."""
        if self.is_closing or thread_id not in self.pending.values():
            return

        def work(connection: sqlite3.Connection) -> sqlite3.Row | None:
            waiting = runs.one(connection, "next_pending", thread_id)
            if waiting is None or waiting["holder"] != self.holder or self._running(connection, thread_id):
                return None
            return self._begin(connection, waiting["run_id"])

        row = await self.recorder.write(work)
        if row is not None:
            self.pending.pop(row["run_id"], None)
            self.thread.submit(self.perform(row))

    # stopping, and going on with what others left

    def ask_to_stop(self, run_id: str, how: str) -> bool:
        """End a run wherever it is performed; False if it has ended."""
        asked: bool = self.inside.database.write(lambda connection: runs.ask_to_stop(connection, run_id, how))
        if asked and (run_id in self.active or run_id in self.pending):
            self.thread.submit(self.stop_here(run_id, how))
        return asked

    async def stop_here(self, run_id: str, how: str) -> None:
        """End a run that is performed here, or waits here."""
        if attempt := self.active.get(run_id):
            attempt.stop(how)
        elif run_id in self.pending:

            def work(connection: sqlite3.Connection) -> None:
                row = runs.get(connection, run_id)
                if row["status"] == "pending":
                    runs.end(connection, run_id, "stopped", self.inside.now())
                    stopped = Happened("stopped", row["thread_id"], run_id, {}, self.inside.now())
                    events.record(connection, [stopped])

            self.pending.pop(run_id, None)
            await self.recorder.write(work)

    async def take_over(self, run_id: str) -> None:
        """Go on with a run whose process is gone."""

        def work(connection: sqlite3.Connection) -> sqlite3.Row | None:
            row = runs.find(connection, run_id)
            if row is None or row["status"] not in ("pending", "running") or is_good(row["expires_at"]):
                return None  # somebody else was faster
            if row["status"] == "running":
                return self._begin(connection, run_id)
            runs.adopt(connection, run_id, self.holder, self.seconds)
            return row

        row = await self.recorder.write(work)
        if row is not None and row["status"] == "running":
            self.thread.submit(self.perform(row))
        elif row is not None:
            self.pending[run_id] = row["thread_id"]

    # results

    def promised(self, run_id: str) -> Future[Any]:
        """The promise of a run's result; kept at once if it has ended."""
        future = self.future(run_id)
        with self.inside.database.read() as connection:
            has_ended = bool(runs.ended(connection, [run_id]))
        if has_ended:
            self.resolve_stored(run_id)
        return future

    def future(self, run_id: str) -> Future[Any]:
        """The promise of a run's result, wherever it is performed."""
        return self.futures.setdefault(run_id, Future())

    def resolve_stored(self, run_id: str) -> None:
        """Keep the promise from what is stored of a run that has ended elsewhere."""
        future = self.futures.pop(run_id, None)
        if future is not None and not future.done():
            try:
                future.set_result(stored_end(self, run_id))
            except ThreadsError as error:
                future.set_exception(error)

    def close(self, watching: Future[None], timeout: float) -> None:
        """Wait for the runs under way, leave to others what goes on then, and let the loop go."""
        if self.is_closing:
            return
        self.is_closing = True
        under_way = [future for run_id, future in list(self.futures.items()) if run_id in self.active]
        wait(under_way, timeout)
        self.thread.submit(self._leave()).result()
        watching.cancel()
        self.thread.close()

    async def _leave(self) -> None:
        """Whoever comes may take up at once what is unfinished here."""
        left = list(self.active.values())
        for attempt in left:
            attempt.stop(HAND_OVER)
        await asyncio.gather(*self.performing, return_exceptions=True)
        await self.recorder.write(lambda connection: runs.hand_over(connection, self.holder))
        for future in self.futures.values():
            future.cancel()

    def _resolve(self, run_id: str, outcome: Outcome, thread_id: str) -> None:
        future = self.futures.pop(run_id, None)
        if future is None or future.done():
            return
        if outcome.status == HAND_OVER:
            future.set_exception(LeaseLost(thread_id))
        elif outcome.error is None:
            future.set_result(outcome.values)
        elif isinstance(outcome.error, ThreadsError):
            future.set_exception(outcome.error)
        else:
            failed = RunFailed(thread_id, run_id, End.reason(outcome.error))
            failed.__cause__ = outcome.error
            future.set_exception(failed)

    def _stored_request(self, row: sqlite3.Row) -> Request:
        with self.inside.database.read() as connection:
            stored = runs.request(connection, row["run_id"])
        if stored is None:
            raise RunFailed(row["thread_id"], row["run_id"], "what was asked could not be stored")
        return Request.loaded(row["kind"], stored, self.inside.checkpointer.serde)

    def _known_messages(self, thread_id: str) -> set[str | None]:
        with self.inside.database.read() as connection:
            head = table.get(connection, thread_id)["head_id"]
            found = self.inside.decoder.messages(connection, thread_id, head) if head else []
        return {message.id for message in found or ()}
