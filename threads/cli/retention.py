"""`cleanup`: retention rules, and their application."""

from __future__ import annotations

from typing import Any, get_args

import click

from threads import InvalidValue, Registry, Rule
from threads.cli.completion import complete_rules, complete_tags, complete_thread_ids
from threads.cli.context import CliContext, common_options
from threads.cli.options import DurationType
from threads.cli.output import print_json, print_note, print_record
from threads.cli.sanitize import escape_line
from threads.cli.thread_ref import resolve_thread
from threads.models import Action


@click.command(epilog="Example: threads cleanup --set old --action archive --inactive 90d")
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
@click.option("--rules", is_flag=True, help="List the rules instead.")
@click.option("--drop", metavar="NAME", shell_complete=complete_rules, help="Remove a rule instead.")
@click.option("--set", "name", metavar="NAME", help="Store a rule instead, made of the options below.")
@click.option("--action", type=click.Choice(get_args(Action)), help="The action of the rule.")
@click.option("--inactive", type=DurationType(), help="Time since the last activity: 30m, 2h, 90d, 4w.")
@click.option("--age", type=DurationType(), help="Time since the thread was created.")
@click.option("--trashed", type=DurationType(), help="Time since the thread was trashed.")
@click.option("--abandoned", is_flag=True, help="Only threads in which no agent ever answered.")
@click.option(
    "--thread", "thread_id", metavar="ID", shell_complete=complete_thread_ids, help="Only this thread."
)
@click.option("--tag", metavar="TAG", shell_complete=complete_tags, help="Only threads with this tag.")
@click.option("--agent", "agent_id", metavar="ID", help="Only threads of this agent.")
@click.option("--owner", metavar="NAME", help="Only threads of this owner.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def cleanup(
    cli: CliContext,
    /,
    dry_run: bool,
    rules: bool,
    drop: str | None,
    name: str | None,
    json: bool,
    **conditions: Any,
) -> None:
    """Apply the retention rules to old threads: keep, prune, archive, trash or delete them.

    Pinned threads are exempt, and so are those that a rule with the action keep matches. Never asks for
    confirmation, so that a timer can run it.
    """
    if name is None and (conditions["action"] or any(conditions[each] for each in conditions)):
        raise click.UsageError("these options belong to --set NAME")
    if dry_run and (drop is not None or name is not None):
        raise click.UsageError(
            "--dry-run applies the stored rules; it cannot be combined with --set or --drop"
        )
    with cli.open_for_reading() if rules or dry_run else cli.open() as registry:
        if rules or drop is not None or name is not None:
            _change_rules(registry, drop, name, conditions)
            _print_rules(registry.rules(), json)
            return
        cleaned = registry.cleanup(dry_run=dry_run, progress=cli.progress)
    if json:
        print_json({"cleaned": cleaned, "dry_run": dry_run})
        return
    for each in cleaned:
        for id in each.threads:
            print_record(each.action, each.rule, id)
    count = sum(len(each.threads) for each in cleaned)
    be = "would be" if dry_run else "was" if count == 1 else "were"
    print_note(f"{count} thread{'' if count == 1 else 's'} {be} cleaned up")


def _change_rules(registry: Registry, drop: str | None, name: str | None, conditions: dict[str, Any]) -> None:
    try:
        if drop is not None:
            registry.remove_rule(drop)
        if name is not None:
            if conditions["action"] is None:
                raise click.UsageError("--action is required with --set")
            if conditions["thread_id"] is not None:
                conditions["thread_id"] = resolve_thread(registry, conditions["thread_id"]).id
            registry.set_rule(name, **conditions)
    except InvalidValue as error:
        raise click.UsageError(escape_line(f"{error.field}: {error.reason}")) from error


def _print_rules(rules: list[Rule], json: bool) -> None:
    if json:
        print_json({"rules": rules})
        return
    for rule in rules:
        limits = {
            "inactive": rule.inactive, "age": rule.age, "trashed": rule.trashed, "thread": rule.thread_id,
            "tag": rule.tag, "agent": rule.agent_id, "owner": rule.owner,
        }  # fmt: skip
        conditions = [f"{name} {value}" for name, value in limits.items() if value is not None]
        print_record(rule.name, rule.action, *conditions, *(["abandoned"] if rule.abandoned else []))
