"""The loop of `threads chat`: a line is a message, a line with a slash tells the program something.

At a terminal an error is shown and the talk goes on; lines from a pipe end at the first error, so
that a script notices.
"""

from __future__ import annotations

import base64
import contextlib
import re
import sys
from collections.abc import Callable, Sequence

import click

from threads import Interrupt, Registry, Thread
from threads.cli.chat_session import ChatSession
from threads.cli.errors import cli_error_of
from threads.cli.interrupts import (
    ANSWER_OPTIONS,
    Answer,
    answer_for,
    answer_values,
    is_paused,
    last_run,
    pending_interrupts,
    print_interrupts,
    raise_no_interrupt,
    resolve_text,
)
from threads.cli.list_show import show_list
from threads.cli.output import on_terminal, print_note, print_text
from threads.cli.sanitize import checked_message, escape_block
from threads.cli.thread_ref import resolve_thread

RESUME_HELP = f"/resume ({ANSWER_OPTIONS})"
"""How an open question is answered here."""
RESUME_FORM = re.compile(
    r"(?:--question +(?P<id>\S+) +)?--(?P<form>yes|no|text|json)(?: (?P<value>.*))?", re.DOTALL
)
MAX_COPY = 74_994
"""Characters that terminals take at once for the clipboard."""


class ChatLoop:
    """A person (or a pipe), the thread they are in, and who answers.

    `thread` None: a new one, made at the first message.
    """

    def __init__(self, registry: Registry, talk: ChatSession, thread: Thread | None) -> None:
        self._registry = registry
        self._talk = talk
        self._thread = None if thread is None else talk.prepare(thread)
        self._title: str | None = None
        self._person = sys.stdin.isatty()
        self._going = True
        self._said_how_to_leave = False

    def run(self) -> None:
        """Until the person leaves or the lines end."""
        if self._person:
            with contextlib.suppress(ImportError):  # Windows has none: its console edits lines itself
                import readline  # noqa: F401
            self._greet()
        while self._going:
            try:
                line = self._next()
                if line is None:
                    break
                (self._patiently if self._person else self._take)(line)
            except KeyboardInterrupt:  # pressed at the prompt, or a moment after an answer had ended
                if not self._person:
                    raise
                self._drop()
        if self._thread is not None:
            print_note(f"to go on: threads chat {self._thread.id}")

    def _next(self) -> str | None:
        """The next line; None where there is none, or the person pressed Ctrl+D."""
        if not self._person:
            line = sys.stdin.readline()
            return line.rstrip("\r\n") if line else None
        try:
            return input("> ")
        except EOFError:
            print_text()
            return None

    def _drop(self) -> None:
        """Begin the line anew; how to leave is said once."""
        print_text()
        if not self._said_how_to_leave:
            self._said_how_to_leave = True
            print_note("(Ctrl+D or /quit leaves)")

    def _patiently(self, line: str) -> None:
        try:
            self._take(line)
        except KeyboardInterrupt:
            print_note("(stopped)")
        except Exception as error:
            fault = cli_error_of(error)
            if fault is None:
                raise
            print_note(f"Error: {fault.format_message()}")

    def _take(self, line: str) -> None:
        if not line.strip():
            return
        if not line.startswith("/"):
            self._say(line)
        elif line.startswith("//"):
            self._say(line[1:])
        else:
            word, _, rest = line.partition(" ")
            if word not in COMMANDS:
                raise click.UsageError(f"there is no {word}; see /help")
            COMMANDS[word][0](self, rest.strip())

    def _say(self, text: str) -> None:
        """Send a line; where a question is open it may be the answer, but not unless the person says so."""
        text = checked_message(text)
        try:
            answer = self._meaning(text)
        except (KeyboardInterrupt, EOFError):
            print_text()
            print_note("(nothing was sent)")
            return
        self._send(text) if answer is None else self._answer(answer)

    def _meaning(self, text: str) -> Answer | None:
        if self._thread is None:
            return None
        questions = pending_interrupts(self._registry, self._thread.id)
        ways = f"{RESUME_HELP} answers; /message TEXT sends a new message, which drops the question."
        return resolve_text(self._thread.id, text, questions, ways)

    def _send(self, text: str) -> None:
        if self._thread is None:
            self._thread = self._talk.prepare(None, title=self._title)
        self._talk.print_answer(self._talk.send(self._thread, text), how=RESUME_HELP)

    def _answer(self, answer: Answer | None) -> None:
        self._talk.print_answer(self._talk.resume(self._begun(), answer), how=RESUME_HELP)

    def _message(self, text: str) -> None:
        self._send(checked_message(text))

    def _resume(self, rest: str) -> None:
        thread_id = self._begun().id
        questions = pending_interrupts(self._registry, thread_id)
        given = RESUME_FORM.fullmatch(rest)
        if given is None and (rest or questions):
            print_interrupts(questions)
            raise click.UsageError(f"what is the answer? say {RESUME_HELP}")
        if not questions and (given or not is_paused(last_run(self._registry, thread_id))):
            raise_no_interrupt(self._registry, thread_id)
        self._answer(None if given is None else _answer_of(thread_id, questions, given))

    def _new(self, title: str) -> None:
        self._thread, self._title = None, title or None
        print_note("a new thread begins with your next message")

    def _switch(self, given: str) -> None:
        if not given:
            raise click.UsageError("which thread? say /switch ID")
        self._thread = self._talk.prepare(resolve_thread(self._registry, given))
        self._greet()

    def _rename(self, title: str) -> None:
        if not title:
            raise click.UsageError("which title? say /title TEXT")
        if self._thread is None:
            self._title = title
        else:
            self._thread = self._registry.update(self._thread.id, title=title)
        print_note(f"the title is {title}")

    def _begun(self) -> Thread:
        """The thread, where there is one already."""
        if self._thread is None:
            raise click.UsageError("nothing has been said yet")
        return self._thread

    def _undo(self, _rest: str) -> None:
        print_note(f"taken back: {self._registry.undo(self._begun().id).text}")

    def _retry(self, _rest: str) -> None:
        self._talk.print_answer(self._talk.regenerate_or_retry(self._begun()), how=RESUME_HELP)

    def _fork(self, _rest: str) -> None:
        self._thread = self._talk.prepare(self._registry.fork(self._begun().id))
        self._greet()

    def _copy(self, _rest: str) -> None:
        """Puts the last answer where a paste takes it from: the terminal is asked to (OSC 52)."""
        messages = self._registry.messages(self._begun().id)
        text = next(
            (each.text for each in reversed(messages) if each.role == "assistant" and each.text), None
        )
        if text is None:
            raise click.UsageError("there is no answer to copy")
        if not on_terminal():
            print_text(escape_block(text))
            return
        code = base64.b64encode(text.encode()).decode()
        if len(code) > MAX_COPY:
            raise click.UsageError("the answer is too long for a terminal to copy")
        print_text(f"\x1b]52;c;{code}\x07", end=False)
        print_note("copied")

    def _list(self, _rest: str) -> None:
        show_list(self._registry, self._registry.list())

    def _help(self, _rest: str) -> None:
        for word, (_, what) in COMMANDS.items():
            print_note(f"{word:9} {what}")
        print_note("//text    a message that begins with a slash")

    def _quit(self, _rest: str) -> None:
        self._going = False

    def _greet(self) -> None:
        where = "a new thread" if self._thread is None else f"{self._thread.title}, {self._thread.id}"
        print_note(f"{where} (/help for help, Ctrl+D to leave)")
        if self._thread is not None:
            print_interrupts(pending_interrupts(self._registry, self._thread.id), RESUME_HELP)


