"""The agents of a runner: copies of the caller's graphs, bound to the registry's checkpointer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel import Pregel

from threads.errors import InvalidValue

DEFAULT_GRAPH_NAME = "LangGraph"
"""What LangGraph calls a graph without a name."""


def bind_agents(agents: Any, checkpointer: Any) -> dict[str, Any]:
    """Return graphs by agent id, from one graph or a mapping; the caller's own graphs are not changed."""
    given = agents if isinstance(agents, Mapping) else {_name(agents): agents}
    if not given:
        raise InvalidValue(
            "agents", "no agents were given; pass a compiled graph, or a mapping of id to graph"
        )
    return {str(id): _bound(id, graph, checkpointer) for id, graph in given.items()}


def _name(graph: Any) -> str:
    name = getattr(graph, "name", None)
    return name if isinstance(name, str) and name not in ("", DEFAULT_GRAPH_NAME) else "agent"


def _bound(id: object, graph: Any, checkpointer: Any) -> Any:
    if not isinstance(graph, (Pregel, CompiledStateGraph)):
        raise InvalidValue("agents", f"{id!r} is not a compiled LangGraph graph: {graph!r}")
    return graph.copy(update={"checkpointer": checkpointer})
