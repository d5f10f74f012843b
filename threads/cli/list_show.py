"""Looking: `ls`, `show` and `history`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

import click

from threads import Interrupt, Message, Page, Registry, RunInfo, Thread
from threads.cli.completion_values import complete_thread_ids
from threads.cli.context import CliContext, common_options
from threads.cli.interrupts import (
    expected_answer,
    format_inline,
    format_value,
    last_run,
    pending_interrupts,
    resume_command,
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
"""Orders that people read from A to Z."""


@click.command(epilog="Example: threads ls --tag vip --since 7d --sort title")
@filter_options
@click.option(
    "--sort", "sort_by", type=click.Choice(get_args(SortBy)), default="updated_at", show_default=True
)
@click.option(
    "--asc/--desc", "ascending", default=None, help="The direction; names go from A to Z otherwise."
)
@page_options
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def ls(cli: CliContext, /, json: bool, ascending: bool | None, count: bool, **asked: Any) -> None:
    """List the threads, newest activity first.

    On a terminal a table; otherwise a line each, with tabs between id, title, messages, last
    activity, agent and preview.
    """
    if ascending is None:
        ascending = asked["sort_by"] in ASCENDING_KEYS
    with cli.open_for_reading() as registry:
        page = registry.list(**list_filters(asked), sort_order="asc" if ascending else "desc")
        if json:
            print_json({"threads": page.items, "next_cursor": page.next_cursor} | total_of(page, count))
        else:
            show_list(registry, page)
            print_total(page, count)
    if cli.had_wal and cli.path is not None and not page:
        print_note(stray_log(str(cli.path)))


def show_list(registry: Registry, page: Page[Thread]) -> None:
    """A page of threads, for people or for programs; what goes on after it is said on stderr."""
    if on_terminal() and page:
        from threads.cli.tables import draw_threads

        draw_threads(registry, page)
    elif page:
        for thread in page:
            when, agent = format_time(thread.updated_at), thread.agent_id or ""
            print_record(thread.id, thread.title, shown_count(thread), when, agent, thread.last_message or "")
    else:
        print_note("no threads here")
    if page.next_cursor:
        print_note(f"there are more: add --cursor {page.next_cursor}")


def total_of(page: Page[Any], asked: bool) -> dict[str, int]:
    """How many there are on all pages, where it was asked for, as it stands in JSON."""
    return {"total": page.total} if asked else {}


def print_total(page: Page[Any], asked: bool) -> None:
    """The same for people, on stderr."""
    for count in total_of(page, asked).values():
        print_note(f"{count} in all")


@click.command(epilog="Example: threads show - -n 10")
@click.argument("id", shell_complete=complete_thread_ids)
@click.option("-n", "--last", type=click.IntRange(0), metavar="N", help="Only the last N messages.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def show(cli: CliContext, id: str, last: int | None, json: bool) -> None:
    """Show a thread: what is known about it, its messages, an open question, and why its last run failed."""
    with cli.open_for_reading() as registry:
        thread = resolve_thread(registry, id)
        messages = registry.messages(thread.id, limit=last or None).items
        questions, run = pending_interrupts(registry, thread.id), last_run(registry, thread.id)
    messages = () if last == 0 else messages
    if json:
        print_json({"thread": thread, "messages": messages, "interrupts": questions, "last_run": run})
    elif on_terminal():
        _show_to_person(thread, messages)
        for name, value in actions_of(thread, questions, run):
            print_text("\n" + click.style(name, fg="yellow", bold=True) + "\n" + escape_block(value))
    else:
        for name, value in facts_of(thread).items():
            print_record(name, value)
        for name, value in actions_of(thread, questions, run, shown=format_inline):
            print_record(name, value)
        print_text()
        for message in messages:
            print_record(format_time(message.created_at), message.role, message.text, *_calls_of(message))


@click.command(epilog="Example: threads history - --json")
@click.argument("id", shell_complete=complete_thread_ids)
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def history(cli: CliContext, id: str, json: bool) -> None:
    """List a thread's checkpoints, the last first: places to fork from."""
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
    """What is known about a thread, by name; without what is not set."""
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
    shown: Callable[[Any], str] = format_value,
) -> list[tuple[str, str]]:
    """What a person has to act on, by name: open questions, a last run that failed, and the commands."""
    found = [("question", shown(each.value)) for each in questions]
    if len(questions) > 1:
        found = [("question", f"{each.id}  {shown(each.value)}") for each in questions]
    found += [("expected", form) for each in questions if (form := expected_answer(each))]
    if questions:
        found.append(("answer", resume_command(thread.id, questions)))
    if run is not None and run.status == "error":
        found.append(("failed", run.error or "the reason is not known"))
        found.append(("run", run.id))
        found.append(("retry", f"threads retry {shlex.quote(thread.id)}"))
    return found


def _show_to_person(thread: Thread, messages: tuple[Message, ...]) -> None:
    for name, value in facts_of(thread).items():
        print_text(click.style(f"{name:>9}  ", dim=True) + escape_line(value))
    for message in messages:
        said_at = message.created_at or datetime.now(UTC)
        when = f"  {said_at.astimezone():%Y-%m-%d %H:%M}" if message.created_at else ""
        colour = "cyan" if message.role == "user" else "green" if message.role == "assistant" else None
        print_text("\n" + click.style(message.role, fg=colour, bold=True) + click.style(when, dim=True))
        for call in _calls_of(message):
            print_text(escape_line(call), dim=True)
        if message.text:
            print_text(escape_block(message.text))


def _calls_of(message: Message) -> list[str]:
    return [f"calls {call.name} {dict(call.args)}" for call in message.tool_calls]
