"""Putting threads in order: `pin`, `unpin`, `archive`, `unarchive`, `tag`, `untag`."""

from __future__ import annotations

from typing import Any

import click

from threads.cli.bulk import change_all
from threads.cli.completion_values import ids_beginning, tag_and_ids
from threads.cli.context import Session, common
from threads.cli.errors import NotFound
from threads.cli.output import as_json, line, note
from threads.cli.thread_ref import find_all
from threads.store.validation import checked_tags


def _marking(name: str, meaning: str, changes: dict[str, Any], word: str) -> click.Command:
    """A command that changes one mark of threads."""

    @click.command(name, help=meaning, epilog=f"Example: threads {name} -")
    @click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=ids_beginning)
    @click.option("--json", "json", is_flag=True, help="As JSON.")
    @common("--db", "--traceback")
    @click.pass_obj
    def command(session: Session, ids: tuple[str, ...], json: bool) -> None:
        _change(session, ids, changes, word, json)

    return command


def _change(session: Session, ids: tuple[str, ...], changes: dict[str, Any], word: str, json: bool) -> None:
    with session.open() as registry:
        found = find_all(registry, ids, archived=changes.get("archived") is False)
        change_all(registry, found, word, json, **changes)


pin = _marking("pin", "Pin threads: rules for old threads leave them alone.", {"pinned": True}, "pinned")
unpin = _marking("unpin", "Take pins away.", {"pinned": False}, "unpinned")
archive = _marking(
    "archive", "Put threads aside: they are listed by --archived only.", {"archived": True}, "archived"
)
unarchive = _marking(
    "unarchive",
    "Take threads back from the archive; - is the latest one in there.",
    {"archived": False},
    "back",
)


@click.command(epilog="Example: threads tag vip 0199c3a2 0199c3b7")
@click.argument("words", metavar="[TAG ID...]", nargs=-1, shell_complete=tag_and_ids)
@click.option("--rename", metavar="NEW", help="Call TAG so from now on, everywhere.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common("--db", "--traceback")
@click.pass_obj
def tag(session: Session, words: tuple[str, ...], rename: str | None, json: bool) -> None:
    """Give threads a tag; without TAG, list the tags and how many threads have each."""
    if rename is not None:
        if len(words) != 1:
            raise click.UsageError("say the one TAG that is to be renamed")
        with session.open() as registry:
            count = registry.rename_tag(words[0], rename)
        if not count:
            raise NotFound(f"no thread has the tag {words[0]!r}; `threads tag` lists the tags")
        as_json({"renamed": count}) if json else note(f"{count} thread{'' if count == 1 else 's'} had it")
    elif not words:
        with session.look() as registry:
            tags = registry.tags()
        if json:
            as_json({"tags": tags})
        for each in () if json else tags:
            line(each.name, each.threads)
    else:
        _tag(session, words, json, "tag", "tagged")


@click.command(epilog="Example: threads untag vip 0199c3a2")
@click.argument("words", metavar="TAG ID...", nargs=-1, required=True, shell_complete=tag_and_ids)
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common("--db", "--traceback")
@click.pass_obj
def untag(session: Session, words: tuple[str, ...], json: bool) -> None:
    """Take a tag from threads."""
    _tag(session, words, json, "untag", "untagged")


def _tag(session: Session, words: tuple[str, ...], json: bool, verb: str, said: str) -> None:
    if len(words) < 2:
        raise click.UsageError("say a TAG and at least one ID")
    _change(session, words[1:], {verb: checked_tags([words[0]])}, said, json)
