"""Optimistic concurrency control: a run may write only while the head is the one it started from.

LangGraph reads a thread's latest checkpoint, runs, and writes the next ones after it. Two runs at once
start from the same one, and with the stock saver the second to finish hides the first. Here the second is
rejected with `ThreadMoved`. What a run has read travels as the checkpoint id itself, a `HeadRead`, through
LangGraph's config:

    get_tuple(config)                 reads head H and the writes stored at H
       |                              returns checkpoint["id"] = HeadRead(H), with known_writes
       v
    LangGraph's loop                  takes over that id as configurable["checkpoint_id"] and as parent of its
       |                              first checkpoint; later checkpoint ids it makes itself, as plain strings
       v
    put_writes(config HeadRead(H))    in the transaction: head == H? all writes at H in known_writes?
    put(config HeadRead(H), C1)       in the transaction: head == H? all writes at H in known_writes?
       |                              then C1 is the head
       v
    put(config "C1", C2)              in the transaction: head == C1?

Not checked: a run whose config names a checkpoint (`ExplicitCheckpointId`: it begins a branch there,
LangGraph's time travel), and a `put` by hand. While a run has the thread's lease, no other run may begin or
write (`check_lease`).

What this relies on in LangGraph, each with its test in `tests/checkpoint/test_langgraph_internals.py`:

* `PregelLoop` passes the very `checkpoint["id"]` of the tuple that it read to `put` and `put_writes`;
* `configurable["__pregel_runtime"]` is set in runs only; its `control` is one object for a run with its
  subgraphs;
* results of a delta channel are stored by `put_writes` before the checkpoint that follows;
* keys of `configurable` that begin with two underscores are not stored in the checkpoint's metadata.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointMetadata, CheckpointTuple, get_checkpoint_id

from threads import ids
from threads.checkpoint.delta_history import BoundedDict, BoundedSet, DeltaHistory, delta_channels
from threads.checkpoint.serde import CheckpointKey, parse_metadata
from threads.db.queries import statements
from threads.errors import LeaseLost, ThreadBusy, ThreadDeleted, ThreadMoved, ThreadsError, ThreadTrashed
from threads.langgraph_internals import RUNTIME_KEY
from threads.store import leases
from threads.store.transaction import Transaction

LEASE_CONTEXT_KEY = "__threads_lease"
"""Key of a run's `LeaseContext` in `configurable`; LangGraph stores no keys that begin with underscores."""


class LeaseContext(Protocol):
    """An attempt of a run that has the lease of a thread, as the checkpointer sees it."""

    thread_id: str

    @property
    def fence(self) -> tuple[int, int]:
        """The fencing token: unique to this lease."""

    def record_writes(
        self, at: str | None, writes: Sequence[tuple[str, Any]], task_id: str | None = None
    ) -> None:
        """A task of the root graph wrote this at a checkpoint; it is stored with the one that follows."""

    def transaction_hook(self, at: str | None, stored_as: str) -> Callable[[Transaction], None]:
        """Return what to store in the transaction of `stored_as`, the root's checkpoint that follows `at`."""

    def on_rejected(self, error: BaseException) -> None:
        """A checkpoint of this run was rejected; the run did not wait for it."""

    def on_library_error(self, error: ThreadsError) -> None:
        """The checkpointer raised this to the run: it is no error of the agent."""


class HeadRead(str):
    """The head's checkpoint id as one run read it."""

    __slots__ = ("history", "known_writes")
    known_writes: set[tuple[str, str]]
    """Task and channel of the writes that were stored at it then, and that this run stored since."""
    history: DeltaHistory | None
    """The history of its delta channels, which LangGraph requests next; None once it was taken."""

    def take_history(self, channels: Sequence[str]) -> DeltaHistory | None:
        """Return the history that was read together with the head, once; None if a channel is not in it."""
        history, self.history = self.history, None
        return history if history is not None and history.keys() >= set(channels) else None


class ExplicitCheckpointId(str):
    """A checkpoint id that the caller named in the config."""

    __slots__ = ()


class CheckpointNotYetStored(ThreadDeleted):
    """The thread was deleted, and these writes belong to a checkpoint of a new one, or come too late."""


def thread_and_namespace(config: RunnableConfig) -> tuple[str, str]:
    """Return the thread id and namespace of a config. Raises `InvalidThreadId` if the id is no text.

    In a run LangGraph has already converted the id to text (`1` and `True` would be mixed up with `"1"` and
    `"True"`), but LangChain keeps the caller's value in the config's metadata.
    """
    configurable = config["configurable"]
    thread_id = configurable.get("thread_id")
    given = (config.get("metadata") or {}).get("thread_id")
    if isinstance(given, (bool, int, float)) and str(given) == thread_id:
        thread_id = given
    return ids.text_of(thread_id), str(configurable.get("checkpoint_ns") or "")


