"""Errors at the command line: one table from class to exit code and message."""

from __future__ import annotations

import click

from threads import errors
from threads.agent_sources import AgentNotBuilt
from threads.cli.sanitize import escape_block
from threads.db.errors import DriverError
from threads.langgraph_json import InvalidLangGraphJson


class CliError(click.ClickException):
    """A command failed: one sentence for the user, and exit code 1."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(escape_block(message))


class UsageCliError(CliError):
    """The command cannot be carried out as it was given."""

    exit_code = 2


class NotFoundCliError(CliError):
    """A thread, checkpoint or tag that was named does not exist."""

    exit_code = 3


class AgentCliError(CliError):
    """An agent's model, tools or code raised `error`; the message is one sentence that begins with `what`."""

    def __init__(self, error: BaseException, what: str = "the agent failed") -> None:
        first = next(iter(str(error).strip().splitlines()), "")
        super().__init__(f"{what}: {type(error).__name__}{': ' if first else ''}{first}")


UNCHANGED = "{error}"

TABLE: tuple[tuple[type[Exception], type[CliError], str], ...] = (
    (errors.ThreadNotFound, NotFoundCliError, UNCHANGED),
    (
        errors.CheckpointNotFound,
        NotFoundCliError,
        "thread {error.thread_id!r} has no such checkpoint; `threads history` lists its checkpoints",
    ),
    (
        errors.ThreadTrashed,
        CliError,
        "thread {error.thread_id!r} is in the trash; `threads restore` brings it back",
    ),
    (
        errors.ThreadBusy,
        CliError,
        "another run is active in thread {error.thread_id!r}; wait for it",
    ),
    (
        errors.QueueFull,
        CliError,
        "{error.limit} messages are already queued in thread {error.thread_id!r}; try again when some are "
        "answered",
    ),
    (
        errors.LeaseLost,
        CliError,
        "the run in thread {error.thread_id!r} lost its lease (its process was suspended, or another runner "
        "recovered the run), so it cannot store anything more; `threads show` shows what was stored",
    ),
    (
        errors.AlreadyAnswered,
        UsageCliError,
        "the interrupt of thread {error.thread_id!r} was answered already, with another answer; `threads "
        "show` shows what followed, and `threads retry` continues that answer's run if it failed",
    ),
    (errors.NothingToResume, CliError, "{error.summary}"),
    (
        errors.AgentNotFound,
        UsageCliError,
        "{error.summary}; load it with --agents, or name another with --agent: {error.options}",
    ),
    (errors.RunNotFound, CliError, "there is no run {error.run_id!r}"),
    (
        errors.MessagesUnknown,
        CliError,
        "the messages of thread {error.thread_id!r} cannot be decoded: {error.why}; name its graph before "
        "the command, as in `threads --agents MODULE:NAME show {error.thread_id!r}`{error.reducer_option}",
    ),
    (errors.KindNotAllowed, CliError, "{error.summary}"),
    (
        errors.TypeNotAllowed,
        CliError,
        "{error.summary}; if you trust the file, name it with {error.type_options}",
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
        "{error} (--db FILE names another; `threads new` and `threads chat` create one)",
    ),
    (AgentNotBuilt, CliError, "{error.reason}"),
    (InvalidLangGraphJson, UsageCliError, "--agents: {error.reason}"),
    (errors.InvalidValue, UsageCliError, "{error.summary}"),
    (errors.UsageError, UsageCliError, UNCHANGED),
    (errors.ThreadsError, CliError, UNCHANGED),
    (DriverError, CliError, "the database reported: {error}"),
    (OSError, CliError, UNCHANGED),
)
"""The first row that matches an error decides."""


def cli_error_of(error: Exception) -> click.ClickException | None:
    """Return the error to show for `error`; None where it is a bug of this package."""
    if isinstance(error, click.ClickException):
        return error
    for kind, cli_error, message in TABLE:
        if isinstance(error, kind):
            return cli_error(message.format(error=error))
    return None
