"""Looking after runs: signs of life, requests to stop, threads that have become free, runs left behind.

One task on a loop of its own, for a node that blocks the runner's loop must not cost the lease. What
this process does itself is acted on at once; this is for what others did, and for what time does.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any

from threads.background import log_failure
from threads.errors import DatabaseGone, ThreadsError
from threads.runs.attempt import LOST
from threads.runs.cancellable_task import is_cancelled
from threads.runs.executor import Engine
from threads.store import runs

SOON = 0.02
"""Seconds between two looks while a run waits for its thread."""
NOW_AND_THEN = 0.2
"""Seconds between two looks at what others want of the runs here."""


class Watch:
    """Keeps the runs of `engine` alive and moving."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def run(self) -> None:
        """Until it is cancelled."""
        seconds = self._engine.desk.seconds
        pause = min(NOW_AND_THEN, seconds / 8)
        async with asyncio.TaskGroup() as tasks:  # no look is held up by another: signs of life cannot wait
            tasks.create_task(self._again_and_again(self._renew, lambda: seconds / 4))
            tasks.create_task(
                self._again_and_again(self._look, lambda: SOON if self._engine.pending else pause)
            )
            if self._engine.recovers:
                tasks.create_task(self._again_and_again(self.sweep, lambda: seconds / 2))

    async def sweep(self) -> None:
        """Take up the runs whose process is gone, as far as their agents are here."""
        found = await asyncio.to_thread(self._expired)
        for row in found:  # one that cannot be taken over is no reason to leave the others
            await self._tried(self._engine.take_over(row["run_id"]))

    async def _look(self) -> None:
        engine = self._engine
        if engine.begun or engine.pending or engine.promises.waiting():
            stops, ended = await asyncio.to_thread(self._asked)
            for run_id, how in stops.items():
                engine.thread.begin(engine.stop_here(run_id, how), f"run {run_id} was not stopped")
            for run_id in ended:
                engine.pending.pop(run_id, None)  # it was taken back before it began
                engine.requests.pop(run_id, None)
                await asyncio.to_thread(engine.promises.keep_stored, run_id)
        if engine.pending:
            for thread_id in await asyncio.to_thread(self._perhaps_free):
                await engine.begin_next(thread_id)

    async def _renew(self) -> None:
        engine, desk = self._engine, self._engine.desk
        mine = {*list(engine.begun), *list(engine.pending)}  # before: what is accepted meanwhile is not lost
        if not mine:
            return

        def work(connection: sqlite3.Connection) -> set[str]:
            lost = mine - runs.renew(connection, desk.holder, mine, desk.seconds)
            runs.count_late(connection, lost & engine.active.keys())
            return lost

        for run_id in await engine.recorder.write(work):
            engine.pending.pop(run_id, None)
            if attempt := engine.active.get(run_id):
                engine.thread.call(attempt.stop, LOST)

    def _perhaps_free(self) -> set[str]:
        with self._engine.inside.database.read() as connection:
            return runs.perhaps_free(connection, self._engine.desk.holder)

    def _asked(self) -> tuple[dict[str, str], set[str]]:
        engine = self._engine
        elsewhere = [run_id for run_id in engine.promises.waiting() if run_id not in engine.active]
        with engine.inside.database.read() as connection:
            stops = runs.stop_requests(connection, engine.desk.holder)
            return stops, runs.ended(connection, elsewhere) if elsewhere else set()

    def _expired(self) -> list[sqlite3.Row]:
        with self._engine.inside.database.read() as connection:
            found = runs.expired(connection)
        knows = self._engine.agents.knows
        return [row for row in found if row["kind"] == "title" or knows(row["agent_id"])]

    async def _again_and_again(
        self, look: Callable[[], Coroutine[Any, Any, None]], pause: Callable[[], float]
    ) -> None:
        while True:
            await self._tried(look())
            await asyncio.sleep(pause())

    async def _tried(self, look: Coroutine[Any, Any, None]) -> None:
        try:
            await look
        except DatabaseGone:
            pass  # logged when it was noticed
        except ThreadsError as error:  # the database is locked or full: the next look may find it well
            logging.getLogger(__name__).warning("runs cannot be looked after now: %s", error)
        except BaseException as error:
            if is_cancelled(error):
                raise
            log_failure("runs cannot be looked after now", error)
