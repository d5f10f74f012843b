"""From a request to a stored run, which has the lease of its thread or waits for it in the thread's queue.

Each method of `RunQueue` is one step of a transaction, for several processes want the same threads. A request
becomes a row; the row gets the lease where the thread is free and waits where it is not; it is started again
after a crash or a failure, and is withdrawn before it started where a newer request wants that.

A request that was submitted before is recognised by its key before the thread is looked at, for the
thread has changed since: the message that was edited is no longer in view, the interrupt no longer waits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple

from langgraph.graph.state import CompiledStateGraph

from threads import ids
from threads.checkpoint.graph_schema import find_message_channel
from threads.checkpoint.message_channel import CHANNEL
from threads.errors import (
    AgentNotFound,
    AlreadyAnswered,
    InvalidValue,
    KeyReused,
    MessageNotFound,
    NothingToResume,
    QueueFull,
    ThreadBusy,
)
from threads.registry import Registry
from threads.runs.history import RunHistory
from threads.runs.request import ANSWER_KINDS, Request, checked_key
from threads.store.event_log import NewEvent
from threads.store.runs import NewRun, RunRecord, process_lost
from threads.store.transaction import Store, Transaction

STRATEGIES = ("reject", "enqueue", "interrupt", "rollback")
MAX_ATTEMPTS = 10
"""How often a run is recovered whose process ends each time; it may be what ends the process."""
MAX_SLOW_ATTEMPTS = 100
"""The same, with the attempts whose process was only too slow to renew the lease."""


class StopReason(StrEnum):
    """Why a run is to end early; the first three are stored as its stop request."""

    CANCEL = "cancel"
    """Its partial output is kept."""
    ROLLBACK = "rollback"
    """It is to be as if the run had not been."""
    SKIP = "skip"
    """Of a run that waits: its message gets into the thread in its turn, and is not answered."""
    HANDOVER = "handover"
    """Stopped here for another process to recover."""
    WRITE_REJECTED = "write_rejected"
    """Stopped here because a checkpoint of it could not be stored."""
    LEASE_LOST = "lease_lost"
    """Stopped here because its lease expired, or another runner has it."""


class Submission(NamedTuple):
    """A request, for which agent, under which key."""

    request: Request
    agent_id: str | None
    """None: the thread's own."""
    key: str | None


class SubmissionTarget(NamedTuple):
    """What is stored of a request's key and thread."""

    known: RunRecord | None
    """The run that the key has already."""
    agent_id: str
    is_new: bool = False
    """Whether the thread is yet to be created."""


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """What became of a request."""

    run: RunRecord
    accepted_here: bool
    """Whether this runner performs the run."""
    started: bool = False
    after_sequence: int = 0
    """The thread's last event before it."""
    request: Request | None = None
    """The request, if this made the run; else the stored one counts."""


