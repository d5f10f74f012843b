"""Users of the HTTP API and their tokens: `threads users add | ls | token | rm`."""

from __future__ import annotations

from datetime import timedelta

import click

from threads import User
from threads.cli.context import CliContext, common_options
from threads.cli.options import DurationType
from threads.cli.output import confirm, on_terminal, print_json, print_note, print_record, print_text
from threads.cli.sanitize import escape_line, format_time


@click.group(epilog="Example: threads users add alice")
@common_options("--db", "--traceback")
def users() -> None:
    """Manage HTTP users and tokens.

    Without users, `threads serve` serves the local user only. With users, every request needs a token, and
    each user has their own threads.
    """


@users.command(epilog="Example: threads users add alice")
@click.argument("name")
@click.option("--admin", is_flag=True, help="May read and change all threads.")
@common_options("--db", "--traceback")
@click.pass_obj
def add(cli: CliContext, name: str, admin: bool) -> None:
    """Add a user and print their token, which cannot be printed again."""
    with cli.open(create=True) as registry:
        registry.users.add(name, admin=admin)
        token = registry.users.new_token(name)
    print_record(token)
    print_note("store the token now: the database has only its hash")


@users.command()
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def ls(cli: CliContext, json: bool) -> None:
    """List the users and the ids of their tokens and sessions."""
    with cli.open_for_reading() as registry:
        found = registry.users.list()
    if json:
        print_json({"users": found})
        return
    for user in found:
        print_record(user.name, "admin" if user.is_admin else "user", _tokens(user))


@users.command(epilog="Example: threads users token alice --expires 30d")
@click.argument("name")
@click.option(
    "--expires", "lifetime", metavar="TIME", type=DurationType(), help="Expires after 12h, 30d, 8w."
)
@click.option("--revoke", metavar="ID", help="Revoke the token with this id, or `all`, instead.")
@common_options("--db", "--traceback")
@click.pass_obj
def token(cli: CliContext, name: str, lifetime: timedelta | None, revoke: str | None) -> None:
    """Print a new token of a user, or revoke one, which also ends its event streams."""
    with cli.open() as registry:
        if revoke is None:
            print_record(registry.users.new_token(name, lifetime=lifetime))
            return
        count = registry.users.revoke(name, None if revoke == "all" else revoke)
    if not count:
        raise click.UsageError(escape_line(f"user {name!r} has no token {revoke!r}"))
    print_text(f"revoked: {count}")


@users.command()
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@common_options("--db", "--traceback")
@click.pass_obj
def rm(cli: CliContext, name: str, yes: bool) -> None:
    """Remove a user. Their threads stay, and belong to a later user of the same name."""
    with cli.open() as registry:
        confirm(f"remove user {name!r}?", yes)
        registry.users.remove(name)
    if on_terminal():
        print_text(f"removed: {escape_line(name)}")


def _tokens(user: User) -> str:
    tokens = [
        f"{each.id} ({each.kind}{', until ' + format_time(each.expires_at) if each.expires_at else ''})"
        for each in user.tokens
    ]
    return ", ".join(tokens)
