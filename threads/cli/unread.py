"""Read markers of users: `unread` and `mark-read`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from threads import LOCAL, Registry, Thread
from threads.cli.completion import complete_thread_ids
from threads.cli.context import DECODING_OPTIONS, CliContext, common_options
from threads.cli.output import UNKNOWN, on_terminal, print_json, print_note, print_record
from threads.cli.thread_ref import resolve_thread, resolve_threads

PAGE_SIZE = 1000
"""Threads that are counted at once where none are named."""

user_option = click.option(
    "--user", metavar="NAME", default=LOCAL.reader, show_default=True,
    help="The reader; any name, such as an owner's.",
)  # fmt: skip


@click.command(epilog="Example: threads unread --user alice")
@click.argument("ids", metavar="[ID]...", nargs=-1, shell_complete=complete_thread_ids)
@user_option
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", *DECODING_OPTIONS, "--traceback")
@click.pass_obj
def unread(cli: CliContext, ids: tuple[str, ...], user: str, json: bool) -> None:
    """Count the messages of threads that a user has not read.

    Counts in the threads by ID, or in all that have unread messages. Prints a line per thread: id, number
    and title, separated by tabs. The user's own messages are not counted: those of a thread's owner, or of
    the local user where there is no owner. Nor are answers that send, resume, retry or chat printed.
    """
    with cli.open_for_reading() as registry:
        batches = [resolve_threads(registry, ids)] if ids else _pages(registry)
        found = [
            (thread, count)
            for batch in batches
            for thread, count in _counted(registry, batch, user)
            if ids or count is None or count
        ]
    if json:
        print_json({"unread": {thread.id: count for thread, count in found}})
        return
    for thread, count in found:
        print_record(thread.id, UNKNOWN if count is None else count, thread.title)
    if not found:
        print_note("no unread messages")


@click.command("mark-read", epilog="Example: threads mark-read - --user alice")
@click.argument("id", shell_complete=complete_thread_ids)
@user_option
@click.option("--upto", metavar="MESSAGE", help="Up to the message with this id; by default the last one.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", *DECODING_OPTIONS, "--traceback")
@click.pass_obj
def mark_read(cli: CliContext, id: str, user: str, upto: str | None, json: bool) -> None:
    """Mark a thread as read by a user, up to its last message or another one.

    The marker never moves back. Prints the number of messages that are still unread.
    """
    with cli.open() as registry:
        thread = resolve_thread(registry, id)
        left = registry.mark_read(thread.id, user, upto=upto)
    if json:
        print_json({"thread_id": thread.id, "unread": left})
    else:
        shown = UNKNOWN if left is None else left
        print_record(f"{shown} message{'' if left == 1 else 's'} unread" if on_terminal() else shown)


def _pages(registry: Registry) -> Iterator[list[Thread]]:
    """Yield the visible threads, page by page."""
    cursor: str | None = None
    while True:
        page = registry.list(limit=PAGE_SIZE, cursor=cursor)
        yield list(page)
        cursor = page.next_cursor
        if cursor is None:
            return


def _counted(registry: Registry, batch: list[Thread], user: str) -> list[tuple[Thread, int | None]]:
    counts = registry.unread([thread.id for thread in batch], user)
    return [(thread, counts[thread.id]) for thread in batch if thread.id in counts]