def checkpoint_config(thread_id: str, checkpoint_ns: str, checkpoint_id: str) -> RunnableConfig:
    """Return the config that names a checkpoint."""
    return {
        "configurable": {
            "thread_id": thread_id,
            "checkpoint_ns": checkpoint_ns,
            "checkpoint_id": checkpoint_id,
        }
    }


def is_in_run(config: RunnableConfig) -> bool:
    """Whether LangGraph made this config for a run; `get_state` and a caller's own `put` have others."""
    return RUNTIME_KEY in config["configurable"]


def run_identity(config: RunnableConfig) -> object | None:
    """Return the object that all graphs of one run share, subgraphs too; None outside of runs."""
    return getattr(config["configurable"].get(RUNTIME_KEY), "control", None)


def lease_context_of(config: RunnableConfig, thread_id: str) -> LeaseContext | None:
    """Return the lease context of the run that this config belongs to, if it runs in this thread."""
    context: LeaseContext | None = config["configurable"].get(LEASE_CONTEXT_KEY)
    return context if context is not None and context.thread_id == thread_id else None


@contextmanager
def report_errors(config: RunnableConfig) -> Iterator[None]:
    """Report library errors of this block to the lease context, if there is one, and raise them."""
    try:
        yield
    except ThreadsError as error:
        if context := lease_context_of(config, str(config["configurable"].get("thread_id"))):
            context.on_library_error(error)
        raise


def check_lease(thread: sqlite3.Row, thread_id: str, context: LeaseContext | None) -> None:
    """Raise `ThreadBusy` if another run has the thread's lease, `LeaseLost` if `context` no longer has it."""
    is_leased = leases.is_valid(thread["expires_at"])
    if context is None and is_leased:
        raise ThreadBusy(thread_id, thread["run_id"])
    if context is not None and not (is_leased and context.fence == (thread["position"], thread["attempt"])):
        raise LeaseLost(thread_id)


def root_checkpoint_id(metadata: CheckpointMetadata) -> str | None:
    """Return the root's checkpoint that a subgraph's belongs to."""
    return (metadata.get("parents") or {}).get("")


def mark_head_read(found: CheckpointTuple, history: DeltaHistory | None = None) -> CheckpointTuple:
    """Return the head that was read with a `HeadRead` as its id."""
    id = HeadRead(found.checkpoint["id"])
    id.known_writes = {(task_id, channel) for task_id, channel, _ in found.pending_writes or ()}
    id.history = history
    return _with_id(found, id)


def mark_explicit(found: CheckpointTuple) -> CheckpointTuple:
    """Return a checkpoint that the caller named with an `ExplicitCheckpointId` as its id."""
    return _with_id(found, ExplicitCheckpointId(found.checkpoint["id"]))


def _with_id(found: CheckpointTuple, id: HeadRead | ExplicitCheckpointId) -> CheckpointTuple:
    configurable = {**found.config["configurable"], "checkpoint_id": id}
    checkpoint = found.checkpoint.copy()
    checkpoint["id"] = id
    return found._replace(config={**found.config, "configurable": configurable}, checkpoint=checkpoint)


def writable_thread(
    connection: sqlite3.Connection, thread_id: str, context: LeaseContext | None = None
) -> sqlite3.Row | None:
    """Return the thread's row, None if there is none yet.

    Raises `ThreadTrashed`, `ThreadBusy` or `LeaseLost` if `context` (None: no run with a lease) may not
    write there.
    """
    query = {"thread_id": thread_id}
    thread: sqlite3.Row | None = connection.execute(statements("checkpoints")["thread"], query).fetchone()
    if thread is None:
        if context is not None:
            raise ThreadDeleted
        ids.check_new(thread_id)
        return None
    if thread["trashed_at"] is not None:
        raise ThreadTrashed(thread_id)
    check_lease(thread, thread_id, context)
    return thread


def writable_head(connection: sqlite3.Connection, config: RunnableConfig, thread_id: str) -> str | None:
    """Return the thread's head for a run that writes now; another run with an expired lease is failed."""
    context = lease_context_of(config, thread_id)
    thread = writable_thread(connection, thread_id, context)
    if thread is None:
        return None
    if context is None and thread["run_id"] is not None:
        expired = {"thread_id": thread_id, "run_id": thread["run_id"]}
        for name in ("give_up_run", "tell_given_up", "forget_its_words"):
            connection.execute(statements("checkpoints")[name], expired)
    head_id: str | None = thread["head_id"]
    return head_id


def check_put_allowed(
    connection: sqlite3.Connection, config: RunnableConfig, metadata: CheckpointMetadata
) -> None:
    """Raise `ThreadMoved` if this checkpoint of the root would hide what another run has stored."""
    thread_id, _ = thread_and_namespace(config)
    head, parent = writable_head(connection, config, thread_id), get_checkpoint_id(config)
    is_langgraphs = is_in_run(config) or metadata.get("source") == "update"
    if not is_langgraphs or isinstance(parent, ExplicitCheckpointId):
        return
    if head != parent:
        raise ThreadDeleted if head is None else ThreadMoved(thread_id)
    check_no_foreign_writes(connection, thread_id, parent)


