"""Futures of run results: resolved by the run where it is performed here, else from what is stored."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

from threads.background import is_main_thread
from threads.errors import LeaseLost, RunFailed, RunNotFound, ThreadDeleted, ThreadsError, UsageError
from threads.runs.agents import AgentRegistry
from threads.runs.attempt import Outcome, OutcomeStatus
from threads.runs.failures import failure_of
from threads.store.runs import run_failed
from threads.store.transaction import Store


class RunFutures:
    """The results that are awaited in this process, by run."""

    def __init__(self, store: Store, agents: AgentRegistry) -> None:
        self._store = store
        self._agents = agents
        self._lock = threading.Lock()
        self._unresolved: dict[str, Future[Any]] = {}

    def create(self, run_id: str) -> Future[Any]:
        """Return the future of an unfinished run's result, the same for all callers."""
        with self._lock:
            return self._unresolved.setdefault(run_id, Future())

    def get(self, run_id: str) -> Future[Any]:
        """As `create`, for any run: resolved at once if the run has ended."""
        future = self.create(run_id)
        with self._store.read() as tx:
            has_ended = bool(tx.runs.list_finished([run_id]))
        if has_ended:
            self.resolve_stored(run_id)
        return future

    def unresolved(self) -> list[str]:
        """Return the runs whose results are awaited."""
        with self._lock:
            return list(self._unresolved)

    def resolve(self, run_id: str, outcome: Outcome, thread_id: str) -> None:
        """Resolve the future of a run that ended here."""
        future = self._remove(run_id)
        if future is None:
            return
        if outcome.status is OutcomeStatus.UNFINISHED:
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

    def resolve_stored(self, run_id: str) -> None:
        """Resolve the future of a run that ended, here or elsewhere, from the database."""
        future = self._remove(run_id)
        if future is None:
            return
        try:
            future.set_result(self._stored_result(run_id))
        except RunNotFound:
            future.set_exception(ThreadDeleted())
        except BaseException as error:  # it is raised where the result is asked for
            if isinstance(error, KeyboardInterrupt) and is_main_thread():  # that caller wants something else
                with self._lock:
                    self._unresolved.setdefault(run_id, future)
                raise
            future.set_exception(error)

    def fail_all(self) -> None:
        """Fail the futures that are left; for closing."""
        for run_id in self.unresolved():
            if future := self._remove(run_id):
                future.set_exception(
                    UsageError(
                        f"the runner was closed before run {run_id} ended; another runner recovers it, "
                        "see registry.runs(thread_id)"
                    )
                )

    def _remove(self, run_id: str) -> Future[Any] | None:
        with self._lock:
            future = self._unresolved.pop(run_id, None)
        return None if future is None or future.done() else future

    def _stored_result(self, run_id: str) -> Any:
        """Return the graph's state when the run ended; raises what it failed with."""
        with self._store.read() as tx:
            run = tx.runs.get(run_id)
            last = tx.runs.find_last(run.thread_id)
            head_id = tx.threads.get(run.thread_id).head_id
        if run.status == "error":
            raise run_failed(run.info())
        if run.kind == "title" or run.head_id is None or not self._agents.has(run.agent_id):
            return None
        configurable = {"thread_id": run.thread_id}
        is_last = last is not None and last.run_id == run_id and head_id == run.head_id
        if not is_last:
            configurable["checkpoint_id"] = run.head_id
        state = self._agents.get(str(run.agent_id)).get_state({"configurable": configurable})
        interrupts = list(state.interrupts)
        if is_last:  # one that was answered beside one that waits is none any more
            interrupts = [each for task in state.tasks if task.result is None for each in task.interrupts]
        if isinstance(state.values, dict) and interrupts:
            return {**state.values, "__interrupt__": interrupts}
        return state.values
