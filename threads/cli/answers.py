"""Answers at the command line, from options and texts; checked before an agent is loaded.

A text becomes an answer only where the interrupt is a text, and only if the user confirms it at a prompt or a
script passes an option: as a text, `no` would count as true in the `if interrupt(...)` of a graph.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn

import click

from threads import Interrupt
from threads.cli.interrupts import (
    DECISION_OPTIONS,
    TEXT_KINDS,
    answer_options,
    describe_inline,
    fits,
    print_interrupts,
    resume_command,
)
from threads.cli.output import print_text
from threads.cli.sanitize import checked_text, escape_block

NEGATIVE = {"no", "n", "nope", "false", "off", "none", "null", "0"}
"""Texts that mean no but count as true in Python."""

Answer = Mapping[str, Any]
"""Values by the ids of the interrupts that they answer."""


class GivenAnswer(NamedTuple):
    """An answer as the options give it."""

    option: str
    """Without its dashes."""
    value: Any = None

    def to(self, question: Interrupt) -> Any:
        """Return the value that answers this interrupt. Raises `UsageError`, `InvalidValue`."""
        if self.option not in DECISION_OPTIONS:
            if question.kind == "approval" and self.option != "json":
                raise click.UsageError(f"This interrupt needs {_decision_options(question)}.")
            return self.value
        if question.kind != "approval":
            raise click.UsageError(
                f"--{self.option} decides about tool calls, and the agent asks about none. "
                f"Answer with {' | '.join(answer_options([question]))}."
            )
        request = question.approval_request
        if self.option == "edit" and request is not None and len(request.actions) != 1:
            raise click.UsageError(
                f"--edit changes one call; {len(request.actions)} are pending. "
                "Pass one decision per call with --json."
            )
        decide: dict[str, Callable[[], Any]] = {
            "approve": question.approve,
            "edit": lambda: question.edit(self.value),
            "reject": lambda: question.reject(self.value),
            "respond": lambda: question.respond(self.value),
        }
        return decide[self.option]()


def _decision_options(question: Interrupt) -> str:
    """Return the options that decide about these tool calls, in words."""
    *others, last = [option.partition(" ")[0] for option in answer_options([question])]
    options = others if last == "--json" and others else [*others, last]
    *first, final = options
    return f"{', '.join(first)} or {final}" if first else final


def given_answer(
    *,
    yes: bool = False,
    no: bool = False,
    approve: bool = False,
    json: str | None = None,
    text: str | None = None,
    reject: str | None = None,
    edit: str | None = None,
    respond: str | None = None,
) -> GivenAnswer | None:
    """Return the answer of these options, None if there is none. Raises `UsageError` for several."""
    given = [GivenAnswer("yes", True)] * yes + [GivenAnswer("no", False)] * no
    given += [GivenAnswer("approve")] * approve
    texts = {"text": text, "reject": reject, "respond": respond}
    given += [GivenAnswer(k, checked_text(f"--{k}", each)) for k, each in texts.items() if each is not None]
    given += [GivenAnswer(k, parse_json(each, f"--{k}")) for k, each in (("json", json), ("edit", edit))
              if each is not None]  # fmt: skip
    if len(given) > 1:
        raise click.UsageError(
            f"give one answer only, not {' and '.join(f'--{each.option}' for each in given)}"
        )
    if given and given[0].option == "edit" and not isinstance(given[0].value, dict):
        raise click.UsageError("--edit: the arguments that change are required, as a JSON object")
    return given[0] if given else None


def parse_json(text: str, option: str = "--json") -> Any:
    """Parse the value of an option. Raises `UsageError` with the position of the error."""
    try:
        return json.loads(checked_text(option, text), parse_constant=_reject_constant)
    except RecursionError:
        raise click.UsageError(f"{option}: the value is nested too deeply") from None
    except ValueError as error:
        is_text = option == "--json" and text.strip()
        hint = f"; to answer with this text, use --text {shlex.quote(text)}" if is_text else ""
        raise click.UsageError(f"{option}: {text!r} is not JSON: {error}{hint}") from None


def answer_for(
    thread_id: str, questions: Sequence[Interrupt], given: GivenAnswer, id: str | None = None
) -> Answer:
    """Return the answer by its interrupt's id.

    Raises `UsageError` if the interrupt is ambiguous, and `InvalidValue` if it takes no such answer.
    """
    by_id = {question.id: question for question in questions}
    value = given.value if given.option == "json" and id is None else None
    if isinstance(value, Mapping) and value and value.keys() <= by_id.keys():
        answer = value
    else:
        question = _choose_question(thread_id, questions, id)
        answer = {question.id: given.to(question)}
    for name, value in answer.items():
        by_id[name].check_answer(value)
    return answer


def _choose_question(thread_id: str, questions: Sequence[Interrupt], id: str | None) -> Interrupt:
    if id is not None:
        found = [each for each in questions if each.id == id]
        found = found or [each for each in questions if each.id.startswith(id)]
        if len(found) != 1:
            ids = ", ".join(each.id for each in questions)
            raise click.UsageError(f"--question: {id!r} is not one of: {ids}")
        return found[0]
    if len(questions) > 1:
        print_interrupts(questions)
        raise click.UsageError(
            f"Thread {thread_id!r} has {len(questions)} pending interrupts. "
            "Name one by --question, or map their ids to answers by --json."
        )
    return questions[0]


def resolve_text(
    thread_id: str, text: str, questions: Sequence[Interrupt], ways: str, is_answer: bool | None = None
) -> Answer | None:
    """Return the answer that `text` is to these interrupts; None if it is a new message.

    `is_answer`: what the caller says it is. If it is None, a prompt asks; without a terminal a `UsageError`
    names the `ways` to say so. Raises `KeyboardInterrupt` or `EOFError` if the user leaves the prompt.
    """
    if not questions or is_answer is False:
        return None
    if is_answer:
        _check_takes_text(thread_id, questions)
        return answer_for(thread_id, questions, GivenAnswer("text", _checked_text(thread_id, text)))
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        shown = "; ".join(describe_inline(question) for question in questions)
        raise click.UsageError(
            f"Thread {thread_id!r} waits for an answer to: {shown}\nNothing was sent. {ways}"
        )
    print_interrupts(questions)
    return _choose_meaning(text, questions)


def _check_takes_text(thread_id: str, questions: Sequence[Interrupt]) -> None:
    """Raise `UsageError` if a text answers none of these interrupts."""
    if not any(question.kind in TEXT_KINDS for question in questions):
        raise click.UsageError(
            f"Thread {thread_id!r} waits for an answer that is not a text: {describe_inline(questions[0])}\n"
            f"Nothing was sent. To answer: {resume_command(thread_id, questions)}"
        )


def _checked_text(thread_id: str, text: str) -> str:
    """Return a text that was given as the answer. Raises `UsageError` if it rather means another value."""
    is_negative, is_json = text.strip().lower() in NEGATIVE, isinstance(_json_or_none(text), dict | list)
    if not is_negative and not is_json:
        return text
    command, quoted = f"threads resume {shlex.quote(thread_id)}", shlex.quote(text)
    reason = "is JSON" if is_json else "would count as true, as any text does"
    other = f"--json {quoted}" if is_json else "--no"
    raise click.UsageError(
        f"The answer {text!r} {reason}. Nothing was sent. "
        f"`{command} {other}` answers by the value, `{command} --text {quoted}` by the text."
    )


def _choose_meaning(text: str, questions: Sequence[Interrupt]) -> Answer | None:
    question = questions[0]
    if len(questions) > 1:
        numbers = {str(number): each for number, each in enumerate(questions, start=1)}
        offers = {number: f"answers question {each.id}" for number, each in numbers.items()}
        choice = _ask_choice(text, {**offers, "m": "is a new message"})
        if choice == "m":
            return None
        question = numbers[choice]
    meanings = _meanings(text, question)
    described = {letter: what for letter, (what, _) in meanings.items()}
    described["m"] = f"is a new message, which discards the question{'s' * (len(questions) > 1)}"
    choice = _ask_choice(text, described)
    return None if choice == "m" else {question.id: meanings[choice][1]}


def _meanings(text: str, question: Interrupt) -> dict[str, tuple[str, Any]]:
    """Return what a text may mean as the answer of this interrupt, by letter: in words, and as a value."""
    if question.kind == "approval":
        decisions: list[tuple[str, str, str, Callable[[], Any]]] = [
            ("approve", "a", "means yes: approve", question.approve),
            ("reject", "r", "is the reason to reject", lambda: question.reject(text)),
            ("respond", "s", "is the answer in place of the tool's", lambda: question.respond(text)),
        ]
        return {key: (what, make()) for name, key, what, make in decisions if name in question.choices}
    value, is_negative = _json_or_none(text), text.strip().lower() in NEGATIVE
    offers: dict[str, tuple[str, Any]] = {}
    if question.kind in TEXT_KINDS:
        offers["t"] = ("is the answer, as a text" + ", which counts as true" * is_negative, text)
    if value is not None and not isinstance(value, str):
        offers["j"] = ("is the answer, as JSON", value)
    offers |= {"y": ("means yes: answer true", True), "n": ("means no: answer false", False)}
    return {key: offer for key, offer in offers.items() if fits(question, offer[1])}


def _ask_choice(text: str, offers: Mapping[str, str]) -> str:
    """Return the letter that the user chooses; input typed before the prompt appeared is discarded."""
    print_text(escape_block(f"Your text {_shorten(text)!r}"), to=sys.stderr)
    for letter, what in offers.items():
        print_text(f"  {letter}  {what}", to=sys.stderr)
    while True:
        _discard_typed_ahead()
        prompt = f"Choose {', '.join(offers)} (Ctrl+C: nothing is sent): "
        if not sys.stdout.isatty():  # there `input` would write the prompt into the output
            print_text(prompt, end=False, to=sys.stderr)
            prompt = ""
        if (choice := input(prompt).strip().lower()) in offers:
            return choice


def _shorten(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def _json_or_none(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        return None


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON value")


def _discard_typed_ahead() -> None:
    try:
        import termios
    except ImportError:  # Windows
        import msvcrt

        while msvcrt.kbhit():  # type: ignore[attr-defined]
            msvcrt.getwch()  # type: ignore[attr-defined]
        return
    with suppress(termios.error, OSError):
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
