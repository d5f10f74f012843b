"""Runs of a thread: `runs` and `stop`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NoReturn

import click

from threads import Registry, RunInfo
from threads.cli.completion import complete_run_ids, complete_thread_ids
from threads.cli.context import CliContext, common_options
from threads.cli.errors import CliError, NotFoundCliError
from threads.cli.output import on_terminal, print_json, print_note, print_record
from threads.cli.sanitize import escape_line, format_time
from threads.cli.thread_ref import resolve_thread

PAGE_SIZE = 100
"""Runs that are read at a time."""
STOP_TIMEOUT = 10.0
"""Seconds in which a run ends once it is stopped, even if a node ignores that, unless its process is gone."""
POLL_INTERVAL = 0.1
UNFINISHED = ("pending", "running")


@click.command(epilog="Example: threads runs - --json")
@click.argument("id", shell_complete=complete_thread_ids)
@click.option(
    "-n", "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Size of the page."
)
@click.option("--cursor", metavar="CURSOR", help="Continue the previous list from its cursor.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def runs(cli: CliContext, id: str, limit: int, cursor: str | None, json: bool) -> None:
    """List the runs of a thread, newest first.

    Prints a table on a terminal, otherwise a line per run: id, kind, status, creation, seconds, attempts,
    agent and error, separated by tabs. The seconds are those from its start to its end; while it runs, to
    now.
    """
    with cli.open_for_reading() as registry:
        page = registry.runs(resolve_thread(registry, id).id, limit=limit, cursor=cursor)
    if json:
        print_json({"runs": page.items, "next_cursor": page.next_cursor})
        return
    cells = [_cells(run) for run in page]
    if on_terminal() and cells:
        from threads.cli.tables import draw_runs

        draw_runs(cells)
    else:
        for each in cells:
            print_record(*each)
    if not cells:
        print_note("no runs")
    if page.next_cursor:
        print_note(f"there are more: add --cursor {page.next_cursor}")


@click.command(epilog="Example: threads stop -")
@click.argument("id", shell_complete=complete_thread_ids)
@click.argument("run", required=False, metavar="[RUN]", shell_complete=complete_run_ids)
@click.option("--rollback", is_flag=True, help="Also remove what the run stored, as if it had not been.")
@click.option(
    "--wait", type=click.FloatRange(0), default=STOP_TIMEOUT, show_default=True, metavar="SECONDS",
    help="How long to wait for its end.",
)  # fmt: skip
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def stop(cli: CliContext, id: str, run: str | None, rollback: bool, wait: float, json: bool) -> None:
    """Stop the active run of a thread, or the run by the id RUN, in whatever process it is.

    Its partial output stays unless --rollback is given. Without RUN it is the running one, or the only one
    that is queued. Returns once the run has ended, with exit code 1 if it has not when --wait is over.
    """
    from threads.runs.cancellation import request_stop

    with cli.open() as registry:
        thread = resolve_thread(registry, id)
        chosen = _find_run(registry, thread.id, run) if run else _active_run(registry, thread.id)
        if not request_stop(registry, chosen.id, rollback=rollback):
            status = _reread(registry, thread.id, chosen).status
            raise CliError(f"run {chosen.id} has ended already, with status {status}")
        ended = _wait_for_end(registry, thread.id, chosen, wait)
    if json:
        print_json({"run": ended})
    else:
        print_record(ended.id, ended.status)
    if ended.status in UNFINISHED:
        raise CliError(
            "the stop is stored, but the process of the run has not answered; the run ends once a runner has "
            "its agent"
        )


def runs_of(registry: Registry, thread_id: str) -> Iterator[RunInfo]:
    """Yield the runs of a thread but title runs, newest first."""
    cursor: str | None = None
    while True:
        page = registry.runs(thread_id, limit=PAGE_SIZE, cursor=cursor)
        yield from (run for run in page if run.kind != "title")
        cursor = page.next_cursor
        if cursor is None:
            return


def _find_run(registry: Registry, thread_id: str, given: str) -> RunInfo:
    """Resolve the id of a run, which may be abbreviated as long as it is unique."""
    found = [run for run in runs_of(registry, thread_id) if run.id.startswith(given)]
    found = [run for run in found if run.id == given] or found
    if not found:
        raise NotFoundCliError(escape_line(f"thread {thread_id!r} has no run {given!r}"))
    if len(found) > 1:
        _raise_several(thread_id, found, f"begin with {given!r}")
    return found[0]


def _active_run(registry: Registry, thread_id: str) -> RunInfo:
    """Return the run that is running, or the only one that is queued."""
    unfinished = [run for run in runs_of(registry, thread_id) if run.status in UNFINISHED]
    active = [run for run in unfinished if run.status == "running"] or unfinished
    if not active:
        raise CliError(
            escape_line(f"thread {thread_id!r} has no active run; `threads runs` lists those it had")
        )
    if len(active) > 1:
        _raise_several(thread_id, active, "are queued")
    return active[0]


def _raise_several(thread_id: str, found: Sequence[RunInfo], how: str) -> NoReturn:
    ids = ", ".join(run.id for run in found)
    raise click.UsageError(escape_line(f"several runs of thread {thread_id!r} {how}; name one: {ids}"))


def _wait_for_end(registry: Registry, thread_id: str, run: RunInfo, seconds: float) -> RunInfo:
    until = time.monotonic() + seconds
    while (run := _reread(registry, thread_id, run)).status in UNFINISHED and time.monotonic() < until:
        time.sleep(POLL_INTERVAL)
    return run


def _reread(registry: Registry, thread_id: str, run: RunInfo) -> RunInfo:
    return next((each for each in runs_of(registry, thread_id) if each.id == run.id), run)


def _cells(run: RunInfo) -> tuple[str, ...]:
    end = run.finished_at or (datetime.now(UTC) if run.status == "running" else None)
    seconds = "" if run.started_at is None or end is None else f"{(end - run.started_at).total_seconds():.2f}"
    when, agent_id, error = format_time(run.created_at), run.agent_id or "", run.error or ""
    return (run.id, run.kind, run.status, when, seconds, str(run.attempts), agent_id, error)
