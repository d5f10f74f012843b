"""Finding what was said: `search`."""

from __future__ import annotations

import re
from typing import Any

import click

from threads import Hit, Hits, InvalidValue, Registry
from threads.cli.context import Session, common
from threads.cli.list_show import counted, tell_count
from threads.cli.options import filtered, filters, paged
from threads.cli.output import as_json, line, note, on_terminal, say
from threads.cli.sanitize import ago, decoded, field, instant
from threads.cli.thread_ref import short_id
from threads.search.query import OPERATORS


@click.command(epilog='Example: threads search refund "order 1001" role:user after:30d')
@click.argument("words", nargs=-1, required=True)
@filtered
@paged
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common("--db", "--traceback")
@click.pass_obj
def search(session: Session, /, words: tuple[str, ...], json: bool, count: bool, **asked: Any) -> None:
    """Find WORDS in titles and messages, the best match first.

    A word matches where a word begins so. One argument alone is the whole search as it is typed, "quotes"
    for words in a row and all; of several, each with spaces is words in a row. Narrow it by tag: agent:
    owner: is:pinned is:archived before: after: role: or by the options.
    """
    with session.look() as registry:
        try:
            hits = registry.search(_text(words), **filters(asked), patience=None)
        except InvalidValue as error:
            raise click.UsageError(field(f"{error.field}: {error.reason}")) from error
        if json:
            found = {"hits": hits.items, "next_cursor": hits.next_cursor, "unindexed": hits.unindexed}
            as_json(found | counted(hits, count))
        else:
            _show(registry, hits)
            tell_count(hits, count)


def _text(words: tuple[str, ...]) -> str:
    """The search; the shell has taken the quotes, so of several arguments one with spaces gets them back."""
    text = words[0] if len(words) == 1 else " ".join(map(_quoted, words))
    return decoded("search", text)


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
            when = instant(message.created_at if message else hit.thread.updated_at)
            line(hit.thread.id, hit.thread.title, role, when, hit.snippet, id)
    if not hits:
        note("nothing was found")
    if hits.next_cursor:
        note(f"there are more: add --cursor {hits.next_cursor}")


def _show_to_person(registry: Registry, hit: Hit) -> None:
    from datetime import UTC, datetime

    said = f"{hit.message.role}, " if hit.message else ""
    when = ago(hit.message.created_at if hit.message else hit.thread.updated_at, datetime.now(UTC))
    thread = click.style(field(short_id(registry, hit.thread.id)), fg="cyan")
    say(f"{thread}  {click.style(field(hit.thread.title), bold=True)}  {click.style(said + when, dim=True)}")
    shown, end = "", 0
    for start, stop in hit.matches:
        shown += field(hit.snippet[end:start])
        shown += click.style(field(hit.snippet[start:stop]), fg="yellow", bold=True)
        end = stop
    say("  " + shown + field(hit.snippet[end:]))