def _answer_of(thread_id: str, questions: Sequence[Interrupt], given: re.Match[str]) -> Answer:
    """The answer that follows /resume; `UsageError` where it is none."""
    form, value = given["form"], given["value"]
    if (form in ("yes", "no")) == bool(value):
        raise click.UsageError(f"/resume --{form} takes {'no value' if value else 'a value'}")
    [found] = answer_values(
        json=value if form == "json" else None,
        text=value if form == "text" else None,
        yes=form == "yes",
        no=form == "no",
    )
    return answer_for(thread_id, questions, found, given["id"])


COMMANDS: dict[str, tuple[Callable[[ChatLoop, str], None], str]] = {
    "/new": (ChatLoop._new, "begin a new thread; a title may follow"),
    "/switch": (ChatLoop._switch, "go on in another thread: /switch ID"),
    "/title": (ChatLoop._rename, "give this thread a title: /title TEXT"),
    "/resume": (ChatLoop._resume, "answer the open question: --yes, --no, --text TEXT, --json VALUE"),
    "/message": (ChatLoop._message, "send TEXT as a message, also where a question is open"),
    "/retry": (ChatLoop._retry, "answer your last message anew; the old answer stays reachable"),
    "/undo": (ChatLoop._undo, "take back your last message and its answer"),
    "/fork": (ChatLoop._fork, "go on in a copy of this thread"),
    "/copy": (ChatLoop._copy, "copy the last answer to the clipboard, where the terminal can"),
    "/list": (ChatLoop._list, "list the threads"),
    "/help": (ChatLoop._help, "this list"),
    "/quit": (ChatLoop._quit, "leave, as Ctrl+D does"),
}
