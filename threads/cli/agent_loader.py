"""The agents of a command: the built-in assistant, or the user's own by `--agents`.

A thread is answered by the agent it was created with. Another one has to be named, because two graphs need
not understand each other's state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import click

import threads
from threads import Registry, Thread
from threads.cli.errors import CliError
from threads.cli.sanitize import escape_line
from threads.errors import catalog_hint

BUILT_IN = ("assistant", "my-agent")
"""The ids of `threads.assistant`, the default first; `my-agent` is the id in the HTTP examples."""

OFFLINE_DELAY = 0.0125
"""Seconds between streamed words of the offline model in `chat` and `serve`: about 80 words a second."""


class LoadedAgents:
    """Agents by id, as `Runner` takes them: a graph is built when a runner is started for it.

    `offline_delay`: seconds between streamed words of an offline model that is loaded for it.
    """

    def __init__(self, agents: Mapping[str, Any], default: str | None, offline_delay: float) -> None:
        self.ids = tuple(agents)
        self.default = default
        self._agents = agents
        self._offline_delay = offline_delay

    def runner(self, registry: Registry, ids: Iterable[str]) -> threads.Runner:
        """Start a runner of these agents. Raises `AgentNotBuilt`."""
        from threads.chat_models.loader import offline_delay

        with offline_delay(self._offline_delay):
            return threads.Runner(registry, {id: self._agents[id] for id in ids})

    def describe_to(self, registry: Registry) -> None:
        """Let the registry read states by what these graphs say about them. Raises `AgentNotBuilt`."""
        from threads.runs.agents import bind_agents, open_agents
        from threads.runs.event_loop import LoopThread

        loop = LoopThread("threads-agents")
        try:
            bind_agents(open_agents(self._agents, loop), registry._context)
        finally:
            loop.close()

    def choose(self, agent_id: str | None, thread: Thread | None) -> str:
        """Return `agent_id` if it is given, else the thread's own agent, else in a new thread the default."""
        known = ", ".join(self.ids)
        if agent_id is not None:
            if agent_id not in self.ids:
                raise click.UsageError(escape_line(f"there is no agent {agent_id!r}; there are: {known}"))
            return agent_id
        if thread is None or (thread.agent_id is None and thread.message_count == 0) or self._only(thread):
            if self.default is None:
                raise click.UsageError(escape_line(f"which agent? name one with --agent: {known}"))
            return self.default
        if thread.agent_id is None:
            raise click.UsageError(
                escape_line(f"which agent answers in thread {thread.id!r}? name one with --agent: {known}")
            )
        if thread.agent_id not in self.ids:
            hint = catalog_hint(thread.agent_id) or "load it with --agents MODULE:NAME"
            raise CliError(
                f"thread {thread.id!r} belongs to agent {thread.agent_id!r}, which is not loaded; {hint}, or "
                f"name another agent with --agent (there are: {known})"
            )
        return thread.agent_id

    def _only(self, thread: Thread) -> bool:
        """Return whether there is only one agent, and the thread has no other."""
        return thread.agent_id is None and len(self.ids) == 1


def load_agents(spec: str | None, *, offline_delay: float = 0.0) -> LoadedAgents:
    """Load the agents that `--agents` names, without it the built-in assistant.

    `offline_delay`: seconds between streamed words of the offline model, where the environment names none.
    """
    if spec is None:
        builders = {id: partial(_build_assistant, id) for id in BUILT_IN}
        return LoadedAgents(builders, BUILT_IN[0], offline_delay)
    from threads import agent_sources
    from threads.chat_models import loader

    with loader.offline_delay(offline_delay):
        found = agent_sources.load_agents(spec)
    return LoadedAgents(found, next(iter(found)) if len(found) == 1 else None, offline_delay)


def _build_assistant(id: str) -> Any:
    from threads import assistant

    return assistant.build(id)
