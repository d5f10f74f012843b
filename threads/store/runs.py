"""Runs in the table: asked for, begun, kept alive, ended; each function one step in a transaction.

A row goes from `pending` to `running` (then it is the thread's lease, see `threads.store.leases`)
to one of the ends. A retry or a recovery begins the same row again, with the next attempt.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from threads.db.queries import statements, to_json
from threads.errors import RunFailed, RunNotFound
from threads.models import RunInfo, RunKind, RunStatus, moment
from threads.store.leases import LONGEST, is_good

NEVER = 2**62


class Asked(NamedTuple):
    """A run as it is asked for."""

    run_id: str
    thread_id: str
    kind: str
    agent_id: str | None
    key: str | None
    digest: str
    """What was asked, condensed: the same request has the same one."""
    request: tuple[str, bytes] | None
    """What recovery needs to begin it again, serialised; None if it cannot be."""
    own_agent: str | None = None
    """The agent that the thread has from now on, if it has none."""


class Failure(NamedTuple):
    """What a run failed with."""

    text: str
    """Type and message in a sentence."""
    type: str
    """The name of the exception's class; `ProcessLost` where no exception was raised."""
    message: str

    def told(self) -> dict[str, str]:
        """As an event holds it."""
        return {"reason": self.text, "error_type": self.type, "error_message": self.message}


def process_lost(reason: str) -> Failure:
    """The failure of a run whose process ended before it did."""
    return Failure(reason, "ProcessLost", reason)


def run_of(row: sqlite3.Row | Mapping[str, Any]) -> RunInfo:
    """The run that a row tells of."""
    return RunInfo(
        id=row["run_id"],
        thread_id=row["thread_id"],
        kind=row["kind"],
        status=row["status"],
        agent_id=row["agent_id"],
        key=row["key"],
        error=row["error"],
        error_type=row["error_type"],
        error_message=row["error_message"],
        created_at=moment(row["created_at"]),
        started_at=moment(row["started_at"]),
        first_token_at=moment(row["first_token_at"]),
        finished_at=moment(row["finished_at"]),
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        attempts=row["attempt"],
        head_id=row["head_id"],
    )


def run_failed(run: RunInfo) -> RunFailed:
    """What is raised where the result of a run is wanted that failed earlier, or elsewhere."""
    return RunFailed(
        run.thread_id, run.id, run.error or "it is not known why",
        error_type=run.error_type, error_message=run.error_message,
    )  # fmt: skip


def find(connection: sqlite3.Connection, run_id: str) -> sqlite3.Row | None:
    """The run's row, or None."""
    row: sqlite3.Row | None = connection.execute(_sql("by_id"), {"run_id": run_id}).fetchone()
    return row


def get(connection: sqlite3.Connection, run_id: str) -> sqlite3.Row:
    """The run's row, or `RunNotFound`."""
    row = find(connection, run_id)
    if row is None:
        raise RunNotFound(run_id)
    return row


def with_key(connection: sqlite3.Connection, thread_id: str, key: str) -> sqlite3.Row | None:
    """The thread's run with this idempotency key, with the digest of what was asked."""
    asked = {"thread_id": thread_id, "key": key}
    row: sqlite3.Row | None = connection.execute(_sql("by_key"), asked).fetchone()
    return row


def of_thread(
    connection: sqlite3.Connection, thread_id: str, limit: int, before: int | None = None
) -> list[sqlite3.Row]:
    """The thread's runs, the last one first."""
    asked = {"thread_id": thread_id, "limit": limit, "before": NEVER if before is None else before}
    return connection.execute(_sql("of_thread"), asked).fetchall()


def count(connection: sqlite3.Connection, thread_id: str) -> int:
    """How many runs the thread has."""
    return int(connection.execute(_sql("of_thread_count"), {"thread_id": thread_id}).fetchone()[0])


def one(connection: sqlite3.Connection, name: str, thread_id: str) -> sqlite3.Row | None:
    """The thread's `running`, `next_pending` or `last_of_thread` run, or None."""
    row: sqlite3.Row | None = connection.execute(_sql(name), {"thread_id": thread_id}).fetchone()
    return row


