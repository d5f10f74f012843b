"""The loop of `threads chat`: a line is a message, a line that begins with a slash is a command.

At a terminal an error is printed and the loop continues; with lines from a pipe the first error ends it, so
that a script notices.
"""

from __future__ import annotations

import base64
import contextlib
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from threads import Interrupt, Registry, Thread
from threads.cli.answers import Answer, answer_for, given_answer, resolve_text
from threads.cli.chat_session import ChatSession
from threads.cli.errors import cli_error_of
from threads.cli.interrupts import (
    is_at_breakpoint,
    pending_interrupts,
    print_interrupts,
    raise_no_interrupt,
    resume_command,
    waiting_for,
)
from threads.cli.list_show import show_list
from threads.cli.output import on_terminal, print_note, print_text
from threads.cli.sanitize import checked_message, escape_block
from threads.cli.thread_ref import resolve_thread

RESUME = "/resume"
"""The command that answers a pending interrupt here."""
RESUME_FORM = re.compile(
    r"(?:--question +(?P<id>\S+) +)?"
    r"--(?P<form>yes|no|approve|text|json|reject|edit|respond)(?: (?P<value>.*))?",
    re.DOTALL,
)
MAX_COPY = 74_994
"""Characters of base64 that terminals accept at once for the clipboard."""


class ChatLoop:
    """Reads lines from a terminal or a pipe, and sends them to a thread.

    `thread` None: a new one, created at the first message.
    """

    def __init__(self, registry: Registry, session: ChatSession, thread: Thread | None) -> None:
        self._registry = registry
        self._session = session
        self._thread = None if thread is None else session.prepare(thread)
        self._title: str | None = None
        self._is_terminal = sys.stdin.isatty()
        self._is_running = True
        self._has_shown_exit_hint = False

    def run(self) -> None:
        """Run until the user leaves or the lines end."""
        if self._is_terminal:
            with contextlib.suppress(ImportError):  # Windows has none: its console edits lines itself
                import readline  # noqa: F401
            self._greet()
        while self._is_running:
            try:
                line = self._read_line()
                if line is None:
                    break
                (self._handle_at_terminal if self._is_terminal else self._handle)(line)
            except KeyboardInterrupt:  # pressed at the prompt, or right after an answer ended
                if not self._is_terminal:
                    raise
                self._discard_line()
        if self._thread is not None:
            print_note(f"to continue: threads chat {self._thread.id}")

    def _read_line(self) -> str | None:
        """Return the next line; None at the end, or if the user pressed Ctrl+D."""
        if not self._is_terminal:
            line = sys.stdin.readline()
            return line.rstrip("\r\n") if line else None
        try:
            return input("> ")
        except EOFError:
            print_text()
            return None

    def _discard_line(self) -> None:
        """Start a new line; print how to leave, once."""
        print_text()
        if not self._has_shown_exit_hint:
            self._has_shown_exit_hint = True
            print_note("(Ctrl+D or /quit leaves)")

    def _handle_at_terminal(self, line: str) -> None:
        try:
            self._handle(line)
        except KeyboardInterrupt:
            print_note("(stopped)")
        except Exception as error:
            shown = cli_error_of(error)
            if shown is None:
                raise
            print_note(f"Error: {shown.format_message()}")

    def _handle(self, line: str) -> None:
        if not line.strip():
            return
        if not line.startswith("/"):
            self._send_line(line)
        elif line.startswith("//"):
            self._send_line(line[1:])
        else:
            word, _, rest = line.partition(" ")
            if word not in COMMANDS:
                raise click.UsageError(f"there is no command {word}; see /help")
            COMMANDS[word][0](self, rest.strip())

    def _send_line(self, text: str) -> None:
        """Send a line as a message, or as the answer of a pending interrupt if the user says so."""
        text = checked_message(text)
        try:
            answer = self._resolve(text)
        except (KeyboardInterrupt, EOFError):
            print_text()
            print_note("(nothing was sent)")
            return
        self._send(text) if answer is None else self._answer(answer)

    def _resolve(self, text: str) -> Answer | None:
        if self._thread is None:
            return None
        questions = pending_interrupts(self._registry, self._thread.id)
        ways = f"{_how(questions)} answers; /message TEXT sends a new message, which discards the interrupt."
        return resolve_text(self._thread.id, text, questions, ways)

    def _send(self, text: str) -> None:
        if self._thread is None:
            self._thread = self._session.prepare(None, title=self._title, for_message=True)
        self._session.print_answer(self._session.send(self._thread, text), command=RESUME)

    def _answer(self, answer: Answer | None) -> None:
        self._session.print_answer(self._session.resume(self._current_thread(), answer), command=RESUME)

    def _message(self, text: str) -> None:
        self._send(checked_message(text))

    def _resume(self, rest: str) -> None:
        thread_id = self._current_thread().id
        questions = pending_interrupts(self._registry, thread_id)
        given = RESUME_FORM.fullmatch(rest)
        if given is None and (rest or questions):
            print_interrupts(questions)
            raise click.UsageError(f"an answer is required: {_how(questions)}")
        if not questions and (given or not is_at_breakpoint(self._registry, thread_id)):
            raise_no_interrupt(self._registry, thread_id)
        self._answer(None if given is None else _parse_answer(thread_id, questions, given))

    def _new(self, title: str) -> None:
        self._thread, self._title = None, title or None
        print_note("your next message starts a new thread")

    def _switch(self, given: str) -> None:
        if not given:
            raise click.UsageError("an ID is required: /switch ID")
        self._thread = self._session.prepare(resolve_thread(self._registry, given))
        self._greet()

    def _rename(self, title: str) -> None:
        if not title:
            raise click.UsageError("a title is required: /title TEXT")
        if self._thread is None:
            self._title = title
        else:
            self._thread = self._registry.update(self._thread.id, title=title)
        print_note(f"the title is {title}")

    def _current_thread(self) -> Thread:
        """Return the thread. Raises `UsageError` before the first message."""
        if self._thread is None:
            raise click.UsageError("there are no messages yet")
        return self._thread

    def _undo(self, _rest: str) -> None:
        print_note(f"undone: {self._registry.undo(self._current_thread().id).text}")

    def _retry(self, _rest: str) -> None:
        self._session.print_answer(self._session.regenerate_or_retry(self._current_thread()), command=RESUME)

    def _fork(self, _rest: str) -> None:
        self._thread = self._session.prepare(self._registry.fork(self._current_thread().id))
        self._greet()

    def _copy(self, _rest: str) -> None:
        """Copy the last answer to the clipboard by the terminal's escape sequence (OSC 52)."""
        messages = self._registry.messages(self._current_thread().id)
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

    def _print_list(self, _rest: str) -> None:
        show_list(self._registry, self._registry.list())

    def _help(self, _rest: str) -> None:
        for word, (_, what) in COMMANDS.items():
            print_note(f"{word:9} {what}")
        print_note("//text    send a message that begins with a slash")

    def _quit(self, _rest: str) -> None:
        self._is_running = False

    def _greet(self) -> None:
        where = "a new thread" if self._thread is None else f"{self._thread.title}, {self._thread.id}"
        print_note(f"{where} (/help for help, Ctrl+D to leave)")
        if self._thread is not None:
            questions = waiting_for(self._registry, self._thread.id)
            print_interrupts(questions, _how(questions))


