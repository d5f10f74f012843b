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
from threads.module_loader import ModuleBroken, ObjectNotFound, load_object

F = TypeVar("F", bound=Callable[..., Any])

DATABASE = "threads.db"
"""The default database, in the current folder."""


class CliContext:
    """The options that all commands share, and the registry they open."""

    def __init__(self) -> None:
        self.db: str | None = None
        self.agents: str | None = None
        self.types: tuple[str, ...] = ()
        self.reducer: str | None = None
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
        decoding = self._decoding_options()
        with self.progress, threads.open(self.location, progress=self.progress, **decoding) as registry:
            self._learn_agents(registry)
            yield registry

    @contextmanager
    def open_for_reading(self, *, read_only: bool = False) -> Iterator[threads.Registry]:
        """Open the registry for reading, which also works with a file or disk that cannot be written.

        With `read_only` the file is not written even where it can be.
        """
        self._check_file(False)
        options = {"progress": self.progress, **self._decoding_options()}
        with self.progress:
            try:
                registry = threads.open(self.location, read_only=read_only, **options)
            except (threads.ReadOnly, threads.DatabaseFull):
                registry = threads.open(self.location, read_only=True, **options)
            with registry:
                self._learn_agents(registry)
                yield registry

    def _decoding_options(self) -> dict[str, Any]:
        """Return what `--types` and `--reducer` name, as options of `threads.open`."""
        types = [load_named(spec, "--types") for spec in self.types]
        for spec, found in zip(self.types, types, strict=True):
            if not isinstance(found, type):
                raise click.UsageError(f"--types: {spec} is not a class")
        reducer = None if self.reducer is None else load_named(self.reducer, "--reducer")
        if reducer is not None and not callable(reducer):
            raise click.UsageError(f"--reducer: {self.reducer} is not a function")
        return {"types": types, "reducer": reducer}

    def _learn_agents(self, registry: threads.Registry) -> None:
        """Let the graphs of `--agents` tell how their threads are read, where no Runner gets them anyway."""
        if self.agents is None:
            return
        context = click.get_current_context(silent=True)  # there is none while the shell completes
        if context is None or any(parameter.name == "agents" for parameter in context.command.params):
            return
        from threads.cli.agent_loader import load_agents

        load_agents(self.agents).describe_to(registry)

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


def load_named(spec: str, option: str) -> Any:
    """Import what an option names as `module:name`. Raises `UsageError`, `CliError`."""
    module, _, name = spec.partition(":")
    if not (module and name):
        raise click.UsageError(f"{option}: {spec!r} is not of the form MODULE:NAME")
    try:
        return load_object(module, name)
    except ObjectNotFound as error:
        raise click.UsageError(f"{option}: {error}") from error
    except ModuleBroken as error:
        raise CliError(f"{option}: {error}: {type(error.error).__name__}: {error.error}") from error.error


OPTIONS: dict[str, dict[str, Any]] = {
    "--db": {"metavar": "FILE", "help": f"The database.  [default: {DATABASE}]"},
    "--agents": {
        "metavar": "MODULE:NAME|FILE",
        "help": "Agents of your own: a graph, a mapping of id to graph, a function that returns one, or a "
        "langgraph.json.",
    },
    "--types": {
        "metavar": "MODULE:NAME",
        "multiple": True,
        "help": "A class of your own that stored states hold; can be repeated. `threads --agents "
        "MODULE:NAME COMMAND` names those of a graph.",
    },
    "--reducer": {
        "metavar": "MODULE:NAME",
        "help": "The reducer of a DeltaChannel called messages, for threads whose graph is not at hand.",
    },
    "--traceback": {"is_flag": True, "default": None, "help": "Show where in the code an error was raised."},
}
DECODING_OPTIONS = ("--types", "--reducer")
ENVIRONMENT_VARIABLES = {"--db": "THREADS_DB", "--traceback": "THREADS_DEBUG"}


def common_options(*names: str, environment: bool = False) -> Callable[[F], F]:
    """Add the shared options of these names to a command; with `environment` they read variables, too.

    Where there is `--db`, there are `--types` and `--reducer`; a command that neither names them nor needs
    agents hides them.
    """
    added = [name for name in DECODING_OPTIONS if "--db" in names and name not in names]

    def add(command: F) -> F:
        for name in reversed((*names, *added)):
            variable = ENVIRONMENT_VARIABLES.get(name) if environment else None
            option = click.option(
                name,
                expose_value=False,
                callback=_store_option,
                envvar=variable,
                show_envvar=environment,
                hidden=name in added and "--agents" not in names,
                **OPTIONS[name],
            )
            command = option(command)
        return command

    return add


def _store_option(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    cli = context.ensure_object(CliContext)
    if value not in (None, ()) and parameter.name is not None:
        setattr(cli, parameter.name, value)
    return value
