"""Looking: `ls`, `show` and `history`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

import click

from threads import Interrupt, Message, Page, Registry, RunInfo, Thread
from threads.cli.completion_values import ids_beginning
from threads.cli.context import Session, common
from threads.cli.interrupts import expected, how_to_answer, in_one_line, last_run, open_questions, rendered
from threads.cli.options import filtered, filters, paged
from threads.cli.output import as_json, count_of, flags_of, line, note, on_terminal, say
from threads.cli.sanitize import block, field, instant
from threads.cli.thread_ref import find
from threads.db.errors import stray_log
from threads.models import SortBy

ASCENDING = ("title", "thread_id")
"""Orders that people read from A to Z."""


@click.command(epilog="Example: threads ls --tag vip --since 7d --sort title")
@filtered
@click.option(
    "--sort", "sort_by", type=click.Choice(get_args(SortBy)), default="updated_at", show_default=True
)
@click.option(
    "--asc/--desc", "ascending", default=None, help="The direction; names go from A to Z otherwise."
)
@paged
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common("--db", "--traceback")
@click.pass_obj
def ls(session: Session, /, json: bool, ascending: bool | None, count: bool, **asked: Any) -> None:
    """List the threads, newest activity first.

    On a terminal a table; otherwise a line each, with tabs between id, title, messages, last
    activity, agent and preview.
    """
    if ascending is None:
        ascending = asked["sort_by"] in ASCENDING
    with session.look() as registry:
        page = registry.list(**filters(asked), sort_order="asc" if ascending else "desc")
        if json:
            as_json({"threads": page.items, "next_cursor": page.next_cursor} | counted(page, count))
        else:
            show_list(registry, page)
            tell_count(page, count)
    if session.had_log and session.path is not None and not page:
        note(stray_log(str(session.path)))


def show_list(registry: Registry, page: Page[Thread]) -> None:
    """A page of threads, for people or for programs; what goes on after it is said on stderr."""
    if on_terminal() and page:
        from threads.cli.tables import draw

        draw(registry, page)
    elif page:
        for thread in page:
            when, agent = instant(thread.updated_at), thread.agent_id or ""
            line(thread.id, thread.title, count_of(thread), when, agent, thread.last_message or "")
    else:
        note("no threads here")
    if page.next_cursor:
        note(f"there are more: add --cursor {page.next_cursor}")


def counted(page: Page[Any], asked: bool) -> dict[str, int]:
    """How many there are on all pages, where it was asked for, as it stands in JSON."""
    return {"total": page.total} if asked else {}


def tell_count(page: Page[Any], asked: bool) -> None:
    """The same for people, on stderr."""
    for count in counted(page, asked).values():
        note(f"{count} in all")


@click.command(epilog="Example: threads show - -n 10")
@click.argument("id", shell_complete=ids_beginning)
@click.option("-n", "--last", type=click.IntRange(0), metavar="N", help="Only the last N messages.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common("--db", "--traceback")
@click.pass_obj
def show(session: Session, id: str, last: int | None, json: bool) -> None:
    """Show a thread: what is known about it, its messages, an open question, and why its last run failed."""
    with session.look() as registry:
        thread = find(registry, id)
        messages = registry.messages(thread.id, limit=last or None).items
        questions, run = open_questions(registry, thread.id), last_run(registry, thread.id)
    messages = () if last == 0 else messages
    if json:
        as_json({"thread": thread, "messages": messages, "interrupts": questions, "last_run": run})
    elif on_terminal():
        _show_to_person(thread, messages)
        for name, value in open_matters(thread, questions, run):
            say("\n" + click.style(name, fg="yellow", bold=True) + "\n" + block(value))
    else:
        for name, value in facts_of(thread).items():
            line(name, value)
        for name, value in open_matters(thread, questions, run, shown=in_one_line):
            line(name, value)
        say()
        for message in messages:
            line(instant(message.created_at), message.role, message.text, *_calls_of(message))


@click.command(epilog="Example: threads history - --json")
@click.argument("id", shell_complete=ids_beginning)
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common("--db", "--traceback")
@click.pass_obj
def history(session: Session, id: str, json: bool) -> None:
    """List a thread's checkpoints, the last first: places to fork from."""
    with session.look() as registry:
        found = registry.history(find(registry, id).id)
    if json:
        as_json({"checkpoints": found.items})
        return
    for each in found:
        line(each.id, instant(each.created_at), each.source or "", "" if each.step is None else each.step)


def facts_of(thread: Thread) -> dict[str, str]:
    """What is known about a thread, by name; without what is not set."""
    facts = {
        "id": thread.id,
        "title": thread.title,
        "agent": thread.agent_id or "",
        "owner": thread.owner or "",
        "tags": ", ".join(thread.tags),
        "marks": ", ".join(flags_of(thread)),
        "messages": count_of(thread),
        "created": instant(thread.created_at),
        "updated": instant(thread.updated_at),
        "metadata": ", ".join(f"{key}={value}" for key, value in thread.metadata.items()),
    }
    return {name: value for name, value in facts.items() if value}


def open_matters(
    thread: Thread,
    questions: Sequence[Interrupt],
    run: RunInfo | None,
    shown: Callable[[Any], str] = rendered,
) -> list[tuple[str, str]]:
    """What a person has to act on, by name: open questions, a last run that failed, and the commands."""
    found = [("question", shown(each.value)) for each in questions]
    if len(questions) > 1:
        found = [("question", f"{each.id}  {shown(each.value)}") for each in questions]
    found += [("expected", form) for each in questions if (form := expected(each))]
    if questions:
        found.append(("answer", how_to_answer(thread.id, questions)))
    if run is not None and run.status == "error":
        found.append(("failed", run.error or "the reason is not known"))
        found.append(("run", run.id))
        found.append(("retry", f"threads retry {shlex.quote(thread.id)}"))
    return found


def _show_to_person(thread: Thread, messages: tuple[Message, ...]) -> None:
    for name, value in facts_of(thread).items():
        say(click.style(f"{name:>9}  ", dim=True) + field(value))
    for message in messages:
        said_at = message.created_at or datetime.now(UTC)
        when = f"  {said_at.astimezone():%Y-%m-%d %H:%M}" if message.created_at else ""
        colour = "cyan" if message.role == "user" else "green" if message.role == "assistant" else None
        say("\n" + click.style(message.role, fg=colour, bold=True) + click.style(when, dim=True))
        for call in _calls_of(message):
            say(field(call), dim=True)
        if message.text:
            say(block(message.text))


def _calls_of(message: Message) -> list[str]:
    return [f"calls {call.name} {dict(call.args)}" for call in message.tool_calls]