def waiting_before(connection: sqlite3.Connection, row: sqlite3.Row) -> list[sqlite3.Row]:
    """The runs that wait for the same thread and were asked for earlier."""
    asked = {"thread_id": row["thread_id"], "position": row["position"]}
    return connection.execute(_sql("waiting_before"), asked).fetchall()


def waiting_count(connection: sqlite3.Connection, thread_id: str) -> int:
    """How many runs wait for a thread."""
    return int(connection.execute(_sql("waiting_count"), {"thread_id": thread_id}).fetchone()[0])


def request(connection: sqlite3.Connection, run_id: str) -> tuple[str, bytes] | None:
    """What was asked, as it was serialised; None if it could not be."""
    row = connection.execute(_sql("request"), {"run_id": run_id}).fetchone()
    return None if row is None or row["request"] is None else (row["request_type"], row["request"])


def ask(connection: sqlite3.Connection, asked: Asked, holder: str, seconds: float, at: int) -> None:
    """Store a pending run."""
    kind, blob = asked.request or (None, None)
    row = {
        "run_id": asked.run_id,
        "thread_id": asked.thread_id,
        "kind": asked.kind,
        "agent_id": asked.agent_id,
        "key": asked.key,
        "request_digest": asked.digest,
        "request_type": kind,
        "request": blob,
        "holder": holder,
        "until": time.monotonic() + seconds,
        "at": at,
    }
    connection.execute(_sql("ask"), row)
    if asked.own_agent is not None:
        named = {"thread_id": asked.thread_id, "agent_id": asked.own_agent}
        connection.execute(_sql("name_agent"), named)


def wait_again(connection: sqlite3.Connection, run_id: str, holder: str, seconds: float) -> sqlite3.Row:
    """A run that failed waits for its thread, to be begun again; its row."""
    taken = {"run_id": run_id, "holder": holder, "until": time.monotonic() + seconds}
    connection.execute(_sql("wait_again"), taken)
    return get(connection, run_id)


def begin(connection: sqlite3.Connection, run_id: str, holder: str, seconds: float, at: int) -> sqlite3.Row:
    """Take the lease for a run whose thread is free (the index refuses a second one); its row."""
    taken = {"run_id": run_id, "holder": holder, "until": time.monotonic() + seconds, "at": at}
    connection.execute(_sql("begin"), taken)
    return get(connection, run_id)


def is_held(connection: sqlite3.Connection, run_id: str, attempt: int) -> bool:
    """Whether this attempt still has its lease."""
    asked = {"run_id": run_id, "attempt": attempt, "now": time.monotonic()}
    return connection.execute(_sql("held"), asked).fetchone() is not None


def raise_fence(connection: sqlite3.Connection, run_id: str, attempt: int) -> int | None:
    """Count this attempt, which goes on, as the next one; its number, None if it has lost its lease."""
    asked = {"run_id": run_id, "attempt": attempt, "now": time.monotonic()}
    found = connection.execute(_sql("raise_fence"), asked).fetchall()
    return next((int(row[0]) for row in found), None)


def let_go(connection: sqlite3.Connection, run_id: str, attempt: int) -> None:
    """Leave to whoever comes what this attempt may not, or could not, go on with; if it has the lease."""
    connection.execute(_sql("let_go"), {"run_id": run_id, "attempt": attempt})


def count_late(connection: sqlite3.Connection, run_ids: Collection[str]) -> None:
    """These runs were taken over though their process lives: they did not break it off."""
    connection.execute(_sql("count_late"), {"run_ids": to_json(list(run_ids))})


def perhaps_free(connection: sqlite3.Connection, holder: str) -> set[str]:
    """The threads that a waiting run of `holder` may have now."""
    now = time.monotonic()
    asked = {"holder": holder, "now": now, "latest": now + LONGEST}
    return {row[0] for row in connection.execute(_sql("perhaps_free"), asked)}


