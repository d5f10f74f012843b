"""What can go wrong, one class per fact; each names what was wrong and what to do.

Raised below, worded once here, and translated in one table per door: the command line's exit code,
the API's HTTP status. Each error carries its data as attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self


def short(value: object) -> str:
    """A value as a message shows it."""
    shown = repr(value)
    return shown if len(shown) <= 300 else shown[:297] + "..."


class ThreadsError(Exception):
    """Base of every error of this package."""


class UsageError(ThreadsError, ValueError):
    """Something that was handed in cannot be used as it is."""


class InvalidThreadId(UsageError):
    """A thread id must be a non-empty str of at most 255 characters without control characters."""

    def __init__(self, thread_id: object, reason: str) -> None:
        self.thread_id = thread_id
        super().__init__(f"thread id {short(thread_id)} cannot be used: {reason}")


class InvalidValue(UsageError):
    """A field was given a value it cannot hold."""

    def __init__(self, field: str, reason: str, hint: str = "") -> None:
        """`hint`: what to hand in instead, in Python's words."""
        self.field, self.reason = field, reason
        super().__init__(f"{field}: {reason}{hint and '; '}{hint}")


class InvalidCursor(UsageError):
    """A page cursor is damaged, or belongs to a list with another order."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cursor: {reason}; start again without a cursor")


class ThreadNotFound(ThreadsError, LookupError):
    """There is no thread with this id."""

    def __init__(self, thread_id: str, near: Sequence[str] = ()) -> None:
        self.thread_id = thread_id
        self.near = tuple(near)
        hint = f"; did you mean {' or '.join(map(repr, self.near))}?" if self.near else ""
        super().__init__(f"there is no thread {short(thread_id)}{hint}")


class CheckpointNotFound(ThreadsError, LookupError):
    """The thread has no such checkpoint."""

    def __init__(self, thread_id: str, checkpoint_id: str | None) -> None:
        self.thread_id, self.checkpoint_id = thread_id, checkpoint_id
        what = f"no checkpoint {checkpoint_id!r}" if checkpoint_id else "nothing stored yet"
        super().__init__(f"thread {thread_id!r} has {what}; registry.history(id) lists what it has")


class ThreadExists(ThreadsError):
    """A thread with this id is there already."""

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        super().__init__(f"thread {thread_id!r} exists already; take another id, or delete that thread first")


class ThreadTrashed(ThreadsError):
    """The thread is in the trash: neither read nor written until it is restored."""

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        super().__init__(f"thread {thread_id!r} is in the trash; registry.restore(id) brings it back")


class ThreadMoved(ThreadsError):
    """Another turn was stored since this one began; this one is refused, so that neither is lost."""

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        super().__init__(
            f"thread {thread_id!r} went on while this turn was under way: another turn was stored in it, so "
            "this one is refused; read the thread and send again what is missing (a run that was cancelled "
            "may go on for a moment, and so may one whose stream was left half way: close the stream first)"
        )


class ThreadDeleted(ThreadsError):
    """The thread was deleted while this run was going on; what the run still wanted to store is refused."""

    def __init__(self) -> None:
        super().__init__(
            "the thread was deleted while this run was going on, so the run cannot store anything more; "
            "a new run under the same id begins a new thread"
        )


class ThreadBusy(ThreadsError):
    """A run is under way in this thread; what was asked would get between its words."""

    def __init__(self, thread_id: str, run_id: str | None = None) -> None:
        self.thread_id, self.run_id = thread_id, run_id
        super().__init__(
            f"a run is under way in thread {thread_id!r}: wait for its end, stop it with runner.stop(id), or "
            'start with multitask_strategy="enqueue", "interrupt" or "rollback"'
        )


class QueueFull(ThreadsError):
    """As many runs wait for this thread as may; nothing was stored."""

    def __init__(self, thread_id: str, limit: int) -> None:
        self.thread_id, self.limit = thread_id, limit
        super().__init__(
            f"{limit} runs wait in thread {thread_id!r} already; try again when one has ended, stop some, or "
            "allow more with Runner(max_waiting=...)"
        )


class LeaseLost(ThreadsError):
    """This run held its thread too long without a sign of life; another may have it now."""

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        super().__init__(
            f"the run in thread {thread_id!r} lost its lease (its process was held up, or the run was taken "
            "over), so it cannot store anything more; what became of it: registry.runs(id)"
        )


class RunNotFound(ThreadsError, LookupError):
    """There is no run with this id."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(f"there is no run {short(run_id)}; registry.runs(id) lists a thread's runs")


