"""The command group: loads the command that is called, and handles its errors.

Errors become exit codes, a closed pipe ends the program quietly, and the output streams never fail: what
an encoding does not have is printed as `\\u2026`, not raised. Arguments are taken literally: on Windows
Click would expand * and $, and so change a message.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from threads.cli.context import CliContext, common_options
from threads.cli.errors import cli_error_of
from threads.cli.output import print_note, print_text
from threads.cli.sanitize import escape_block

COMMANDS = {
    "ls": "list_show",
    "show": "list_show",
    "search": "search",
    "chat": "chat",
    "send": "chat",
    "resume": "chat",
    "retry": "chat",
    "runs": "runs",
    "stop": "runs",
    "new": "threads",
    "rename": "threads",
    "pin": "tags",
    "unpin": "tags",
    "archive": "tags",
    "unarchive": "tags",
    "tag": "tags",
    "untag": "tags",
    "unread": "unread",
    "mark-read": "unread",
    "trash": "threads",
    "restore": "threads",
    "rm": "threads",
    "history": "list_show",
    "diff": "diff",
    "fork": "threads",
    "rewind": "threads",
    "stats": "stats",
    "agents": "stats",
    "cleanup": "retention",
    "prune": "maintenance",
    "compact": "maintenance",
    "backup": "maintenance",
    "restore-backup": "maintenance",
    "verify": "integrity",
    "repair": "integrity",
    "detach": "integrity",
    "audit": "audit",
    "users": "users",
    "completion": "completion",
    "serve": "serve",
}
"""The commands and their modules, in the order of the help."""
EXIT_INTERRUPTED = 130
"""Exit code after Ctrl+C, as in shells; 1 would mean that an audit found a leak."""
REPLACEMENT = "backslashreplace"
"""Error handler for characters that a stream's encoding does not have."""


class LazyGroup(click.Group):
    """Commands by name, each imported on first use."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"threads.cli.{COMMANDS[name]}"), name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def invoke(self, context: click.Context) -> Any:
        try:
            result = super().invoke(context)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader of stdout has closed it; discard the rest
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return result

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:
        _make_streams_lenient()
        cli = CliContext()
        options |= {"obj": cli, "standalone_mode": False, "windows_expand_args": False}
        try:
            code = super().main(args, *rest, **options)
        except click.Abort as aborted:
            print_text("Aborted!", to=sys.stderr)
            code = EXIT_INTERRUPTED if isinstance(aborted.__cause__, KeyboardInterrupt) else 1
        except Exception as error:
            shown = cli_error_of(error)
            if shown is None:
                raise
            if cli.traceback:
                import traceback

                print_text(escape_block("".join(traceback.format_exception(error))), end=False, to=sys.stderr)
            message = io.StringIO()
            shown.show(message)
            print_text(escape_block(message.getvalue()), end=False, to=sys.stderr)
            code = shown.exit_code
        sys.exit(code)


def _make_streams_lenient() -> None:
    for stream, errors in (
        (sys.stdin, "surrogateescape"),
        (sys.stdout, REPLACEMENT),
        (sys.stderr, REPLACEMENT),
    ):
        if hasattr(stream, "reconfigure"):  # a stream that captures the output may not have it
            stream.reconfigure(errors=errors)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    epilog="An ID may be abbreviated as long as it is unique; - is the thread with the latest activity.",
)
@click.version_option(package_name="langgraph-threads")
@click.option("--json", "json", is_flag=True, help="Print the list as JSON, like `threads ls --json`.")
@common_options("--db", "--agents", "--traceback", environment=True)
@click.pass_context
def threads(context: click.Context, json: bool) -> None:
    """Chat threads of LangGraph agents, in one SQLite file."""
    if context.invoked_subcommand is not None:
        if json:
            raise click.UsageError(
                f"--json comes after the command: threads {context.invoked_subcommand} --json"
            )
        return
    if not json and not context.ensure_object(CliContext).exists():
        print_text(context.get_help())
        return
    command = context.command
    assert isinstance(command, LazyGroup)
    listing = command.get_command(context, "ls")
    assert listing is not None
    with listing.make_context("ls", ["--json"] if json else [], parent=context) as inner:
        listing.invoke(inner)
    if not json:
        print_note("threads chat - continues the latest thread; threads --help lists all commands")
