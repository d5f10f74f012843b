"""Who may come in by the network: `threads users add | ls | token | rm`."""

from __future__ import annotations

from datetime import timedelta

import click

from threads import User
from threads.cli.context import CliContext, common_options
from threads.cli.output import on_terminal, print_json, print_note, print_record, print_text
from threads.cli.sanitize import escape_line, format_time
from threads.cli.threads import confirm
from threads.durations import duration_of


def _lifetime(_: click.Context, parameter: click.Parameter, value: str | None) -> timedelta | None:
    try:
        return None if value is None else duration_of(value)
    except ValueError as error:
        raise click.BadParameter(str(error), param=parameter) from error


@click.group(epilog="Example: threads users add alice")
@common_options("--db", "--traceback")
def users() -> None:
    """Let people in by the network, each to his own threads.

    Without users, `threads serve` serves the local user alone. With them, everybody shows a token.
    """


@users.command(epilog="Example: threads users add alice")
@click.argument("name")
@click.option("--admin", is_flag=True, help="Sees and may change all threads.")
@common_options("--db", "--traceback")
@click.pass_obj
def add(cli: CliContext, name: str, admin: bool) -> None:
    """Add a user and print his token; this is the one time it is told."""
    with cli.open(create=True) as registry:
        registry.users.add(name, admin=admin)
        token = registry.users.new_token(name)
    print_record(token)
    print_note("keep it: only its hash is stored")


@users.command()
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def ls(cli: CliContext, json: bool) -> None:
    """List the users, and the ids of what lets them in."""
    with cli.open_for_reading() as registry:
        found = registry.users.list()
    if json:
        print_json({"users": found})
        return
    for user in found:
        print_record(user.name, "admin" if user.is_admin else "user", _tokens(user))


@users.command(epilog="Example: threads users token alice --expires 30d")
@click.argument("name")
@click.option("--expires", "lifetime", metavar="TIME", callback=_lifetime, help="After 12h, 30d, 8w.")
@click.option("--revoke", metavar="ID", help="End the token with this id, or `all`, instead.")
@common_options("--db", "--traceback")
@click.pass_obj
def token(cli: CliContext, name: str, lifetime: timedelta | None, revoke: str | None) -> None:
    """Print one more token of a user, or end one; whoever listens with it is cut off at once."""
    with cli.open() as registry:
        if revoke is None:
            print_record(registry.users.new_token(name, lifetime=lifetime))
            return
        gone = registry.users.revoke(name, None if revoke == "all" else revoke)
    if not gone:
        raise click.UsageError(escape_line(f"user {name!r} has no token {revoke!r}"))
    print_text(f"ended: {gone}")


@users.command()
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@common_options("--db", "--traceback")
@click.pass_obj
def rm(cli: CliContext, name: str, yes: bool) -> None:
    """Let a user in no more. His threads stay; whoever gets the same name later finds them."""
    with cli.open() as registry:
        confirm(f"let {name!r} in no more?", yes)
        registry.users.remove(name)
    if on_terminal():
        print_text(f"gone: {escape_line(name)}")


def _tokens(user: User) -> str:
    told = [
        f"{each.id} ({each.kind}{', until ' + format_time(each.expires_at) if each.expires_at else ''})"
        for each in user.tokens
    ]
    return ", ".join(told)
