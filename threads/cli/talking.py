"""Speaking in threads: `send` one message, `retry` what failed, or `chat` on and on."""

from __future__ import annotations

import os
import sys

import click

from threads.cli.agents import OFFLINE_DELAY
from threads.cli.faults import AgentFailed
from threads.cli.finding import find
from threads.cli.offering import id_and_text, ids_beginning
from threads.cli.output import note
from threads.cli.session import Session, common
from threads.cli.text import spoken

STDIN = "-"


@click.command(epilog='Example: threads send - "Where is order 1001?"')
@click.argument("words", metavar="(ID | --new) [TEXT]...", nargs=-1, shell_complete=id_and_text)
@click.option("--new", "is_new", is_flag=True, help="In a new thread, instead of one by ID.")
@click.option("--agent", "agent_id", metavar="ID", help="Who answers, if not the thread's own agent.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common("--db", "--agents", "--traceback")
@click.pass_obj
def send(session: Session, words: tuple[str, ...], is_new: bool, agent_id: str | None, json: bool) -> None:
    """Send a message to a thread and print the answer.

    Without TEXT, or with - for it, the message is read from standard input.
    """
    if not words and not is_new:
        raise click.UsageError("which thread? say its ID, - for the latest, or --new")
    text = _message(words if is_new else words[1:])
    with session.open(create=is_new) as registry:
        thread = None if is_new else find(registry, words[0])
        from threads.cli.talk import Talk

        with Talk(registry, session.agents, agent_id) as talk:
            thread = talk.begin(thread)
            try:
                talk.hear(talk.say(thread, text), json=json)
            except BaseException as error:
                if is_new:  # or nobody could go on in it by its id
                    note(f"thread {thread.id}")
                if isinstance(error, AgentFailed):
                    note(f"threads retry {thread.id} goes on where it broke")
                raise
    if is_new and not json:
        note(f"thread {thread.id}")


@click.command(epilog="Example: threads retry -")
@click.argument("id", shell_complete=ids_beginning)
@click.option("--agent", "agent_id", metavar="ID", help="Who answers, if not the thread's own agent.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common("--db", "--agents", "--traceback")
@click.pass_obj
def retry(session: Session, id: str, agent_id: str | None, json: bool) -> None:
    """Go on with a thread's last run, which failed, where it broke, and print the answer.

    Nothing is said a second time.
    """
    with session.open() as registry:
        thread = find(registry, id)
        from threads.cli.talk import Talk

        with Talk(registry, session.agents, agent_id) as talk:
            talk.hear(talk.retry(talk.begin(thread)), json=json)


@click.command(epilog="Example: threads chat -")
@click.argument("id", required=False, shell_complete=ids_beginning)
@click.option("--agent", "agent_id", metavar="ID", help="Who answers, if not the thread's own agent.")
@common("--db", "--agents", "--traceback")
@click.pass_obj
def chat(session: Session, id: str | None, agent_id: str | None) -> None:
    """Talk in a thread, or in a new one; /help says what else can be typed.

    Ctrl+C stops an answer or drops the line that is being typed, Ctrl+D leaves. Lines from a pipe are
    messages too.
    """
    os.environ["THREADS_OFFLINE_DELAY"] = os.environ.get("THREADS_OFFLINE_DELAY") or OFFLINE_DELAY
    with session.open(create=id is None) as registry:
        thread = None if id is None else find(registry, id)
        from threads.cli.conversation import Conversation
        from threads.cli.talk import Talk

        with Talk(registry, session.agents, agent_id) as talk:
            Conversation(registry, talk, thread).run()


def _message(words: tuple[str, ...]) -> str:
    """The message in the arguments, or on stdin."""
    return spoken(_read() if words in ((), (STDIN,)) else " ".join(words))


def _read() -> str:
    if sys.stdin.isatty():
        note("type the message; end it with Ctrl+D (on Windows Ctrl+Z and Enter)")
    return sys.stdin.read().removesuffix("\n")
