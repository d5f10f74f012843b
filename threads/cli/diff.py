"""Differences between two threads or two checkpoints: `diff`."""

from __future__ import annotations

from collections.abc import Iterable

import click

from threads import Message
from threads.cli.completion import complete_thread_ids
from threads.cli.context import DECODING_OPTIONS, CliContext, common_options
from threads.cli.output import on_terminal, print_json, print_note, print_text
from threads.cli.sanitize import escape_line
from threads.cli.thread_ref import resolve_thread


@click.command(epilog="Example: threads diff - --at 1f0c2e34-...")
@click.argument("id", shell_complete=complete_thread_ids)
@click.argument("other", required=False, shell_complete=complete_thread_ids)
@click.option(
    "--at",
    metavar="CHECKPOINT",
    help="Compare the first thread as of this checkpoint; see `threads history`.",
)
@click.option(
    "--to",
    metavar="CHECKPOINT",
    help="The checkpoint of the second thread, or a second one of the same thread.",
)
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", *DECODING_OPTIONS, "--traceback")
@click.pass_obj
def diff(cli: CliContext, id: str, other: str | None, at: str | None, to: str | None, json: bool) -> None:
    """Compare the messages of two threads, such as a thread and its fork, or of one at two checkpoints."""
    if other is None and at is None:
        raise click.UsageError("--at CHECKPOINT or another thread's ID is required")
    with cli.open_for_reading() as registry:
        second = None if other is None else resolve_thread(registry, other).id
        found = registry.diff(resolve_thread(registry, id).id, second, at=at, to=to)
    if json:
        print_json(found)
        return
    print_note(f"{found.common} message{'' if found.common == 1 else 's'} in common")
    _print_messages("-", "red", found.removed)
    _print_messages("+", "green", found.added)


def _print_messages(sign: str, colour: str, messages: Iterable[Message]) -> None:
    for message in messages:
        calls = [f"calls {call.name} {dict(call.args)}" for call in message.tool_calls]
        text = " ".join(filter(None, (message.text, *calls)))
        shown = f"{sign} {message.label}: {escape_line(text)}"
        print_text(click.style(shown, fg=colour) if on_terminal() else shown)
