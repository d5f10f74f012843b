"""Shell completion: the command `completion`, and the ids, tags and rules that a shell offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem, get_completion_class

from threads import Registry, ThreadsError
from threads.cli.context import CliContext, common_options
from threads.cli.interrupts import describe_inline, pending_interrupts
from threads.cli.output import print_text
from threads.cli.sanitize import escape_line
from threads.cli.thread_ref import resolve_thread

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_THREADS_COMPLETE"
MAX_COMPLETIONS = 20
"""Ids that a shell offers at once."""


@click.command(epilog='Example: eval "$(threads completion bash)"')
@click.argument("shell", type=click.Choice(SHELLS))
@common_options("--db", "--traceback")
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the code that makes a shell complete commands, options, ids, tags and rules.

    bash: eval "$(threads completion bash)" in ~/.bashrc; zsh: the same in ~/.zshrc; fish: threads
    completion fish > ~/.config/fish/completions/threads.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    print_text(kind(context.find_root().command, {}, "threads", VARIABLE).source())


def complete_thread_ids(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer ids of threads, with their titles."""

    def ids(registry: Registry) -> Iterable[CompletionItem]:
        for id in registry.ids_with_prefix(incomplete, limit=MAX_COMPLETIONS):
            yield CompletionItem(id, help=escape_line(registry.get(id).title))

    return _completions(context, ids)


def complete_tags(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer tags, with the number of threads that have each."""
    return _completions(
        context,
        lambda registry: (
            CompletionItem(tag.name, help=f"{tag.threads} thread{'' if tag.threads == 1 else 's'}")
            for tag in registry.tags()
            if tag.name.startswith(incomplete)
        ),
    )


def complete_rules(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer names of retention rules, with their actions."""
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
    """Offer tags for the first word, ids for the others."""
    complete = complete_thread_ids if context.params.get("words") else complete_tags
    return complete(context, parameter, incomplete)


def complete_id_then_text(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer ids for the first word, unless --new is given; nothing for the text of a message."""
    has_id = context.params.get("words") or context.params.get("is_new")
    return [] if has_id else complete_thread_ids(context, parameter, incomplete)


def complete_run_ids(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer ids of the unfinished runs of the thread on the command line, with their status."""
    named = context.params.get("id")

    def ids(registry: Registry) -> Iterable[CompletionItem]:
        for run in registry.runs(resolve_thread(registry, str(named)).id, limit=MAX_COMPLETIONS):
            if run.status in ("pending", "running") and run.id.startswith(incomplete):
                yield CompletionItem(run.id, help=f"{run.kind}, {run.status}")

    return _completions(context, ids) if named else []


def complete_interrupt_ids(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer ids of the pending interrupts of the thread on the command line, with their questions."""
    named = context.args[:1]  # not a parameter yet: Click stops at the option that has no value

    def ids(registry: Registry) -> Iterable[CompletionItem]:
        for question in pending_interrupts(registry, resolve_thread(registry, named[0]).id):
            if question.id.startswith(incomplete):
                yield CompletionItem(question.id, help=describe_inline(question))

    return _completions(context, ids) if named else []


def _completions(
    context: click.Context, items: Callable[[Registry], Iterable[CompletionItem]]
) -> list[CompletionItem]:
    """The items; none where the database cannot be read."""
    cli = context.find_object(CliContext)
    if cli is None or not cli.exists():
        return []
    try:
        with cli.open_for_reading(read_only=True) as registry:
            return list(items(registry))
    except (ThreadsError, click.ClickException):
        return []
