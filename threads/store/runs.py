"""Runs: the table `threads_run`, which holds queue, leases and outcomes.

A run goes from `pending` (queued) to `running` (then its row is the thread's lease, see
`threads.store.leases`) to one of the ends. A retry or a recovery begins the same row again, with the next
attempt.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from threads.db.queries import moment, statements, to_json
from threads.errors import RunFailed, RunNotFound
from threads.models import RunInfo, RunKind, RunStatus
from threads.store.leases import MAX_SECONDS, is_valid

LAST_POSITION = 2**62
"""Greater than any position."""


class Failure(NamedTuple):
    """What a run failed with."""

    text: str
    """Type and message in a sentence."""
    type: str
    """The name of the exception's class; `ProcessLost` where no exception was raised."""
    message: str

    def event_data(self) -> dict[str, str]:
        """As the `failed` event contains it."""
        return {"reason": self.text, "error_type": self.type, "error_message": self.message}


def process_lost(reason: str) -> Failure:
    """The failure of a run whose process ended before it did."""
    return Failure(reason, "ProcessLost", reason)


def run_failed(run: RunInfo) -> RunFailed:
    """The error for a caller who wants the result of a run that failed earlier, or elsewhere."""
    return RunFailed(
        run.thread_id, run.id, run.error or "it is not known why",
        error_type=run.error_type, error_message=run.error_message,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A row of `threads_run`, its columns in their order."""

    position: int
    run_id: str
    thread_id: str
    origin_id: str | None
    """Of an answer to an interrupt: the run that began what it resumes."""
    kind: RunKind
    status: RunStatus
    agent_id: str | None
    key: str | None
    """The caller's idempotency key."""
    holder: str | None
    """The runner that has the lease, or has queued the run."""
    attempt: int
    late_attempts: int
    """Attempts that ended because of the runner, not of the run; they do not count as failed."""
    expires_at: float | None
    """End of the lease, by the machine's monotonic clock."""
    stop_request: str | None
    start_head_id: str | None
    """The thread's head when the run began."""
    head_id: str | None
    """The thread's head when the run ended."""
    error: str | None
    error_type: str | None
    error_message: str | None
    recovery_question: str | None
    """The interrupt of recovery that the run ended with, as JSON."""
    created_at: int
    started_at: int | None
    first_token_at: int | None
    finished_at: int | None
    input_tokens: int
    output_tokens: int
    request_digest: str
    """Digest of the request; the same request has the same one."""

    @property
    def has_lease(self) -> bool:
        """Whether its lease, or its place in the queue, has not expired."""
        return is_valid(self.expires_at)

    @property
    def is_unfinished(self) -> bool:
        """Whether it is queued or running."""
        return self.status in ("pending", "running")

    @property
    def fence(self) -> tuple[int, int]:
        """The fencing token of its lease: no two leases share one."""
        return self.position, self.attempt

    @property
    def first_id(self) -> str:
        """The run that began what this one resumes; itself where it resumes nothing."""
        return self.origin_id or self.run_id

    def info(self) -> RunInfo:
        """The public model of this run."""
        return RunInfo(
            id=self.run_id, thread_id=self.thread_id, kind=self.kind, status=self.status,
            agent_id=self.agent_id, key=self.key, error=self.error, error_type=self.error_type,
            error_message=self.error_message, created_at=moment(self.created_at),
            started_at=moment(self.started_at), first_token_at=moment(self.first_token_at),
            finished_at=moment(self.finished_at), input_tokens=self.input_tokens,
            output_tokens=self.output_tokens, attempts=self.attempt, head_id=self.head_id,
        )  # fmt: skip


StoredRequest = tuple[str, bytes]
"""A request as the serializer stores it: type and bytes."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is to be stored."""

    run_id: str
    thread_id: str
    kind: str
    agent_id: str | None
    key: str | None
    request_digest: str
    request: StoredRequest | None
    """What recovery needs to begin it again; None if it cannot be serialised."""
    thread_agent: str | None = None
    """The agent that the thread has from now on, if it has none."""


@dataclass(frozen=True, slots=True)
class ChainedRun:
    """A run of a chain: the first one and those that resumed it, with its request."""

    run: RunRecord
    request: StoredRequest | None


@dataclass(frozen=True, slots=True)
class ToolRecord:
    """An event that tells about a tool call, or how a run ended."""

    type: str
    data: dict[str, Any]
    run_position: int


class RunTable:
    """The operations on `threads_run` within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    # reading

    def find(self, run_id: str) -> RunRecord | None:
        """The run, or None."""
        return self._find("get", {"run_id": run_id})

    def get(self, run_id: str) -> RunRecord:
        """The run; raises `RunNotFound`."""
        run = self.find(run_id)
        if run is None:
            raise RunNotFound(run_id)
        return run

    def find_by_key(self, thread_id: str, key: str) -> RunRecord | None:
        """The thread's run with this idempotency key, or None."""
        return self._find("get_by_key", {"thread_id": thread_id, "key": key})

    def find_running(self, thread_id: str) -> RunRecord | None:
        """The run that has the thread, whether or not its lease has expired, or None."""
        return self._find("get_running", {"thread_id": thread_id})

    def find_next_queued(self, thread_id: str) -> RunRecord | None:
        """The first run in the thread's queue, or None."""
        return self._find("get_next_queued", {"thread_id": thread_id})

    def find_last(self, thread_id: str) -> RunRecord | None:
        """The thread's newest run, or None; titles do not count."""
        return self._find("get_last", {"thread_id": thread_id})

    def list_for_thread(self, thread_id: str, limit: int, before: int | None = None) -> list[RunRecord]:
        """The thread's runs, newest first, before position `before`."""
        values = {
            "thread_id": thread_id,
            "limit": limit,
            "before": LAST_POSITION if before is None else before,
        }
        return self._list("list_for_thread", values)

    def count(self, thread_id: str) -> int:
        """How many runs the thread has."""
        return int(self._execute("count", {"thread_id": thread_id}).fetchone()[0])

    def list_queued_before(self, run: RunRecord) -> list[RunRecord]:
        """The runs that are queued for the same thread before this one."""
        return self._list("list_queued_before", {"thread_id": run.thread_id, "position": run.position})

    def count_queued(self, thread_id: str) -> int:
        """How many runs are queued for the thread."""
        return int(self._execute("count_queued", {"thread_id": thread_id}).fetchone()[0])

    def find_request(self, run_id: str) -> StoredRequest | None:
        """The run's request; None if it could not be serialised."""
        row = self._execute("get_request", {"run_id": run_id}).fetchone()
        return None if row is None or row["request"] is None else (row["request_type"], row["request"])

    def list_expired(self) -> list[RunRecord]:
        """The unfinished runs whose lease has expired, in their order."""
        return self._list("list_expired", _lease_times())

    def list_finished(self, run_ids: Collection[str]) -> set[str]:
        """Those of these runs that have ended or were deleted."""
        values = {"run_ids": to_json(list(run_ids))}
        existing = {row[0] for row in self._execute("list_existing", values)}
        return {row[0] for row in self._execute("list_finished", values)} | (set(run_ids) - existing)

    def list_stop_requests(self, holder: str) -> dict[str, str]:
        """The stop requests for unfinished runs of this runner, by run."""
        rows = self._execute("list_stop_requests", {"holder": holder})
        return {row["run_id"]: row["stop_request"] for row in rows}

    def list_free_threads(self, holder: str) -> set[str]:
        """The threads in which the next queued run is one of this runner, and no lease is valid."""
        return {row[0] for row in self._execute("list_free_threads", {"holder": holder, **_lease_times()})}

    def list_chain(self, run: RunRecord) -> list[ChainedRun]:
        """The runs that this one resumes, in their order, and itself as the last."""
        values = {"thread_id": run.thread_id, "origin_id": run.first_id}
        chain = []
        for row in self._execute("list_chain", values):
            record, type, blob = RunRecord(*row[:-2]), row["request_type"], row["request"]
            if record.position <= run.position:
                chain.append(ChainedRun(record, None if blob is None else (type, blob)))
        return chain

    def list_tool_events(self, run: RunRecord) -> list[ToolRecord]:
        """The events about tools and the ends of the runs of this chain, in their order."""
        rows = self._execute("list_tool_events", {"thread_id": run.thread_id, "origin_id": run.first_id})
        return [ToolRecord(type, json.loads(data), position) for type, data, position in rows]

    def needs_title(self, thread_id: str, run_id: str) -> bool:
        """Whether the thread has no title by hand or by a model, and no run before this one answered."""
        values = {"thread_id": thread_id, "run_id": run_id}
        return self._execute("needs_title", values).fetchone() is not None

    # queue

    def insert(self, new: NewRun, holder: str, seconds: float, at: int) -> RunRecord:
        """Store a run as queued by this runner; its place expires after `seconds` without a heartbeat."""
        request_type, request = new.request or (None, None)
        row = {
            "run_id": new.run_id, "thread_id": new.thread_id, "kind": new.kind, "agent_id": new.agent_id,
            "key": new.key, "request_digest": new.request_digest, "request_type": request_type,
            "request": request, "holder": holder, "expires_at": time.monotonic() + seconds, "at": at,
        }  # fmt: skip
        self._execute("insert", row)
        if new.thread_agent is not None:
            self._execute("set_thread_agent", {"thread_id": new.thread_id, "agent_id": new.thread_agent})
        return self.get(new.run_id)

    def set_agent(self, run_id: str, agent_id: str) -> None:
        """Let another agent perform the run."""
        self._execute("set_agent", {"run_id": run_id, "agent_id": agent_id})

    def requeue(self, run_id: str, holder: str, seconds: float) -> RunRecord:
        """Queue a failed run again."""
        self._execute("requeue", _lease(run_id, holder, seconds))
        return self.get(run_id)

    def reassign(self, run_id: str, holder: str, seconds: float) -> None:
        """Let another runner have a queued run."""
        self._execute("reassign", _lease(run_id, holder, seconds))

    def request_stop(self, run_id: str, reason: str) -> bool:
        """Request that the run's holder ends it; False if it has ended."""
        return self._execute("request_stop", {"run_id": run_id, "reason": reason}).rowcount > 0

    # end

    def record_first_token(self, run_id: str, at: int) -> None:
        """Store when the run's first token came, if none came before."""
        self._execute("record_first_token", {"run_id": run_id, "at": at})

    def end(
        self,
        run_id: str,
        status: str,
        at: int,
        *,
        failure: Failure | None = None,
        question: Mapping[str, Any] | None = None,
        tokens: tuple[int, int] = (0, 0),
        is_aside: bool = False,
    ) -> None:
        """Store how the run ended, and release its lease; the thread's status follows.

        `question`: the interrupt of recovery. `is_aside`: another run was stored meanwhile, so the thread's
        status stays.
        """
        values = {
            "run_id": run_id, "status": status, "at": at,
            "error": failure and failure.text, "error_type": failure and failure.type,
            "error_message": failure and failure.message,
            "recovery_question": None if question is None else to_json(question),
            "input_tokens": tokens[0], "output_tokens": tokens[1],
        }  # fmt: skip
        self._execute("end", values)
        if status in ("interrupted", "error") and not is_aside:
            self._execute("set_thread_status", {"run_id": run_id, "status": status})
        elif status == "success":
            self._execute("clear_thread_error", {"run_id": run_id})

    def restore_thread_status(self, run_id: str) -> None:
        """Give the thread of a run that was rolled back the status it had before."""
        self._execute("restore_thread_status", {"run_id": run_id})

    def _find(self, name: str, values: dict[str, Any]) -> RunRecord | None:
        row = self._execute(name, values).fetchone()
        return None if row is None else RunRecord(*row)

    def _list(self, name: str, values: dict[str, Any]) -> list[RunRecord]:
        return [RunRecord(*row) for row in self._execute(name, values)]

    def _execute(self, name: str, values: dict[str, Any]) -> sqlite3.Cursor:
        return self._connection.execute(_sql(name), values)


def _lease(run_id: str, holder: str, seconds: float) -> dict[str, Any]:
    """The values of a lease that expires in `seconds`."""
    return {"run_id": run_id, "holder": holder, "expires_at": time.monotonic() + seconds}


def _lease_times() -> dict[str, float]:
    """The bounds of valid leases: not before now, not later than any lease lasts."""
    now = time.monotonic()
    return {"now": now, "latest": now + MAX_SECONDS}


def _sql(name: str) -> str:
    sql = statements("runs")
    return sql[name].format(columns=sql["columns"]) if "{" in sql[name] else sql[name]
