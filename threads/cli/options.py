"""Which threads: the options that `ls` and `search` share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, get_args

import click

from threads.cli.completion_values import complete_tags
from threads.cli.time_option import TimeType
from threads.models import Status

F = TypeVar("F", bound=Callable[..., Any])


def parse_pairs(_: click.Context, parameter: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    """Facts as `key=value`."""
    for value in values:
        if not value.partition("=")[1] or value.startswith("="):
            raise click.BadParameter(f"{value!r} is not of the form key=value", param=parameter)
    return dict(value.split("=", 1) for value in values)


FILTERS = (
    click.option("--agent", "agent_id", metavar="ID", help="Only threads of this agent."),
    click.option("--owner", metavar="NAME", help="Only threads of this owner."),
    click.option(
        "--tag",
        metavar="TAG",
        multiple=True,
        shell_complete=complete_tags,
        help="Only threads with this tag; with all of several.",
    ),
    click.option(
        "--metadata",
        metavar="KEY=VALUE",
        multiple=True,
        callback=parse_pairs,
        help="Only threads with this fact, kept as text; with all of several.",
    ),
    click.option("--status", type=click.Choice(get_args(Status)), help="Only threads in this status."),
    click.option("--pinned/--no-pinned", default=None, help="Only pinned threads, or only the others."),
    click.option("--archived", is_flag=True, help="The archived threads instead."),
    click.option("--trashed", is_flag=True, help="The threads in the trash instead."),
    click.option(
        "--since", type=TimeType(), help="Active since then: 7d, 2026-01-31 (local), 2026-01-31T12Z."
    ),
    click.option("--until", type=TimeType(), help="Last active before then."),
)


def filter_options(command: F) -> F:
    """The options for a command; `filters` makes them what `list` and `search` take."""
    for option in reversed(FILTERS):
        command = option(command)
    return command


def list_filters(asked: dict[str, Any]) -> dict[str, Any]:
    """The filters that these options mean: a thread in the trash may be archived as well."""
    if asked["cursor"] is not None and asked["offset"]:
        raise click.UsageError("--cursor goes on where the list before ended: leave --offset out")
    trashed, archived = asked["trashed"], asked["archived"]
    given = {name: asked[name] or None for name in ("tag", "metadata")}
    return {**asked, **given, "archived": None if trashed and not archived else archived}


def page_options(command: F) -> F:
    """How many, where to go on, and whether all are counted: that takes time of its own."""
    options = (
        click.option(
            "-n", "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many."
        ),
        click.option("--cursor", metavar="CURSOR", help="Go on where the list before ended."),
        click.option(
            "--offset", type=click.IntRange(0), default=0, metavar="N", help="Leave out the first N."
        ),
        click.option("--count", is_flag=True, help="Say how many there are on all pages, too."),
    )
    for option in reversed(options):
        command = option(command)
    return command
