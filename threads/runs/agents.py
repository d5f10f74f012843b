"""The agents of a runner: copies of the caller's graphs, bound to the registry's checkpointer.

What an agent says about itself stands in the metadata of its config, where any graph can have it:
`graph.with_config(metadata={"agent_card": {"name": ..., "description": ..., "starters": [...]}})`. LangGraph
stores no mapping of a config's metadata in checkpoints.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
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
from threads.models import AgentInfo
from threads.registry.context import RegistryContext
from threads.runs.event_loop import LoopThread

CARD = "agent_card"
"""The key in the metadata of a graph's config."""
CARD_FIELDS = ("name", "description", "starters")
MAX_STARTERS = 4
MAX_CARD_TEXT = 1000
"""Characters of a text of a card."""


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
        if made is value and not is_graph(made):
            return made
        return _described(compiled_graph(made), value)
    except (AgentNotBuilt, InvalidLangGraphJson):
        raise
    except (Exception, SystemExit) as error:
        label = value.label if isinstance(value, GraphEntry) else f"agent {id!r}"
        raise AgentNotBuilt(f"{label} cannot be built", error) from error


def _described(graph: Any, value: Any) -> Any:
    """Return the graph with the description of its `langgraph.json`, if it has none itself."""
    description = value.description if isinstance(value, GraphEntry) else None
    card = _card_of(graph)
    if not description or not isinstance(card, Mapping) or "description" in card:
        return graph
    return graph.with_config(metadata={CARD: {**card, "description": description}})


def read_agent_info(id: str, graph: Any) -> AgentInfo:
    """Return what the agent says about itself. Raises `InvalidValue` for a card of another form."""
    card = _card_of(graph)
    if not isinstance(card, Mapping) or not all(field in CARD_FIELDS for field in card):
        raise InvalidValue("agents", f"the {CARD} of {id!r} is no mapping of {', '.join(CARD_FIELDS)}")
    starters = card.get("starters") or ()
    if isinstance(starters, str) or not isinstance(starters, Sequence) or len(starters) > MAX_STARTERS:
        raise InvalidValue("agents", f"the starters of {id!r} are no list of up to {MAX_STARTERS} texts")
    texts = [card.get("name"), card.get("description")]
    name, description = (None if text is None else _card_text(id, text) for text in texts)
    prompts = tuple(_card_text(id, text) for text in starters)
    return AgentInfo(id, name or _own_name(graph) or id, description, prompts)


def _card_of(graph: Any) -> Any:
    config = getattr(graph, "config", None) or {}
    return (config.get("metadata") or {}).get(CARD) or {}


def _card_text(id: str, text: object) -> str:
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_CARD_TEXT:
        reason = f"the {CARD} of {id!r} holds what is no text of 1 to {MAX_CARD_TEXT} characters"
        raise InvalidValue("agents", reason)
    return text.strip()


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
    return _own_name(graph) or "agent"


def _own_name(graph: Any) -> str | None:
    name = getattr(graph, "name", None)
    return name if isinstance(name, str) and name not in ("", DEFAULT_GRAPH_NAME) else None


def _bound(id: object, graph: Any, context: RegistryContext) -> Any:
    if not isinstance(graph, (Pregel, CompiledStateGraph)):
        raise InvalidValue("agents", f"{id!r} is not a compiled LangGraph graph: {graph!r}")
    metadata = context.learn(graph)
    bound = graph.copy(update={"checkpointer": context.checkpointer})
    return bound.with_config(metadata=metadata) if metadata else bound