def renew(connection: sqlite3.Connection, holder: str, run_ids: Collection[str], seconds: float) -> set[str]:
    """A sign of life of these runs of `holder`; those that it still has."""
    until = time.monotonic() + seconds
    asked = {"holder": holder, "run_ids": to_json(list(run_ids)), "until": until}
    return {row[0] for row in connection.execute(_sql("renew"), asked).fetchall()}


def end(
    connection: sqlite3.Connection,
    run_id: str,
    status: str,
    at: int,
    *,
    failure: Failure | None = None,
    question: Mapping[str, Any] | None = None,
    tokens: tuple[int, int] = (0, 0),
    is_aside: bool = False,
) -> None:
    """Let the lease go, and say how it went; the thread's status follows.

    `question` is what a person has to decide now. `is_aside`: the thread went on without this run.
    """
    values = {
        "run_id": run_id, "status": status, "at": at,
        "error": failure and failure.text, "error_type": failure and failure.type,
        "error_message": failure and failure.message,
        "recovery_question": None if question is None else to_json(question),
        "input_tokens": tokens[0], "output_tokens": tokens[1],
    }  # fmt: skip
    connection.execute(_sql("end"), values)
    if status in ("interrupted", "error") and not is_aside:
        connection.execute(_sql("thread_status"), {"run_id": run_id, "status": status})
    elif status == "success":
        connection.execute(_sql("thread_recovered"), {"run_id": run_id})


def restore_status(connection: sqlite3.Connection, run_id: str) -> None:
    """Give the thread of a run that was taken back the status it had before."""
    connection.execute(_sql("thread_status_again"), {"run_id": run_id})


def ask_to_stop(connection: sqlite3.Connection, run_id: str, how: str) -> bool:
    """Ask the holder of a run to end it; False if it has ended."""
    return connection.execute(_sql("stop"), {"run_id": run_id, "how": how}).rowcount > 0


def first_token(connection: sqlite3.Connection, run_id: str, at: int) -> None:
    """The run said its first word."""
    connection.execute(_sql("first_token"), {"run_id": run_id, "at": at})


