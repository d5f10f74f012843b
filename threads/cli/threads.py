"""Creating, changing and deleting threads: `new`, `rename`, `trash`, `restore`, `rm`, `fork`, `rewind`."""

from __future__ import annotations

from typing import Any

import click

from threads import Thread
from threads.cli.bulk import change_threads, print_changed
from threads.cli.completion import complete_thread_ids
from threads.cli.context import DECODING_OPTIONS, CliContext, common_options
from threads.cli.options import parse_pairs
from threads.cli.output import confirm, print_json, print_note, print_record
from threads.cli.thread_ref import resolve_thread, resolve_threads


@click.command(epilog='Example: threads new --title "Refund for Alice" --tag vip')
@click.option("--title", help="Its title; by default the first message makes one.")
@click.option("--agent", "agent_id", metavar="ID", help="The agent that answers here.")
@click.option("--owner", metavar="NAME", help="The user that it belongs to.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A tag; can be repeated.")
@click.option(
    "--metadata",
    metavar="KEY=VALUE",
    multiple=True,
    callback=parse_pairs,
    help="Metadata, stored as text; can be repeated.",
)
@click.option("--id", metavar="ID", help="Its id; by default a new one is made.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def new(cli: CliContext, /, json: bool, **given: Any) -> None:
    """Create a thread and print its id."""
    with cli.open(create=True) as registry:
        thread = registry.create(**given)
    print_json(thread) if json else print_record(thread.id)


@click.command(epilog='Example: threads rename 0199c3a2 "Refund for Alice"')
@click.argument("id", shell_complete=complete_thread_ids)
@click.argument("title", nargs=-1)
@click.option("--auto", is_flag=True, help="Restore the automatic title.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def rename(cli: CliContext, id: str, title: tuple[str, ...], auto: bool, json: bool) -> None:
    """Set the title of a thread; messages do not change it any more."""
    if auto == bool(title):
        raise click.UsageError("either a TITLE or --auto is required")
    if title and not "".join(title).strip():
        raise click.UsageError("the title is empty; --auto restores the automatic title")
    with cli.open() as registry:
        thread = registry.update(resolve_thread(registry, id).id, title=None if auto else " ".join(title))
    _print_thread("renamed", thread, json)


@click.command(epilog="Example: threads trash 0199c3a2 0199c3b7")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=complete_thread_ids)
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def trash(cli: CliContext, ids: tuple[str, ...], json: bool) -> None:
    """Move threads to the trash: they are not listed, and take no messages."""
    with cli.open() as registry:
        change_threads(registry, resolve_threads(registry, ids), "trashed", json, trashed=True)


@click.command(epilog="Example: threads restore -")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=complete_thread_ids)
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def restore(cli: CliContext, ids: tuple[str, ...], json: bool) -> None:
    """Restore threads from the trash; - is the latest one in there."""
    with cli.open() as registry:
        change_threads(
            registry, resolve_threads(registry, ids, trashed=True), "restored", json, trashed=False
        )


@click.command(epilog="Example: threads rm --yes 0199c3a2")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=complete_thread_ids)
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def rm(cli: CliContext, ids: tuple[str, ...], yes: bool, json: bool) -> None:
    """Delete threads permanently, with all their messages."""
    with cli.open() as registry:
        found = resolve_threads(registry, ids)
        for thread in found:
            if not yes:
                print_note(f"{thread.id}  {thread.title}")
        confirm("delete permanently?", yes)
        change_threads(registry, found, "deleted", json, delete=True)


@click.command(epilog="Example: threads fork - --at 1f0c2e34-...")
@click.argument("id", shell_complete=complete_thread_ids)
@click.option(
    "--at", metavar="CHECKPOINT", help="Where to fork, from `threads history`; by default at the head."
)
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", *DECODING_OPTIONS, "--traceback")
@click.pass_obj
def fork(cli: CliContext, id: str, at: str | None, json: bool) -> None:
    """Create a thread with the state of another one, and print its id."""
    with cli.open() as registry:
        thread = registry.fork(resolve_thread(registry, id).id, at=at)
    print_json(thread) if json else print_record(thread.id)


@click.command(epilog="Example: threads rewind - --to 1f0c2e34-...")
@click.argument("id", shell_complete=complete_thread_ids)
@click.option(
    "--to",
    metavar="CHECKPOINT",
    required=True,
    help="A checkpoint from `threads history`, or a message's id.",
)
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", *DECODING_OPTIONS, "--traceback")
@click.pass_obj
def rewind(cli: CliContext, id: str, to: str, json: bool) -> None:
    """Go back in a thread to a checkpoint or a message; later checkpoints stay available."""
    with cli.open() as registry:
        thread = registry.rewind(resolve_thread(registry, id).id, to=to)
    _print_thread("rewound", thread, json)


def _print_thread(word: str, thread: Thread, json: bool) -> None:
    print_json({"threads": [thread]}) if json else print_changed(word, [thread])
