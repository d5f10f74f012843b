"""Checking that registry and memory agree, and taking the registry out again: `verify`, `detach`."""

from __future__ import annotations

import click

import threads
from threads.cli.changing import confirm
from threads.cli.output import as_json, line, note
from threads.cli.session import Session, common


@click.command(epilog="Example: threads verify --repair")
@click.option("--repair", is_flag=True, help="Mend what is found.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common("--db", "--traceback")
@click.pass_context
def verify(context: click.Context, repair: bool, json: bool) -> None:
    """Check that registry and memory agree; exits with 1 if they do not.

    Only reads, unless with --repair; then it exits with 1 if something could not be mended.
    """
    session = context.ensure_object(Session)
    with session.open() if repair else session.look(read_only=True) as registry:
        mended = registry.repair() if repair else []
        problems = registry.verify()
        count = registry.list(limit=1, archived=None, trashed=None).total
    if json:
        as_json({"problems": problems, "mended": mended, "threads": count})
    else:
        for problem in mended:
            line("mended", problem.kind, problem.thread_id or "", problem.detail)
        for problem in problems:
            line(problem.kind, problem.thread_id or "", problem.detail)
        if not problems:
            line(f"registry and memory agree ({count} thread{'' if count == 1 else 's'})")
        elif not repair:
            note("threads verify --repair mends what can be mended")
    context.exit(1 if problems else 0)


@click.command(epilog="Example: threads detach --yes support.db")
@click.argument("file")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@common("--traceback")
@click.pass_obj
def detach(session: Session, file: str, yes: bool) -> None:
    """Take the registry out of a database; its checkpoints stay, for any LangGraph program.

    Titles, tags, owners, pins and all else that the messages do not say is lost with it.
    """
    confirm(f"forget all titles, tags and owners in {file}?", yes)
    threads.detach(file)
    line(f"{file} holds checkpoints only now")
