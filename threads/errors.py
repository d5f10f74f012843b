"""Exceptions of this package, one class per fact.

The command line and the HTTP API each translate them in one table: to an exit code, to a status.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self


def short(value: object) -> str:
    """Return the `repr` of a value for a message, cut to 300 characters."""
    shown = repr(value)
    return shown if len(shown) <= 300 else shown[:297] + "..."


class ThreadsError(Exception):
    """Base of every error of this package. `str(error)` is the summary and, where there is one, the hint."""

    summary: str = ""
    """The fact."""
    hint: str = ""
    """The remedy, in terms of the Python API; empty where there is none."""

    def __init__(self, summary: str = "", hint: str = "") -> None:
        self.summary, self.hint = summary, hint
        super().__init__(str(self))

    def __str__(self) -> str:
        return f"{self.summary}; {self.hint}" if self.hint else self.summary


class UsageError(ThreadsError, ValueError):
    """An argument cannot be used as it is."""


class InvalidThreadId(UsageError):
    """A thread id must be a non-empty str of at most 255 characters without control characters."""

    def __init__(self, thread_id: object, reason: str) -> None:
        self.thread_id = thread_id
        super().__init__(f"thread id {short(thread_id)} cannot be used: {reason}")


class InvalidValue(UsageError):
    """A field got a value that it cannot have."""

    def __init__(self, field: str, reason: str, hint: str = "") -> None:
        """`hint`: what to pass instead, in terms of the Python API."""
        self.field, self.reason = field, reason
        super().__init__(f"{field}: {reason}", hint)


class InvalidCursor(UsageError):
    """A page cursor is damaged, or belongs to a list with another order."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cursor: {reason}", "start again without a cursor")


class ThreadNotFound(ThreadsError, LookupError):
    """There is no thread with this id. `suggestions` are ids of similar spelling that the caller may see."""

    def __init__(self, thread_id: str, suggestions: Sequence[str] = ()) -> None:
        self.thread_id = thread_id
        self.suggestions = tuple(suggestions)
        hint = f"did you mean {' or '.join(map(repr, self.suggestions))}?" if self.suggestions else ""
        super().__init__(f"there is no thread {short(thread_id)}", hint)


class CheckpointNotFound(ThreadsError, LookupError):
    """The thread has no such checkpoint."""

    def __init__(self, thread_id: str, checkpoint_id: str | None) -> None:
        self.thread_id, self.checkpoint_id = thread_id, checkpoint_id
        what = f"no checkpoint {checkpoint_id!r}" if checkpoint_id else "no checkpoints yet"
        super().__init__(f"thread {thread_id!r} has {what}", "registry.history(id) lists its checkpoints")


class ThreadExists(ThreadsError):
    """There is a thread with this id already."""

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        super().__init__(
            f"thread {thread_id!r} exists already", "take another id, or delete that thread first"
        )


class ThreadTrashed(ThreadsError):
    """The thread is in the trash: it cannot be read or written until it is restored."""

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        super().__init__(f"thread {thread_id!r} is in the trash", "registry.restore(id) brings it back")


class ThreadMoved(ThreadsError):
    """Another turn was stored since this one started; this one is rejected, so that neither is lost."""

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        super().__init__(
            f"thread {thread_id!r} changed during this turn: another turn was stored in it, so this one is "
            "rejected",
            "read the thread and send again what is missing (a run that was cancelled, or whose stream was "
            "left half way, may continue for a moment: close the stream first)",
        )


class ThreadDeleted(ThreadsError):
    """The thread was deleted during this run; what the run has not stored yet is rejected."""

    def __init__(self) -> None:
        super().__init__(
            "the thread was deleted during this run, so the run cannot store anything more",
            "a new run with the same id starts a new thread",
        )


class ThreadBusy(ThreadsError):
    """Another run is active in this thread."""

    def __init__(self, thread_id: str, run_id: str | None = None) -> None:
        self.thread_id, self.run_id = thread_id, run_id
        super().__init__(
            f"another run is active in thread {thread_id!r}",
            'wait for it, stop it with runner.stop(id), or pass multitask_strategy="enqueue", "interrupt" or '
            '"rollback"',
        )


class QueueFull(ThreadsError):
    """The queue of this thread is full; nothing was stored."""

    def __init__(self, thread_id: str, limit: int) -> None:
        self.thread_id, self.limit = thread_id, limit
        super().__init__(
            f"{limit} runs are already queued in thread {thread_id!r}",
            "try again when one has ended, stop some, or allow more with Runner(max_waiting=...)",
        )


class LeaseLost(ThreadsError):
    """The run's lease expired; another runner may have acquired it."""

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        super().__init__(
            f"the run in thread {thread_id!r} lost its lease (its process was suspended, or another runner "
            "recovered the run), so it cannot store anything more",
            "registry.runs(id) lists how the run ended",
        )


