"""Runs in the table: asked for, begun, kept alive, ended; each function one step in a transaction.

A row goes from `pending` to `running` (then it is the thread's lease, see `threads.store.leases`)
to one of the ends. A retry or a recovery begins the same row again, with the next attempt.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from threads.db.queries import statements
from threads.errors import RunFailed, RunNotFound
from threads.models import RunInfo, moment
from threads.store.leases import LONGEST
from threads.store.mapping import json_of

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
        "asked": asked.digest,
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
    connection.execute(_sql("count_late"), {"run_ids": json_of(list(run_ids))})


def perhaps_free(connection: sqlite3.Connection, holder: str) -> set[str]:
    """The threads that a waiting run of `holder` may have now."""
    now = time.monotonic()
    asked = {"holder": holder, "now": now, "latest": now + LONGEST}
    return {row[0] for row in connection.execute(_sql("perhaps_free"), asked)}


def renew(connection: sqlite3.Connection, holder: str, run_ids: Collection[str], seconds: float) -> set[str]:
    """A sign of life of these runs of `holder`; those that it still has."""
    until = time.monotonic() + seconds
    asked = {"holder": holder, "run_ids": json_of(list(run_ids)), "until": until}
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
        "question": None if question is None else json_of(question),
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
        row["run_id"]: row["stopping"]
        for row in connection.execute(_sql("stop_requests"), {"holder": holder})
    }


def ended(connection: sqlite3.Connection, run_ids: Collection[str]) -> set[str]:
    """Those of these runs that go on no more, or are gone."""
    asked = {"run_ids": json_of(list(run_ids))}
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
