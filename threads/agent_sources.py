"""Agents as users name them: `module:name`, a `langgraph.json`, a graph, a builder, or a function of one.

A function is called as LangGraph's server calls it: with a `RunnableConfig` if it has a parameter for one. It
returns a compiled graph or a builder, or, where it is async or a context manager, gives one. It is called
once, not for each run.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from threads.errors import InvalidValue
from threads.langgraph_json import GraphEntry, is_langgraph_json, open_langgraph_json
from threads.module_loader import ModuleBroken, ObjectNotFound, load_object

DEFAULT_GRAPH_NAME = "LangGraph"
"""What LangGraph calls a graph without a name."""
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class AgentNotBuilt(InvalidValue):
    """The code of an agent raised `error`, when it was imported or called."""

    def __init__(self, what: str, error: BaseException) -> None:
        self.error = error
        first = next(iter(str(error).strip().splitlines()), "")
        raised = f"{type(error).__name__}{': ' if first else ''}{first}"
        super().__init__("agents", f"{what}: {error.reason if isinstance(error, InvalidValue) else raised}")


def load_agents(spec: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a `module:name` or a `langgraph.json` names, by agent id; what is a function stays one.

    Raises `InvalidValue`, and `AgentNotBuilt` for errors of the module.
    """
    if is_langgraph_json(spec):
        return dict(open_langgraph_json(spec))
    spec = str(spec)
    module, colon, name = spec.partition(":")
    if not (module and colon and name):
        raise InvalidValue("agents", f"{spec!r} is neither MODULE:NAME nor the path of a langgraph.json")
    try:
        found = load_object(module, name)
    except ObjectNotFound as error:
        raise InvalidValue("agents", str(error)) from error
    except ModuleBroken as error:
        raise AgentNotBuilt(str(error), error.error) from error.error
    if _is_plain_function(found):
        try:
            found = call_factory(found)
        except (Exception, SystemExit) as error:
            raise AgentNotBuilt(f"{spec} failed", error) from error
    if isinstance(found, Mapping) and found:
        return {str(id): value for id, value in found.items()}
    if not is_graph(found) and not callable(found):
        raise InvalidValue("agents", f"{spec} is neither a compiled graph nor a mapping of ids to graphs")
    own = getattr(found, "name", None)
    return {own if isinstance(own, str) and own not in ("", DEFAULT_GRAPH_NAME) else name: found}


def made_graph(value: Any) -> Any:
    """Return what an agent's value stands for: a graph, a builder, or what gives one by `opened_graph`.

    An entry of a `langgraph.json` is imported, a function called. Raises `InvalidValue` for a function that
    cannot be called so, and what its code raises.
    """
    if isinstance(value, GraphEntry):
        value = imported(value)
    return value if is_graph(value) or not callable(value) else call_factory(value)


def imported(entry: GraphEntry) -> Any:
    """Import the object of an entry. Raises `InvalidLangGraphJson`, and `AgentNotBuilt` for its errors."""
    try:
        return entry.load()
    except ModuleBroken as error:
        raise AgentNotBuilt(f"{entry.label}: {entry.spec!r} cannot be imported", error.error) from error.error


def call_factory(factory: Callable[..., Any]) -> Any:
    """Call a function that makes a graph, with a `RunnableConfig` if it has a parameter for one."""
    from langchain_core.runnables import ensure_config

    found = [each for each in _parameters(factory) if each.kind in POSITIONAL]
    required = [each for each in found if each.default is each.empty]
    if len(required) > 1 or (required and "ServerRuntime" in str(required[0].annotation)):
        names = ", ".join(each.name for each in required)
        raise InvalidValue(
            "agents", f"it needs the arguments {names}; a function gets a config: RunnableConfig, or nothing"
        )
    if required:
        return factory(ensure_config({}))
    if found and (found[0].name == "config" or "RunnableConfig" in str(found[0].annotation)):
        return factory(ensure_config({}))
    return factory()


def gives_graph(made: Any) -> bool:
    """Return whether a graph has still to be awaited or entered."""
    return inspect.isawaitable(made) or hasattr(made, "__aenter__") or hasattr(made, "__enter__")


@asynccontextmanager
async def opened_graph(made: Any) -> AsyncIterator[Any]:
    """Give the graph of an awaitable or of a context manager, which is left afterwards."""
    if hasattr(made, "__aenter__"):
        async with made as graph:
            yield graph
    elif hasattr(made, "__enter__"):
        with made as graph:
            yield graph
    else:
        yield await made


def compiled_graph(made: Any) -> Any:
    """Return the graph, compiled if it is a builder. Raises `InvalidValue` for anything else."""
    from langgraph.graph import StateGraph
    from langgraph.pregel import Pregel

    graph = made.compile() if isinstance(made, StateGraph) else made
    if not isinstance(graph, Pregel):
        kind = type(graph).__name__
        raise InvalidValue("agents", f"{graph!r} ({kind}) is not a compiled graph; compile() returns one")
    return graph


def is_graph(value: Any) -> bool:
    """Return whether it is a compiled graph or a builder."""
    from langgraph.graph import StateGraph
    from langgraph.pregel import Pregel

    return isinstance(value, Pregel | StateGraph)


def _is_plain_function(value: Any) -> bool:
    """Whether calling it returns a graph or a mapping, not an awaitable or a context manager."""
    if is_graph(value) or isinstance(value, Mapping) or not callable(value):
        return False
    function = inspect.unwrap(value)
    kinds = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)
    return not any(is_kind(function) for is_kind in kinds)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []
