"""The isolation audit: `audit`."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Any

import click

from threads.cli.context import CliContext, common_options
from threads.cli.errors import UsageCliError
from threads.cli.output import on_terminal, print_json, print_note, print_record, print_text
from threads.cli.sanitize import encodable, escape_block, escape_line

BUILT_IN = "threads.assistant:build"
"""The agent that is audited if none is named."""

COLOURS = {"clean": "green", "leaks": "red", "forgets": "yellow"}
"""Of the headline, by verdict."""


@click.command(epilog="Example: threads audit my_app:build --attack asyncio --attack forks")
@click.argument("target", metavar="[MODULE:NAME|FILE]", default=BUILT_IN)
@click.option("--thorough", is_flag=True, help="More users, turns and processes; takes minutes.")
@click.option("--attack", "attacks", metavar="NAME", multiple=True, help="Only this attack, or these.")
@click.option("--list", "show", is_flag=True, help="Only list the attacks.")
@click.option("--users", type=click.IntRange(2), metavar="N", help="Users in each attack.")
@click.option("--turns", type=click.IntRange(2), metavar="N", help="Turns in each attack.")
@click.option("--processes", type=click.IntRange(2, 64), metavar="N", help="Processes at once.")
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Repeat the messages of an earlier audit.")
@click.option("--input", "key", metavar="KEY", help="The state's key for a user's message.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--traceback")
@click.pass_context
def audit(
    context: click.Context,
    /,
    target: str,
    attacks: tuple[str, ...],
    show: bool,
    key: str | None,
    json: bool,
    **limits: Any,
) -> None:
    """Try to make an agent leak text from one conversation into another.

    MODULE:NAME is a function that takes checkpointer=, a compiled graph, or a whole application
    chat(user, text); MODULE:NAME[KEY] one of several graphs. The path of a langgraph.json names its
    graphs, with [KEY] one of several. Without it, the built-in assistant. Exits with 0 if nothing
    leaks, 1 if something does or is forgotten, 2 if it cannot be tried.
    """
    if show:
        _list_attacks()
        return
    report = _run_audit(context.ensure_object(CliContext), target, attacks or None, key, limits)
    if json:
        print_json(report.as_dict())
    elif on_terminal():
        draw_report(report)
    else:
        print_text(escape_block(str(report)))
    context.exit(0 if report.clean else 1)


def _run_audit(
    cli: CliContext, target: str, attacks: tuple[str, ...] | None, key: str | None, limits: dict[str, Any]
) -> Any:
    """Run the audit and return its report; prints of the agent go to stderr, stdout is for the report."""
    import threads.isolation as isolation

    with cli.progress, redirect_stdout(sys.stderr):
        report = isolation.audit(target, attacks=attacks, input=key, progress=cli.progress, **limits)
    if not any(each.is_tried for each in report.tried):
        raise UsageCliError(f"no attack could run: {report.tried[0].skipped}")
    return report


def _list_attacks() -> None:
    from threads.isolation.attacks import ATTACKS

    for attack in ATTACKS:
        print_record(attack.name, attack.what)
    if sys.stdout.isatty():
        print_note("threads audit MODULE:NAME --attack NAME tries one of them")


def draw_report(report: Any) -> None:
    """Print the report on a terminal: a table of the attacks, and the findings."""
    from rich.text import Text

    from threads.cli.tables import new_console, new_table
    from threads.isolation.report import format_finding

    def text(value: str, style: str = "") -> Text:
        return Text(encodable(escape_block(escape_line(value)), sys.stdout.encoding), style=style)

    console, table = new_console(), new_table()
    for name, justify in (("attack", "left"), ("turns", "right"), ("failed", "right"), ("places", "right")):
        table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True)
    table.add_column("leaked", justify="right", no_wrap=True)
    table.add_column("what was tried", style="dim")
    for each in report.tried:
        what = f"{each.what} ({each.skipped})" if each.skipped else each.what
        leaked = Text(str(each.leaked), style="red" if each.leaked else "green")
        counts = [str(count) for count in (each.turns, each.failed, each.looked)]
        table.add_row(text(each.attack), *counts, leaked if each.turns else "-", text(what))
    console.print(table)
    for finding in report.findings:
        console.print()
        first, *rest = format_finding(finding)
        console.print(text(first, "bold red"))
        for each_line in rest:
            console.print(text(each_line))
    console.print()
    console.print(text(report.headline(), COLOURS[report.verdict]))
    for each_note in report.notes:
        console.print(text(f"note: {each_note}", "dim"))
