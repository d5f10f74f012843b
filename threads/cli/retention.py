"""Rules for threads that grow old, and cleaning up by them: `cleanup`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import click

from threads import InvalidValue, Registry, Rule
from threads.cli.completion_values import complete_rules, complete_tags, complete_thread_ids
from threads.cli.context import CliContext, common_options
from threads.cli.output import print_json, print_note, print_record
from threads.cli.sanitize import escape_line
from threads.cli.thread_ref import resolve_thread
from threads.durations import duration_of
from threads.models import Action


class DurationType(click.ParamType[timedelta]):
    """A length of time."""

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


@click.command(epilog="Example: threads cleanup --set old --action archive --inactive 90d")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--rules", is_flag=True, help="List the rules instead.")
@click.option("--drop", metavar="NAME", shell_complete=complete_rules, help="Forget a rule instead.")
@click.option("--set", "name", metavar="NAME", help="Store a rule instead; the options below say which.")
@click.option("--action", type=click.Choice(get_args(Action)), help="What is done.")
@click.option("--inactive", type=DurationType(), help="So long after the last activity: 30m, 2h, 90d, 4w.")
@click.option("--age", type=DurationType(), help="So long after the thread was begun.")
@click.option("--trashed", type=DurationType(), help="So long after it was put in the trash.")
@click.option("--abandoned", is_flag=True, help="Only where no agent ever answered.")
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
    **said: Any,
) -> None:
    """Do with old threads what the rules say: keep, prune, archive, trash or delete them.

    Pinned threads are exempt, and so is what a rule says to keep. Asks nothing: it is meant for a timer.
    """
    if name is None and (said["action"] or any(said[each] for each in said)):
        raise click.UsageError("these options belong to --set NAME")
    if dry_run and (drop is not None or name is not None):
        raise click.UsageError(
            "--dry-run tells what the stored rules would do: say it alone, once they are set"
        )
    with cli.open_for_reading() if rules or dry_run else cli.open() as registry:
        if rules or drop is not None or name is not None:
            _change_rules(registry, drop, name, said)
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
    print_note(f"{count} thread{'' if count == 1 else 's'} {be} dealt with")


def _change_rules(registry: Registry, drop: str | None, name: str | None, said: dict[str, Any]) -> None:
    try:
        if drop is not None:
            registry.remove_rule(drop)
        if name is not None:
            if said["action"] is None:
                raise click.UsageError("say --action: what is to be done")
            if said["thread_id"] is not None:
                said["thread_id"] = resolve_thread(registry, said["thread_id"]).id
            registry.set_rule(name, **said)
    except InvalidValue as error:
        raise click.UsageError(escape_line(f"{error.field}: {error.reason}")) from error


def _print_rules(rules: list[Rule], json: bool) -> None:
    if json:
        print_json({"rules": rules})
        return
    for rule in rules:
        facts = {
            "inactive": rule.inactive, "age": rule.age, "trashed": rule.trashed, "thread": rule.thread_id,
            "tag": rule.tag, "agent": rule.agent_id, "owner": rule.owner,
        }  # fmt: skip
        said = [f"{fact} {value}" for fact, value in facts.items() if value is not None]
        print_record(rule.name, rule.action, *said, *(["abandoned"] if rule.abandoned else []))
