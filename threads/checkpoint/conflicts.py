"""Which turn may write: the one that went on from where the thread stands.

LangGraph reads a thread's latest checkpoint, works, and writes the next ones after it. Two turns at
once both read the same one, and with the stock saver the second to finish hides the first. Here a
turn may write only while what it read is still what is there: the head has not moved, and nobody
else has stored results at it.

A turn is told apart by the checkpoint id it read: a str that only looks like any other. LangGraph
carries it along as the parent of what it writes first. Ids it makes itself are plain, and then the
head must be the turn's own last checkpoint. Who names a checkpoint in the config begins a branch
there, as in LangGraph's time travel, and is not refused; nor is a program that calls `put` by hand.

While a run holds the thread's lease only that run may write, whatever it goes on from, and no plain
turn begins. Its config carries its `Turn`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointMetadata, CheckpointTuple, get_checkpoint_id

from threads import ids
from threads.checkpoint.checkpoint_rows import counted_in, metadata_of
from threads.checkpoint.delta_history import History
from threads.checkpoint.recent_checkpoints import Places
from threads.db.queries import statements
from threads.errors import LeaseLost, ThreadBusy, ThreadDeleted, ThreadMoved, ThreadsError, ThreadTrashed
from threads.store import leases
from threads.store.transaction import Transaction

RUNTIME = "__pregel_runtime"
"""LangGraph's private key in the configs of its runs; `get_state` and callers' own `put` do not have it."""


TURN = "__threads_turn"
"""The key of a run's `Turn` in `configurable`; LangGraph keeps such keys out of what it stores."""


class Turn(Protocol):
    """A run that holds the lease of a thread, as the checkpointer sees it."""

    thread_id: str

    @property
    def fence(self) -> tuple[int, int]:
        """Which lease it is; no two share it."""

    def wrote(self, at: str | None, writes: Sequence[tuple[str, Any]]) -> None:
        """A task of the root graph wrote this, at a checkpoint; it is stored with the one that follows."""

    def along(self, at: str | None, stored_as: str) -> Callable[[Transaction], None]:
        """What is to be stored in the transaction of `stored_as`, the root's checkpoint that follows `at`."""

    def refused(self, error: BaseException) -> None:
        """A checkpoint of this run could not be stored; the run did not wait for it."""

    def raised(self, error: ThreadsError) -> None:
        """The checkpointer raised this to the run: it is no error of the agent."""


class Read(str):
    """The head's id, as one turn read it."""

    __slots__ = ("history", "known")
    known: set[tuple[str, str]]
    """Task and channel of the results that were stored at it then, and by this turn since."""
    history: History | None
    """What its delta channels are the sum of, until the turn takes it."""

    def taken(self, channels: Sequence[str]) -> History | None:
        """The history that was read together with the head, once; None if these channels are not in it."""
        history, self.history = self.history, None
        return history if history is not None and history.keys() >= set(channels) else None


class Named(str):
    """A checkpoint id that the caller named."""

    __slots__ = ()


class TooEarly(ThreadDeleted):
    """The thread was deleted, and these results come before a first checkpoint of a new one, or too late."""


def address(config: RunnableConfig) -> tuple[str, str]:
    """The thread id and namespace in a config; `InvalidThreadId` if the id is no text.

    In a run LangGraph has made text of the id already (`1` and `True` would be mixed up with `"1"` and
    `"True"`), but langchain keeps what the caller gave in the config's metadata.
    """
    configurable = config["configurable"]
    thread_id = configurable.get("thread_id")
    given = (config.get("metadata") or {}).get("thread_id")
    if isinstance(given, (bool, int, float)) and str(given) == thread_id:
        thread_id = given
    return ids.text_of(thread_id), str(configurable.get("checkpoint_ns") or "")


def config_of(thread_id: str, checkpoint_ns: str, checkpoint_id: str) -> RunnableConfig:
    """The config that names a checkpoint."""
    return {
        "configurable": {
            "thread_id": thread_id,
            "checkpoint_ns": checkpoint_ns,
            "checkpoint_id": checkpoint_id,
        }
    }


def read_by_turn(found: CheckpointTuple, history: History | None = None) -> CheckpointTuple:
    """The head that was read, its id marked as this turn's own reading."""
    id = Read(found.checkpoint["id"])
    id.known = {(task_id, channel) for task_id, channel, _ in found.pending_writes or ()}
    id.history = history
    return _marked(found, id)


def named(found: CheckpointTuple) -> CheckpointTuple:
    """A checkpoint that was read because the caller named it."""
    return _marked(found, Named(found.checkpoint["id"]))


def _marked(found: CheckpointTuple, id: Read | Named) -> CheckpointTuple:
    configurable = {**found.config["configurable"], "checkpoint_id": id}
    checkpoint = found.checkpoint.copy()
    checkpoint["id"] = id
    return found._replace(config={**found.config, "configurable": configurable}, checkpoint=checkpoint)


def turn_of(config: RunnableConfig, thread_id: str) -> Turn | None:
    """The run that this config belongs to, if it runs in this thread."""
    turn: Turn | None = config["configurable"].get(TURN)
    return turn if turn is not None and turn.thread_id == thread_id else None


