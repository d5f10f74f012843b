"""Proving isolation: `audit` tries to make an agent leak, and says how it went."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Any

import click

from threads.cli.context import CliContext, common_options
from threads.cli.errors import UsageCliError
from threads.cli.output import on_terminal, print_json, print_note, print_record, print_text
from threads.cli.sanitize import escape_block

BUILT_IN = "threads.assistant:build"
"""The agent that is audited if none is named."""


@click.command(epilog="Example: threads audit my_app:build --attack asyncio --attack forks")
@click.argument("target", metavar="[MODULE:NAME]", default=BUILT_IN)
@click.option("--thorough", is_flag=True, help="More users, turns and processes; takes minutes.")
@click.option("--attack", "attacks", metavar="NAME", multiple=True, help="Only this attack, or these.")
@click.option("--list", "show", is_flag=True, help="Only say which attacks there are.")
@click.option("--users", type=click.IntRange(2), metavar="N", help="Users in each attack.")
@click.option("--turns", type=click.IntRange(2), metavar="N", help="Turns in each attack.")
@click.option("--processes", type=click.IntRange(2, 64), metavar="N", help="Processes at once.")
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Say the words of an earlier audit again.")
@click.option("--input", "key", metavar="KEY", help="The state's key for what a user says.")
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
    **asked: Any,
) -> None:
    """Try to make an agent leak words from one conversation into another.

    MODULE:NAME is a function that takes checkpointer=, a compiled graph, or a whole application
    chat(user, text); MODULE:NAME[KEY] one of several graphs. Without it, the built-in
    assistant. Exits with 0 if nothing leaks, 1 if something does or is not remembered, 2 if it cannot
    be tried.
    """
    if show:
        _list_attacks()
        return
    report = _audited(context.ensure_object(CliContext), target, attacks or None, key, asked)
    if json:
        print_json(report.as_dict())
    elif on_terminal():
        from threads.cli.audit_report import draw_report

        draw_report(report)
    else:
        print_text(escape_block(str(report)))
    context.exit(0 if report.clean else 1)


def _audited(
    cli: CliContext, target: str, attacks: tuple[str, ...] | None, key: str | None, asked: dict[str, Any]
) -> Any:
    """The report; what the agent prints meanwhile goes to stderr, so that stdout holds the report alone."""
    import threads.isolation as isolation

    with cli.progress, redirect_stdout(sys.stderr):
        report = isolation.audit(target, attacks=attacks, input=key, progress=cli.progress, **asked)
    if not any(each.is_tried for each in report.tried):
        raise UsageCliError(f"nothing could be tried: {report.tried[0].skipped}")
    return report


def _list_attacks() -> None:
    from threads.isolation.attacks import ATTACKS

    for attack in ATTACKS:
        print_record(attack.name, attack.what)
    if sys.stdout.isatty():
        print_note("threads audit MODULE:NAME --attack NAME tries one of them")
