"""The agents of a runner: copies of the caller's graphs, bound to the registry's checkpointer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel import Pregel

from threads.agent_sources import (
    DEFAULT_GRAPH_NAME,
    AgentNotBuilt,
    compiled_graph,
    gives_graph,
    is_graph,
    load_agents,
    made_graph,
    opened_graph,
)
from threads.errors import InvalidValue
from threads.langgraph_json import GraphEntry, InvalidLangGraphJson
from threads.registry.context import RegistryContext
from threads.runs.event_loop import LoopThread


def open_agents(agents: Any, loop: LoopThread) -> dict[str, Any]:
    """Return graphs by agent id, from all that `Runner` takes; `AgentNotBuilt`.

    What is async or a context manager is entered on `loop`, on which the graphs run, and left when that is
    closed.
    """
    given = load_agents(agents) if isinstance(agents, str | os.PathLike) else agents
    given = given if isinstance(given, Mapping) else {_name(given): given}
    return {id: _opened(id, value, loop) for id, value in given.items()}


def _opened(id: object, value: Any, loop: LoopThread) -> Any:
    try:
        made = made_graph(value)
        if gives_graph(made):
            made = loop.enter(opened_graph(made))
        return compiled_graph(made) if made is not value or is_graph(made) else made
    except (AgentNotBuilt, InvalidLangGraphJson):
        raise
    except (Exception, SystemExit) as error:
        label = value.label if isinstance(value, GraphEntry) else f"agent {id!r}"
        raise AgentNotBuilt(f"{label} cannot be built", error) from error


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
