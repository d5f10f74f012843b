"""Lists and views: `ls`, `show` and `history`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

import click

from threads import Interrupt, Message, Page, Registry, RunInfo, Thread
from threads.cli.completion import complete_thread_ids
from threads.cli.context import DECODING_OPTIONS, CliContext, common_options
from threads.cli.interrupts import (
    describe,
    describe_inline,
    expected_answer,
    last_run,
    resume_command,
    waiting_for,
)
from threads.cli.options import filter_options, list_filters, page_options
from threads.cli.output import (
    on_terminal,
    print_json,
    print_note,
    print_record,
    print_text,
    shown_count,
    shown_flags,
)
from threads.cli.sanitize import escape_block, escape_line, format_time
from threads.cli.thread_ref import resolve_thread
from threads.db.errors import stray_log
from threads.models import SortBy

ASCENDING_KEYS = ("title", "thread_id")
"""Sort keys whose default order is ascending."""


@click.command(epilog="Example: threads ls --tag vip --since 7d --sort title")
@filter_options
@click.option(
    "--sort", "sort_by", type=click.Choice(get_args(SortBy)), default="updated_at", show_default=True
)
@click.option(
    "--asc/--desc",
    "ascending",
    default=None,
    help="The direction; by default --asc for title and thread_id, else --desc.",
)
@page_options
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", *DECODING_OPTIONS, "--traceback")
@click.pass_obj
def ls(cli: CliContext, /, json: bool, ascending: bool | None, count: bool, **options: Any) -> None:
    """List the threads, newest activity first.

    Prints a table on a terminal, otherwise a line per thread: id, title, messages, last activity, agent and
    preview, separated by tabs.
    """
    if ascending is None:
        ascending = options["sort_by"] in ASCENDING_KEYS
    with cli.open_for_reading() as registry:
        page = registry.list(**list_filters(options), sort_order="asc" if ascending else "desc")
        if json:
            print_json({"threads": page.items, "next_cursor": page.next_cursor} | total_of(page, count))
        else:
            show_list(registry, page)
            print_total(page, count)
    if cli.had_wal and cli.path is not None and not page:
        print_note(stray_log(str(cli.path)))


def show_list(registry: Registry, page: Page[Thread]) -> None:
    """Print a page of threads: a table on a terminal, otherwise records; the next cursor goes to stderr."""
    if on_terminal() and page:
        from threads.cli.tables import draw_threads

        draw_threads(registry, page)
    elif page:
        for thread in page:
            when, agent = format_time(thread.updated_at), thread.agent_id or ""
            print_record(thread.id, thread.title, shown_count(thread), when, agent, thread.last_message or "")
    else:
        print_note("no threads")
    if page.next_cursor:
        print_note(f"there are more: add --cursor {page.next_cursor}")


def total_of(page: Page[Any], wanted: bool) -> dict[str, int]:
    """Return the total number of items for JSON output, if it is `wanted`."""
    return {"total": page.total} if wanted else {}


def print_total(page: Page[Any], wanted: bool) -> None:
    """Print the total number of items on stderr, if it is `wanted`."""
    for count in total_of(page, wanted).values():
        print_note(f"{count} in total")


@click.command(epilog="Example: threads show - -n 10")
@click.argument("id", shell_complete=complete_thread_ids)
@click.option("-n", "--last", type=click.IntRange(0), metavar="N", help="Only the last N messages.")
@click.option("--at", metavar="CHECKPOINT", help="The messages at a checkpoint, or with a message's id.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", *DECODING_OPTIONS, "--traceback")
@click.pass_obj
def show(cli: CliContext, id: str, last: int | None, at: str | None, json: bool) -> None:
    """Show a thread: its data, its messages, a pending interrupt, and the error of its last run."""
    with cli.open_for_reading() as registry:
        thread = resolve_thread(registry, id)
        messages = registry.messages(thread.id, limit=last or None, at=at).items
        questions, run = waiting_for(registry, thread.id), last_run(registry, thread.id)
    messages = () if last == 0 else messages
    if json:
        print_json({"thread": thread, "messages": messages, "interrupts": questions, "last_run": run})
    elif on_terminal():
        _print_thread(thread, messages)
        for name, value in actions_of(thread, questions, run):
            print_text("\n" + click.style(name, fg="yellow", bold=True) + "\n" + escape_block(value))
    else:
        for name, value in facts_of(thread).items():
            print_record(name, value)
        for name, value in actions_of(thread, questions, run, described=describe_inline):
            print_record(name, value)
        print_text()
        for message in messages:
            print_record(format_time(message.created_at), message.label, message.text, *_calls_of(message))


@click.command(epilog="Example: threads history - --json")
@click.argument("id", shell_complete=complete_thread_ids)
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", *DECODING_OPTIONS, "--traceback")
@click.pass_obj
def history(cli: CliContext, id: str, json: bool) -> None:
    """List a thread's checkpoints, the latest first, to fork from or rewind to."""
    with cli.open_for_reading() as registry:
        found = registry.history(resolve_thread(registry, id).id)
    if json:
        print_json({"checkpoints": found.items})
        return
    for each in found:
        print_record(
            each.id, format_time(each.created_at), each.source or "", "" if each.step is None else each.step
        )


