"""What a `RunnableConfig` says to the checkpointer: thread, namespace, the run it belongs to, its lease."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from langchain_core.runnables import RunnableConfig

from threads import ids
from threads.errors import LeaseLost, ThreadBusy, ThreadsError
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

    def record_writes(self, at: str | None, writes: Sequence[tuple[str, Any]]) -> None:
        """A task of the root graph wrote this at a checkpoint; it is stored with the one that follows."""

    def transaction_hook(self, at: str | None, stored_as: str) -> Callable[[Transaction], None]:
        """Return what to store in the transaction of `stored_as`, the root's checkpoint that follows `at`."""

    def on_rejected(self, error: BaseException) -> None:
        """A checkpoint of this run was rejected; the run did not wait for it."""

    def on_library_error(self, error: ThreadsError) -> None:
        """The checkpointer raised this to the run: it is no error of the agent."""


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
