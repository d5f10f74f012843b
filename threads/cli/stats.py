"""Usage statistics and the list of agents: `stats` and `agents`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

import click

import threads
from threads import Stat
from threads.cli.completion import complete_tags
from threads.cli.context import CliContext, common_options
from threads.cli.options import TimeType
from threads.cli.output import UNKNOWN, on_terminal, print_json, print_note, print_record
from threads.models import Measured

ALL = "all"
HEAD = ("threads", "messages", "input tokens", "output tokens", "runs", "failures", "seconds per run")


@click.command(epilog="Example: threads stats --by agent --since 30d")
@click.option(
    "--by", type=click.Choice([*get_args(Measured), ALL]), default="day", show_default=True,
    help="What to group by.",
)  # fmt: skip
@click.option("--agent", "agent_id", metavar="ID", help="Only threads of this agent.")
@click.option("--owner", metavar="NAME", help="Only threads of this owner.")
@click.option("--tag", metavar="TAG", shell_complete=complete_tags, help="Only threads with this tag.")
@click.option("--since", type=TimeType(UTC), help="From that UTC day on: 30d, 2026-01-31.")
@click.option("--until", type=TimeType(UTC), help="Before that UTC day.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def stats(
    cli: CliContext,
    /,
    by: Any,
    json: bool,
    since: datetime | None,
    until: datetime | None,
    **filters: str | None,
) -> None:
    """Count created threads, messages, tokens and runs.

    Days are UTC, as they are stored: a date means that UTC day, a time the UTC day it is in. Prints a table
    on a terminal, otherwise lines with fields separated by tabs.
    """
    with cli.open_for_reading() as registry:
        found = registry.stats(
            by=None if by == ALL else by, since=since, until=until, patience=None, **filters
        )
    if json:
        print_json({"stats": found.items, "time_zone": "UTC"})
    elif on_terminal() and found:
        from threads.cli.tables import draw_rows

        draw_rows(("day (UTC)" if by == "day" else by, *HEAD), [_cells(stat) for stat in found])
    else:
        for stat in found:
            print_record(*_cells(stat))
    if not found and not json:
        print_note("no activity")


@click.command(epilog="Example: threads agents --agents mine:graphs")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--agents", "--traceback")
@click.pass_obj
def agents(cli: CliContext, json: bool) -> None:
    """List the agents, with the number of threads of each."""
    from threads.cli.agent_loader import load_agents

    if cli.exists():
        with cli.open_for_reading() as registry:
            known = load_agents(cli.agents)
            counts = {id: registry.list(agent_id=id, archived=None, limit=1).total for id in known.ids}
    else:
        with threads.open(":memory:") as registry:
            known = load_agents(cli.agents)
            counts = dict.fromkeys(known.ids, 0)
    if json:
        rows = [{"id": id, "default": id == known.default, "threads": counts[id]} for id in known.ids]
        print_json({"agents": rows})
        return
    for id in known.ids:
        print_record(id, counts[id], *(["default"] if id == known.default else []))


def _cells(stat: Stat) -> tuple[str, ...]:
    latency = "" if stat.latency is None else f"{stat.latency:.2f}"
    counts = (
        stat.threads, stat.messages, stat.input_tokens, stat.output_tokens, stat.runs, stat.failures,
    )  # fmt: skip
    return (stat.key or "", *(UNKNOWN if count is None else str(count) for count in counts), latency)
