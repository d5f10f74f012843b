"""Errors at the command line: one table from class to exit code, and the words where ours speak Python."""

from __future__ import annotations

import sqlite3

import click

from threads import errors
from threads.cli.sanitize import block


class Fault(click.ClickException):
    """An error as it is shown: a plain sentence, and exit code 1."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(block(message))


class Misused(Fault):
    """What was asked for cannot be asked for."""

    exit_code = 2


class NotFound(Fault):
    """What was asked for is not there."""

    exit_code = 3


class AgentFailed(Fault):
    """An agent's model, tools or code raised `error`: told in one sentence, after what was going on."""

    def __init__(self, error: Exception, what: str = "the agent failed") -> None:
        first = next(iter(str(error).strip().splitlines()), "")
        super().__init__(f"{what}: {type(error).__name__}{': ' if first else ''}{first}")


AS_IT_IS = "{error}"

TABLE: tuple[tuple[type[Exception], type[Fault], str], ...] = (
    (errors.ThreadNotFound, NotFound, AS_IT_IS),
    (
        errors.CheckpointNotFound,
        NotFound,
        "thread {error.thread_id!r} has no such checkpoint; `threads history` lists what it has",
    ),
    (
        errors.ThreadTrashed,
        Fault,
        "thread {error.thread_id!r} is in the trash; `threads restore` brings it back",
    ),
    (
        errors.ThreadBusy,
        Fault,
        "a run is under way in thread {error.thread_id!r}: wait for its end",
    ),
    (
        errors.QueueFull,
        Fault,
        "{error.limit} messages wait in thread {error.thread_id!r} already; try again when some are answered",
    ),
    (
        errors.LeaseLost,
        Fault,
        "the run in thread {error.thread_id!r} lost its lease (its process was held up, or the run was taken "
        "over), so it cannot store anything more; `threads show` tells what is there",
    ),
    (
        errors.AlreadyAnswered,
        Misused,
        "the question of thread {error.thread_id!r} was answered already, in another way; `threads show` "
        "tells what became of that answer, and `threads retry` continues its run if that failed",
    ),
    (errors.RunNotFound, Fault, "there is no run {error.run_id!r}"),
    (
        errors.MessagesUnknown,
        Fault,
        "the messages of thread {error.thread_id!r} cannot be told: its graph folds them with a reducer of "
        "its own, which can be named in Python only",
    ),
    (
        errors.TypeNotAllowed,
        Fault,
        "{error.summary}; types can be named in Python only",
    ),
    (
        errors.StateDamaged,
        Fault,
        "{error.summary}; `threads rewind` and `threads fork` go back to an earlier checkpoint",
    ),
    (errors.ReadOnly, Fault, "{error.summary}"),
    (
        errors.DatabaseNotFound,
        Fault,
        "{error} (--db FILE names another; `threads new` and `threads chat` make one)",
    ),
    (errors.InvalidValue, Misused, "{error.summary}"),
    (errors.UsageError, Misused, AS_IT_IS),
    (errors.ThreadsError, Fault, AS_IT_IS),
    (sqlite3.Error, Fault, "the database said: {error}"),
    (OSError, Fault, AS_IT_IS),
)
"""The first that fits decides."""


def fault_of(error: Exception) -> click.ClickException | None:
    """How `error` is shown; None for a bug of ours."""
    if isinstance(error, click.ClickException):
        return error
    for kind, fault, words in TABLE:
        if isinstance(error, kind):
            return fault(words.format(error=error))
    return None
