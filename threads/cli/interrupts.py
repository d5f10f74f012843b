"""Open questions of a thread at the command line: shown, and answered only where it is said to be an answer.

A text is no answer until a person confirms it or a script says so: as a text, `no` would count as true in
the `if interrupt(...)` of a graph.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import click

from threads import Interrupt, Registry, RunInfo
from threads.cli.errors import CliError
from threads.cli.output import print_text
from threads.cli.sanitize import checked_text, escape_block, escape_line
from threads.serialization import to_jsonable

ANSWER_OPTIONS = "--yes | --no | --text TEXT | --json VALUE"
"""The forms of an answer."""
NEGATIVE = {"no", "n", "nope", "false", "off", "none", "null", "0"}
"""Texts that mean no, and count as true."""
RECENT_RUNS = 5
"""Runs among which the last one of the conversation is: those that make titles stand beside it."""

Answer = Mapping[str, Any]
"""Values by the ids of the questions that they answer."""


def last_run(registry: Registry, thread_id: str) -> RunInfo | None:
    """The thread's last run, other than those that make titles."""
    runs = registry.runs(thread_id, limit=RECENT_RUNS)
    return next((run for run in runs if run.kind != "title"), None)


def pending_interrupts(registry: Registry, thread_id: str) -> tuple[Interrupt, ...]:
    """The questions that wait for an answer; none while a run is under way. Raises `ThreadTrashed`."""
    questions = registry.interrupts(thread_id)
    last = last_run(registry, thread_id) if questions else None
    return () if last is not None and last.status in ("pending", "running") else questions


def format_value(value: Any) -> str:
    """A question as a person reads it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(to_jsonable(value), ensure_ascii=False, indent=2)


def format_inline(value: Any) -> str:
    """The same in one line."""
    return escape_line(
        value if isinstance(value, str) else json.dumps(to_jsonable(value), ensure_ascii=False)
    )


def resume_command(thread_id: str, questions: Sequence[Interrupt]) -> str:
    """The command that answers."""
    which = " --question ID" if len(questions) > 1 else ""
    return f"threads resume {shlex.quote(thread_id)}{which} ({ANSWER_OPTIONS})"


def expected_answer(question: Interrupt) -> str | None:
    """The answer that LangChain's `HumanInTheLoopMiddleware` expects; None for other questions."""
    value = question.value
    actions = value.get("action_requests") if isinstance(value, Mapping) else None
    if not isinstance(actions, list) or not isinstance(value.get("review_configs"), list):
        return None
    allowed = [
        each.get("allowed_decisions") or () for each in value["review_configs"] if isinstance(each, Mapping)
    ]
    kinds = sorted({str(kind) for each in allowed for kind in each}) or ["approve", "reject"]
    form = json.dumps({"decisions": [{"type": kinds[0]}] * len(actions)})
    return f"--json {shlex.quote(form)}; a type is one of: {', '.join(kinds)}"


def print_interrupts(questions: Sequence[Interrupt], how: str | None = None) -> None:
    """Show the questions on stderr, and how to answer."""
    for question in questions:
        which = f" (question {question.id})" if len(questions) > 1 else ""
        text = f"the agent waits for an answer to{which}: {format_value(question.value)}"
        print_text(escape_block(text), to=sys.stderr)
        if form := expected_answer(question):
            print_text(escape_block(f"expected: {form}"), to=sys.stderr)
    if questions and how is not None:
        print_text(escape_block(f"answer: {how}"), to=sys.stderr)


def answer_values(json: str | None, text: str | None, yes: bool, no: bool) -> list[Any]:
    """The answer that these options give, as a list of none or one; `UsageError` if they give several."""
    values: list[Any] = [checked_text("--text", text)] if text is not None else []
    values += [True] * yes + [False] * no
    values += [parse_json(json)] if json is not None else []
    if len(values) > 1:
        raise click.UsageError(f"give one answer only: {ANSWER_OPTIONS}")
    return values


def parse_json(text: str) -> Any:
    """The value of `--json`; `UsageError` that says what is wrong and where."""
    try:
        return json.loads(checked_text("--json", text), parse_constant=_reject_constant)
    except RecursionError:
        raise click.UsageError("--json: the value is nested too deeply") from None
    except ValueError as error:
        hint = f"; for this text say --text {shlex.quote(text)}" if text.strip() else ""
        raise click.UsageError(f"--json: {text!r} is not JSON: {error}{hint}") from None