class RunFailed(ThreadsError):
    """The run ended with an error; the thread stays usable, and runner.retry(id) goes on where it broke."""

    def __init__(
        self,
        thread_id: str,
        run_id: str,
        reason: str,
        *,
        error_type: str | None = None,
        error_message: str | None = None,
    ) -> None:
        """`error_type`, `error_message`: of the exception that ended it, as far as they are known."""
        self.thread_id, self.run_id, self.reason = thread_id, run_id, reason
        self.error_type, self.error_message = error_type, error_message
        super().__init__(f"run {run_id} in thread {thread_id!r} failed: {reason}")


class KeyReused(UsageError):
    """An idempotency key stands for one request; another request needs a key of its own."""

    key: str | None

    def __init__(self, thread_id: str, key: str) -> None:
        self.thread_id, self.key = thread_id, key
        super().__init__(f"key {short(key)} was used in thread {thread_id!r} for another request")


class AlreadyAnswered(KeyReused):
    """The question was answered in another way, and that answer was taken; no key was given for it.

    An answer can be replaced as long as its run failed in the node that asked.
    """

    def __init__(self, thread_id: str, run_id: str | None = None, status: str | None = None) -> None:
        """`run_id`, `status`: of the run that took the answer, as far as they are known."""
        self.thread_id, self.run_id, self.status, self.key = thread_id, run_id, status, None
        ThreadsError.__init__(
            self, f"the question of thread {thread_id!r} was answered already, in another way; {self.hint}"
        )

    @property
    def is_under_way(self) -> bool:
        """Whether the run that took the answer has not ended."""
        return self.status in ("pending", "running")

    @property
    def hint(self) -> str:
        """What can be done, in Python's words."""
        if self.is_under_way:
            return "wait for its run, or stop that with runner.stop(id)"
        goes_on = "runner.retry(id) goes on with that answer, " if self.status == "error" else ""
        return (
            f"{goes_on}runner.regenerate(id) answers the last message anew and asks again, "
            "runner.start(id, message) says something new"
        )


class NothingToResume(ThreadsError):
    """The thread waits for nothing."""

    def __init__(self, thread_id: str, why: str) -> None:
        self.thread_id = thread_id
        super().__init__(f"thread {thread_id!r}: {why}")


CATALOG_AGENTS = frozenset({"support", "tutor", "assistant", "my-agent"})
"""The ids in `agent.catalog` of this project's repository, which is not part of an installed package."""


def catalog_hint(agent_id: str | None) -> str:
    """Return how to load an agent of this project's repository, nothing for other agents."""
    return f"load {agent_id!r} with --agents agent.catalog:build_all" if agent_id in CATALOG_AGENTS else ""


class AgentNotFound(UsageError, LookupError):
    """The Runner has no agent with this id. `known` are the ids that it has."""

    def __init__(self, agent_id: str | None, known: Sequence[str]) -> None:
        self.agent_id, self.known = agent_id, tuple(known)
        what = "it is not said which agent answers" if agent_id is None else f"there is no agent {agent_id!r}"
        options = f"agent_id can be {', '.join(map(repr, self.known)) or 'none: there are none'}"
        super().__init__("; ".join(filter(None, (what, catalog_hint(agent_id), options))))


class MessageNotFound(ThreadsError, LookupError):
    """The thread has no such message, or its history no longer tells where it came from."""

    def __init__(self, thread_id: str, message_id: str, why: str = "") -> None:
        self.thread_id, self.message_id = thread_id, message_id
        super().__init__(f"thread {thread_id!r} has no message {short(message_id)}{why and ': '}{why}")


