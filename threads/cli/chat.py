"""Commands that run an agent in a thread: `send`, `resume`, `retry` and `chat`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from threads import Registry, Thread
from threads.cli.agent_loader import OFFLINE_DELAY
from threads.cli.answers import Answer, answer_for, given_answer, resolve_text
from threads.cli.completion import complete_id_then_text, complete_interrupt_ids, complete_thread_ids
from threads.cli.context import CliContext, common_options
from threads.cli.errors import AgentCliError
from threads.cli.interrupts import (
    TEXT_KINDS,
    answer_options,
    may_be_paused,
    pending_interrupts,
    print_interrupts,
    raise_no_interrupt,
    resume_command,
)
from threads.cli.output import print_note
from threads.cli.sanitize import checked_message
from threads.cli.thread_ref import resolve_thread

STDIN = "-"


@click.command(epilog='Example: threads send - "Where is order 1001?"')
@click.argument("words", metavar="(ID | --new) [TEXT]...", nargs=-1, shell_complete=complete_id_then_text)
@click.option("--new", "is_new", is_flag=True, help="Send it to a new thread, instead of one by ID.")
@click.option(
    "--answer/--message",
    "is_answer",
    default=None,
    help="TEXT answers the pending interrupt, or it is a new message, which discards the interrupt.",
)
@click.option(
    "--agent", "agent_id", metavar="ID", help="The agent that answers, instead of the thread's own."
)
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--agents", "--traceback")
@click.pass_obj
def send(
    cli: CliContext,
    words: tuple[str, ...],
    is_new: bool,
    is_answer: bool | None,
    agent_id: str | None,
    json: bool,
) -> None:
    """Send a message to a thread and print the answer.

    Without TEXT, or with - for it, the message is read from standard input. If the agent waits for an answer,
    a prompt asks whether TEXT is the answer or a new message; scripts pass --answer or --message.
    """
    if not words and not is_new:
        raise click.UsageError("an ID, - for the latest thread, or --new is required")
    if is_new and is_answer:
        raise click.UsageError("--answer: a new thread has no pending interrupt")
    text = _message(words if is_new else words[1:])
    with cli.open(create=is_new) as registry:
        thread = None if is_new else resolve_thread(registry, words[0])
        answer = None if thread is None else _resolve(registry, thread.id, text, is_answer)
        from threads.cli.chat_session import ChatSession

        with ChatSession(registry, cli.agents, agent_id) as session:
            thread = session.prepare(thread, for_message=answer is None)
            with _print_remedies(thread, registry, is_new):
                run = session.send(thread, text) if answer is None else session.resume(thread, answer)
                session.print_answer(run, json=json)
    if is_new and not json:
        print_note(f"thread {thread.id}")


@click.command(epilog="Example: threads resume - --no")
@click.argument("id", shell_complete=complete_thread_ids)
@click.option("--json", "json", metavar="VALUE", help="The answer is this JSON value.")
@click.option("--text", "text", metavar="TEXT", help="The answer is this text.")
@click.option("--yes", "yes", is_flag=True, help="The answer is yes: true in JSON.")
@click.option("--no", "no", is_flag=True, help="The answer is no: false in JSON.")
@click.option("--approve", "approve", is_flag=True, help="Approve the tool calls.")
@click.option(
    "--reject", "reject", metavar="REASON", help="Reject the tool calls; the model gets the reason."
)
@click.option("--edit", "edit", metavar="JSON", help="Approve with these arguments changed: a JSON object.")
@click.option("--respond", "respond", metavar="TEXT", help="Give the model TEXT as the tool's result.")
@click.option(
    "--question",
    metavar="ID",
    shell_complete=complete_interrupt_ids,
    help="The interrupt that is answered, if several are pending.",
)
@click.option(
    "--agent",
    "agent_id",
    metavar="ID",
    help="The agent that continues, instead of the one that was interrupted.",
)
@click.option("--as-json", "as_json", is_flag=True, help="Print the result as JSON.")
@common_options("--db", "--agents", "--traceback")
@click.pass_obj
def resume(
    cli: CliContext, /, id: str, question: str | None, agent_id: str | None, as_json: bool, **answer: Any
) -> None:
    """Answer the pending interrupt of a thread, and print the agent's answer.

    One option gives the answer; `threads show` shows the interrupt and the options that it takes. At a
    breakpoint the run continues without an answer.
    """
    given = given_answer(**answer)
    with cli.open() as registry:
        thread = resolve_thread(registry, id)
        questions = pending_interrupts(registry, thread.id)
        if not questions and (given or question or not may_be_paused(registry, thread.id)):
            raise_no_interrupt(registry, thread.id)
        if questions and given is None:
            print_interrupts(questions, resume_command(thread.id, questions))
            *options, last = answer_options(questions)
            raise click.UsageError(f"an answer is required: {', '.join(options)} or {last}")
        value = None if given is None else answer_for(thread.id, questions, given, question)
        from threads.cli.chat_session import ChatSession

        with ChatSession(registry, cli.agents, agent_id) as session, _print_remedies(thread, registry):
            session.print_answer(session.resume(thread, value), json=as_json)


@click.command(epilog="Example: threads retry -")
@click.argument("id", shell_complete=complete_thread_ids)
@click.option(
    "--agent", "agent_id", metavar="ID", help="The agent that answers, instead of the thread's own."
)
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--agents", "--traceback")
@click.pass_obj
def retry(cli: CliContext, id: str, agent_id: str | None, json: bool) -> None:
    """Continue a thread's failed last run where it failed, and print the answer.

    No message is sent a second time.
    """
    with cli.open() as registry:
        thread = resolve_thread(registry, id)
        from threads.cli.chat_session import ChatSession

        with ChatSession(registry, cli.agents, agent_id) as session, _print_remedies(thread, registry):
            session.print_answer(session.retry(session.prepare(thread)), json=json)


@click.command(epilog="Example: threads chat -")
@click.argument("id", required=False, shell_complete=complete_thread_ids)
@click.option(
    "--agent", "agent_id", metavar="ID", help="The agent that answers, instead of the thread's own."
)
@common_options("--db", "--agents", "--traceback")
@click.pass_obj
def chat(cli: CliContext, id: str | None, agent_id: str | None) -> None:
    """Chat in a thread, or in a new one; /help lists the commands.

    Ctrl+C stops an answer or discards the line being typed, Ctrl+D leaves. Lines from a pipe are messages
    too. If the agent waits for an answer, a prompt asks whether a line is one; /resume answers.
    """
    with cli.open(create=id is None) as registry:
        thread = None if id is None else resolve_thread(registry, id)
        from threads.cli.chat_session import ChatSession
        from threads.cli.repl import ChatLoop

        with ChatSession(registry, cli.agents, agent_id, offline_delay=OFFLINE_DELAY) as session:
            ChatLoop(registry, session, thread).run()


@contextmanager
def _print_remedies(thread: Thread, registry: Registry, is_new: bool = False) -> Iterator[None]:
    """Print how to continue the run if the agent fails, and the id of a new thread after any error.

    If it failed over an answer, the interrupt is still pending, and another answer can replace that one.
    """
    try:
        yield
    except BaseException as error:
        if is_new:
            print_note(f"thread {thread.id}")
        if isinstance(error, AgentCliError):
            if questions := pending_interrupts(registry, thread.id):
                print_interrupts(questions, f"another answer: {resume_command(thread.id, questions)}")
            print_note(f"threads retry {thread.id} continues where it failed")
        raise


def _resolve(registry: Registry, thread_id: str, text: str, is_answer: bool | None) -> Answer | None:
    """Return the answer that `text` is to the thread's interrupt; None for a message."""
    questions = pending_interrupts(registry, thread_id)
    if is_answer and not questions:
        raise_no_interrupt(registry, thread_id)
    takes_text = any(question.kind in TEXT_KINDS for question in questions)
    ways = (
        f"To answer: {resume_command(thread_id, questions)}"
        f"{', or add --answer if the text is the answer' * takes_text}. "
        "To send a new message, which discards the interrupt: add --message."
    )
    return resolve_text(thread_id, text, questions, ways, is_answer)


def _message(words: tuple[str, ...]) -> str:
    """Return the message in the arguments, or on stdin."""
    return checked_message(_read() if words in ((), (STDIN,)) else " ".join(words))


def _read() -> str:
    if sys.stdin.isatty():
        print_note("type the message; end it with Ctrl+D (on Windows Ctrl+Z and Enter)")
    return sys.stdin.read().removesuffix("\n")
