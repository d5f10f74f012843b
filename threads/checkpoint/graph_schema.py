"""What a compiled graph says about the state it stores: its types, its message channel, its reducer.

Only a graph that this process was given, or `types=`, allows a type. What is read from a file never does.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableBinding
from langchain_core.tools import BaseTool
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import add_messages
from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel import Pregel

from threads.checkpoint.message_channel import (
    CHANNEL,
    GraphSchema,
    stored_reducer_name,
)
from threads.langgraph_internals import PregelNode, RunnableCallable, build_serde_allowlist

RESPONSE_FORMATS = "langchain.agents.structured_output"
"""The module of LangChain's `ToolStrategy`, `ProviderStrategy` and `AutoStrategy`; each has a `schema`."""
RESPONSE_FORMAT = "response_format"
"""The variable of `create_react_agent` that holds a response's type, or a prompt and the type."""
MAX_PARTS = 10_000
"""Objects that are looked at in one graph, at most."""


def read_schema(graph: Pregel[Any, Any, Any, Any]) -> GraphSchema:
    """Return what a compiled graph, or a functional `entrypoint`, says about its state."""
    schemas: list[Any] = []
    channels: dict[str, Any] = {}
    for number, part in enumerate(_parts(graph)):
        if isinstance(part, Pregel):
            channels |= {f"{number}:{name}": channel for name, channel in part.channels.items()}
            schemas += _schemas(part)
        else:
            schemas.append(part)
    types = build_serde_allowlist(schemas=schemas, channels=channels)
    name = find_message_channel(graph)
    channel = graph.channels.get(name) if name else None
    reducer = channel.reducer if isinstance(channel, DeltaChannel) else None
    is_named = stored_reducer_name((graph.config or {}).get("metadata") or {}) is not None
    return GraphSchema(frozenset(types), name, reducer, is_named, frozenset(graph.nodes))


def _schemas(graph: Pregel[Any, Any, Any, Any]) -> list[Any]:
    """The schemas of a graph, as `StateGraph.compile` collects them for its own allow-list."""
    found = [graph.context_schema]
    if isinstance(graph, CompiledStateGraph):
        builder = graph.builder
        found += [builder.state_schema, builder.input_schema, builder.output_schema]
        found += [node.input_schema for node in builder.nodes.values()]
        found += [
            branch.input_schema for branches in builder.branches.values() for branch in branches.values()
        ]
    return [schema for schema in found if schema is not None]


def find_message_channel(graph: Pregel[Any, Any, Any, Any]) -> str | None:
    """Return the channel that holds a graph's conversation; None if it has none, or several that may."""
    if CHANNEL in graph.channels:
        return CHANNEL
    found = [
        name
        for name, channel in graph.channels.items()
        if not name.startswith("__")
        and (
            getattr(channel, "operator", None) is add_messages
            or _holds_messages(getattr(channel, "ValueType", None))
        )
    ]
    found = found or [name for name in _declared(graph) if name in graph.channels]
    return found[0] if len(found) == 1 else None


def _declared(graph: Pregel[Any, Any, Any, Any]) -> list[str]:
    """Fields of the state that are declared as lists of messages: a delta channel keeps `list` alone."""
    if not isinstance(graph, CompiledStateGraph):
        return []
    try:
        hints = inspect.get_annotations(graph.builder.state_schema, eval_str=True)
    except Exception:  # noqa: BLE001  a name in an annotation need not exist at run time
        return []
    return [name for name, hint in hints.items() if _holds_messages(hint)]


def _holds_messages(annotation: Any) -> bool:
    """Whether a type is a list of messages."""
    if hasattr(annotation, "__metadata__"):  # Annotated
        return _holds_messages(annotation.__origin__)
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, Iterable) and not issubclass(origin, Mapping):
        return any(map(_is_message_type, get_args(annotation)))
    return any(map(_holds_messages, get_args(annotation))) if origin is not None else False


def _is_message_type(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, BaseMessage):
        return True
    if hasattr(annotation, "__metadata__"):
        return _is_message_type(annotation.__origin__)
    return any(map(_is_message_type, get_args(annotation)))


def _parts(graph: Pregel[Any, Any, Any, Any]) -> Iterator[Any]:
    """Yield the graph, the graphs that its nodes and tools run, and the response formats of its agents.

    LangGraph does not know response formats: `create_agent` has them in variables of its node's function.
    """
    seen: dict[int, Any] = {}
    waiting: list[Any] = [graph]
    while waiting and len(seen) < MAX_PARTS:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen[id(part)] = part  # the reference keeps its id from being reused
        found, inside = None, list[Any]()
        with suppress(Exception):  # an object of the application's may refuse to be looked at
            found, inside = _look_at(part), list(_inside(part))
        if found is not None:
            yield found
        waiting += inside


def _look_at(part: Any) -> Any:
    """The part if it is a graph, the schema if it is a response format, else None."""
    if isinstance(part, Pregel):
        return part
    if isinstance(part, _ResponseFormat) or type(part).__module__ == RESPONSE_FORMATS:
        return getattr(part, "schema", None)
    return None


@dataclass(frozen=True, slots=True, eq=False)
class _ResponseFormat:
    schema: Any


def _inside(part: Any) -> Iterable[Any]:
    """The objects in which a part of a graph may hold further graphs or response formats."""
    if isinstance(part, Pregel):
        return [node.bound for node in part.nodes.values()]
    if isinstance(part, PregelNode):
        return [part.bound]
    if isinstance(part, RunnableCallable):
        return [part.func, part.afunc, *vars(part).values()]
    if isinstance(part, Runnable) and isinstance(steps := getattr(part, "steps", None), list):
        return steps
    if isinstance(part, RunnableBinding):
        return [part.bound]
    if isinstance(part, BaseTool):
        return [getattr(part, "func", None), getattr(part, "coroutine", None)]
    if isinstance(part, dict):
        return part.values()
    if isinstance(part, list | tuple | set | frozenset):
        return part
    if isinstance(part, functools.partial):
        return [part.func, *part.args, *part.keywords.values()]
    if inspect.ismethod(part):
        return [part.__func__, *getattr(part.__self__, "__dict__", {}).values()]
    if inspect.isfunction(part):
        return list(_variables(part))
    return ()


def _variables(function: Any) -> Iterator[Any]:
    """What a function refers to of the functions around it."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
        yield value
        if name == RESPONSE_FORMAT and value is not None:
            yield _ResponseFormat(value[-1] if isinstance(value, tuple) else value)