def facts_of(thread: Thread) -> dict[str, str]:
    """Return the data of a thread that is set, by name."""
    facts = {
        "id": thread.id,
        "title": thread.title,
        "agent": thread.agent_id or "",
        "owner": thread.owner or "",
        "tags": ", ".join(thread.tags),
        "marks": ", ".join(shown_flags(thread)),
        "messages": shown_count(thread),
        "created": format_time(thread.created_at),
        "updated": format_time(thread.updated_at),
        "metadata": ", ".join(f"{key}={value}" for key, value in thread.metadata.items()),
    }
    return {name: value for name, value in facts.items() if value}


def actions_of(
    thread: Thread,
    questions: Sequence[Interrupt],
    run: RunInfo | None,
    described: Callable[[Interrupt], str] = describe,
) -> list[tuple[str, str]]:
    """Return what may need an action, by name: interrupts, a last run that did not finish, and commands."""
    is_paused = all(each.kind == "breakpoint" for each in questions)
    name = "paused" if is_paused else "question"
    found = [(name, described(each)) for each in questions]
    if len(questions) > 1:
        found = [(name, f"{each.id}  {described(each)}") for each in questions]
    found += [("expected", form) for each in questions if (form := expected_answer(each))]
    if questions:
        found.append(("continue" if is_paused else "answer", resume_command(thread.id, questions)))
    if run is not None and run.status == "error":
        found.append(("failed", run.error or "the reason is unknown"))
        found.append(("run", run.id))
        found.append(("retry", f"threads retry {shlex.quote(thread.id)}"))
    elif run is not None and run.status == "stopped":
        found.append(("stopped", f"run {run.id} was stopped before it finished"))
    return found


def _print_thread(thread: Thread, messages: tuple[Message, ...]) -> None:
    for name, value in facts_of(thread).items():
        print_text(click.style(f"{name:>9}  ", dim=True) + escape_line(value))
    for message in messages:
        created_at = message.created_at or datetime.now(UTC)
        when = f"  {created_at.astimezone():%Y-%m-%d %H:%M}" if message.created_at else ""
        colour = "cyan" if message.role == "user" else "green" if message.role == "assistant" else None
        print_text("\n" + click.style(message.label, fg=colour, bold=True) + click.style(when, dim=True))
        for call in _calls_of(message):
            print_text(escape_line(call), dim=True)
        if message.text:
            print_text(escape_block(message.text))


def _calls_of(message: Message) -> list[str]:
    return [f"calls {call.name} {dict(call.args)}" for call in message.tool_calls]
