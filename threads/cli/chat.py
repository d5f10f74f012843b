"""Speaking in threads: `send` a message, `resume` with an answer, `retry` what failed, or `chat`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from threads import Registry, Thread
from threads.cli.agent_loader import OFFLINE_DELAY
from threads.cli.completion_values import complete_id_then_text, complete_interrupt_ids, complete_thread_ids
from threads.cli.context import CliContext, common_options
from threads.cli.errors import AgentCliError
from threads.cli.interrupts import (
    Answer,
    answer_for,
    answer_values,
    is_paused,
    last_run,
    pending_interrupts,
    print_interrupts,
    raise_no_interrupt,
    resolve_text,
    resume_command,
)
from threads.cli.output import print_note
from threads.cli.sanitize import checked_message
from threads.cli.thread_ref import resolve_thread

STDIN = "-"


@click.command(epilog='Example: threads send - "Where is order 1001?"')
@click.argument("words", metavar="(ID | --new) [TEXT]...", nargs=-1, shell_complete=complete_id_then_text)
@click.option("--new", "is_new", is_flag=True, help="In a new thread, instead of one by ID.")
@click.option(
    "--answer/--message",
    "is_answer",
    default=None,
    help="TEXT answers the open question, as a text; or it is a new message, which drops the question.",
)
@click.option("--agent", "agent_id", metavar="ID", help="Who answers, if not the thread's own agent.")
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

    Without TEXT, or with - for it, the message is read from standard input. Where the agent waits for an
    answer you are asked which of the two TEXT is; a script says so by --answer or --message.
    """
    if not words and not is_new:
        raise click.UsageError("which thread? say its ID, - for the latest, or --new")
    if is_new and is_answer:
        raise click.UsageError("--answer: a new thread has no open question")
    text = _message(words if is_new else words[1:])
    with cli.open(create=is_new) as registry:
        thread = None if is_new else resolve_thread(registry, words[0])
        answer = None if thread is None else _meaning(registry, thread.id, text, is_answer)
        from threads.cli.chat_session import ChatSession

        with ChatSession(registry, cli.agents, agent_id) as talk:
            thread = talk.prepare(thread)
            with _retry_named(thread, registry, is_new):
                run = talk.send(thread, text) if answer is None else talk.resume(thread, answer)
                talk.print_answer(run, json=json)
    if is_new and not json:
        print_note(f"thread {thread.id}")


@click.command(epilog="Example: threads resume - --no")
@click.argument("id", shell_complete=complete_thread_ids)
@click.option("--json", "json", metavar="VALUE", help="The answer is this JSON value.")
@click.option("--text", "text", metavar="TEXT", help="The answer is this text.")
@click.option("--yes", "yes", is_flag=True, help="The answer is yes: true in JSON.")
@click.option("--no", "no", is_flag=True, help="The answer is no: false in JSON.")
@click.option(
    "--question",
    metavar="ID",
    shell_complete=complete_interrupt_ids,
    help="Which question, if several are open.",
)
@click.option("--agent", "agent_id", metavar="ID", help="Who goes on, if not the agent that asked.")
@click.option("--as-json", "as_json", is_flag=True, help="Print the result as JSON.")
@common_options("--db", "--agents", "--traceback")
@click.pass_obj
def resume(
    cli: CliContext, /, id: str, question: str | None, agent_id: str | None, as_json: bool, **answer: Any
) -> None:
    """Answer the open question of a thread, and print what the agent says then.

    One of --yes, --no, --text and --json gives the answer. At a breakpoint, which asks nothing, the run
    continues without one.
    """
    values = answer_values(**answer)
    with cli.open() as registry:
        thread = resolve_thread(registry, id)
        questions = pending_interrupts(registry, thread.id)
        if not questions and (values or question or not is_paused(last_run(registry, thread.id))):
            raise_no_interrupt(registry, thread.id)
        if questions and not values:
            print_interrupts(questions, resume_command(thread.id, questions))
            raise click.UsageError("what is the answer? say one of --yes, --no, --text TEXT, --json VALUE")
        value = answer_for(thread.id, questions, values[0], question) if questions else None
        from threads.cli.chat_session import ChatSession

        with ChatSession(registry, cli.agents, agent_id) as talk, _retry_named(thread, registry):
            talk.print_answer(talk.resume(thread, value), json=as_json)


@click.command(epilog="Example: threads retry -")
@click.argument("id", shell_complete=complete_thread_ids)
@click.option("--agent", "agent_id", metavar="ID", help="Who answers, if not the thread's own agent.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--agents", "--traceback")
@click.pass_obj
def retry(cli: CliContext, id: str, agent_id: str | None, json: bool) -> None:
    """Go on with a thread's last run, which failed, where it broke, and print the answer.

    Nothing is said a second time.
    """
    with cli.open() as registry:
        thread = resolve_thread(registry, id)
        from threads.cli.chat_session import ChatSession

        with ChatSession(registry, cli.agents, agent_id) as talk, _retry_named(thread, registry):
            talk.print_answer(talk.retry(talk.prepare(thread)), json=json)


@click.command(epilog="Example: threads chat -")
@click.argument("id", required=False, shell_complete=complete_thread_ids)
@click.option("--agent", "agent_id", metavar="ID", help="Who answers, if not the thread's own agent.")
@common_options("--db", "--agents", "--traceback")
@click.pass_obj
def chat(cli: CliContext, id: str | None, agent_id: str | None) -> None:
    """Talk in a thread, or in a new one; /help says what else can be typed.

    Ctrl+C stops an answer or drops the line that is being typed, Ctrl+D leaves. Lines from a pipe are
    messages too. Where the agent waits for an answer, you are asked whether a line is one; /resume answers.
    """
    with cli.open(create=id is None) as registry:
        thread = None if id is None else resolve_thread(registry, id)
        from threads.cli.chat_session import ChatSession
        from threads.cli.repl import ChatLoop

        with ChatSession(registry, cli.agents, agent_id, offline_delay=OFFLINE_DELAY) as talk:
            ChatLoop(registry, talk, thread).run()


@contextmanager
def _retry_named(thread: Thread, registry: Registry, is_new: bool = False) -> Iterator[None]:
    """Where the agent fails, say how the run is continued; and the id of a new thread, whatever happens.

    Where it failed over an answer, the question is still open: another answer can take its place.
    """
    try:
        yield
    except BaseException as error:
        if is_new:
            print_note(f"thread {thread.id}")
        if isinstance(error, AgentCliError):
            if questions := pending_interrupts(registry, thread.id):
                print_interrupts(questions, f"another answer: {resume_command(thread.id, questions)}")
            print_note(f"threads retry {thread.id} goes on where it broke")
        raise


def _meaning(registry: Registry, thread_id: str, text: str, is_answer: bool | None) -> Answer | None:
    """Whether `text` answers the thread's open question, and how; None for a message."""
    questions = pending_interrupts(registry, thread_id)
    if is_answer and not questions:
        raise_no_interrupt(registry, thread_id)
    ways = (
        f"To answer: {resume_command(thread_id, questions)}, or add --answer if the text is the answer. "
        "To send a new message, which drops the question: add --message."
    )
    return resolve_text(thread_id, text, questions, ways, is_answer)


def _message(words: tuple[str, ...]) -> str:
    """The message in the arguments, or on stdin."""
    return checked_message(_read() if words in ((), (STDIN,)) else " ".join(words))


def _read() -> str:
    if sys.stdin.isatty():
        print_note("type the message; end it with Ctrl+D (on Windows Ctrl+Z and Enter)")
    return sys.stdin.read().removesuffix("\n")
