"""Keeping a database small and safe: `prune`, `compact`, `backup` and `restore-backup`.

The first three ask nothing: no message is lost. What old checkpoints alone told is lost with them: the
states to go back to, and the times at which messages were said.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

import threads
from threads import DatabaseNotFound, Pruned, Thread, ThreadTrashed
from threads.cli.completion_values import complete_thread_ids
from threads.cli.context import CliContext, common_options, retry_if_written
from threads.cli.output import on_terminal, print_json, print_note, print_record, shown_size
from threads.cli.thread_ref import resolve_threads
from threads.cli.threads import confirm
from threads.db.open import located, reachable


def prune_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that lets old checkpoints go."""
    keep = click.option(
        "--keep",
        type=click.IntRange(1),
        metavar="N",
        default=1,
        show_default=True,
        help="How many states of a thread stay.",
    )
    dry_run = click.option("--dry-run", is_flag=True, help="Only say what would go.")
    json = click.option("--json", "json", is_flag=True, help="As JSON.")
    return keep(dry_run(json(common_options("--db", "--traceback")(command))))


@click.command(epilog="Example: threads prune - --keep 10 --dry-run")
@click.argument("ids", metavar="[ID]...", nargs=-1, shell_complete=complete_thread_ids)
@prune_options
@click.pass_obj
def prune(cli: CliContext, ids: tuple[str, ...], keep: int, dry_run: bool, json: bool) -> None:
    """Let old checkpoints go, of all threads or of those by ID.

    What is remembered stays as it is; only going back to older states is over, and when a message was
    said is forgotten where they alone told it. Threads in the trash are left alone. The file itself
    shrinks by `threads compact`.
    """
    with cli.open_for_reading() if dry_run else cli.open() as registry:
        chosen = [_untrashed_id(thread) for thread in resolve_threads(registry, ids)] or None
        pruned = registry.prune(chosen, keep=keep, dry_run=dry_run, progress=cli.progress)
    if json:
        print_json(pruned)
        return
    _print_pruned(pruned, dry_run)
    if pruned.checkpoints and not dry_run and on_terminal():
        print_note("threads compact gives the room back to the file system")


@click.command(epilog="Example: threads compact --db support.db --dry-run")
@prune_options
@click.pass_obj
def compact(cli: CliContext, keep: int, dry_run: bool, json: bool) -> None:
    """Make the file as small as it can be: prune all threads and give the room back.

    Asks nothing, for no message is lost: what is remembered stays as it is; only going back to older
    states is over, and when a message was said is forgotten where they alone told it. Threads in the
    trash are not pruned. Others who use the file wait meanwhile, and for a moment as much room again
    is needed beside it.
    """
    path = cli.path
    if path is None:
        raise click.UsageError("there is no file to make smaller: name one with --db FILE")
    before = _size(path) if path.exists() else 0
    with cli.open_for_reading() if dry_run else cli.open() as registry:
        pruned = registry.prune(keep=keep, dry_run=dry_run, progress=cli.progress)
        if not dry_run:
            with cli.progress.waiting("giving the room back"):
                registry.compact()
    after = None if dry_run else _size(path)
    if json:
        print_json({"pruned": pruned, "before": before, "after": after})
    else:
        _print_pruned(pruned, dry_run)
        if after is None:
            print_record(f"{path} takes {shown_size(before)} now")
        else:
            won = max(0, before - after)
            print_record(
                f"{path} took {shown_size(before)} and takes {shown_size(after)} now: {shown_size(won)} won"
            )
    if after is not None and _wal_size(path):
        print_note("somebody is reading the file; it shrinks once they are done and it is opened again")


def _new_file(_: click.Context, parameter: click.Parameter, value: str) -> str:
    path = located(value)
    try:
        if path is not None:
            reachable(path, must_exist=False)
    except DatabaseNotFound as error:
        raise click.BadParameter(str(error), param=parameter) from error
    return value


@click.command(epilog="Example: threads backup copy.db --db support.db")
@click.argument("file", callback=_new_file)
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def backup(cli: CliContext, file: str, json: bool) -> None:
    """Copy the database to a new FILE, whole, also while others speak in it.

    The database is only read. A FILE that is there already is not written over.
    """

    def copied() -> Path:
        with cli.open_for_reading(read_only=True) as registry:
            return registry.backup(file, progress=cli.progress)

    path = retry_if_written(copied)
    if json:
        print_json({"file": path, "bytes": _size(path)})
    else:
        print_record(f"{path} holds {shown_size(_size(path))}" if on_terminal() else path)


@click.command(epilog="Example: threads restore-backup copy.db --db support.db")
@click.argument("file")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def restore_backup(cli: CliContext, file: str, yes: bool, json: bool) -> None:
    """Put the backup FILE in the place of the database.

    FILE is checked first and stays as it is. The old database is kept beside the new one, as
    DATABASE.before-restore-TIME. Whatever uses the database has to be stopped before.
    """
    path = cli.path
    if path is None:
        raise click.UsageError("there is no file to restore: name one with --db FILE")
    if path.exists():
        confirm(f"replace {path} by {file}? the old file is kept beside it", yes)
    with cli.progress:
        kept = threads.restore_backup(path, file, progress=cli.progress)
    if json:
        print_json({"file": path, "kept": kept})
        return
    print_record(f"{path} holds {shown_size(_size(path))}" if on_terminal() else path)
    if kept is not None:
        print_note(f"the old file is {kept}")


def _untrashed_id(thread: Thread) -> str:
    """The thread's id, or `ThreadTrashed`: before anything is done, not half way."""
    if thread.trashed_at is not None:
        raise ThreadTrashed(thread.id)
    return thread.id


def _print_pruned(pruned: Pruned, dry_run: bool) -> None:
    count = f"{pruned.checkpoints} checkpoint{'' if pruned.checkpoints == 1 else 's'}"
    print_record(f"{count} ({shown_size(pruned.bytes)}) {'would go' if dry_run else 'went'}")
    if pruned.skipped:
        print_note(f"left as they are, for what they hold cannot be read: {', '.join(pruned.skipped)}")


def _size(path: Path) -> int:
    """Bytes of a database, with those that wait beside it to be brought in."""
    return path.stat().st_size + _wal_size(path)


def _wal_size(path: Path) -> int:
    log = Path(f"{path}-wal")
    return log.stat().st_size if log.exists() else 0