class MessagesUnknown(ThreadsError):
    """The thread's state is kept in a way that does not tell its messages."""

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        super().__init__(
            f"the messages of thread {thread_id!r} cannot be told: its graph folds them with its own "
            "reducer; name it when opening the file: threads.open(..., reducer=...)"
        )


class StateUnreadable(ThreadsError):
    """A stored value cannot be read."""

    thread_id: str | None = None

    @property
    def fact(self) -> str:
        """What is so, without the remedy, which is in Python's words."""
        return str(self).partition("; ")[0]

    def found_in(self, thread_id: str) -> Self:
        """The same error, which names the thread as well."""
        if self.thread_id is None:
            self.thread_id = thread_id
            self.args = (f"thread {thread_id!r}: {self}",)
        return self


class StateDamaged(StateUnreadable):
    """A stored value is not what a checkpointer stores."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(
            f"a stored value is damaged, or another program's ({why}); go back to an earlier checkpoint with "
            "registry.rewind or registry.fork, take the thread from a backup, or delete it"
        )


class TypeNotAllowed(StateUnreadable):
    """A stored value has a type that was not named at open(types=...)."""

    def __init__(self, blocked: Sequence[str]) -> None:
        self.blocked = tuple(blocked)
        names = ", ".join(name.rpartition(".")[2] for name in self.blocked)
        super().__init__(
            f"the stored state holds {', '.join(self.blocked)}, which is not on the allow-list; if you trust "
            f"the file, name the type when opening it: threads.open(..., types=[{names}])"
        )


class KindNotAllowed(TypeNotAllowed):
    """A stored value is of a kind that is never read, for reading it could run code."""

    def __init__(self, why: str) -> None:
        self.blocked = ()
        ThreadsError.__init__(
            self,
            f"the stored state holds a value of a kind that is never read, for that could run code ({why}); "
            "store it again with the program that wrote it, or drop its checkpoints with delete_for_runs",
        )


class DatabaseError(ThreadsError):
    """The database cannot do what was asked; nothing was changed."""


class NotADatabase(DatabaseError):
    """The file is not an SQLite database, or is damaged."""


class NewerDatabase(DatabaseError):
    """The file was written by a newer version of langgraph-threads."""

    def __init__(self, where: str, found: int, known: int) -> None:
        self.found, self.known = found, known
        super().__init__(
            f"{where} has format {found}, this version of langgraph-threads knows up to {known}; "
            "update with: pip install -U langgraph-threads"
        )


class ForeignDatabase(DatabaseError):
    """The file has tables of LangGraph's or our names that are somebody else's, or far too old."""

    def __init__(self, where: str, kind: str, name: str) -> None:
        self.name = name
        super().__init__(
            f"{where} has a {kind} called {name} that is not LangGraph's of today nor ours; "
            "keep the threads in a file of their own"
        )


class RegistryDetached(DatabaseError):
    """The registry was taken out of the file (`threads detach`) while it was open here."""

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(
            f"the registry was taken out of {where} while it was open here, so nothing was stored; open the "
            "file again (start a server again): that makes a new registry of its checkpoints"
        )


class DatabaseNotFound(DatabaseError, FileNotFoundError):
    """There is no file at this path, or no folder to create it in."""


class ReadOnly(DatabaseError):
    """The database was opened for reading, or its file cannot be written."""

    @property
    def fact(self) -> str:
        """What is so, without the remedy, which is in Python's words."""
        return str(self).rpartition("; ")[0]


class DatabaseFull(DatabaseError):
    """The disk is full; what was being stored was rolled back as a whole."""


class DatabaseGone(DatabaseError):
    """The database's file was removed, moved or replaced while it was open; nothing is read or written."""

    def __init__(self, where: str, what: str, remedy: str) -> None:
        super().__init__(f"{where} {what}; {remedy}")


class DatabaseBusy(DatabaseError):
    """Another process held the write lock for too long, or too many files are open; try again."""