def expired(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    """The unfinished runs whose holder gives no sign of life, in their order."""
    now = time.monotonic()
    return connection.execute(_sql("expired"), {"now": now, "latest": now + LONGEST}).fetchall()


def adopt(connection: sqlite3.Connection, run_id: str, holder: str, seconds: float) -> None:
    """A pending run is another runner's now."""
    taken = {"run_id": run_id, "holder": holder, "until": time.monotonic() + seconds}
    connection.execute(_sql("adopt"), taken)


def hand_over(connection: sqlite3.Connection, holder: str) -> list[str]:
    """Expire the leases of `holder`, so that others can recover its runs at once; their ids."""
    return [row[0] for row in connection.execute(_sql("hand_over"), {"holder": holder}).fetchall()]


def stop_requests(connection: sqlite3.Connection, holder: str) -> dict[str, str]:
    """The runs of `holder` that somebody wants ended, and how."""
    return {
        row["run_id"]: row["stop_request"]
        for row in connection.execute(_sql("stop_requests"), {"holder": holder})
    }


def ended(connection: sqlite3.Connection, run_ids: Collection[str]) -> set[str]:
    """Those of these runs that go on no more, or are gone."""
    asked = {"run_ids": to_json(list(run_ids))}
    known = {row[0] for row in connection.execute(_sql("known"), asked)}
    return {row[0] for row in connection.execute(_sql("ended"), asked)} | (set(run_ids) - known)


def of_origin(connection: sqlite3.Connection, row: sqlite3.Row) -> list[sqlite3.Row]:
    """This run, behind those that it goes on with, in their order; with what was asked."""
    asked = {"thread_id": row["thread_id"], "origin_id": row["origin_id"] or row["run_id"]}
    found = connection.execute(_sql("of_origin"), asked).fetchall()
    return [each for each in found if each["position"] <= row["position"]]


def tools_of_origin(
    connection: sqlite3.Connection, row: sqlite3.Row
) -> list[tuple[str, dict[str, Any], int]]:
    """What these runs told of their tools, and how they ended: type, data, and the run's position."""
    asked = {"thread_id": row["thread_id"], "origin_id": row["origin_id"] or row["run_id"]}
    found = connection.execute(_sql("tools_of_origin"), asked)
    return [(type, json.loads(data), position) for type, data, position in found]


def _sql(name: str) -> str:
    sql = statements("runs")
    return sql[name].format(columns=sql["columns"]) if "{" in sql[name] else sql[name]


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
        return is_good(self.expires_at)

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
        return self._one("by_id", {"run_id": run_id})

    def get(self, run_id: str) -> RunRecord:
        """The run; raises `RunNotFound`."""
        run = self.find(run_id)
        if run is None:
            raise RunNotFound(run_id)
        return run

    def find_by_key(self, thread_id: str, key: str) -> RunRecord | None:
        """The thread's run with this idempotency key, or None."""
        return self._one("by_key", {"thread_id": thread_id, "key": key})

    def find_running(self, thread_id: str) -> RunRecord | None:
        """The run that has the thread, whether or not its lease has expired, or None."""
        return self._one("running", {"thread_id": thread_id})

    def find_next_queued(self, thread_id: str) -> RunRecord | None:
        """The first run in the thread's queue, or None."""
        return self._one("next_pending", {"thread_id": thread_id})

    def find_last(self, thread_id: str) -> RunRecord | None:
        """The thread's newest run, or None; titles do not count."""
        return self._one("last_of_thread", {"thread_id": thread_id})

    def list_for_thread(self, thread_id: str, limit: int, before: int | None = None) -> list[RunRecord]:
        """The thread's runs, newest first, before position `before`."""
        return self._all(
            "of_thread",
            {"thread_id": thread_id, "limit": limit, "before": NEVER if before is None else before},
        )

    def count(self, thread_id: str) -> int:
        """How many runs the thread has."""
        return count(self._connection, thread_id)

    def list_queued_before(self, run: RunRecord) -> list[RunRecord]:
        """The runs that are queued for the same thread before this one."""
        return self._all("waiting_before", {"thread_id": run.thread_id, "position": run.position})

    def count_queued(self, thread_id: str) -> int:
        """How many runs are queued for the thread."""
        return waiting_count(self._connection, thread_id)

    def find_request(self, run_id: str) -> StoredRequest | None:
        """The run's request; None if it could not be serialised."""
        return request(self._connection, run_id)

    def list_expired(self) -> list[RunRecord]:
        """The unfinished runs whose lease has expired, in their order."""
        now = time.monotonic()
        return self._all("expired", {"now": now, "latest": now + LONGEST})

    def list_finished(self, run_ids: Collection[str]) -> set[str]:
        """Those of these runs that have ended or were deleted."""
        return ended(self._connection, run_ids)

    def list_stop_requests(self, holder: str) -> dict[str, str]:
        """The stop requests for unfinished runs of this runner, by run."""
        return stop_requests(self._connection, holder)

    def list_free_threads(self, holder: str) -> set[str]:
        """The threads in which the next queued run is one of this runner, and no lease is valid."""
        return perhaps_free(self._connection, holder)

    def list_chain(self, run: RunRecord) -> list[ChainedRun]:
        """The runs that this one resumes, in their order, and itself as the last."""
        values = {"thread_id": run.thread_id, "origin_id": run.first_id}
        chain = []
        for row in self._connection.execute(_sql("of_origin"), values):
            type, blob = row["request_type"], row["request"]
            record = RunRecord(*row[:-2])
            if record.position <= run.position:
                chain.append(ChainedRun(record, None if blob is None else (type, blob)))
        return chain

    def list_tool_events(self, run: RunRecord) -> list[ToolRecord]:
        """The events about tools and the ends of the runs of this chain, in their order."""
        values = {"thread_id": run.thread_id, "origin_id": run.first_id}
        rows = self._connection.execute(_sql("tools_of_origin"), values)
        return [ToolRecord(type, json.loads(data), position) for type, data, position in rows]

    def needs_title(self, thread_id: str, run_id: str) -> bool:
        """Whether the thread has no title by hand or by a model, and no run before this one answered."""
        values = {"thread_id": thread_id, "run_id": run_id}
        return self._connection.execute(_sql("wants_title"), values).fetchone() is not None

    # queue

    def insert(self, new: NewRun, holder: str, seconds: float, at: int) -> RunRecord:
        """Store a run as queued by this runner; its place expires after `seconds` without a heartbeat."""
        kind, blob = new.request or (None, None)
        row = {
            "run_id": new.run_id, "thread_id": new.thread_id, "kind": new.kind, "agent_id": new.agent_id,
            "key": new.key, "request_digest": new.request_digest, "request_type": kind, "request": blob,
            "holder": holder, "until": time.monotonic() + seconds, "at": at,
        }  # fmt: skip
        self._connection.execute(_sql("ask"), row)
        if new.thread_agent is not None:
            named = {"thread_id": new.thread_id, "agent_id": new.thread_agent}
            self._connection.execute(_sql("name_agent"), named)
        return self.get(new.run_id)

    def requeue(self, run_id: str, holder: str, seconds: float) -> RunRecord:
        """Queue a failed run again."""
        wait_again(self._connection, run_id, holder, seconds)
        return self.get(run_id)

    def reassign(self, run_id: str, holder: str, seconds: float) -> None:
        """Let another runner have a queued run."""
        adopt(self._connection, run_id, holder, seconds)

    # lease

    def begin(self, run_id: str, holder: str, seconds: float, at: int) -> RunRecord:
        """Acquire the lease for the run's next attempt; a unique index refuses a second one in a thread."""
        begin(self._connection, run_id, holder, seconds, at)
        return self.get(run_id)

    def has_lease(self, run_id: str, attempt: int) -> bool:
        """Whether this attempt has a valid lease."""
        return is_held(self._connection, run_id, attempt)

    def increment_attempt(self, run_id: str, attempt: int) -> int | None:
        """Give a running attempt a new fencing token; the new attempt, None if its lease is lost."""
        return raise_fence(self._connection, run_id, attempt)

    def renew(self, holder: str, run_ids: Collection[str], seconds: float) -> set[str]:
        """Renew the leases of these runs of the runner; those that it still has."""
        return renew(self._connection, holder, run_ids, seconds)

    def release(self, run_id: str, attempt: int) -> None:
        """Expire the lease of this attempt, so that another runner can recover the run at once."""
        let_go(self._connection, run_id, attempt)

    def release_all(self, holder: str) -> list[str]:
        """Expire all leases of this runner; the ids of its runs."""
        return hand_over(self._connection, holder)

    def count_late(self, run_ids: Collection[str]) -> None:
        """Count an attempt of these runs as late: their runner lives, and renewed the lease too late."""
        count_late(self._connection, run_ids)

    def request_stop(self, run_id: str, reason: str) -> bool:
        """Request that the run's holder ends it; False if it has ended."""
        return ask_to_stop(self._connection, run_id, reason)

    # end

    def record_first_token(self, run_id: str, at: int) -> None:
        """Store when the run's first token came, if none came before."""
        first_token(self._connection, run_id, at)

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
        end(
            self._connection, run_id, status, at, failure=failure, question=question, tokens=tokens,
            is_aside=is_aside,
        )  # fmt: skip

    def restore_thread_status(self, run_id: str) -> None:
        """Give the thread of a run that was rolled back the status it had before."""
        restore_status(self._connection, run_id)

    def _one(self, name: str, values: dict[str, Any]) -> RunRecord | None:
        row = self._connection.execute(_sql(name), values).fetchone()
        return None if row is None else RunRecord(*row)

    def _all(self, name: str, values: dict[str, Any]) -> list[RunRecord]:
        return [RunRecord(*row) for row in self._connection.execute(_sql(name), values)]