class RunSubmitter:
    """Submits the requests of one runner."""

    def __init__(
        self, registry: Registry, agents: Mapping[str, Any], queue: RunQueue, history: RunHistory
    ) -> None:
        """`agents`: the graphs by their ids."""
        self._registry = registry
        self._context = registry._context
        self._agents = agents
        self._queue = queue
        self._history = history

    def find_target(
        self, thread_id: str, key: str | None, requested_agent: str | None, if_not_exists: str
    ) -> SubmissionTarget:
        """Return what is stored of this key and thread, and the agent that answers.

        Raises `ThreadNotFound`, `AgentNotFound`, `InvalidValue`.
        """
        with self._context.store.read() as tx:  # the thread's projection need not be up to date
            known = None if key is None else tx.runs.find_by_key(thread_id, key)
            if known is not None and known.agent_id is not None and not requested_agent:
                return SubmissionTarget(known, known.agent_id)
            if if_not_exists not in ("reject", "create"):
                raise InvalidValue("if_not_exists", f"{if_not_exists!r} is neither 'reject' nor 'create'")
            find = tx.threads.find if if_not_exists == "create" else tx.threads.get
            thread = find(thread_id)
        if thread is None:
            ids.check_new(thread_id)
            return SubmissionTarget(known, choose_agent(self._agents, requested_agent, None), is_new=True)
        return SubmissionTarget(known, choose_agent(self._agents, requested_agent, thread.agent_id))

    def submit(
        self,
        thread_id: str,
        submission: Submission,
        strategy: str = "reject",
        *,
        thread_agent: str | None = None,
        is_new: bool = False,
    ) -> SubmitResult:
        """Store a run, with the lease of its thread if that is free.

        `thread_agent` becomes the thread's own agent if it has none. `is_new`: create the thread.
        """
        if strategy not in STRATEGIES:
            raise InvalidValue("multitask_strategy", f"{strategy!r} is none of {', '.join(STRATEGIES)}")
        request, agent_id, key = submission
        agent_id = agent_id or self._thread_agent(thread_id)
        request = self._addressed(request, agent_id)
        serde = self._context.checkpointer.serde
        stored, digest = request.dumped(serde), request.digest(serde, agent_id)
        new_run = NewRun(ids.new_id(), thread_id, request.kind, agent_id, key, digest, stored, thread_agent)
        if is_new:  # last of all: what is refused leaves no empty thread
            self._registry.create(id=thread_id, agent_id=agent_id, if_exists="do_nothing")
        submit = partial(self._queue.submit, new_run=new_run, strategy=strategy)
        submitted: SubmitResult = self._context.store.write(submit)
        is_made = submitted.run.run_id == new_run.run_id
        return replace(submitted, request=request) if is_made else submitted

    def _thread_agent(self, thread_id: str) -> str:
        """Return the agent of a request that cannot name one; `AgentNotFound` says how to set it."""
        try:
            return self.find_target(thread_id, None, None, "reject").agent_id
        except AgentNotFound as error:
            raise AgentNotFound(error.agent_id, error.known, thread_id=thread_id) from None

    def submit_idempotent(
        self, thread_id: str, request: Request, key: str | None, resolve: Callable[[], Submission]
    ) -> SubmitResult:
        """Return the run that this key has, else submit what `resolve` returns."""
        known = self._history.find_by_key(thread_id, checked_key(key))
        if known is None:
            try:
                submission = resolve()
            except (MessageNotFound, NothingToResume, InvalidValue):
                known = self._history.find_by_key(thread_id, key)  # the same was submitted a moment ago
                if known is None:
                    raise
        if known is not None:
            submission = Submission(request, known.agent_id, key)
        try:
            return self.submit(thread_id, submission)
        except KeyReused:
            if submission.key == key:
                raise
        taken = self._history.find_by_key(thread_id, submission.key)  # a key made from the thread, not given
        last = self._history.last(thread_id)
        if taken is None or last is None or taken.run_id != last.run_id:
            raise AlreadyAnswered(thread_id)
        raise AlreadyAnswered(thread_id, last.run_id, last.status)

    def _addressed(self, request: Request, agent_id: str) -> Request:
        """Return a request with the channel of its message; `InvalidValue` if the agent takes none there."""
        channel = self.message_channel(agent_id)
        if request.takes_message:
            self.check_takes_messages(agent_id)
        elif request.kind == "edit" and channel not in request.input:
            what = f"agent {agent_id!r} does not take the input that this message came with"
            raise InvalidValue("message", what)
        return replace(request, channel=channel)

    def message_channel(self, agent_id: str) -> str | None:
        """Return where this agent takes messages, None if nowhere; `messages` if its graph does not tell."""
        graph = self._agents.get(agent_id)
        if not isinstance(graph, CompiledStateGraph):
            return CHANNEL
        name = find_message_channel(graph)
        return name if name in graph.builder.schemas[graph.builder.input_schema] else None

    def check_takes_messages(self, agent_id: str) -> None:
        """Raise `InvalidValue` if this agent is loaded and its input has no channel of messages."""
        if self.message_channel(agent_id) is None:
            what = f"agent {agent_id!r} takes no messages: its input has no channel for them, or several"
            raise InvalidValue("message", what, "pass its input with start(..., input=...)")


def choose_agent(agent_ids: Collection[str], requested: str | None, thread_agent: str | None) -> str:
    """Return the id of the agent that answers; `AgentNotFound`.

    It is the requested one, else the thread's own, else the only one.
    """
    chosen = thread_agent if requested is None else requested
    if chosen is None and len(agent_ids) == 1:
        return next(iter(agent_ids))
    if chosen is None or chosen not in agent_ids:
        raise AgentNotFound(chosen, tuple(agent_ids))
    return chosen


