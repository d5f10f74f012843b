"""What a shell offers for the beginning of an id, a tag or a rule; nothing where the file is not readable."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

from threads import Registry, ThreadsError
from threads.cli.context import Session
from threads.cli.interrupts import in_one_line
from threads.cli.sanitize import field
from threads.cli.thread_ref import find

OFFERED = 20
"""Ids that a shell offers at once."""


def ids_beginning(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of threads, with their titles."""

    def ids(registry: Registry) -> Iterable[CompletionItem]:
        for id in registry.ids_with_prefix(incomplete, limit=OFFERED):
            yield CompletionItem(id, help=field(registry.get(id).title))

    return _offered(context, ids)


def tags_beginning(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Tags, with the number of threads that have each."""
    return _offered(
        context,
        lambda registry: (
            CompletionItem(tag.name, help=f"{tag.threads} thread{'' if tag.threads == 1 else 's'}")
            for tag in registry.tags()
            if tag.name.startswith(incomplete)
        ),
    )


def rules_beginning(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Rules for old threads, with what they do."""
    return _offered(
        context,
        lambda registry: (
            CompletionItem(rule.name, help=rule.action)
            for rule in registry.rules()
            if rule.name.startswith(incomplete)
        ),
    )


def tag_and_ids(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A tag first, then ids."""
    offer = ids_beginning if context.params.get("words") else tags_beginning
    return offer(context, parameter, incomplete)


def id_and_text(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """An id first, unless a new thread is meant; what is said after it is for nobody to guess."""
    said = context.params.get("words") or context.params.get("is_new")
    return [] if said else ids_beginning(context, parameter, incomplete)


def questions_beginning(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of the open questions of the thread that is named, with the questions."""
    named = context.args[:1]  # not a parameter yet: Click stops at the option that has no value

    def ids(registry: Registry) -> Iterable[CompletionItem]:
        for question in registry.interrupts(find(registry, named[0]).id):
            if question.id.startswith(incomplete):
                yield CompletionItem(question.id, help=in_one_line(question.value))

    return _offered(context, ids) if named else []


def _offered(
    context: click.Context, look: Callable[[Registry], Iterable[CompletionItem]]
) -> list[CompletionItem]:
    session = context.find_object(Session)
    if session is None or not session.exists():
        return []
    try:
        with session.look(read_only=True) as registry:
            return list(look(registry))
    except (ThreadsError, click.ClickException):
        return []
