"""Pending interrupts at the command line: in words, with the options that answer them."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import click

from threads import Interrupt, InvalidValue, Registry, RunInfo
from threads.cli.errors import CliError
from threads.cli.output import print_text
from threads.cli.sanitize import escape_block, escape_line
from threads.serialization import to_jsonable

DECISION_OPTIONS = {
    "approve": "--approve", "edit": "--edit JSON", "reject": "--reject REASON", "respond": "--respond TEXT",
}  # fmt: skip
"""The options that decide about tool calls."""
TEXT_KINDS = ("text", "recovery")
"""Kinds of interrupts that a plain text may answer."""
RECENT_RUNS = 5
"""Latest runs of a thread to search for one that is not a title run."""


def last_run(registry: Registry, thread_id: str) -> RunInfo | None:
    """Return the thread's last run that is not a title run; None if there is none."""
    runs = registry.runs(thread_id, limit=RECENT_RUNS)
    return next((run for run in runs if run.kind != "title"), None)


def waiting_for(registry: Registry, thread_id: str) -> tuple[Interrupt, ...]:
    """Return the pending interrupts and breakpoints, none while a run is active. Raises `ThreadTrashed`."""
    questions = registry.interrupts(thread_id)
    last = last_run(registry, thread_id) if questions else None
    return () if last is not None and last.status in ("pending", "running") else questions


def pending_interrupts(registry: Registry, thread_id: str) -> tuple[Interrupt, ...]:
    """Return the interrupts that wait for an answer, none while a run is active. Raises `ThreadTrashed`."""
    return tuple(each for each in waiting_for(registry, thread_id) if each.kind != "breakpoint")


def answer_options(questions: Sequence[Interrupt]) -> list[str]:
    """Return the options that answer one of these interrupts."""
    return list(dict.fromkeys(option for each in questions for option in _options_of(each)))


def _options_of(question: Interrupt) -> Iterable[str]:
    if request := question.approval_request:
        choices = [each for each in question.choices if each != "edit" or len(request.actions) == 1]
        return [*(DECISION_OPTIONS[each] for each in choices if each in DECISION_OPTIONS), "--json VALUE"]
    if question.kind == "breakpoint":
        return []
    if question.kind == "recovery":
        return ["--text again", "--text TEXT", "--json VALUE"]
    booleans = [name for name, value in (("--yes", True), ("--no", False)) if fits(question, value)]
    texts = ["--text TEXT"] if question.kind == "text" or question.response_schema is None else []
    return [*booleans, *texts, "--json VALUE"]


def fits(question: Interrupt, value: Any) -> bool:
    """Return whether a value has the form of an answer, as far as that is known."""
    try:
        question.check_answer(value)
    except InvalidValue:
        return False
    return True


def format_value(value: Any) -> str:
    """Return an interrupt's value as text: a string unchanged, anything else as indented JSON."""
    return value if isinstance(value, str) else json.dumps(to_jsonable(value), ensure_ascii=False, indent=2)


def format_inline(value: Any) -> str:
    """Return an interrupt's value as one escaped line."""
    return escape_line(value if isinstance(value, str) else _as_json(value))


def describe(question: Interrupt, formatted: Callable[[Any], str] = format_value) -> str:
    """Return what an interrupt waits for as text: of an approval, each tool call with its decisions."""
    request = question.approval_request
    if question.kind == "breakpoint":
        due = question.value["next"]
        return f"a breakpoint before {', '.join(due)}" if due else "a breakpoint"
    if request is None:
        return formatted(question.value)
    shown = []
    for action in request.actions:
        args = _as_json(action.args)
        is_repeated = f"Args: {action.args}" in action.description
        description = "" if is_repeated or not action.description else f": {action.description}"
        shown.append(f"{action.name} {args}{description} [{', '.join(action.decisions)}]")
    return ("\n" if formatted is format_value else "; ").join(shown)


def describe_inline(question: Interrupt) -> str:
    """Return what an interrupt waits for as one escaped line."""
    return escape_line(describe(question, format_inline))


def resume_command(
    thread_id: str, questions: Sequence[Interrupt], command: str = "threads resume", *, with_id: bool = True
) -> str:
    """Return the command that answers; at a breakpoint it takes no answer."""
    which = " --question ID" if len(questions) > 1 else ""
    options = " | ".join(answer_options(questions))
    id = f" {shlex.quote(thread_id)}" if with_id else ""
    return f"{command}{id}{which}{f' ({options})' if options else ''}"


def expected_answer(question: Interrupt) -> str | None:
    """Return the form of an answer in words, where it is known and not plain."""
    if request := question.approval_request:
        decisions = [{"type": action.decisions[0]} for action in request.actions]
        form = json.dumps({"decisions": decisions} if request.is_batched else decisions[0])
        return f"--json {shlex.quote(form)}; types {request.allowed()}"
    if question.kind in ("text", "value") and question.choices:
        return f"one of {', '.join(map(_as_json, question.choices))}"
    if question.kind == "value" and question.response_schema is not None:
        return f"a value of the schema {_as_json(question.response_schema)}"
    return None


def print_interrupts(questions: Sequence[Interrupt], how: str | None = None) -> None:
    """Print the interrupts on stderr, and how to answer them."""
    for question in questions:
        which = f" (question {question.id})" if len(questions) > 1 else ""
        what = "paused at" if question.kind == "breakpoint" else f"waits for an answer to{which}:"
        print_text(escape_block(f"the agent {what} {describe(question)}"), to=sys.stderr)
        if form := expected_answer(question):
            print_text(escape_block(f"expected: {form}"), to=sys.stderr)
    if questions and how is not None:
        name = "to continue" if all(each.kind == "breakpoint" for each in questions) else "answer"
        print_text(escape_block(f"{name}: {how}"), to=sys.stderr)


def raise_no_interrupt(registry: Registry, thread_id: str) -> NoReturn:
    """Raise the error that there is no pending interrupt, with what can be done instead.

    Raises `UsageError` at a breakpoint, which takes no answer.
    """
    last, id = last_run(registry, thread_id), shlex.quote(thread_id)
    if is_at_breakpoint(registry, thread_id):
        raise click.UsageError(
            f"Thread {thread_id!r} is paused at a breakpoint, which takes no answer. "
            f"`threads resume {id}` without an answer continues it."
        )
    remedy = f"`threads send {id} TEXT` sends a message."
    if last is not None and last.status == "error":
        remedy = f"Its last run failed; `threads retry {id}` continues it."
    elif last is not None and last.status in ("pending", "running"):
        remedy = "A run is active; wait for it."
    raise CliError(f"Thread {thread_id!r} has no pending interrupt. {remedy}")


def is_at_breakpoint(registry: Registry, thread_id: str) -> bool:
    """Return whether a run of the thread was paused at a breakpoint, and nothing followed."""
    return any(question.kind == "breakpoint" for question in waiting_for(registry, thread_id))


def may_be_paused(registry: Registry, thread_id: str) -> bool:
    """Return whether a thread without an interrupt may be at a breakpoint, also of a plain `invoke`."""
    is_first = last_run(registry, thread_id) is None
    return is_at_breakpoint(registry, thread_id) or (is_first and not registry._runs.is_finished(thread_id))


def _as_json(value: Any) -> str:
    return json.dumps(to_jsonable(value), ensure_ascii=False)