class RunQueue:
    """Admits runs for one runner, which is `worker_id` in the leases."""

    def __init__(
        self,
        agent_ids: Collection[str],
        worker_id: str,
        lease_seconds: float,
        max_waiting: int,
        now: Callable[[], int],
    ) -> None:
        self._agent_ids = agent_ids
        self.worker_id = worker_id
        self.lease_seconds = lease_seconds
        self._max_waiting = max_waiting
        self._now = now

    def submit(self, tx: Transaction, new_run: NewRun, strategy: str) -> SubmitResult:
        """Store a run, and start it if its thread is free.

        Raises `ThreadBusy`, `QueueFull`, `KeyReused`, `ThreadTrashed`.
        """
        thread_id = new_run.thread_id
        tx.threads.get_visible(thread_id)
        if new_run.key is not None:
            known = tx.runs.find_by_key(thread_id, new_run.key)
            if known is not None:
                return self._submit_known(tx, known, new_run, strategy)
        after = tx.events.last_sequence(thread_id)
        running = self._running(tx, thread_id)
        first = running or self._first_waiting(tx, thread_id)
        if first is not None and strategy == "reject":
            raise ThreadBusy(thread_id, first.run_id)
        if first is not None:
            self._check_room(tx, thread_id, strategy)
        run = tx.runs.insert(new_run, self.worker_id, self.lease_seconds, self._now())
        if first is not None and self._must_wait(tx, run, running, strategy):
            return SubmitResult(run, True, False, after)
        return SubmitResult(self._start(tx, new_run.run_id), True, True, after)

    def submit_title(self, tx: Transaction, new_run: NewRun) -> SubmitResult:
        """Store and start a run that makes a title; `InvalidValue` where the title was set by hand."""
        thread = tx.threads.get(new_run.thread_id)
        if thread.title is not None:
            raise InvalidValue("title", f"{thread.title!r} was set by hand; title=None removes it")
        after = tx.events.last_sequence(new_run.thread_id)
        tx.runs.insert(new_run, self.worker_id, self.lease_seconds, self._now())
        return SubmitResult(self._start(tx, new_run.run_id), True, True, after)

    def restart(self, tx: Transaction, run: RunRecord, agent_id: str | None = None) -> RunRecord:
        """Start a failed run again; returns its row. Raises `ThreadBusy`, `AgentNotFound`.

        `agent_id`: the agent that performs it, by default its own, or where that is gone the thread's.
        """
        running = self._running(tx, run.thread_id)
        if running is not None and running.run_id != run.run_id:
            raise ThreadBusy(run.thread_id, running.run_id)
        self._ensure_agent(tx, run, agent_id)
        return self._start(tx, run.run_id)

    def _ensure_agent(self, tx: Transaction, run: RunRecord, agent_id: str | None) -> None:
        """Give the run to the agent that was named, or if its own is gone, to the thread's."""
        if run.kind == "title":
            return
        own = tx.threads.get(run.thread_id).agent_id
        candidates = (run.agent_id, own) if agent_id is None else (agent_id,)
        chosen = next((each for each in candidates if each in self._agent_ids), None)
        if chosen is None:
            raise AgentNotFound(candidates[0], tuple(self._agent_ids), thread_id=run.thread_id)
        if chosen != run.agent_id:
            tx.runs.set_agent(run.run_id, chosen)

    def start_next(self, tx: Transaction, thread_id: str) -> RunRecord | None:
        """Start the run that waits longest for this thread, if it is this runner's and the thread is free."""
        waiting = self._first_waiting(tx, thread_id)
        if waiting is None or waiting.holder != self.worker_id or self._running(tx, thread_id) is not None:
            return None
        return self._start(tx, waiting.run_id)

    def take_over(self, tx: Transaction, run_id: str) -> RunRecord | None:
        """Take over a run whose lease expired: if it was running, start it again; else it goes on waiting.

        Returns its record; None if another runner was faster, or the run was given up.
        """
        run = tx.runs.find(run_id)
        if run is None or not run.is_unfinished or run.has_lease:
            return None
        if run.attempt - run.late_attempts >= MAX_ATTEMPTS or run.attempt >= MAX_SLOW_ATTEMPTS:
            self._fail(tx, run, f"failed after {run.attempt} attempts")
            return None
        if run.status == "running":
            return self._start(tx, run_id)
        tx.runs.reassign(run_id, self.worker_id, self.lease_seconds)
        return run

    def withdraw(self, tx: Transaction, run_id: str) -> None:
        """End a run that has not started."""
        run = tx.runs.get(run_id)
        if run.status == "pending":
            at = self._now()
            tx.runs.end(run_id, "stopped", at)
            data = _tokens(run) | ({"taken_back": True} if run.attempt == 0 else {})
            tx.events.append([NewEvent("stopped", run.thread_id, run_id, data, at)])

    def _submit_known(
        self, tx: Transaction, known: RunRecord, new_run: NewRun, strategy: str
    ) -> SubmitResult:
        """Return the run that this key has already; one that failed is started again, or waits for that."""
        if known.request_digest != new_run.request_digest:
            raise KeyReused(new_run.thread_id, str(new_run.key))
        if (
            known.status != "error"
            or known.agent_id not in self._agent_ids
            or not self._may_restart(tx, known)
        ):
            return SubmitResult(known, False)
        running = self._running(tx, known.thread_id)
        if running is None or strategy == "reject":
            return SubmitResult(self.restart(tx, known), True, True)
        self._check_room(tx, known.thread_id, strategy)
        after = tx.events.last_sequence(known.thread_id)
        run = tx.runs.requeue(known.run_id, self.worker_id, self.lease_seconds)
        self._must_wait(tx, run, running, strategy)
        return SubmitResult(run, True, False, after)

    def _may_restart(self, tx: Transaction, failed: RunRecord) -> bool:
        """Return whether a failed run may be started again: an answer only while it is the last run."""
        last = tx.runs.find_last(failed.thread_id)
        return failed.kind not in ANSWER_KINDS or last is None or last.run_id == failed.run_id

    def _check_room(self, tx: Transaction, thread_id: str, strategy: str) -> None:
        """Raise `QueueFull` if one more run cannot wait for this thread; `rollback` makes room itself."""
        if strategy != "rollback" and tx.runs.count_queued(thread_id) >= self._max_waiting:
            raise QueueFull(thread_id, self._max_waiting)

    def _must_wait(self, tx: Transaction, run: RunRecord, running: RunRecord | None, strategy: str) -> bool:
        """Stop or withdraw the runs before this one as `strategy` wants; returns whether one is left."""
        if strategy == "enqueue":
            return True
        if running is not None:
            reason = StopReason.ROLLBACK if strategy == "rollback" else StopReason.CANCEL
            tx.runs.request_stop(running.run_id, reason)
        for each in tx.runs.list_queued_before(run):
            if strategy == "rollback" and each.attempt == 0:  # else its message may be there already
                self.withdraw(tx, each.run_id)
            else:
                tx.runs.request_stop(each.run_id, StopReason.SKIP)
        return running is not None or bool(tx.runs.list_queued_before(run))

    def _running(self, tx: Transaction, thread_id: str) -> RunRecord | None:
        """Return the run that has the thread; an expired one that cannot be recovered here is given up."""
        running = tx.runs.find_running(thread_id)
        return None if running is not None and self._give_up(tx, running) else running

    def _first_waiting(self, tx: Transaction, thread_id: str) -> RunRecord | None:
        """Return the run that waits longest for the thread; expired ones are given up as by `_running`."""
        while True:
            waiting = tx.runs.find_next_queued(thread_id)
            if waiting is None or not self._give_up(tx, waiting):
                return waiting

    def _give_up(self, tx: Transaction, run: RunRecord) -> bool:
        if run.has_lease or run.agent_id in self._agent_ids:
            return False
        reason = f"its process ended, and agent {run.agent_id!r} is not loaded to recover it"
        self._fail(tx, run, reason)
        return True

    def _fail(self, tx: Transaction, run: RunRecord, reason: str) -> None:
        at, failure = self._now(), process_lost(reason)
        tx.runs.end(run.run_id, "error", at, failure=failure)
        data = {**_tokens(run), **failure.event_data()}
        tx.events.append([NewEvent("failed", run.thread_id, run.run_id, data, at)])
        tx.events.delete_tokens(run.thread_id, run.run_id)

    def _start(self, tx: Transaction, run_id: str) -> RunRecord:
        at = self._now()
        tx.leases.acquire(run_id, self.worker_id, self.lease_seconds, at)
        run = tx.runs.get(run_id)
        data = {"kind": run.kind, "agent_id": run.agent_id, "attempt": run.attempt}
        tx.events.append([NewEvent("started", run.thread_id, run_id, data, at)])
        return run


def follows_unclean_end(store: Store, run: RunRecord) -> bool:
    """Return whether the turn before this run may have been left in the middle."""
    if run.start_head_id is None:  # the thread was empty
        return False
    with store.read() as tx:
        before = next(iter(tx.runs.list_for_thread(run.thread_id, 1, before=run.position)), None)
    return (
        before is None
        or before.head_id != run.start_head_id
        or before.status in ("error", "interrupted")
        or before.kind in ANSWER_KINDS
    )


def _tokens(run: RunRecord) -> dict[str, Any]:
    return {"input_tokens": run.input_tokens, "output_tokens": run.output_tokens}
