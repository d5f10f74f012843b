"""What every command has: the database, the agents, and the options that name them.

`--db` and `--agents` are accepted before and after the command's name; the one after it wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

import threads
from threads.cli.errors import CliError
from threads.cli.progress import ProgressBar
from threads.db.inspection import is_foreign
from threads.db.open import located, reachable

F = TypeVar("F", bound=Callable[..., Any])

DATABASE = "threads.db"
"""The default database, in the current folder."""


class CliContext:
    """The options that all commands share, and the registry they open."""

    def __init__(self) -> None:
        self.db: str | None = None
        self.agents: str | None = None
        self.traceback = False
        self.progress = ProgressBar()
        self.had_wal = False
        """Whether a write-ahead log with content lay beside the file before it was opened."""

    @property
    def location(self) -> str:
        """The database, as the user named it."""
        return self.db or DATABASE

    @property
    def path(self) -> Path | None:
        """The database's file; None for `:memory:`."""
        path = located(self.location)
        return None if path is None else path.expanduser()

    def exists(self) -> bool:
        """Return whether there is a database to read."""
        return self.path is None or self.path.exists()

    @contextmanager
    def open(self, *, create: bool = False) -> Iterator[threads.Registry]:
        """Open the registry for writing; a file that does not exist is only created with `create`."""
        self._check_file(create)
        with self.progress, threads.open(self.location, progress=self.progress) as registry:
            yield registry

    @contextmanager
    def open_for_reading(self, *, read_only: bool = False) -> Iterator[threads.Registry]:
        """Open the registry for reading, which also works with a file or disk that cannot be written.

        With `read_only` the file is not written even where it can be.
        """
        self._check_file(False)
        with self.progress:
            try:
                registry = threads.open(self.location, read_only=read_only, progress=self.progress)
            except (threads.ReadOnly, threads.DatabaseFull):
                registry = threads.open(self.location, read_only=True, progress=self.progress)
            with registry:
                yield registry

    def _check_file(self, create: bool) -> None:
        if self.path is None:
            return
        path = reachable(self.path, must_exist=not create)
        log = Path(f"{path}-wal")
        self.had_wal = log.exists() and log.stat().st_size > 0
        if not create and is_foreign(path):
            raise CliError(
                f"{path} is the database of another program and has no threads in it; nothing was changed "
                "(--db FILE names another)"
            )


OPTIONS: dict[str, dict[str, Any]] = {
    "--db": {"metavar": "FILE", "help": f"The database.  [default: {DATABASE}]"},
    "--agents": {
        "metavar": "MODULE:NAME|FILE",
        "help": "Agents of your own: a graph, a mapping of id to graph, a function that returns one, or a "
        "langgraph.json.",
    },
    "--traceback": {"is_flag": True, "default": None, "help": "Show where in the code an error was raised."},
}
ENVIRONMENT_VARIABLES = {"--db": "THREADS_DB", "--traceback": "THREADS_DEBUG"}


def common_options(*names: str, environment: bool = False) -> Callable[[F], F]:
    """Add the shared options of these names to a command; with `environment` they read variables, too."""

    def add(command: F) -> F:
        for name in reversed(names):
            variable = ENVIRONMENT_VARIABLES.get(name) if environment else None
            option = click.option(
                name,
                expose_value=False,
                callback=_store_option,
                envvar=variable,
                show_envvar=environment,
                **OPTIONS[name],
            )
            command = option(command)
        return command

    return add


def _store_option(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    cli = context.ensure_object(CliContext)
    if value is not None and parameter.name is not None:
        setattr(cli, parameter.name, value)
    return value
