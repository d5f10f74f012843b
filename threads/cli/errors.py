"""Errors at the command line: one table from class to exit code, and the words where ours speak Python."""

from __future__ import annotations

import sqlite3

import click

from threads import errors
from threads.cli.sanitize import escape_block


class CliError(click.ClickException):
    """An error as it is shown: a plain sentence, and exit code 1."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(escape_block(message))


class UsageCliError(CliError):
    """What was asked for cannot be asked for."""

    exit_code = 2


class NotFoundCliError(CliError):
    """What was asked for is not there."""

    exit_code = 3


class AgentCliError(CliError):
    """An agent's model, tools or code raised `error`: told in one sentence, after what was going on."""

    def __init__(self, error: BaseException, what: str = "the agent failed") -> None:
        first = next(iter(str(error).strip().splitlines()), "")
        super().__init__(f"{what}: {type(error).__name__}{': ' if first else ''}{first}")


UNCHANGED = "{error}"

TABLE: tuple[tuple[type[Exception], type[CliError], str], ...] = (
    (errors.ThreadNotFound, NotFoundCliError, UNCHANGED),
    (
        errors.CheckpointNotFound,
        NotFoundCliError,
        "thread {error.thread_id!r} has no such checkpoint; `threads history` lists what it has",
    ),
    (
        errors.ThreadTrashed,
        CliError,
        "thread {error.thread_id!r} is in the trash; `threads restore` brings it back",
    ),
    (
        errors.ThreadBusy,
        CliError,
        "a run is under way in thread {error.thread_id!r}: wait for its end",
    ),
    (
        errors.QueueFull,
        CliError,
        "{error.limit} messages wait in thread {error.thread_id!r} already; try again when some are answered",
    ),
    (
        errors.LeaseLost,
        CliError,
        "the run in thread {error.thread_id!r} lost its lease (its process was held up, or the run was taken "
        "over), so it cannot store anything more; `threads show` tells what is there",
    ),
    (
        errors.AlreadyAnswered,
        UsageCliError,
        "the question of thread {error.thread_id!r} was answered already, in another way; `threads show` "
        "tells what became of that answer, and `threads retry` continues its run if that failed",
    ),
    (errors.RunNotFound, CliError, "there is no run {error.run_id!r}"),
    (
        errors.MessagesUnknown,
        CliError,
        "the messages of thread {error.thread_id!r} cannot be told: its graph folds them with a reducer of "
        "its own, which can be named in Python only",
    ),
    (
        errors.TypeNotAllowed,
        CliError,
        "{error.summary}; types can be named in Python only",
    ),
    (
        errors.StateDamaged,
        CliError,
        "{error.summary}; `threads rewind` and `threads fork` go back to an earlier checkpoint",
    ),
    (errors.ReadOnly, CliError, "{error.summary}"),
    (
        errors.DatabaseNotFound,
        CliError,
        "{error} (--db FILE names another; `threads new` and `threads chat` make one)",
    ),
    (errors.InvalidValue, UsageCliError, "{error.summary}"),
    (errors.UsageError, UsageCliError, UNCHANGED),
    (errors.ThreadsError, CliError, UNCHANGED),
    (sqlite3.Error, CliError, "the database said: {error}"),
    (OSError, CliError, UNCHANGED),
)
"""The first that fits decides."""


def cli_error_of(error: Exception) -> click.ClickException | None:
    """How `error` is shown; None for a bug of ours."""
    if isinstance(error, click.ClickException):
        return error
    for kind, fault, words in TABLE:
        if isinstance(error, kind):
            return fault(words.format(error=error))
    return None