def _how(questions: Sequence[Interrupt]) -> str:
    """Return how these interrupts are answered here."""
    return resume_command("", questions, RESUME, with_id=False)


def _parse_answer(thread_id: str, questions: Sequence[Interrupt], given: re.Match[str]) -> Answer:
    """Parse the answer after /resume. Raises `UsageError`, `InvalidValue`."""
    form, value = given["form"], given["value"]
    is_flag = form in ("yes", "no", "approve")
    if is_flag == bool(value):
        raise click.UsageError(f"/resume --{form} takes {'no value' if value else 'a value'}")
    options: dict[str, Any] = {form: True if is_flag else value}
    found = given_answer(**options)
    assert found is not None
    return answer_for(thread_id, questions, found, given["id"])


COMMANDS: dict[str, tuple[Callable[[ChatLoop, str], None], str]] = {
    "/new": (ChatLoop._new, "start a new thread: /new [TITLE]"),
    "/switch": (ChatLoop._switch, "continue in another thread: /switch ID"),
    "/title": (ChatLoop._rename, "set the title of this thread: /title TEXT"),
    "/resume": (ChatLoop._resume, "answer the pending interrupt; without an answer it shows the ways"),
    "/message": (ChatLoop._message, "send TEXT as a message, even if an interrupt is pending"),
    "/retry": (ChatLoop._retry, "answer your last message again; the old answer stays on its branch"),
    "/undo": (ChatLoop._undo, "undo your last message and its answer"),
    "/fork": (ChatLoop._fork, "continue in a copy of this thread"),
    "/copy": (ChatLoop._copy, "copy the last answer to the clipboard, if the terminal supports it"),
    "/list": (ChatLoop._print_list, "list the threads"),
    "/help": (ChatLoop._help, "list the commands"),
    "/quit": (ChatLoop._quit, "leave, like Ctrl+D"),
}
