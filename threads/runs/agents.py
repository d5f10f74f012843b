"""The agents of a runner: copies of the caller's graphs, bound to the registry's checkpointer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel import Pregel

from threads.errors import InvalidValue
from threads.registry.context import RegistryContext

DEFAULT_GRAPH_NAME = "LangGraph"
"""What LangGraph calls a graph without a name."""


def bind_agents(agents: Any, context: RegistryContext) -> dict[str, Any]:
    """Return graphs by agent id, from one graph or a mapping; the caller's own graphs are not changed.

    The registry reads their states by what they say about them, and their checkpoints' metadata say how
    their messages merge.
    """
    given = agents if isinstance(agents, Mapping) else {_name(agents): agents}
    if not given:
        raise InvalidValue(
            "agents", "no agents were given; pass a compiled graph, or a mapping of id to graph"
        )
    return {str(id): _bound(id, graph, context) for id, graph in given.items()}


def _name(graph: Any) -> str:
    name = getattr(graph, "name", None)
    return name if isinstance(name, str) and name not in ("", DEFAULT_GRAPH_NAME) else "agent"


def _bound(id: object, graph: Any, context: RegistryContext) -> Any:
    if not isinstance(graph, (Pregel, CompiledStateGraph)):
        raise InvalidValue("agents", f"{id!r} is not a compiled LangGraph graph: {graph!r}")
    metadata = context.learn(graph)
    bound = graph.copy(update={"checkpointer": context.checkpointer})
    return bound.with_config(metadata=metadata) if metadata else bound
