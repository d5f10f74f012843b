"""The agents that answer: the built-in assistant, or the user's own by `--agents module:name`.

A thread is answered by the agent it was begun with. Another one has to be named, because two graphs
need not understand each other's state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click

from threads import Registry, Thread
from threads.cli.errors import AgentCliError, CliError
from threads.cli.sanitize import escape_line
from threads.errors import catalog_hint
from threads.module_loader import ModuleBroken, ObjectNotFound, load_object

BUILT_IN = ("assistant", "my-agent")
"""The ids of `threads.assistant`, the default first; `my-agent` is the id in the HTTP examples."""

OFFLINE_DELAY = 0.0125
"""Seconds between streamed words of the offline model in `chat` and `serve`: about 80 words a second."""


class Agents:
    """Agents by id. A graph is built on demand, with the registry's checkpointer.

    `offline_delay`: seconds between streamed words of an offline model that is loaded for it.
    """

    def __init__(
        self, ids: Iterable[str], default: str | None, build: Callable[[str], Any], offline_delay: float
    ) -> None:
        self.ids = tuple(ids)
        self.default = default
        self._build = build
        self._offline_delay = offline_delay

    def graph(self, agent_id: str) -> Any:
        """Build the graph of an agent. Raises `AgentFailed`."""
        from threads.chat_models.loader import offline_delay

        try:
            with offline_delay(self._offline_delay):
                return self._build(agent_id)
        except Exception as error:
            raise AgentCliError(error, f"agent {agent_id!r} cannot be built") from error

    def chosen(self, said: str | None, thread: Thread | None) -> str:
        """Who answers: who was said, else the thread's own agent, else in a new thread the default."""
        known = ", ".join(self.ids)
        if said is not None:
            if said not in self.ids:
                raise click.UsageError(escape_line(f"there is no agent {said!r}; there are: {known}"))
            return said
        if thread is None or (thread.agent_id is None and thread.message_count == 0) or self._only(thread):
            if self.default is None:
                raise click.UsageError(escape_line(f"which agent? say --agent with one of: {known}"))
            return self.default
        if thread.agent_id is None:
            raise click.UsageError(
                escape_line(f"which agent speaks in thread {thread.id!r}? say --agent with one of: {known}")
            )
        if thread.agent_id not in self.ids:
            hint = catalog_hint(thread.agent_id) or "load it with --agents MODULE:NAME"
            raise CliError(
                f"thread {thread.id!r} belongs to agent {thread.agent_id!r}, which is not loaded; {hint}, or "
                f"name another agent with --agent (there are: {known})"
            )
        return thread.agent_id

    def _only(self, thread: Thread) -> bool:
        """Whether there is one agent alone, and nothing speaks against it."""
        return thread.agent_id is None and len(self.ids) == 1


def load(spec: str | None, registry: Registry, *, offline_delay: float = 0.0) -> Agents:
    """Load the agents that `--agents` names, without it the built-in assistant.

    `offline_delay`: seconds between streamed words of the offline model, where the environment names none.
    """
    if spec is not None:
        from threads.chat_models import loader

        with loader.offline_delay(offline_delay):
            return _own(spec, registry, offline_delay)

    def build(agent_id: str) -> Any:
        from threads import assistant

        return assistant.build(agent_id, checkpointer=registry.checkpointer)

    return Agents(BUILT_IN, BUILT_IN[0], build, offline_delay)


def _own(spec: str, registry: Registry, offline_delay: float) -> Agents:
    from langgraph.pregel import Pregel

    from threads.runs.agents import UNNAMED

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
    return Agents(ids, ids[0] if len(ids) == 1 else None, build, offline_delay)


def _imported(module: str, name: str) -> Any:
    try:
        return load_object(module, name)
    except ObjectNotFound as error:
        raise click.UsageError(f"--agents: {error}") from error
    except ModuleBroken as error:
        raise AgentCliError(error.error, str(error)) from error.error


def _called(make: Callable[[], Any], spec: str) -> Any:
    try:
        return make()
    except Exception as error:
        raise AgentCliError(error, f"{spec} failed") from error
