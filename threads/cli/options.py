"""Options that several commands share, and the types of their values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, TypeVar, get_args

import click

from threads.cli.completion import complete_tags
from threads.durations import duration_of, moment_of
from threads.models import Status

F = TypeVar("F", bound=Callable[..., Any])


class TimeType(click.ParamType[datetime]):
    """A time: a duration before now, or ISO 8601; without a time zone it is in `zone`, or local (None)."""

    name = "when"

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return moment_of(value, datetime.now(UTC), self._zone)
        except ValueError as error:
            self.fail(str(error), parameter, context)


class DurationType(click.ParamType[timedelta]):
    """A duration such as `30m`, `2h`, `7d` or `2w`."""

    name = "time"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return duration_of(value)
        except ValueError as error:
            self.fail(str(error), parameter, context)


def parse_pairs(_: click.Context, parameter: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    """Callback of an option: parse metadata given as `key=value`."""
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
        help="Only threads with this tag; if repeated, with all of them.",
    ),
    click.option(
        "--metadata",
        metavar="KEY=VALUE",
        multiple=True,
        callback=parse_pairs,
        help="Only threads with this metadata; if repeated, with all of it.",
    ),
    click.option("--status", type=click.Choice(get_args(Status)), help="Only threads in this status."),
    click.option("--pinned/--no-pinned", default=None, help="Only pinned threads, or only unpinned ones."),
    click.option("--archived", is_flag=True, help="Archived threads instead of the others."),
    click.option("--trashed", is_flag=True, help="Trashed threads instead of the others."),
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


def list_filters(options: dict[str, Any]) -> dict[str, Any]:
    """Convert the options to arguments of `registry.list`; --trashed includes archived threads."""
    if options["cursor"] is not None and options["offset"]:
        raise click.UsageError("--cursor continues the previous list; it cannot be combined with --offset")
    trashed, archived = options["trashed"], options["archived"]
    given = {name: options[name] or None for name in ("tag", "metadata")}
    return {**options, **given, "archived": None if trashed and not archived else archived}


def page_options(command: F) -> F:
    """Add the options for one page of a list; --count is one, because counting takes time."""
    options = (
        click.option(
            "-n",
            "--limit",
            type=click.IntRange(1, 1000),
            default=20,
            show_default=True,
            help="Size of the page.",
        ),
        click.option("--cursor", metavar="CURSOR", help="Continue the previous list from its cursor."),
        click.option("--offset", type=click.IntRange(0), default=0, metavar="N", help="Skip the first N."),
        click.option("--count", is_flag=True, help="Also print the number on all pages."),
    )
    for option in reversed(options):
        command = option(command)
    return command
