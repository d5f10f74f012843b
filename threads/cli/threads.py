"""Making threads and changing what is known about them: `new`, `rename`, `fork`, `rewind` and more."""

from __future__ import annotations

import sys
from typing import Any

import click

from threads import Thread
from threads.cli.bulk import change_all, tell
from threads.cli.completion_values import ids_beginning
from threads.cli.context import Session, common
from threads.cli.options import pairs
from threads.cli.output import as_json, line, note
from threads.cli.thread_ref import find, find_all


@click.command(epilog='Example: threads new --title "Refund for Alice" --tag vip')
@click.option("--title", help="Its title; otherwise the first message makes one.")
@click.option("--agent", "agent_id", metavar="ID", help="The agent that answers here.")
@click.option("--owner", metavar="NAME", help="Whose it is.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A tag; may be given several times.")
@click.option(
    "--metadata", metavar="KEY=VALUE", multiple=True, callback=pairs, help="A fact of yours, kept as text."
)
@click.option("--id", metavar="ID", help="Its id; otherwise a new one is made.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common("--db", "--traceback")
@click.pass_obj
def new(session: Session, /, json: bool, **given: Any) -> None:
    """Make a new thread and print its id."""
    with session.open(create=True) as registry:
        thread = registry.create(**given)
    as_json(thread) if json else line(thread.id)


@click.command(epilog='Example: threads rename 0199c3a2 "Refund for Alice"')
@click.argument("id", shell_complete=ids_beginning)
@click.argument("title", nargs=-1)
@click.option("--auto", is_flag=True, help="Bring the automatic title back.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common("--db", "--traceback")
@click.pass_obj
def rename(session: Session, id: str, title: tuple[str, ...], auto: bool, json: bool) -> None:
    """Give a thread a title of your own; no message changes it then."""
    if auto == bool(title):
        raise click.UsageError("say either a TITLE or --auto")
    if title and not "".join(title).strip():
        raise click.UsageError("the title is empty; --auto brings the automatic title back")
    with session.open() as registry:
        thread = registry.update(find(registry, id).id, title=None if auto else " ".join(title))
    _changed("renamed", thread, json)


@click.command(epilog="Example: threads trash 0199c3a2 0199c3b7")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=ids_beginning)
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common("--db", "--traceback")
@click.pass_obj
def trash(session: Session, ids: tuple[str, ...], json: bool) -> None:
    """Put threads into the trash: out of sight, and nobody can speak in them."""
    with session.open() as registry:
        change_all(registry, find_all(registry, ids), "trashed", json, trashed=True)


@click.command(epilog="Example: threads restore -")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=ids_beginning)
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common("--db", "--traceback")
@click.pass_obj
def restore(session: Session, ids: tuple[str, ...], json: bool) -> None:
    """Take threads out of the trash; - is the latest one in there."""
    with session.open() as registry:
        change_all(registry, find_all(registry, ids, trashed=True), "restored", json, trashed=False)


@click.command(epilog="Example: threads rm --yes 0199c3a2")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=ids_beginning)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common("--db", "--traceback")
@click.pass_obj
def rm(session: Session, ids: tuple[str, ...], yes: bool, json: bool) -> None:
    """Erase threads for good, with all their messages."""
    with session.open() as registry:
        found = find_all(registry, ids)
        for thread in found:
            if not yes:
                note(f"{thread.id}  {thread.title}")
        confirm("erase for good?", yes)
        change_all(registry, found, "erased", json, delete=True)


@click.command(epilog="Example: threads fork - --at 1f0c2e34-...")
@click.argument("id", shell_complete=ids_beginning)
@click.option(
    "--at", metavar="CHECKPOINT", help="Where to fork, from `threads history`; otherwise at the end."
)
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common("--db", "--traceback")
@click.pass_obj
def fork(session: Session, id: str, at: str | None, json: bool) -> None:
    """Begin a new thread with what another one remembers, and print its id."""
    with session.open() as registry:
        thread = registry.fork(find(registry, id).id, at=at)
    as_json(thread) if json else line(thread.id)


@click.command(epilog="Example: threads rewind - --to 1f0c2e34-...")
@click.argument("id", shell_complete=ids_beginning)
@click.option(
    "--to",
    metavar="CHECKPOINT",
    required=True,
    help="A checkpoint from `threads history`, or a message's id.",
)
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common("--db", "--traceback")
@click.pass_obj
def rewind(session: Session, id: str, to: str, json: bool) -> None:
    """Go back in a thread to a checkpoint or a message; what came since stays reachable."""
    with session.open() as registry:
        thread = registry.rewind(find(registry, id).id, to=to)
    _changed("rewound", thread, json)


def confirm(question: str, yes: bool) -> None:
    """Ask the person before something that cannot be undone; a program has to say --yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("there is nobody to ask: say --yes if it is meant")
    click.confirm(question, abort=True, err=True)


def _changed(word: str, thread: Thread, json: bool) -> None:
    as_json({"threads": [thread]}) if json else tell(word, [thread])
