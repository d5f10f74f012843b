"""Full-text search: `search`."""

from __future__ import annotations

import re
from typing import Any

import click

from threads import Hit, Hits, InvalidValue, Registry
from threads.cli.context import DECODING_OPTIONS, CliContext, common_options
from threads.cli.list_show import print_total, total_of
from threads.cli.options import filter_options, list_filters, page_options
from threads.cli.output import on_terminal, print_json, print_note, print_record, print_text
from threads.cli.sanitize import checked_text, escape_line, format_age, format_time
from threads.cli.thread_ref import short_id
from threads.search.query import OPERATORS


@click.command(epilog='Example: threads search refund "order 1001" role:user after:30d')
@click.argument("words", nargs=-1, required=True)
@filter_options
@page_options
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", *DECODING_OPTIONS, "--traceback")
@click.pass_obj
def search(cli: CliContext, /, words: tuple[str, ...], json: bool, count: bool, **options: Any) -> None:
    """Find WORDS in titles and messages, the best match first.

    Words match as prefixes. A single argument is the whole query, with "quotes" around phrases; of several
    arguments, each one with spaces is a phrase. Filter by tag: agent: owner: is:pinned is:archived before:
    after: role: in the query, or by the options.
    """
    with cli.open_for_reading() as registry:
        try:
            hits = registry.search(_text(words), **list_filters(options), patience=None)
        except InvalidValue as error:
            raise click.UsageError(escape_line(f"{error.field}: {error.reason}")) from error
        if json:
            found = {"hits": hits.items, "next_cursor": hits.next_cursor, "unindexed": hits.unindexed}
            print_json(found | total_of(hits, count))
        else:
            _print_hits(registry, hits)
            print_total(hits, count)


def _text(words: tuple[str, ...]) -> str:
    """Return the query; the shell has removed quotes, so an argument with spaces gets them back."""
    text = words[0] if len(words) == 1 else " ".join(map(_quoted, words))
    return checked_text("search", text)


def _quoted(word: str) -> str:
    """Quote a word with spaces as a phrase; an operator before it stays outside the quotes."""
    if '"' in word or not any(map(str.isspace, word)):
        return word
    return re.sub(rf"^((?:{OPERATORS}):)?(.*)", r'\1"\2"', word, count=1, flags=re.DOTALL)


def _print_hits(registry: Registry, hits: Hits) -> None:
    for hit in hits:
        if on_terminal():
            _print_hit(registry, hit)
        else:
            message = hit.message
            role, id = (message.role, message.id or "") if message else ("title", "")
            when = format_time(message.created_at if message else hit.thread.updated_at)
            print_record(hit.thread.id, hit.thread.title, role, when, hit.snippet, id)
    if not hits:
        print_note("nothing found")
    if hits.next_cursor:
        print_note(f"there are more: add --cursor {hits.next_cursor}")


def _print_hit(registry: Registry, hit: Hit) -> None:
    from datetime import UTC, datetime

    role = f"{hit.message.role}, " if hit.message else ""
    when = format_age(hit.message.created_at if hit.message else hit.thread.updated_at, datetime.now(UTC))
    id = click.style(escape_line(short_id(registry, hit.thread.id)), fg="cyan")
    title = click.style(escape_line(hit.thread.title), bold=True)
    print_text(f"{id}  {title}  {click.style(role + when, dim=True)}")
    shown, end = "", 0
    for start, stop in hit.matches:
        shown += escape_line(hit.snippet[end:start])
        shown += click.style(escape_line(hit.snippet[start:stop]), fg="yellow", bold=True)
        end = stop
    print_text("  " + shown + escape_line(hit.snippet[end:]))
