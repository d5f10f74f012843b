"""What every command works with: which database, which agents, and the options that say so.

`--db` and `--agents` are taken before and after the command's name; the one after it wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

import threads
from threads.cli.progress import Bar
from threads.database.opening import located, reachable

F = TypeVar("F", bound=Callable[..., Any])

DATABASE = "threads.db"
"""The file that is used when none is named, in the current folder."""


class Session:
    """The options that all commands share, and the registry they open."""

    def __init__(self) -> None:
        self.db: str | None = None
        self.agents: str | None = None
        self.traceback = False

    @property
    def where(self) -> str:
        """The database, as it was named."""
        return self.db or DATABASE

    def exists(self) -> bool:
        """Whether there is a database to look at."""
        path = located(self.where)
        return path is None or path.expanduser().exists()

    @contextmanager
    def open(self, *, create: bool = False) -> Iterator[threads.Registry]:
        """The registry, for changing something; only with `create` a file is made if there is none."""
        self._check(create)
        with Bar() as bar, threads.open(self.where, progress=bar) as registry:
            yield registry

    @contextmanager
    def look(self, *, read_only: bool = False) -> Iterator[threads.Registry]:
        """The registry, for looking; a file that cannot be written is good enough for that."""
        self._check(False)
        with Bar() as bar:
            try:
                registry = threads.open(self.where, read_only=read_only, progress=bar)
            except threads.ReadOnly:
                registry = threads.open(self.where, read_only=True, progress=bar)
            with registry:
                yield registry

    def _check(self, create: bool) -> None:
        path = located(self.where)
        if path is not None:
            reachable(path, must_exist=not create)


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