class RunNotFound(ThreadsError, LookupError):
    """There is no run with this id."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(f"there is no run {short(run_id)}", "registry.runs(id) lists a thread's runs")


class RunFailed(ThreadsError):
    """The run ended with an error. The thread stays usable; runner.retry(id) continues the run."""

    def __init__(
        self,
        thread_id: str,
        run_id: str,
        reason: str,
        *,
        error_type: str | None = None,
        error_message: str | None = None,
    ) -> None:
        """`error_type`, `error_message`: of the exception that ended it; None where unknown."""
        self.thread_id, self.run_id, self.reason = thread_id, run_id, reason
        self.error_type, self.error_message = error_type, error_message
        super().__init__(f"run {run_id} in thread {thread_id!r} failed: {reason}")


class KeyReused(UsageError):
    """An idempotency key was used for another request. Each request needs a key of its own."""

    def __init__(self, thread_id: str, key: str | None, *, summary: str = "", hint: str = "") -> None:
        """`summary`, `hint`: of a subclass, in place of this class's own."""
        self.thread_id, self.key = thread_id, key
        own = f"key {short(key)} was used in thread {thread_id!r} for another request"
        super().__init__(summary or own, hint)


class AlreadyAnswered(KeyReused):
    """The interrupt was resumed with another answer already; no key was given for this one.

    An answer can be replaced only while its run has failed in the node that raised the interrupt.
    """

    def __init__(self, thread_id: str, run_id: str | None = None, status: str | None = None) -> None:
        """`run_id`, `status`: of the run that took the answer; None where unknown."""
        self.run_id, self.status = run_id, status
        if self.is_under_way:
            hint = "wait for its run, or stop that with runner.stop(id)"
        else:
            retry = "runner.retry(id) continues with that answer, " if status == "error" else ""
            hint = (
                f"{retry}runner.regenerate(id) answers the last message again, which raises the interrupt "
                "again, runner.start(id, message) sends a new message"
            )
        summary = f"the interrupt of thread {thread_id!r} was answered already, with another answer"
        super().__init__(thread_id, None, summary=summary, hint=hint)

    @property
    def is_under_way(self) -> bool:
        """Whether the run that took the answer has not ended."""
        return self.status in ("pending", "running")


class NothingToResume(ThreadsError):
    """The thread has no pending interrupt and no failed run that could be continued."""

    def __init__(self, thread_id: str, why: str, hint: str = "") -> None:
        """`why`: the sentence after the thread's id. `hint`: what to do instead, in the Python API."""
        self.thread_id = thread_id
        super().__init__(f"Thread {thread_id!r} {why}", hint)


CATALOG_AGENTS = frozenset({"support", "tutor", "assistant", "my-agent"})
"""The ids in `agent.catalog` of this project's repository, which is not part of an installed package."""


def catalog_hint(agent_id: str | None) -> str:
    """Return how to load an agent of this project's repository, nothing for other agents."""
    return f"load {agent_id!r} with --agents agent.catalog:build_all" if agent_id in CATALOG_AGENTS else ""


class AgentNotFound(UsageError, LookupError):
    """The Runner has no agent with this id. `known` are the ids that it has."""

    def __init__(self, agent_id: str | None, known: Sequence[str], *, thread_id: str | None = None) -> None:
        """`thread_id`: of a thread that waits for this agent, or has none and the call cannot name one."""
        self.agent_id, self.known, self.thread_id = agent_id, tuple(known), thread_id
        if agent_id is None:
            what = "agent_id is required" if thread_id is None else f"thread {thread_id!r} has no agent"
            remedy = "" if thread_id is None else "name it by registry.update(id, agent_id=...)"
        else:
            what = f"there is no agent {agent_id!r}"
            what += "" if thread_id is None else f", which thread {thread_id!r} waits for"
            remedy = (
                "" if thread_id is None else "load it, or name another by registry.update(id, agent_id=...)"
            )
        super().__init__(what, "; ".join(filter(None, (catalog_hint(agent_id), remedy, self.options))))

    @property
    def options(self) -> str:
        """The agents that there are, in words."""
        return f"agent_id can be {', '.join(map(repr, self.known)) or 'none: there are no agents'}"


class MessageNotFound(ThreadsError, LookupError):
    """The thread has no such message, or its history does not show where the message is from."""

    def __init__(self, thread_id: str, message_id: str, why: str = "") -> None:
        self.thread_id, self.message_id = thread_id, message_id
        message = f"message {short(message_id)}" if message_id else "such message"
        super().__init__(f"thread {thread_id!r} has no {message}{why and ': '}{why}")


