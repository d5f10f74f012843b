"""Putting threads in order: `pin`, `unpin`, `archive`, `unarchive`, `tag`, `untag`."""

from __future__ import annotations

from typing import Any

import click

from threads.cli.bulk import change_threads
from threads.cli.completion_values import complete_tag_then_ids, complete_thread_ids
from threads.cli.context import CliContext, common_options
from threads.cli.errors import NotFoundCliError
from threads.cli.output import print_json, print_note, print_record
from threads.cli.thread_ref import resolve_threads
from threads.store.validation import checked_tags


def _flag_command(name: str, meaning: str, changes: dict[str, Any], word: str) -> click.Command:
    """A command that changes one mark of threads."""

    @click.command(name, help=meaning, epilog=f"Example: threads {name} -")
    @click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=complete_thread_ids)
    @click.option("--json", "json", is_flag=True, help="As JSON.")
    @common_options("--db", "--traceback")
    @click.pass_obj
    def command(cli: CliContext, ids: tuple[str, ...], json: bool) -> None:
        _change(cli, ids, changes, word, json)

    return command


def _change(cli: CliContext, ids: tuple[str, ...], changes: dict[str, Any], word: str, json: bool) -> None:
    with cli.open() as registry:
        found = resolve_threads(registry, ids, archived=changes.get("archived") is False)
        change_threads(registry, found, word, json, **changes)


pin = _flag_command("pin", "Pin threads: rules for old threads leave them alone.", {"pinned": True}, "pinned")
unpin = _flag_command("unpin", "Take pins away.", {"pinned": False}, "unpinned")
archive = _flag_command(
    "archive", "Put threads aside: they are listed by --archived only.", {"archived": True}, "archived"
)
unarchive = _flag_command(
    "unarchive",
    "Take threads back from the archive; - is the latest one in there.",
    {"archived": False},
    "back",
)


@click.command(epilog="Example: threads tag vip 0199c3a2 0199c3b7")
@click.argument("words", metavar="[TAG ID...]", nargs=-1, shell_complete=complete_tag_then_ids)
@click.option("--rename", metavar="NEW", help="Call TAG so from now on, everywhere.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def tag(cli: CliContext, words: tuple[str, ...], rename: str | None, json: bool) -> None:
    """Give threads a tag; without TAG, list the tags and how many threads have each."""
    if rename is not None:
        if len(words) != 1:
            raise click.UsageError("say the one TAG that is to be renamed")
        with cli.open() as registry:
            count = registry.rename_tag(words[0], rename)
        if not count:
            raise NotFoundCliError(f"no thread has the tag {words[0]!r}; `threads tag` lists the tags")
        print_json({"renamed": count}) if json else print_note(
            f"{count} thread{'' if count == 1 else 's'} had it"
        )
    elif not words:
        with cli.open_for_reading() as registry:
            tags = registry.tags()
        if json:
            print_json({"tags": tags})
        for each in () if json else tags:
            print_record(each.name, each.threads)
    else:
        _tag(cli, words, json, "tag", "tagged")


@click.command(epilog="Example: threads untag vip 0199c3a2")
@click.argument("words", metavar="TAG ID...", nargs=-1, required=True, shell_complete=complete_tag_then_ids)
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def untag(cli: CliContext, words: tuple[str, ...], json: bool) -> None:
    """Take a tag from threads."""
    _tag(cli, words, json, "untag", "untagged")


def _tag(cli: CliContext, words: tuple[str, ...], json: bool, verb: str, said: str) -> None:
    if len(words) < 2:
        raise click.UsageError("say a TAG and at least one ID")
    _change(cli, words[1:], {verb: checked_tags([words[0]])}, said, json)
