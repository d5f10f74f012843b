"""Where two conversations part: `diff`."""

from __future__ import annotations

from collections.abc import Iterable

import click

from threads import Message
from threads.cli.completion_values import ids_beginning
from threads.cli.context import Session, common
from threads.cli.output import as_json, note, on_terminal, say
from threads.cli.sanitize import field
from threads.cli.thread_ref import find


@click.command(epilog="Example: threads diff - --at 1f0c2e34-...")
@click.argument("id", shell_complete=ids_beginning)
@click.argument("other", required=False, shell_complete=ids_beginning)
@click.option(
    "--at", metavar="CHECKPOINT", help="Of the first thread: as it was then; see `threads history`."
)
@click.option("--to", metavar="CHECKPOINT", help="Of the second thread, or of the same one.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common("--db", "--traceback")
@click.pass_obj
def diff(session: Session, id: str, other: str | None, at: str | None, to: str | None, json: bool) -> None:
    """Tell what two threads say differently, such as a thread and its fork, or one at two checkpoints."""
    if other is None and at is None:
        raise click.UsageError("say --at CHECKPOINT, or another thread's ID to compare with")
    with session.look() as registry:
        second = None if other is None else find(registry, other).id
        found = registry.diff(find(registry, id).id, second, at=at, to=to)
    if json:
        as_json(found)
        return
    note(f"{found.common} message{'' if found.common == 1 else 's'} the same")
    _show("-", "red", found.removed)
    _show("+", "green", found.added)


def _show(sign: str, colour: str, messages: Iterable[Message]) -> None:
    for message in messages:
        calls = [f"calls {call.name} {dict(call.args)}" for call in message.tool_calls]
        text = " ".join(filter(None, (message.text, *calls)))
        said = f"{sign} {message.role}: {field(text)}"
        say(click.style(said, fg=colour) if on_terminal() else said)
