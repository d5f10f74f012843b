"""What a shell offers for the beginning of an id, a tag or a rule; nothing where the file is not readable."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

from threads import Registry, ThreadsError
from threads.cli.context import CliContext
from threads.cli.interrupts import format_inline
from threads.cli.sanitize import escape_line
from threads.cli.thread_ref import resolve_thread

MAX_COMPLETIONS = 20
"""Ids that a shell offers at once."""


def complete_thread_ids(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of threads, with their titles."""

    def ids(registry: Registry) -> Iterable[CompletionItem]:
        for id in registry.ids_with_prefix(incomplete, limit=MAX_COMPLETIONS):
            yield CompletionItem(id, help=escape_line(registry.get(id).title))

    return _completions(context, ids)


def complete_tags(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Tags, with the number of threads that have each."""
    return _completions(
        context,
        lambda registry: (
            CompletionItem(tag.name, help=f"{tag.threads} thread{'' if tag.threads == 1 else 's'}")
            for tag in registry.tags()
            if tag.name.startswith(incomplete)
        ),
    )


def complete_rules(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Rules for old threads, with what they do."""
    return _completions(
        context,
        lambda registry: (
            CompletionItem(rule.name, help=rule.action)
            for rule in registry.rules()
            if rule.name.startswith(incomplete)
        ),
    )


def complete_tag_then_ids(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """A tag first, then ids."""
    offer = complete_thread_ids if context.params.get("words") else complete_tags
    return offer(context, parameter, incomplete)


def complete_id_then_text(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """An id first, unless a new thread is meant; what is said after it is for nobody to guess."""
    said = context.params.get("words") or context.params.get("is_new")
    return [] if said else complete_thread_ids(context, parameter, incomplete)


def complete_interrupt_ids(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Ids of the open questions of the thread that is named, with the questions."""
    named = context.args[:1]  # not a parameter yet: Click stops at the option that has no value

    def ids(registry: Registry) -> Iterable[CompletionItem]:
        for question in registry.interrupts(resolve_thread(registry, named[0]).id):
            if question.id.startswith(incomplete):
                yield CompletionItem(question.id, help=format_inline(question.value))

    return _completions(context, ids) if named else []


def _completions(
    context: click.Context, look: Callable[[Registry], Iterable[CompletionItem]]
) -> list[CompletionItem]:
    cli = context.find_object(CliContext)
    if cli is None or not cli.exists():
        return []
    try:
        with cli.open_for_reading(read_only=True) as registry:
            return list(look(registry))
    except (ThreadsError, click.ClickException):
        return []
