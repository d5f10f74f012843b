"""The group of commands: loads the one that is called, and ends every one in the same way.

Here errors become exit codes, a reader who leaves ends us quietly, and the output streams are made
unable to fail: what an encoding cannot hold comes out as `\\u2026`, not as a traceback. Arguments are
taken as they are: on Windows Click would expand * and $, and so change what is said in a message.
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
"""The commands and the modules they stand in, in the order of the help."""
EXIT_INTERRUPTED = 130
"""The exit code after Ctrl+C, as shells have it: 1 would say that an audit found a leak."""
REPLACEMENT = "backslashreplace"
"""What becomes of characters that a stream's encoding does not have."""


class LazyGroup(click.Group):
    """Commands by name, each loaded when it is asked for."""

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
        except BrokenPipeError:  # whoever read our output has left; the rest goes nowhere, quietly
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
            fault = cli_error_of(error)
            if fault is None:
                raise
            if cli.traceback:
                import traceback

                print_text(escape_block("".join(traceback.format_exception(error))), end=False, to=sys.stderr)
            told = io.StringIO()
            fault.show(told)
            print_text(escape_block(told.getvalue()), end=False, to=sys.stderr)
            code = fault.exit_code
        sys.exit(code)


def _make_streams_lenient() -> None:
    for stream, errors in (
        (sys.stdin, "surrogateescape"),
        (sys.stdout, REPLACEMENT),
        (sys.stderr, REPLACEMENT),
    ):
        if hasattr(stream, "reconfigure"):  # not so where someone captures us in a stream of their own
            stream.reconfigure(errors=errors)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    epilog="An ID may be cut short as long as it is unique; - is the thread last spoken in.",
)
@click.version_option(package_name="langgraph-threads")
@click.option("--json", "json", is_flag=True, help="The list as JSON, as `threads ls --json`.")
@common_options("--db", "--agents", "--traceback", environment=True)
@click.pass_context
def threads(context: click.Context, json: bool) -> None:
    """Chat threads of LangGraph agents, in one SQLite file."""
    if context.invoked_subcommand is not None:
        if json:
            raise click.UsageError(
                f"say --json after the command: threads {context.invoked_subcommand} --json"
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
        print_note("threads chat - goes on with the latest; threads --help shows what else there is")
