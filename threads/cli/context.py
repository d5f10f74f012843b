"""What every command works with: which database, which agents, and the options that say so.

`--db` and `--agents` are taken before and after the command's name; the one after it wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

import threads
from threads.cli.errors import Fault
from threads.cli.progress import Bar
from threads.db.backups import KNOWN_TABLES
from threads.db.connections import connect
from threads.db.open import BUSY_TIMEOUT, located, reachable
from threads.db.readonly import ReadOnlyFile

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

DATABASE = "threads.db"
"""The file that is used when none is named, in the current folder."""
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
ATTEMPTS = 5
"""How often reading begins again where somebody writes."""


class Session:
    """The options that all commands share, and the registry they open."""

    def __init__(self) -> None:
        self.db: str | None = None
        self.agents: str | None = None
        self.traceback = False
        self.bar = Bar()
        self.had_log = False
        """Whether a write-ahead log lay beside the file before it was opened."""

    @property
    def where(self) -> str:
        """The database, as it was named."""
        return self.db or DATABASE

    @property
    def path(self) -> Path | None:
        """Its file; None for `:memory:`."""
        path = located(self.where)
        return None if path is None else path.expanduser()

    def exists(self) -> bool:
        """Whether there is a database to look at."""
        return self.path is None or self.path.exists()

    @contextmanager
    def open(self, *, create: bool = False) -> Iterator[threads.Registry]:
        """The registry, for changing something; only with `create` a file is made if there is none."""
        self._check(create)
        with self.bar, threads.open(self.where, progress=self.bar) as registry:
            yield registry

    @contextmanager
    def look(self, *, read_only: bool = False) -> Iterator[threads.Registry]:
        """The registry, for looking; that takes neither a file that can be written nor room on its disk."""
        self._check(False)
        with self.bar:
            try:
                registry = threads.open(self.where, read_only=read_only, progress=self.bar)
            except (threads.ReadOnly, threads.DatabaseFull):
                registry = threads.open(self.where, read_only=True, progress=self.bar)
            with registry:
                yield registry

    def _check(self, create: bool) -> None:
        if self.path is None:
            return
        path = reachable(self.path, must_exist=not create)
        log = Path(f"{path}-wal")
        self.had_log = log.exists() and log.stat().st_size > 0
        if not create and _is_another_programs(path):
            raise Fault(
                f"{path} is the database of another program and has no threads in it; nothing was changed "
                "(--db FILE names another)"
            )


def undisturbed(work: Callable[[], T]) -> T:
    """The result of `work`, which reads a file that nobody writes; begun again if somebody did after all.

    The file is known to be in use then, and is read as such.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return work()
        except threads.DatabaseBusy as error:
            if error.__cause__ is not None:  # SQLite's own word: it has waited for a lock long enough
                raise
    return work()


def _is_another_programs(path: Path) -> bool:
    """Whether the file has tables, but neither checkpoints nor a registry."""
    found = _tables(path)
    return bool(found) and not found & KNOWN_TABLES


def _tables(path: Path) -> set[str]:
    """The file's tables; it is not touched, unless a writer died in it and SQLite undoes his half."""
    file = ReadOnlyFile(path, prepare=lambda _: None, timeout=BUSY_TIMEOUT)

    def seen() -> set[str]:
        with file.read() as connection:
            return {row[0] for row in connection.execute(TABLES)}

    try:
        return undisturbed(seen)
    except threads.ReadOnly:
        with closing(connect(path, timeout=BUSY_TIMEOUT)) as connection:
            return {row[0] for row in connection.execute(TABLES)}
    finally:
        file.close()


OPTIONS: dict[str, dict[str, Any]] = {
    "--db": {"metavar": "FILE", "help": f"The database.  [default: {DATABASE}]"},
    "--agents": {
        "metavar": "MODULE:NAME",
        "help": "Agents of your own: a graph, a mapping of id to graph, or a function that returns one.",
    },
    "--traceback": {"is_flag": True, "default": None, "help": "Show where in the code an error came up."},
}
VARIABLES = {"--db": "THREADS_DB", "--traceback": "THREADS_DEBUG"}


def common(*names: str, environment: bool = False) -> Callable[[F], F]:
    """The shared options of these names for a command; on the group they read the environment too."""

    def add(command: F) -> F:
        for name in reversed(names):
            variable = VARIABLES.get(name) if environment else None
            option = click.option(
                name,
                expose_value=False,
                callback=_keep,
                envvar=variable,
                show_envvar=environment,
                **OPTIONS[name],
            )
            command = option(command)
        return command

    return add


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    session = context.ensure_object(Session)
    if value is not None and parameter.name is not None:
        setattr(session, parameter.name, value)
    return value
