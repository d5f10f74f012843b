"""Who has read how far: `unread` and `mark-read`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from threads import LOCAL, Registry, Thread
from threads.cli.completion_values import complete_thread_ids
from threads.cli.context import CliContext, common_options
from threads.cli.output import on_terminal, print_json, print_note, print_record
from threads.cli.thread_ref import resolve_thread, resolve_threads

AT_ONCE = 1000
"""Threads that are asked about at once where none are named."""

reader = click.option(
    "--user", metavar="NAME", default=LOCAL.reader, show_default=True,
    help="Who reads; any name, such as an owner's.",
)  # fmt: skip


@click.command(epilog="Example: threads unread --user alice")
@click.argument("ids", metavar="[ID]...", nargs=-1, shell_complete=complete_thread_ids)
@reader
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def unread(cli: CliContext, ids: tuple[str, ...], user: str, json: bool) -> None:
    """Tell how many messages of threads a user has not read.

    Of the threads by ID, or of all in which there are any. A line each, with tabs between id, number
    and title. The user's own messages are not counted: those of a thread's owner, or of the local user where
    there is no owner. Neither are answers that send, resume, retry or chat showed to the local user.
    """
    with cli.open_for_reading() as registry:
        batches = [resolve_threads(registry, ids)] if ids else _all(registry)
        found = [
            (thread, count)
            for batch in batches
            for thread, count in _counted(registry, batch, user)
            if ids or count
        ]
    if json:
        print_json({"unread": {thread.id: count for thread, count in found}})
        return
    for thread, count in found:
        print_record(thread.id, count, thread.title)
    if not found:
        print_note("nothing is unread")


@click.command("mark-read", epilog="Example: threads mark-read - --user alice")
@click.argument("id", shell_complete=complete_thread_ids)
@reader
@click.option("--upto", metavar="MESSAGE", help="Up to the message with this id; otherwise all of it.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def mark_read(cli: CliContext, id: str, user: str, upto: str | None, json: bool) -> None:
    """Note that a user has read a thread, all of it or up to a message; it never goes back.

    Prints how many messages are unread still.
    """
    with cli.open() as registry:
        thread = resolve_thread(registry, id)
        left = registry.mark_read(thread.id, user, upto=upto)
    if json:
        print_json({"thread_id": thread.id, "unread": left})
    else:
        print_record(f"{left} message{'' if left == 1 else 's'} unread" if on_terminal() else left)


def _all(registry: Registry) -> Iterator[list[Thread]]:
    """The threads in sight, many at a time."""
    cursor: str | None = None
    while True:
        page = registry.list(limit=AT_ONCE, cursor=cursor)
        yield list(page)
        cursor = page.next_cursor
        if cursor is None:
            return


def _counted(registry: Registry, batch: list[Thread], user: str) -> list[tuple[Thread, int]]:
    counts = registry.unread([thread.id for thread in batch], user)
    return [(thread, counts[thread.id]) for thread in batch if thread.id in counts]