class MessagesUnknown(ThreadsError):
    """The thread's messages cannot be decoded from its checkpoints; `reducer` names what is missing."""

    def __init__(self, thread_id: str, why: str = "", *, reducer: str | None = None) -> None:
        self.thread_id, self.why, self.reducer = thread_id, why, reducer
        if not why:
            self.why = f"its graph has a reducer of its own{f' ({reducer})' if reducer else ''}"
        hint = "pass it when opening the file: threads.open(..., reducer=...), or the graph to a Runner"
        super().__init__(
            f"the messages of thread {thread_id!r} cannot be decoded: {self.why}",
            "the graph that wrote them can read its state: graph.get_state(config)" if why else hint,
        )

    @property
    def reducer_option(self) -> str:
        """How the command line names the reducer that is missing, if it is one."""
        if "reducer" not in self.why:
            return ""
        return f", or its reducer with --reducer {self.reducer or 'MODULE:NAME'}"


class StateUnreadable(ThreadsError):
    """A stored value cannot be read."""

    thread_id: str | None = None

    def with_thread(self, thread_id: str) -> Self:
        """Add the thread to the error, unless it has one, and return the error."""
        if self.thread_id is None:
            self.thread_id = thread_id
            self.summary = f"thread {thread_id!r}: {self.summary}"
            self.args = (str(self),)
        return self


class StateDamaged(StateUnreadable):
    """A stored value is not what a checkpointer stores."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(
            f"a stored value is damaged, or was written by another program ({why})",
            "go back to an earlier checkpoint with registry.rewind or registry.fork, restore the thread from "
            "a backup, or delete it",
        )


class TypeNotAllowed(StateUnreadable):
    """A stored value has a type that was not passed to open(types=...). `blocked` are such types."""

    def __init__(self, blocked: Sequence[str], *, summary: str = "", hint: str = "") -> None:
        """`summary`, `hint`: of a subclass, in place of this class's own."""
        self.blocked = tuple(blocked)
        names = ", ".join(name.rpartition(".")[2] for name in self.blocked)
        super().__init__(
            summary or f"the stored state holds {', '.join(self.blocked)}, which is not on the allow-list",
            hint
            or f"if you trust the file, name the type when opening it: threads.open(..., types=[{names}]), "
            "or pass the graph that stores it to a Runner",
        )

    @property
    def type_options(self) -> str:
        """How the command line names the types."""
        return " ".join(f"--types {':'.join(name.rsplit('.', 1))}" for name in self.blocked)


class KindNotAllowed(TypeNotAllowed):
    """A stored value is of a kind that is never read, because reading it could run code."""

    def __init__(self, why: str) -> None:
        super().__init__(
            (),
            summary="the stored state holds a value of a kind that is never read, because reading it could "
            f"run code ({why})",
            hint="store it again with the program that wrote it, or delete its checkpoints with "
            "delete_for_runs",
        )


class DatabaseError(ThreadsError):
    """The database cannot do this; nothing was changed."""


class NotADatabase(DatabaseError):
    """The file is not an SQLite database, or is damaged."""


class NewerDatabase(DatabaseError):
    """The file was written by a newer version of langgraph-threads."""

    def __init__(self, where: str, found: int, known: int) -> None:
        self.found, self.known = found, known
        super().__init__(
            f"{where} has format {found}, this version of langgraph-threads knows up to {known}",
            "update with: pip install -U langgraph-threads",
        )


class ForeignDatabase(DatabaseError):
    """A table or index with a name of LangGraph's or ours was made by another program or an old version."""

    def __init__(self, where: str, kind: str, name: str) -> None:
        self.name = name
        super().__init__(
            f"{where} has a {kind} called {name} that neither a supported LangGraph nor langgraph-threads "
            "made",
            "store the threads in a file of their own",
        )


class RegistryDetached(DatabaseError):
    """The registry was removed from the file (`threads detach`) while it was open here."""

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(
            f"the registry was removed from {where} while it was open here, so nothing was stored",
            "open the file again (restart a server): that builds a new registry from its checkpoints",
        )


class DatabaseNotFound(DatabaseError, FileNotFoundError):
    """There is no file at this path, or no folder to create it in."""


class ReadOnly(DatabaseError):
    """The database was opened read-only, or its file cannot be written."""


class DatabaseFull(DatabaseError):
    """The disk is full; the transaction was rolled back."""


class DatabaseGone(DatabaseError):
    """The database's file was removed, moved or replaced while it was open; nothing is read or written."""

    def __init__(self, where: str, what: str, remedy: str) -> None:
        super().__init__(f"{where} {what}", remedy)


class DatabaseBusy(DatabaseError):
    """Another process held the write lock for too long, or too many files are open; try again."""
