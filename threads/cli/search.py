"""Finding what was said: `search`."""

from __future__ import annotations

import re
from typing import Any

import click

from threads import Hit, Hits, InvalidValue, Registry
from threads.cli.context import CliContext, common_options
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
@common_options("--db", "--traceback")
@click.pass_obj
def search(cli: CliContext, /, words: tuple[str, ...], json: bool, count: bool, **asked: Any) -> None:
    """Find WORDS in titles and messages, the best match first.

    A word matches where a word begins so. One argument alone is the whole search as it is typed, "quotes"
    for words in a row and all; of several, each with spaces is words in a row. Narrow it by tag: agent:
    owner: is:pinned is:archived before: after: role: or by the options.
    """
    with cli.open_for_reading() as registry:
        try:
            hits = registry.search(_text(words), **list_filters(asked), patience=None)
        except InvalidValue as error:
            raise click.UsageError(escape_line(f"{error.field}: {error.reason}")) from error
        if json:
            found = {"hits": hits.items, "next_cursor": hits.next_cursor, "unindexed": hits.unindexed}
            print_json(found | total_of(hits, count))
        else:
            _show(registry, hits)
            print_total(hits, count)


def _text(words: tuple[str, ...]) -> str:
    """The search; the shell has taken the quotes, so of several arguments one with spaces gets them back."""
    text = words[0] if len(words) == 1 else " ".join(map(_quoted, words))
    return checked_text("search", text)


def _quoted(word: str) -> str:
    """`word` as one part of a search; what stands before the colon of an operator stays outside."""
    if '"' in word or not any(map(str.isspace, word)):
        return word
    return re.sub(rf"^((?:{OPERATORS}):)?(.*)", r'\1"\2"', word, count=1, flags=re.DOTALL)


def _show(registry: Registry, hits: Hits) -> None:
    for hit in hits:
        if on_terminal():
            _show_to_person(registry, hit)
        else:
            message = hit.message
            role, id = (message.role, message.id or "") if message else ("title", "")
            when = format_time(message.created_at if message else hit.thread.updated_at)
            print_record(hit.thread.id, hit.thread.title, role, when, hit.snippet, id)
    if not hits:
        print_note("nothing was found")
    if hits.next_cursor:
        print_note(f"there are more: add --cursor {hits.next_cursor}")


def _show_to_person(registry: Registry, hit: Hit) -> None:
    from datetime import UTC, datetime

    said = f"{hit.message.role}, " if hit.message else ""
    when = format_age(hit.message.created_at if hit.message else hit.thread.updated_at, datetime.now(UTC))
    id = click.style(escape_line(short_id(registry, hit.thread.id)), fg="cyan")
    title = click.style(escape_line(hit.thread.title), bold=True)
    print_text(f"{id}  {title}  {click.style(said + when, dim=True)}")
    shown, end = "", 0
    for start, stop in hit.matches:
        shown += escape_line(hit.snippet[end:start])
        shown += click.style(escape_line(hit.snippet[start:stop]), fg="yellow", bold=True)
        end = stop
    print_text("  " + shown + escape_line(hit.snippet[end:]))
