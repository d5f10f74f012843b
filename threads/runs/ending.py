"""How runs end: what is stored of it, and what is told to those who ask later or from elsewhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from threads.errors import RunFailed, ThreadsError
from threads.registry import events, runs
from threads.runs.attempt import Outcome
from threads.runs.told import plain
from threads.runs.turn import ActiveTurn

TOLD = {"success": "finished", "error": "failed", "interrupted": "interrupted", "stopped": "stopped"}


class End:
    """The last step of an attempt, to be done in the transaction that lets the lease go."""

    def __init__(self, turn: ActiveTurn, outcome: Outcome, question: dict[str, Any] | None) -> None:
        self._turn = turn
        self._outcome = outcome
        self._question = question

    @staticmethod
    def reason(error: BaseException) -> str:
        """Why it failed, in a plain sentence."""
        said = str(error).strip()
        return said if isinstance(error, ThreadsError) else f"{type(error).__name__}: {said}".rstrip(": ")

    def __call__(self, connection: sqlite3.Connection, at: int) -> None:
        turn, outcome = self._turn, self._outcome
        reason = None if outcome.error is None else self.reason(outcome.error)
        runs.end(
            connection, turn.run_id, outcome.status, at,
            error=reason, question=self._question, tokens=turn.tokens,
        )  # fmt: skip
        data: dict[str, Any] = {"input_tokens": turn.tokens[0], "output_tokens": turn.tokens[1]}
        if reason is not None:
            data["reason"] = reason
        if outcome.interrupts:
            data["interrupts"] = [{"id": each.id, "value": plain(each.value)} for each in outcome.interrupts]
        events.record(connection, [turn.event(TOLD[outcome.status], data)])
        events.drop_tokens(connection, turn.thread_id, turn.run_id)
        events.trim(connection, turn.thread_id)


def ending(turn: ActiveTurn, outcome: Outcome) -> Callable[[sqlite3.Connection, int], None]:
    """The work that stores this outcome, at a moment."""
    asked = outcome.interrupts[0] if outcome.interrupts else None
    ours = asked is not None and isinstance(asked.value, dict) and asked.value.get("asked_by") == "recovery"
    question = {"id": asked.id, "value": plain(asked.value)} if asked is not None and ours else None
    return End(turn, outcome, question)


def stored_end(engine: Any, run_id: str) -> Any:
    """What `result()` gives of a run that has ended: the graph's state then; raises what it failed with."""
    with engine.inside.database.read() as connection:
        row = runs.get(connection, run_id)
    if row["status"] == "error":
        raise RunFailed(row["thread_id"], run_id, row["error"] or "it is not known why")
    if not engine.agents.knows(row["agent_id"]) or row["head_id"] is None:
        return None
    graph = engine.agents[row["agent_id"]]
    at = {"thread_id": row["thread_id"], "checkpoint_id": row["head_id"]}
    state = graph.get_state({"configurable": at})
    values = state.values
    if isinstance(values, dict) and state.interrupts:
        values = {**values, "__interrupt__": list(state.interrupts)}
    return values
