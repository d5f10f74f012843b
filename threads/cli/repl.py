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
from threads.cli.chat_session import Talk
from threads.cli.errors import fault_of
from threads.cli.interrupts import (
    FORMS,
    Answer,
    by_question,
    given_values,
    is_paused,
    last_run,
    meaning,
    no_question,
    open_questions,
    show_questions,
)
from threads.cli.list_show import show_list
from threads.cli.output import note, on_terminal, say
from threads.cli.sanitize import block, spoken
from threads.cli.thread_ref import find

HOW = f"/resume ({FORMS})"
"""How an open question is answered here."""
ANSWER = re.compile(
    r"(?:--question +(?P<id>\S+) +)?--(?P<form>yes|no|text|json)(?: (?P<value>.*))?", re.DOTALL
)
MOST_COPIED = 74_994
"""Characters that terminals take at once for the clipboard."""


class Conversation:
    """A person (or a pipe), the thread they are in, and who answers.

    `thread` None: a new one, made at the first message.
    """

    def __init__(self, registry: Registry, talk: Talk, thread: Thread | None) -> None:
        self._registry = registry
        self._talk = talk
        self._thread = None if thread is None else talk.begin(thread)
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
            note(f"to go on: threads chat {self._thread.id}")

    def _next(self) -> str | None:
        """The next line; None where there is none, or the person pressed Ctrl+D."""
        if not self._person:
            line = sys.stdin.readline()
            return line.rstrip("\r\n") if line else None
        try:
            return input("> ")
        except EOFError:
            say()
            return None

    def _drop(self) -> None:
        """Begin the line anew; how to leave is said once."""
        say()
        if not self._said_how_to_leave:
            self._said_how_to_leave = True
            note("(Ctrl+D or /quit leaves)")

    def _patiently(self, line: str) -> None:
        try:
            self._take(line)
        except KeyboardInterrupt:
            note("(stopped)")
        except Exception as error:
            fault = fault_of(error)
            if fault is None:
                raise
            note(f"Error: {fault.format_message()}")

    def _take(self, line: str) -> None:
        if not line.strip():
            return
        if not line.startswith("/"):
            self._say(line)
        elif line.startswith("//"):
            self._say(line[1:])
        else:
            word, _, rest = line.partition(" ")
            if word not in WORDS:
                raise click.UsageError(f"there is no {word}; see /help")
            WORDS[word][0](self, rest.strip())

    def _say(self, text: str) -> None:
        """Send a line; where a question is open it may be the answer, but not unless the person says so."""
        text = spoken(text)
        try:
            answer = self._meaning(text)
        except (KeyboardInterrupt, EOFError):
            say()
            note("(nothing was sent)")
            return
        self._send(text) if answer is None else self._answer(answer)

    def _meaning(self, text: str) -> Answer | None:
        if self._thread is None:
            return None
        questions = open_questions(self._registry, self._thread.id)
        ways = f"{HOW} answers; /message TEXT sends a new message, which drops the question."
        return meaning(self._thread.id, text, questions, ways)

    def _send(self, text: str) -> None:
        if self._thread is None:
            self._thread = self._talk.begin(None, title=self._title)
        self._talk.hear(self._talk.say(self._thread, text), how=HOW)

    def _answer(self, answer: Answer | None) -> None:
        self._talk.hear(self._talk.resume(self._begun(), answer), how=HOW)

    def _message(self, text: str) -> None:
        self._send(spoken(text))

    def _resume(self, rest: str) -> None:
        thread_id = self._begun().id
        questions = open_questions(self._registry, thread_id)
        given = ANSWER.fullmatch(rest)
        if given is None and (rest or questions):
            show_questions(questions)
            raise click.UsageError(f"what is the answer? say {HOW}")
        if not questions and (given or not is_paused(last_run(self._registry, thread_id))):
            no_question(self._registry, thread_id)
        self._answer(None if given is None else _answer_of(thread_id, questions, given))

    def _new(self, title: str) -> None:
        self._thread, self._title = None, title or None
        note("a new thread begins with your next message")

    def _switch(self, given: str) -> None:
        if not given:
            raise click.UsageError("which thread? say /switch ID")
        self._thread = self._talk.begin(find(self._registry, given))
        self._greet()

    def _rename(self, title: str) -> None:
        if not title:
            raise click.UsageError("which title? say /title TEXT")
        if self._thread is None:
            self._title = title
        else:
            self._thread = self._registry.update(self._thread.id, title=title)
        note(f"the title is {title}")

    def _begun(self) -> Thread:
        """The thread, where there is one already."""
        if self._thread is None:
            raise click.UsageError("nothing has been said yet")
        return self._thread

    def _undo(self, _rest: str) -> None:
        note(f"taken back: {self._registry.undo(self._begun().id).text}")

    def _retry(self, _rest: str) -> None:
        self._talk.hear(self._talk.again(self._begun()), how=HOW)

    def _fork(self, _rest: str) -> None:
        self._thread = self._talk.begin(self._registry.fork(self._begun().id))
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
            say(block(text))
            return
        code = base64.b64encode(text.encode()).decode()
        if len(code) > MOST_COPIED:
            raise click.UsageError("the answer is too long for a terminal to copy")
        say(f"\x1b]52;c;{code}\x07", end=False)
        note("copied")

    def _list(self, _rest: str) -> None:
        show_list(self._registry, self._registry.list())

    def _help(self, _rest: str) -> None:
        for word, (_, what) in WORDS.items():
            note(f"{word:9} {what}")
        note("//text    a message that begins with a slash")

    def _quit(self, _rest: str) -> None:
        self._going = False

    def _greet(self) -> None:
        where = "a new thread" if self._thread is None else f"{self._thread.title}, {self._thread.id}"
        note(f"{where} (/help for help, Ctrl+D to leave)")
        if self._thread is not None:
            show_questions(open_questions(self._registry, self._thread.id), HOW)


def _answer_of(thread_id: str, questions: Sequence[Interrupt], given: re.Match[str]) -> Answer:
    """The answer that follows /resume; `UsageError` where it is none."""
    form, value = given["form"], given["value"]
    if (form in ("yes", "no")) == bool(value):
        raise click.UsageError(f"/resume --{form} takes {'no value' if value else 'a value'}")
    [found] = given_values(
        json=value if form == "json" else None,
        text=value if form == "text" else None,
        yes=form == "yes",
        no=form == "no",
    )
    return by_question(thread_id, questions, found, given["id"])


WORDS: dict[str, tuple[Callable[[Conversation, str], None], str]] = {
    "/new": (Conversation._new, "begin a new thread; a title may follow"),
    "/switch": (Conversation._switch, "go on in another thread: /switch ID"),
    "/title": (Conversation._rename, "give this thread a title: /title TEXT"),
    "/resume": (Conversation._resume, "answer the open question: --yes, --no, --text TEXT, --json VALUE"),
    "/message": (Conversation._message, "send TEXT as a message, also where a question is open"),
    "/retry": (Conversation._retry, "answer your last message anew; the old answer stays reachable"),
    "/undo": (Conversation._undo, "take back your last message and its answer"),
    "/fork": (Conversation._fork, "go on in a copy of this thread"),
    "/copy": (Conversation._copy, "copy the last answer to the clipboard, where the terminal can"),
    "/list": (Conversation._list, "list the threads"),
    "/help": (Conversation._help, "this list"),
    "/quit": (Conversation._quit, "leave, as Ctrl+D does"),
}
