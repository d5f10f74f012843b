"""Where two conversations part: `diff`."""

from __future__ import annotations

from collections.abc import Iterable

import click

from threads import Message
from threads.cli.completion_values import complete_thread_ids
from threads.cli.context import CliContext, common_options
from threads.cli.output import on_terminal, print_json, print_note, print_text
from threads.cli.sanitize import escape_line
from threads.cli.thread_ref import resolve_thread


@click.command(epilog="Example: threads diff - --at 1f0c2e34-...")
@click.argument("id", shell_complete=complete_thread_ids)
@click.argument("other", required=False, shell_complete=complete_thread_ids)
@click.option(
    "--at", metavar="CHECKPOINT", help="Of the first thread: as it was then; see `threads history`."
)
@click.option("--to", metavar="CHECKPOINT", help="Of the second thread, or of the same one.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def diff(cli: CliContext, id: str, other: str | None, at: str | None, to: str | None, json: bool) -> None:
    """Tell what two threads say differently, such as a thread and its fork, or one at two checkpoints."""
    if other is None and at is None:
        raise click.UsageError("say --at CHECKPOINT, or another thread's ID to compare with")
    with cli.open_for_reading() as registry:
        second = None if other is None else resolve_thread(registry, other).id
        found = registry.diff(resolve_thread(registry, id).id, second, at=at, to=to)
    if json:
        print_json(found)
        return
    print_note(f"{found.common} message{'' if found.common == 1 else 's'} the same")
    _show("-", "red", found.removed)
    _show("+", "green", found.added)


def _show(sign: str, colour: str, messages: Iterable[Message]) -> None:
    for message in messages:
        calls = [f"calls {call.name} {dict(call.args)}" for call in message.tool_calls]
        text = " ".join(filter(None, (message.text, *calls)))
        said = f"{sign} {message.role}: {escape_line(text)}"
        print_text(click.style(said, fg=colour) if on_terminal() else said)