@contextmanager
def noted(config: RunnableConfig) -> Iterator[None]:
    """Tell the run that this config belongs to, if there is one, what is raised in here."""
    try:
        yield
    except ThreadsError as error:
        configurable = config["configurable"]
        if turn := turn_of(config, str(configurable.get("thread_id"))):
            turn.raised(error)
        raise


def check_lease(thread: sqlite3.Row, thread_id: str, turn: Turn | None) -> None:
    """Raise `ThreadBusy` if another has the thread, `LeaseLost` if `turn` no longer has it."""
    leased = leases.is_valid(thread["expires_at"])
    if turn is None and leased:
        raise ThreadBusy(thread_id, thread["run_id"])
    if turn is not None and not (leased and turn.fence == (thread["position"], thread["attempt"])):
        raise LeaseLost(thread_id)


def head_of(connection: sqlite3.Connection, thread_id: str, turn: Turn | None = None) -> str | None:
    """The thread's head; raises if nothing may be stored in the thread (by anybody else than `turn`)."""
    thread = _writable(connection, thread_id, turn)
    return None if thread is None else thread["head_id"]


def _writable(connection: sqlite3.Connection, thread_id: str, turn: Turn | None) -> sqlite3.Row | None:
    asked = {"thread_id": thread_id}
    thread: sqlite3.Row | None = connection.execute(statements("checkpoints")["thread"], asked).fetchone()
    if thread is None:
        if turn is not None:
            raise ThreadDeleted
        ids.check_new(thread_id)
        return None
    if thread["trashed_at"] is not None:
        raise ThreadTrashed(thread_id)
    check_lease(thread, thread_id, turn)
    return thread


def head_for(connection: sqlite3.Connection, config: RunnableConfig, thread_id: str) -> str | None:
    """The thread's head, for a turn that writes there now; a run whose lease ran out is given up then."""
    turn = turn_of(config, thread_id)
    thread = _writable(connection, thread_id, turn)
    if thread is None:
        return None
    if turn is None and thread["run_id"] is not None:
        given_up = {"thread_id": thread_id, "run_id": thread["run_id"]}
        for name in ("give_up_run", "tell_given_up", "forget_its_words"):
            connection.execute(statements("checkpoints")[name], given_up)
    head_id: str | None = thread["head_id"]
    return head_id


def check_checkpoint(
    connection: sqlite3.Connection, config: RunnableConfig, metadata: CheckpointMetadata
) -> None:
    """Raise `ThreadMoved` if this checkpoint of the root would hide what another turn has stored."""
    thread_id, _ = address(config)
    head, parent = head_for(connection, config, thread_id), get_checkpoint_id(config)
    of_langgraph = RUNTIME in config["configurable"] or metadata.get("source") == "update"
    if not of_langgraph or isinstance(parent, Named):
        return
    if head != parent:
        raise ThreadDeleted if head is None else ThreadMoved(thread_id)
    check_known(connection, thread_id, parent)


def check_known(connection: sqlite3.Connection, thread_id: str, head: str | None) -> None:
    """Raise `ThreadMoved` if another turn has stored results at the head since this turn read it."""
    if isinstance(head, Read):
        stored = connection.execute(statements("checkpoints")["results"], (thread_id, head))
        if not head.known.issuperset(map(tuple, stored)):
            raise ThreadMoved(thread_id)


def check_still_there(
    connection: sqlite3.Connection, place: tuple[str, str, str | None], here: Places
) -> None:
    """Raise `ThreadDeleted` if this checkpoint, read or stored from here, went with its thread."""
    thread_id, checkpoint_ns, checkpoint_id = place
    if checkpoint_id is None:
        return
    was_there = isinstance(checkpoint_id, Read) or (thread_id, checkpoint_ns, checkpoint_id) in here
    if was_there and connection.execute(statements("checkpoints")["was_deleted"], place).fetchone():
        raise ThreadDeleted


def check_results(
    connection: sqlite3.Connection, config: RunnableConfig, channels: set[str], here: Places
) -> bool:
    """Raise `ThreadMoved` if these results would get into the state of a turn that went past their step.

    That is so where a delta channel is among them, for its state is the sum of all that was written
    before. LangGraph stores a turn's own delta results before the checkpoint that follows; any
    others may come after it and are history only. `ThreadDeleted` if their checkpoint was deleted;
    `TooEarly` if that cannot be told yet. Returns whether a run stores them at the head.
    """
    thread_id, checkpoint_ns = address(config)
    head, at = head_for(connection, config, thread_id), get_checkpoint_id(config)
    check_still_there(connection, (thread_id, checkpoint_ns, at), here)
    deleted = connection.execute(statements("checkpoints")["is_deleted"], {"thread_id": thread_id})
    if RUNTIME in config["configurable"] and deleted.fetchone():
        raise TooEarly
    if checkpoint_ns or RUNTIME not in config["configurable"] or isinstance(at, Named):
        return False
    if head == at:
        return True
    told: dict[str, Any] = {}
    for id in (at, head):
        row = connection.execute(
            statements("checkpoints")["checkpoint_metadata"], {"thread_id": thread_id, "checkpoint_id": id}
        ).fetchone()
        if row is None:
            return False  # it is yet to be stored: results may come before their checkpoint
        told |= counted_in(metadata_of(row["metadata"]))
    if not channels.isdisjoint(told):
        raise ThreadMoved(thread_id)
    return False
