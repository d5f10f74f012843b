"""Size and backups of a database: `prune`, `compact`, `backup` and `restore-backup`.

The first three do not ask for confirmation, because they delete no message. What only old checkpoints hold
is deleted with them: the states to go back to, and the times of messages.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

import threads
from threads import DatabaseNotFound, Pruned, Thread, ThreadTrashed
from threads.cli.completion import complete_thread_ids
from threads.cli.context import CliContext, common_options
from threads.cli.output import confirm, on_terminal, print_json, print_note, print_record, shown_size
from threads.cli.thread_ref import resolve_threads
from threads.db.inspection import retry_if_written
from threads.db.open import located, reachable


def prune_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a command that prunes."""
    keep = click.option(
        "--keep",
        type=click.IntRange(1),
        metavar="N",
        default=1,
        show_default=True,
        help="Checkpoints of each thread that stay.",
    )
    dry_run = click.option("--dry-run", is_flag=True, help="Only print what would be deleted.")
    json = click.option("--json", "json", is_flag=True, help="As JSON.")
    return keep(dry_run(json(common_options("--db", "--traceback")(command))))


@click.command(epilog="Example: threads prune - --keep 10 --dry-run")
@click.argument("ids", metavar="[ID]...", nargs=-1, shell_complete=complete_thread_ids)
@prune_options
@click.pass_obj
def prune(cli: CliContext, ids: tuple[str, ...], keep: int, dry_run: bool, json: bool) -> None:
    """Delete old checkpoints, of all threads or of those by ID.

    Messages and the current state are unaffected, but older states cannot be restored any more, and the time
    of a message is lost where only an old checkpoint has it. Threads in the trash are not pruned. The file
    itself shrinks by `threads compact`.
    """
    with cli.open_for_reading() if dry_run else cli.open() as registry:
        chosen = [_untrashed_id(thread) for thread in resolve_threads(registry, ids)] or None
        pruned = registry.prune(chosen, keep=keep, dry_run=dry_run, progress=cli.progress)
    if json:
        print_json(pruned)
        return
    _print_pruned(pruned, dry_run)
    if pruned.checkpoints and not dry_run and on_terminal():
        print_note("threads compact returns the space to the file system")


@click.command(epilog="Example: threads compact --db support.db --dry-run")
@prune_options
@click.pass_obj
def compact(cli: CliContext, keep: int, dry_run: bool, json: bool) -> None:
    """Prune all threads, then shrink the file.

    Does not ask for confirmation, because no message is deleted: the current state is unaffected, but older
    states cannot be restored any more, and the time of a message is lost where only an old checkpoint has
    it. Threads in the trash are not pruned. Other users of the file are blocked while it runs, and as much
    free disk space is needed as the file takes.
    """
    path = cli.path
    if path is None:
        raise click.UsageError("there is no file to compact: name one with --db FILE")
    before = _size(path) if path.exists() else 0
    with cli.open_for_reading() if dry_run else cli.open() as registry:
        pruned = registry.prune(keep=keep, dry_run=dry_run, progress=cli.progress)
        if not dry_run:
            with cli.progress.waiting("compacting"):
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
        print_note("another process reads the file; it shrinks when that ends and the file is opened again")


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
    """Copy the database to a new FILE, consistently, also while others write to it.

    The database is only read. An existing FILE is not overwritten.
    """

    def copy() -> Path:
        with cli.open_for_reading(read_only=True) as registry:
            return registry.backup(file, progress=cli.progress)

    path = retry_if_written(copy)
    if json:
        print_json({"file": path, "bytes": _size(path)})
    else:
        print_record(f"{path} has {shown_size(_size(path))}" if on_terminal() else path)


@click.command(epilog="Example: threads restore-backup copy.db --db support.db")
@click.argument("file")
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--json", "json", is_flag=True, help="As JSON.")
@common_options("--db", "--traceback")
@click.pass_obj
def restore_backup(cli: CliContext, file: str, yes: bool, json: bool) -> None:
    """Replace the database by the backup FILE.

    FILE is checked first and not changed. The old database is renamed to DATABASE.before-restore-TIME. Stop
    all programs that use the database before.
    """
    path = cli.path
    if path is None:
        raise click.UsageError("there is no file to restore: name one with --db FILE")
    if path.exists():
        confirm(f"replace {path} by {file}? the old file is renamed, not deleted", yes)
    with cli.progress:
        old = threads.restore_backup(path, file, progress=cli.progress)
    if json:
        print_json({"file": path, "kept": old})
        return
    print_record(f"{path} has {shown_size(_size(path))}" if on_terminal() else path)
    if old is not None:
        print_note(f"the old file is {old}")


def _untrashed_id(thread: Thread) -> str:
    """Return the thread's id. Raises `ThreadTrashed`, before any thread is pruned."""
    if thread.trashed_at is not None:
        raise ThreadTrashed(thread.id)
    return thread.id


def _print_pruned(pruned: Pruned, dry_run: bool) -> None:
    count = f"{pruned.checkpoints} checkpoint{'' if pruned.checkpoints == 1 else 's'}"
    print_record(f"{count} ({shown_size(pruned.bytes)}) {'would be deleted' if dry_run else 'deleted'}")
    if pruned.skipped:
        print_note(f"not pruned, because their state cannot be read: {', '.join(pruned.skipped)}")


def _size(path: Path) -> int:
    """Bytes of a database and its write-ahead log."""
    return path.stat().st_size + _wal_size(path)


def _wal_size(path: Path) -> int:
    log = Path(f"{path}-wal")
    return log.stat().st_size if log.exists() else 0
