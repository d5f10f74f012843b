"""Promises of results: kept by the run itself where it is performed here, else from what is stored."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

from threads.background import is_main_thread
from threads.errors import LeaseLost, RunFailed, RunNotFound, ThreadDeleted, ThreadsError, UsageError
from threads.registry.context import Inside
from threads.runs.agents import Agents
from threads.runs.attempt import HAND_OVER, Outcome
from threads.runs.failures import failure_of
from threads.store import runs
from threads.store import threads as thread_table

LEFT = "another goes on with it, and registry.runs(id) tells what became of it"


class Promises:
    """The results that somebody in this process waits for, by run."""

    def __init__(self, inside: Inside, agents: Agents) -> None:
        self._inside = inside
        self._agents = agents
        self._lock = threading.Lock()
        self._open: dict[str, Future[Any]] = {}

    def make(self, run_id: str) -> Future[Any]:
        """The promise of a run's result, for as many as ask."""
        with self._lock:
            return self._open.setdefault(run_id, Future())

    def of(self, run_id: str) -> Future[Any]:
        """The same, kept at once if the run has ended."""
        future = self.make(run_id)
        with self._inside.database.read() as connection:
            has_ended = bool(runs.ended(connection, [run_id]))
        if has_ended:
            self.keep_stored(run_id)
        return future

    def waiting(self) -> list[str]:
        """The runs whose results are waited for."""
        with self._lock:
            return list(self._open)

    def keep(self, run_id: str, outcome: Outcome, thread_id: str) -> None:
        """The run has ended here."""
        future = self._take(run_id)
        if future is None:
            return
        if outcome.status == HAND_OVER:
            future.set_exception(LeaseLost(thread_id))
        elif outcome.error is None:
            future.set_result(outcome.values)
        elif isinstance(outcome.error, ThreadsError) and not outcome.by_agent:
            future.set_exception(outcome.error)
        else:
            failure = failure_of(outcome.error)
            failed = RunFailed(
                thread_id, run_id, failure.text, error_type=failure.type, error_message=failure.message
            )
            failed.__cause__ = outcome.error
            future.set_exception(failed)

    def keep_stored(self, run_id: str) -> None:
        """The run has ended, here or elsewhere: its result is what is stored."""
        future = self._take(run_id)
        if future is None:
            return
        try:
            future.set_result(self._stored(run_id))
        except RunNotFound:
            future.set_exception(ThreadDeleted())
        except BaseException as error:  # it is raised where the result is asked for
            if (
                isinstance(error, KeyboardInterrupt) and is_main_thread()
            ):  # that is who asks for something else
                with self._lock:
                    self._open.setdefault(run_id, future)
                raise
            future.set_exception(error)

    def break_all(self) -> None:
        """Nobody here will know."""
        for run_id in self.waiting():
            if future := self._take(run_id):
                future.set_exception(UsageError(f"the runner was closed before run {run_id} ended", LEFT))

    def _take(self, run_id: str) -> Future[Any] | None:
        with self._lock:
            future = self._open.pop(run_id, None)
        return None if future is None or future.done() else future

    def _stored(self, run_id: str) -> Any:
        """The graph's state when the run ended; raises what it failed with."""
        with self._inside.database.read() as connection:
            row = runs.get(connection, run_id)
            last = runs.one(connection, "last_of_thread", row["thread_id"])
            head_id = thread_table.get(connection, row["thread_id"])["head_id"]
        if row["status"] == "error":
            raise runs.run_failed(runs.run_of(row))
        if row["kind"] == "title" or row["head_id"] is None or not self._agents.knows(row["agent_id"]):
            return None
        at = {"thread_id": row["thread_id"]}
        is_last = last is not None and last["run_id"] == run_id and head_id == row["head_id"]
        if not is_last:
            at["checkpoint_id"] = row["head_id"]
        state = self._agents[row["agent_id"]].get_state({"configurable": at})
        asked = list(state.interrupts)
        if is_last:  # a question that was answered beside one that waits is none any more
            asked = [each for task in state.tasks if task.result is None for each in task.interrupts]
        if isinstance(state.values, dict) and asked:
            return {**state.values, "__interrupt__": asked}
        return state.values
