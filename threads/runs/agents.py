"""The agents of a runner: copies of the caller's graphs, bound to the registry's checkpointer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel import Pregel

from threads.errors import AgentNotFound, InvalidValue

DEFAULT_GRAPH_NAME = "LangGraph"
"""What LangGraph calls a graph without a name."""


class AgentRegistry:
    """Graphs by agent id; the caller's own graphs are not changed."""

    def __init__(self, agents: Any, checkpointer: Any) -> None:
        given = agents if isinstance(agents, Mapping) else {_name(agents): agents}
        if not given:
            raise InvalidValue(
                "agents", "no agents were given; pass a compiled graph, or a mapping of id to graph"
            )
        self._graphs = {str(id): _bound(id, graph, checkpointer) for id, graph in given.items()}

    @property
    def ids(self) -> tuple[str, ...]:
        """The agent ids, in the order in which they were given."""
        return tuple(self._graphs)

    def choose(self, requested: str | None, thread_agent: str | None) -> str:
        """Return the id of the agent that answers; `AgentNotFound`.

        It is the requested one, else the thread's own, else the only one.
        """
        chosen = thread_agent if requested is None else requested
        if chosen is None and len(self._graphs) == 1:
            return self.ids[0]
        if chosen is None or chosen not in self._graphs:
            raise AgentNotFound(chosen, self.ids)
        return chosen

    def has(self, agent_id: str | None) -> bool:
        """Return whether this agent is loaded."""
        return agent_id in self._graphs

    def find(self, agent_id: str) -> Any:
        """Return the graph of this agent, or None."""
        return self._graphs.get(agent_id)

    def get(self, agent_id: str | None) -> Any:
        """Return the graph of this agent; `AgentNotFound`."""
        if agent_id not in self._graphs:
            raise AgentNotFound(agent_id, self.ids)
        return self._graphs[agent_id]

    def check_takes_messages(self, agent_id: str) -> None:
        """Raise `InvalidValue` if this agent is loaded and its input has no channel `messages`."""
        graph = self.find(agent_id)
        if isinstance(graph, CompiledStateGraph) and "messages" not in _input_channels(graph):
            what = f"agent {agent_id!r} takes no messages; pass its input with input="
            raise InvalidValue("message", what)


def _name(graph: Any) -> str:
    name = getattr(graph, "name", None)
    return name if isinstance(name, str) and name not in ("", DEFAULT_GRAPH_NAME) else "agent"


def _input_channels(graph: CompiledStateGraph[Any, Any, Any, Any]) -> Collection[str]:
    return graph.builder.schemas[graph.builder.input_schema]


def _bound(id: object, graph: Any, checkpointer: Any) -> Any:
    if not isinstance(graph, (Pregel, CompiledStateGraph)):
        raise InvalidValue("agents", f"{id!r} is not a compiled LangGraph graph: {graph!r}")
    return graph.copy(update={"checkpointer": checkpointer})