def check_no_foreign_writes(connection: sqlite3.Connection, thread_id: str, head: str | None) -> None:
    """Raise `ThreadMoved` if another run has stored writes at the head since this run read it."""
    if isinstance(head, HeadRead):
        stored = connection.execute(statements("checkpoints")["results"], (thread_id, head))
        if not head.known_writes.issuperset(map(tuple, stored)):
            raise ThreadMoved(thread_id)


def check_not_deleted(
    connection: sqlite3.Connection,
    key: tuple[str, str, str | None],
    stored_here: BoundedSet[CheckpointKey],
) -> None:
    """Raise `ThreadDeleted` if this checkpoint, read or stored by this process, went with its thread."""
    thread_id, checkpoint_ns, checkpoint_id = key
    if checkpoint_id is None:
        return
    existed = isinstance(checkpoint_id, HeadRead) or (thread_id, checkpoint_ns, checkpoint_id) in stored_here
    if existed and connection.execute(statements("checkpoints")["was_deleted"], key).fetchone():
        raise ThreadDeleted


def check_writes_allowed(
    connection: sqlite3.Connection,
    config: RunnableConfig,
    channels: set[str],
    stored_here: BoundedSet[CheckpointKey],
) -> bool:
    """Return whether a run stores these writes at the head.

    Raises `ThreadMoved` if they would change the state of a run that is past their step. That is so where a
    delta channel is among them, for its state is the sum of all that was written before. LangGraph stores a
    run's own delta writes before the checkpoint that follows; any others may come after it and are history
    only. Raises `ThreadDeleted` if their checkpoint was deleted, `CheckpointNotYetStored` if that cannot be
    decided yet.
    """
    thread_id, checkpoint_ns = thread_and_namespace(config)
    head, at = writable_head(connection, config, thread_id), get_checkpoint_id(config)
    check_not_deleted(connection, (thread_id, checkpoint_ns, at), stored_here)
    in_run = is_in_run(config)
    is_deleted = statements("checkpoints")["is_deleted"]
    if in_run and connection.execute(is_deleted, {"thread_id": thread_id}).fetchone():
        raise CheckpointNotYetStored
    if checkpoint_ns or not in_run or isinstance(at, ExplicitCheckpointId):
        return False
    if head == at:
        return True
    deltas: dict[str, Any] = {}
    for id in (at, head):
        row = connection.execute(
            statements("checkpoints")["checkpoint_metadata"], {"thread_id": thread_id, "checkpoint_id": id}
        ).fetchone()
        if row is None:
            return False  # not stored yet: writes may come before their checkpoint
        deltas |= delta_channels(parse_metadata(row["metadata"]))
    if not channels.isdisjoint(deltas):
        raise ThreadMoved(thread_id)
    return False


class SubgraphPut(NamedTuple):
    """A subgraph's checkpoint that a run stored."""

    run: object
    root: str
    """The root's checkpoint whose step it ran in."""


class ConcurrentRuns:
    """The runs of this process: what each stored in subgraphs, and which may store nothing more.

    With durability "exit" the checkpoints that subgraphs run under are never stored, so ids cannot tell the
    runs apart; `run_identity` does. What other processes store is read from the database.
    """

    def __init__(self) -> None:
        self._stored: BoundedDict[CheckpointKey, SubgraphPut] = BoundedDict()
        self._rejected: BoundedDict[tuple[str, int], object] = BoundedDict()

    def reset(self, thread_id: str, config: RunnableConfig) -> None:
        """A run reads the head: its earlier rejection is over."""
        if (run := run_identity(config)) is not None:
            self._rejected.discard((thread_id, id(run)))

    def reject(self, thread_id: str, config: RunnableConfig) -> None:
        """Let this run store nothing more in the thread."""
        if (run := run_identity(config)) is not None:
            self._rejected.put((thread_id, id(run)), run)  # the reference keeps its id from being reused

    def is_rejected(self, thread_id: str, config: RunnableConfig) -> bool:
        """Whether this run was rejected in the thread."""
        return (thread_id, id(run_identity(config))) in self._rejected

    def record(self, key: CheckpointKey, root: str, config: RunnableConfig) -> None:
        """Note a subgraph's checkpoint that this run is about to store."""
        if (run := run_identity(config)) is not None:
            self._stored.put(key, SubgraphPut(run, root))

    def find(self, key: CheckpointKey, config: RunnableConfig) -> SubgraphPut | None:
        """Return what is noted of a subgraph's checkpoint, if this run stored it."""
        stored = self._stored.get(key)
        return stored if stored is not None and stored.run is run_identity(config) else None

    def namespaces(self, thread_id: str, config: RunnableConfig) -> set[str]:
        """Return the namespaces of the thread in which this run stored something."""
        run = run_identity(config)
        return {key[1] for key, put in self._stored.items() if key[0] == thread_id and put.run is run}
