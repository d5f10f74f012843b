"""Deciding who may run: each step one transaction, for several processes want the same threads.

A request becomes a row; the row gets the lease where the thread is free, waits where it is not, is
begun again after a crash or an error, and is ended before it began where somebody wants that.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from threads.errors import InvalidValue, KeyReused, QueueFull, ThreadBusy, ThreadTrashed
from threads.registry.context import RegistryContext as Inside
from threads.runs.agents import Agents
from threads.runs.attempt import KEEP, PASS_OVER, ROLLBACK
from threads.runs.request import ANSWERS
from threads.runs.title_runs import wants_title
from threads.store import event_log, runs
from threads.store import threads as thread_table
from threads.store.event_log import Happened
from threads.store.leases import is_good
from threads.store.runs import Asked

STRATEGIES = ("reject", "enqueue", "interrupt", "rollback")
MOST_ATTEMPTS = 10
"""How often a run is taken up that breaks off each time; it may be what breaks the process."""
MOST_LATE = 100
"""The same, with the times that its process was only too slow to give a sign of life."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a request: its run, whether it was accepted here, and whether it has begun."""

    row: sqlite3.Row
    is_mine: bool
    has_begun: bool = False
    since: int = 0
    """The thread's last event before it."""


class Desk:
    """Takes requests for one runner, called `holder` in the leases."""

    def __init__(self, inside: Inside, agents: Agents, holder: str, seconds: float, max_waiting: int) -> None:
        self._inside = inside
        self._agents = agents
        self.holder = holder
        self.seconds = seconds
        self.max_waiting = max_waiting
        """How many runs may wait for one thread."""

    def ask(self, asked: Asked, strategy: str) -> Accepted:
        """Store a run, and begin it if its thread is free.

        Raises `ThreadBusy`, `QueueFull`, `KeyReused`, `ThreadTrashed`.
        """
        return self._inside.database.write(lambda connection: self._ask(connection, asked, strategy))

    def ask_for_title(self, asked: Asked, after_run: str | None) -> Accepted | None:
        """Store and begin a run that makes a title; None if it comes after a run that needs none.

        `InvalidValue` where somebody gave the thread its title.
        """

        def work(connection: sqlite3.Connection) -> Accepted | None:
            row = thread_table.get(connection, asked.thread_id)
            if after_run is not None and not wants_title(connection, asked.thread_id, after_run):
                return None
            if row["title"] is not None:
                raise InvalidValue("title", f"{row['title']!r} was given by hand; title=None takes it back")
            since = event_log.last_sequence(connection, asked.thread_id)
            runs.ask(connection, asked, self.holder, self.seconds, self._inside.now())
            return Accepted(self._begin(connection, asked.run_id), True, True, since)

        return self._inside.database.write(work)

    def begin_again(self, run_id: str) -> sqlite3.Row:
        """Begin a run again that failed; `ThreadBusy`."""
        return self._inside.database.write(
            lambda connection: self._begin_again(connection, runs.get(connection, run_id))
        )

    def begin_next(self, connection: sqlite3.Connection, thread_id: str) -> sqlite3.Row | None:
        """Begin the run that waits longest for this thread, if it is one of here and the thread is free."""
        waiting = self._waiting(connection, thread_id)
        if waiting is None or waiting["holder"] != self.holder or self._running(connection, thread_id):
            return None
        return self._begin(connection, waiting["run_id"])

    def take_over(self, connection: sqlite3.Connection, run_id: str) -> sqlite3.Row | None:
        """Go on with a run whose process is gone; its row as it was, begun again if it was running."""
        row = runs.find(connection, run_id)
        if row is None or row["status"] not in ("pending", "running") or is_good(row["expires_at"]):
            return None  # somebody else was faster
        if row["attempt"] - row["late"] >= MOST_ATTEMPTS or row["attempt"] >= MOST_LATE:
            self._fail(connection, row, f"it broke off {row['attempt']} times")
            return None
        if row["status"] == "running":
            return self._begin(connection, run_id)
        runs.adopt(connection, run_id, self.holder, self.seconds)
        return row

    def withdraw(self, connection: sqlite3.Connection, run_id: str) -> None:
        """End a run that has not begun."""
        row = runs.get(connection, run_id)
        if row["status"] == "pending":
            at = self._inside.now()
            runs.end(connection, run_id, "stopped", at)
            told = _spent(row) | ({"taken_back": True} if row["attempt"] == 0 else {})
            event_log.record(connection, [Happened("stopped", row["thread_id"], run_id, told, at)])

    def _ask(self, connection: sqlite3.Connection, asked: Asked, strategy: str) -> Accepted:
        if thread_table.get(connection, asked.thread_id)["trashed_at"] is not None:
            raise ThreadTrashed(asked.thread_id)
        if asked.key is not None:
            known = runs.with_key(connection, asked.thread_id, asked.key)
            if known is not None:
                return self._known(connection, known, asked, strategy)
        since = event_log.last_sequence(connection, asked.thread_id)
        running = self._running(connection, asked.thread_id)
        first = running or self._waiting(connection, asked.thread_id)
        if first is not None and strategy == "reject":
            raise ThreadBusy(asked.thread_id, first["run_id"])
        if first is not None:
            self._check_queue(connection, asked.thread_id, strategy)
        runs.ask(connection, asked, self.holder, self.seconds, self._inside.now())
        row = runs.get(connection, asked.run_id)
        if first is not None and self._must_wait(connection, row, running, strategy):
            return Accepted(row, True, False, since)
        return Accepted(self._begin(connection, asked.run_id), True, True, since)

    def _known(
        self, connection: sqlite3.Connection, known: sqlite3.Row, asked: Asked, strategy: str
    ) -> Accepted:
        """The run that this key has had already; one that failed is begun again, or waits for that."""
        if known["asked"] != asked.digest:
            raise KeyReused(asked.thread_id, str(asked.key))
        if (
            known["status"] == "error"
            and self._agents.knows(known["agent_id"])
            and self._may_begin_again(connection, known)
        ):
            running = self._running(connection, known["thread_id"])
            if running is None or strategy == "reject":
                return Accepted(self._begin_again(connection, known), True, True)
            self._check_queue(connection, known["thread_id"], strategy)
            since = event_log.last_sequence(connection, known["thread_id"])
            row = runs.wait_again(connection, known["run_id"], self.holder, self.seconds)
            self._must_wait(connection, row, running, strategy)
            return Accepted(row, True, False, since)
        return Accepted(known, False)

    def _may_begin_again(self, connection: sqlite3.Connection, failed: sqlite3.Row) -> bool:
        """Whether a run that failed may: an answer may not once another run came after it."""
        last = runs.one(connection, "last_of_thread", failed["thread_id"])
        return failed["kind"] not in ANSWERS or last is None or last["run_id"] == failed["run_id"]

    def _check_queue(self, connection: sqlite3.Connection, thread_id: str, strategy: str) -> None:
        """Raise `QueueFull` if one more run cannot wait for this thread; `rollback` makes room itself."""
        if strategy != "rollback" and runs.waiting_count(connection, thread_id) >= self.max_waiting:
            raise QueueFull(thread_id, self.max_waiting)

    def _must_wait(
        self, connection: sqlite3.Connection, row: sqlite3.Row, running: sqlite3.Row | None, strategy: str
    ) -> bool:
        """Have the runs before this one make room for it, as far as `strategy` wants; whether one is left."""
        if strategy == "enqueue":
            return True
        if running is not None:
            runs.ask_to_stop(connection, running["run_id"], ROLLBACK if strategy == "rollback" else KEEP)
        for each in runs.waiting_before(connection, row):
            if strategy == "rollback" and each["attempt"] == 0:  # else its message may be there already
                self.withdraw(connection, each["run_id"])
            else:
                runs.ask_to_stop(connection, each["run_id"], PASS_OVER)
        return running is not None or bool(runs.waiting_before(connection, row))

    def _running(self, connection: sqlite3.Connection, thread_id: str) -> sqlite3.Row | None:
        """The run that has the thread; one whose process is gone is given up if nobody here can go on."""
        running = runs.one(connection, "running", thread_id)
        return None if running is not None and self._given_up(connection, running) else running

    def _waiting(self, connection: sqlite3.Connection, thread_id: str) -> sqlite3.Row | None:
        """The run that waits longest for the thread; those that nobody here can begin are given up, too."""
        while True:
            waiting = runs.one(connection, "next_pending", thread_id)
            if waiting is None or not self._given_up(connection, waiting):
                return waiting

    def _given_up(self, connection: sqlite3.Connection, row: sqlite3.Row) -> bool:
        if is_good(row["expires_at"]) or self._agents.knows(row["agent_id"]):
            return False
        reason = f"its process is gone, and agent {row['agent_id']!r} is not here to go on"
        self._fail(connection, row, reason)
        return True

    def _fail(self, connection: sqlite3.Connection, row: sqlite3.Row, reason: str) -> None:
        at, failure = self._inside.now(), runs.process_lost(reason)
        runs.end(connection, row["run_id"], "error", at, failure=failure)
        told = {**_spent(row), **failure.told()}
        event_log.record(connection, [Happened("failed", row["thread_id"], row["run_id"], told, at)])
        event_log.drop_tokens(connection, row["thread_id"], row["run_id"])

    def _begin(self, connection: sqlite3.Connection, run_id: str) -> sqlite3.Row:
        at = self._inside.now()
        row = runs.begin(connection, run_id, self.holder, self.seconds, at)
        data = {"kind": row["kind"], "agent_id": row["agent_id"], "attempt": row["attempt"]}
        event_log.record(connection, [Happened("started", row["thread_id"], run_id, data, at)])
        return row

    def _begin_again(self, connection: sqlite3.Connection, row: sqlite3.Row) -> sqlite3.Row:
        running = self._running(connection, row["thread_id"])
        if running is not None and running["run_id"] != row["run_id"]:
            raise ThreadBusy(row["thread_id"], running["run_id"])
        return self._begin(connection, row["run_id"])


def _spent(row: sqlite3.Row) -> dict[str, Any]:
    return {"input_tokens": row["input_tokens"], "output_tokens": row["output_tokens"]}