def answer_for(thread_id: str, questions: Sequence[Interrupt], value: Any, id: str | None = None) -> Answer:
    """The answer by the id of its question; `UsageError` where it does not show which of several it means."""
    ids = [question.id for question in questions]
    if id is not None:
        found = [each for each in ids if each == id] or [each for each in ids if each.startswith(id)]
        if len(set(found)) != 1:
            raise click.UsageError(f"--question: {id!r} is not one of: {', '.join(ids)}")
        return {found[0]: value}
    if isinstance(value, Mapping) and value and value.keys() <= set(ids):
        return value
    if len(questions) > 1:
        print_interrupts(questions)
        raise click.UsageError(
            f"Thread {thread_id!r} has {len(questions)} pending interrupts. "
            "Name one by --question, or map their ids to answers by --json."
        )
    return {ids[0]: value}


def raise_no_interrupt(registry: Registry, thread_id: str) -> NoReturn:
    """Raise that there is nothing to answer, and what can be done instead."""
    last, id = last_run(registry, thread_id), shlex.quote(thread_id)
    remedy = f"`threads send {id} TEXT` sends a message."
    if last is not None and last.status == "error":
        remedy = f"Its last run failed; `threads retry {id}` continues it."
    elif last is not None and last.status in ("pending", "running"):
        remedy = "A run is under way; wait for its end."
    elif is_paused(last):
        remedy = f"It is paused at a breakpoint; `threads resume {id}` without an answer continues it."
    raise CliError(f"Thread {thread_id!r} has no pending interrupt. {remedy}")


def is_paused(last: RunInfo | None) -> bool:
    """Whether a thread without a question is paused all the same: at a breakpoint."""
    return last is not None and last.status == "interrupted"


def resolve_text(
    thread_id: str, text: str, questions: Sequence[Interrupt], ways: str, is_answer: bool | None = None
) -> Answer | None:
    """What `text` is in a thread with these open questions: the answer, or None for a new message.

    `is_answer`: what the caller said it is. If they did not, a person at the terminal is asked, and a script
    gets a `UsageError` that names the `ways` to say so. Raises `KeyboardInterrupt` or `EOFError` if the
    person leaves the choice.
    """
    if not questions or is_answer is False:
        return None
    if is_answer:
        return answer_for(thread_id, questions, _checked_text(thread_id, text))
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        shown = "; ".join(format_inline(question.value) for question in questions)
        raise click.UsageError(
            f"Thread {thread_id!r} waits for an answer to: {shown}\nNothing was sent. {ways}"
        )
    print_interrupts(questions)
    return _choose_meaning(text, questions)


def _checked_text(thread_id: str, text: str) -> str:
    """A text given as the answer; `UsageError` if it more likely means another value."""
    is_negative, is_json = text.strip().lower() in NEGATIVE, isinstance(_json_or_none(text), dict | list)
    if not is_negative and not is_json:
        return text
    command, quoted = f"threads resume {shlex.quote(thread_id)}", shlex.quote(text)
    why = "is JSON" if is_json else "would count as true, as any text does"
    other = f"--json {quoted}" if is_json else "--no"
    raise click.UsageError(
        f"The answer {text!r} {why}. Nothing was sent. "
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
    value = _json_or_none(text)
    offers = {
        "t": "is the answer, as a text" + (", which counts as true" * (text.strip().lower() in NEGATIVE))
    }
    if value is not None and not isinstance(value, str):
        offers["j"] = "is the answer, as JSON"
    offers |= {"y": "means yes: answer true", "n": "means no: answer false"}
    if len(questions) == 1:
        offers["m"] = "is a new message, which drops the question"
    values: dict[str, Callable[[], Any]] = {
        "t": lambda: text, "j": lambda: value, "y": lambda: True, "n": lambda: False,
    }  # fmt: skip
    choice = _ask_choice(text, offers)
    return None if choice == "m" else {question.id: values[choice]()}


def _ask_choice(text: str, offers: Mapping[str, str]) -> str:
    """The letter that the person chooses. What was typed before they could see the choice is dropped."""
    print_text(escape_block(f"Your text {_shorten(text)!r}"), to=sys.stderr)
    for letter, what in offers.items():
        print_text(f"  {letter}  {what}", to=sys.stderr)
    while True:
        _drop_typed_ahead()
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


def _drop_typed_ahead() -> None:
    try:
        import termios
    except ImportError:  # Windows
        import msvcrt

        while msvcrt.kbhit():  # type: ignore[attr-defined]
            msvcrt.getwch()  # type: ignore[attr-defined]
        return
    with suppress(termios.error, OSError):
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
