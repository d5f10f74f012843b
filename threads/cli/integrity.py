"""Consistency of registry and checkpoints, and removal of the registry: `verify`, `repair`, `detach`."""

from __future__ import annotations

import click

import threads
from threads.cli.context import DECODING_OPTIONS, CliContext, common_options
from threads.cli.output import confirm, print_json, print_note, print_record


@click.command(epilog="Example: threads verify --json")
@click.option("--repair", is_flag=True, help="Fix what is found, like `threads repair`.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", *DECODING_OPTIONS, "--traceback")
@click.pass_context
def verify(context: click.Context, repair: bool, json: bool) -> None:
    """Check that registry and checkpoints are consistent; exits with 1 if they are not.

    Only reads, unless with --repair; then it exits with 1 if something could not be fixed.
    """
    _verify(context, repair, json)


@click.command(epilog="Example: threads repair --db support.db")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", *DECODING_OPTIONS, "--traceback")
@click.pass_context
def repair(context: click.Context, json: bool) -> None:
    """Fix inconsistencies of registry and checkpoints; exits with 1 if something could not be fixed."""
    _verify(context, True, json)


def _verify(context: click.Context, repair: bool, json: bool) -> None:
    cli = context.ensure_object(CliContext)
    with cli.open() if repair else cli.open_for_reading(read_only=True) as registry:
        fixed = registry.repair(progress=cli.progress) if repair else []
        problems = registry.verify(progress=cli.progress)
        fixed = [problem for problem in fixed if problem not in problems]
        count = registry.list(limit=1, archived=None, trashed=None).total
    if json:
        print_json({"problems": problems, "mended": fixed, "threads": count})
    else:
        for problem in fixed:
            print_record("mended", problem.kind, problem.thread_id or "", problem.detail)
        for problem in problems:
            print_record(problem.kind, problem.thread_id or "", problem.detail)
        if not problems:
            print_record(f"registry and checkpoints agree ({count} thread{'' if count == 1 else 's'})")
        elif not repair:
            print_note("threads repair fixes what can be fixed")
    context.exit(1 if problems else 0)


@click.command(epilog="Example: threads detach --yes support.db")
@click.argument("file")
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--traceback")
@click.pass_obj
def detach(cli: CliContext, file: str, yes: bool, json: bool) -> None:
    """Remove the registry from a database; its checkpoints stay, for any LangGraph program.

    Titles, tags, owners, pins and all other data that is not in the messages is deleted with it.
    """
    confirm(f"delete all titles, tags and owners in {file}?", yes)
    threads.detach(file)
    print_json({"detached": file}) if json else print_record(f"{file} now contains checkpoints only")
