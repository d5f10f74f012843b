"""The agents that answer: the ones that come along, or the user's own by `--agents module:name`.

A thread is answered by the agent it was begun with. Another one has to be named, because two graphs
need not understand each other's state.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from threads import Registry, Thread
from threads.cli.errors import AgentFailed, Fault
from threads.cli.sanitize import field

UNNAMED = "LangGraph"
"""What LangGraph calls a graph without a name."""

OFFLINE_DELAY = "0.0125"
"""Seconds between streamed words of the offline model in `chat` and `serve`: about 80 words a second."""


class Agents:
    """Agents by id; a graph is built when it is asked for, with the registry's checkpointer."""

    def __init__(self, ids: Iterable[str], default: str | None, build: Callable[[str], Any]) -> None:
        self.ids = tuple(ids)
        self.default = default
        self._build = build

    def graph(self, agent_id: str) -> Any:
        """The graph to speak with."""
        try:
            return self._build(agent_id)
        except Exception as error:
            raise AgentFailed(error, f"agent {agent_id!r} cannot be built") from error

    def chosen(self, said: str | None, thread: Thread | None) -> str:
        """Who answers: who was said, else the thread's own agent, else in a new thread the default."""
        known = ", ".join(self.ids)
        if said is not None:
            if said not in self.ids:
                raise click.UsageError(field(f"there is no agent {said!r}; there are: {known}"))
            return said
        if thread is None or (thread.agent_id is None and thread.message_count == 0) or self._only(thread):
            if self.default is None:
                raise click.UsageError(field(f"which agent? say --agent with one of: {known}"))
            return self.default
        if thread.agent_id is None:
            raise click.UsageError(
                field(f"which agent speaks in thread {thread.id!r}? say --agent with one of: {known}")
            )
        if thread.agent_id not in self.ids:
            raise Fault(
                f"thread {thread.id!r} belongs to agent {thread.agent_id!r}, which is not here; bring it "
                f"along with --agents MODULE:NAME, or say who else answers by --agent (there are: {known})"
            )
        return thread.agent_id

    def _only(self, thread: Thread) -> bool:
        """Whether there is one agent alone, and nothing speaks against it."""
        return thread.agent_id is None and len(self.ids) == 1


def load(spec: str | None, registry: Registry) -> Agents:
    """The agents named by `--agents`, or those that come along."""
    return _bundled(registry) if spec is None else _own(spec, registry)


def _bundled(registry: Registry) -> Agents:
    try:
        from agent import catalog
    except ImportError as error:
        raise click.UsageError(
            "the package `agent` found here is not the one that comes with langgraph-threads; "
            "name your graphs with --agents MODULE:NAME"
        ) from error
    return Agents(
        catalog.agent_ids(),
        catalog.DEFAULT_AGENT,
        lambda agent_id: catalog.build(agent_id, checkpointer=registry.checkpointer),
    )


def _own(spec: str, registry: Registry) -> Agents:
    from langgraph.pregel import Pregel

    module, colon, name = spec.partition(":")
    if not (module and colon and name):
        raise click.UsageError(f"--agents: {spec!r} is not of the form MODULE:NAME")
    found = _imported(module, name)
    if not isinstance(found, Pregel | Mapping) and callable(found):
        found = _called(found, spec)
    if isinstance(found, Pregel):
        found = {found.name if found.name != UNNAMED else name: found}
    if not isinstance(found, Mapping) or not found:
        raise click.UsageError(f"--agents: {spec} is neither a compiled graph nor a mapping of ids to graphs")

    def build(agent_id: str) -> Any:
        graph = found[agent_id]
        if not isinstance(graph, Pregel) and callable(graph):
            graph = graph()
        if not isinstance(graph, Pregel):
            raise TypeError(f"it is a {type(graph).__name__}, not a compiled graph")
        return graph.copy(update={"checkpointer": registry.checkpointer})

    ids = tuple(map(str, found))
    return Agents(ids, ids[0] if len(ids) == 1 else None, build)


def _imported(module: str, name: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            raise click.UsageError(f"--agents: there is no module {module!r} here") from error
        raise AgentFailed(error, f"{module} cannot be imported") from error
    except AttributeError as error:
        if getattr(error, "obj", None) is not sys.modules.get(module):
            raise AgentFailed(error, f"{module} cannot be imported") from error
        raise click.UsageError(f"--agents: module {module!r} has no {name!r}") from error
    except Exception as error:
        raise AgentFailed(error, f"{module} cannot be imported") from error


def _called(make: Callable[[], Any], spec: str) -> Any:
    try:
        return make()
    except Exception as error:
        raise AgentFailed(error, f"{spec} failed") from error
