"""The agents that a runner lets answer: copies of the caller's graphs, with the registry's memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel import Pregel

from threads.errors import AgentNotFound, InvalidValue

UNNAMED = "LangGraph"
"""What LangGraph calls a graph without a name."""


class Agents:
    """Agents by id; the caller's graphs stay as they are."""

    def __init__(self, agents: Any, checkpointer: Any) -> None:
        given = agents if isinstance(agents, Mapping) else {_name(agents): agents}
        if not given:
            raise InvalidValue(
                "agents", "there are none; hand in a compiled graph, or a mapping of id to graph"
            )
        self._graphs = {str(id): _ours(id, graph, checkpointer) for id, graph in given.items()}

    @property
    def ids(self) -> tuple[str, ...]:
        """Their ids, in the order in which they were handed in."""
        return tuple(self._graphs)

    def chosen(self, said: str | None, thread_agent: str | None) -> str:
        """Who answers: who was said, else the thread's own, else the only one; `AgentNotFound`."""
        if said is None:
            said = thread_agent
        if said is None and len(self._graphs) == 1:
            return self.ids[0]
        if said is None or said not in self._graphs:
            raise AgentNotFound(said, self.ids)
        return said

    def knows(self, agent_id: str | None) -> bool:
        """Whether this agent is here."""
        return agent_id in self._graphs

    def check_takes_messages(self, agent_id: str) -> None:
        """Raise `InvalidValue` if an agent that is here has no `messages` that one could become part of."""
        graph = self.find(agent_id)
        if isinstance(graph, CompiledStateGraph) and "messages" not in _taken(graph):
            what = f"agent {agent_id!r} takes no messages; hand it what it takes with input="
            raise InvalidValue("message", what)

    def find(self, agent_id: str) -> Any:
        """This agent, or None."""
        return self._graphs.get(agent_id)

    def __getitem__(self, agent_id: str) -> Any:
        if agent_id not in self._graphs:
            raise AgentNotFound(agent_id, self.ids)
        return self._graphs[agent_id]


def _name(graph: Any) -> str:
    name = getattr(graph, "name", None)
    return name if isinstance(name, str) and name not in ("", UNNAMED) else "agent"


def _taken(graph: CompiledStateGraph[Any, Any, Any, Any]) -> Collection[str]:
    """The channels that an input can be written to."""
    return graph.builder.schemas[graph.builder.input_schema]


def _ours(id: object, graph: Any, checkpointer: Any) -> Any:
    if not isinstance(graph, (Pregel, CompiledStateGraph)):
        raise InvalidValue("agents", f"{id!r} is no compiled LangGraph graph: {graph!r}")
    return graph.copy(update={"checkpointer": checkpointer})
