"""Which threads: the options that `ls` and `search` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click

from threads.cli.moments import Moment
from threads.models import Status

F = TypeVar("F", bound=Callable[..., Any])

OPTIONS = (
    click.option("--agent", "agent_id", metavar="ID", help="Only threads of this agent."),
    click.option("--owner", metavar="NAME", help="Only threads of this owner."),
    click.option(
        "--tag", metavar="TAG", multiple=True, help="Only threads with this tag; with all of several."
    ),
    click.option("--status", type=click.Choice(get_args(Status)), help="Only threads in this status."),
    click.option("--pinned/--no-pinned", default=None, help="Only pinned threads, or only the others."),
    click.option("--archived", is_flag=True, help="The archived threads instead."),
    click.option("--trashed", is_flag=True, help="The threads in the trash instead."),
    click.option("--since", type=Moment(), help="Active since then: 7d, 2h, 2026-01-31, 2026-01-31T12:00Z."),
    click.option("--until", type=Moment(), help="Last active before then."),
)


def filtered(command: F) -> F:
    """The options for a command; `filters` makes them what `list` and `search` take."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def filters(asked: dict[str, Any]) -> dict[str, Any]:
    """The filters that these options mean: a thread in the trash may be archived as well."""
    trashed, archived = asked["trashed"], asked["archived"]
    return {**asked, "tag": asked["tag"] or None, "archived": None if trashed and not archived else archived}


def paged(command: F) -> F:
    """How many, and where to go on."""
    options = (
        click.option(
            "-n", "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many."
        ),
        click.option("--cursor", metavar="CURSOR", help="Go on where the list before ended."),
    )
    for option in reversed(options):
        command = option(command)
    return command
