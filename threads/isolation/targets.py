"""Loading what is audited: a factory, a compiled graph, or a whole application.

A factory is called with `checkpointer=`, and with `store=` if it takes one. A compiled graph is copied with
the audit's own checkpointer and store, and is not changed. An application is a function of user and text
with its own memory. A `langgraph.json` names several factories, `langgraph.json[ID]` one.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from langgraph.pregel import Pregel
from langgraph.store.memory import InMemoryStore

import threads
from threads.agent_sources import AgentNotBuilt, compiled_graph, gives_graph, imported, made_graph
from threads.errors import InvalidValue
from threads.isolation.target_io import Input
from threads.langgraph_json import GraphEntry, InvalidLangGraphJson, open_langgraph_json
from threads.module_loader import ModuleBroken, ObjectNotFound, load_object

Kind = Literal["factory", "graph", "chat"]
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
SPEC = re.compile(r"(?P<module>[\w.]+):(?P<name>[\w.]+)(?:\[(?P<key>[^\]]+)\])?")
FILE_SPEC = re.compile(r"(?P<file>.+\.json)(?:\[(?P<key>[^\]]+)\])?")


@dataclass(frozen=True)
class Target:
    """An agent to audit; made by `load_target` and `resolve_target`."""

    label: str
    kind: Kind
    value: Any
    """The factory, the graph or the function."""
    spec: str | None
    """`module:name`, by which other processes import it; None if they cannot."""
    key: str | None = None
    """The key of the graph if a factory makes several."""
    input: Input = None
    is_async: bool = False
    """Whether the target must run in an event loop."""

    def graph(self, checkpointer: Any, store: Any = None) -> Any:
        """Return the graph with this checkpointer, or None for an application. Raises `InvalidValue`."""
        if self.kind == "chat":
            return None
        made = self.value if self.kind == "graph" else self._call(checkpointer, store)
        if isinstance(made, Mapping):
            made = _select_graph(made, self.key, self.label)
        if not isinstance(made, Pregel):
            hint = "; an application is named by its function or object itself" if callable(made) else ""
            raise InvalidValue(
                "target", f"{self.label} makes a {type(made).__name__}, not a compiled graph{hint}"
            )
        lacks_checkpointer = self.takes("checkpointer") and made.checkpointer in (None, False)
        if lacks_checkpointer or (made.checkpointer is checkpointer and made.store in (None, store)):
            return made
        return bind_graph(made, checkpointer, store)

    def takes(self, name: str) -> bool:
        """Return whether the factory has this parameter."""
        return self.kind == "factory" and _takes(self.value, name)

    def _call(self, checkpointer: Any, store: Any) -> Any:
        arguments: dict[str, Any] = {"checkpointer": checkpointer, "store": store}
        arguments = {name: value for name, value in arguments.items() if _takes(self.value, name)}
        if _is_bundled(self.value) and _takes(self.value, "model") and not os.environ.get("THREADS_MODEL"):
            arguments["model"] = "offline"
        try:
            made = self.value(**arguments)
        except (AgentNotBuilt, InvalidLangGraphJson) as error:
            raise InvalidValue("target", error.reason) from error
        except (Exception, SystemExit) as error:
            raise InvalidValue("target", f"{self.label} makes no agent: {format_error(error)}") from error
        if inspect.iscoroutine(made):
            made.close()
            raise InvalidValue(
                "target", f"{self.label} is a coroutine function: the audit calls one that is not"
            )
        return made


def bind_graph(graph: Any, checkpointer: Any, store: Any = None) -> Any:
    """Return a copy of the graph with `checkpointer`, and with an empty store if it had one."""
    update = {"checkpointer": checkpointer}
    if graph.store is not None:
        update["store"] = store if store is not None else InMemoryStore()
    return graph.copy(update=update)


def load_target(spec: str) -> Target:
    """Import `module:name` or what a `langgraph.json` names, with `[key]` one of several graphs.

    Raises `InvalidValue`.
    """
    if found := FILE_SPEC.fullmatch(spec):
        entry = _select_graph(open_langgraph_json(found["file"]), found["key"], found["file"])
        return Target(spec, "factory", partial(_build_entry, entry), _absolute(spec))
    found = SPEC.fullmatch(spec)
    if found is None:
        raise InvalidValue("target", f"{spec!r} is not of the form module:name, nor a langgraph.json")
    try:
        value = load_object(found["module"], found["name"])
    except ObjectNotFound as error:
        raise InvalidValue("target", str(error)) from error
    except ModuleBroken as error:
        raise InvalidValue("target", f"{error}: {format_error(error.error)}") from error.error
    return _make_target(value, spec, spec, found["key"])


def _build_entry(entry: GraphEntry) -> Any:
    """The graph of an entry; what is async is awaited in a thread, as the audit may run in an event loop."""
    made = made_graph(imported(entry))
    if hasattr(made, "__aenter__") or hasattr(made, "__enter__"):
        raise TypeError("it is a context manager: the audit takes a graph, or a function that returns one")
    if gives_graph(made):
        with ThreadPoolExecutor(1) as pool:
            made = pool.submit(asyncio.run, _awaited(made)).result()
    return compiled_graph(made)


async def _awaited(made: Any) -> Any:
    return await made


def _absolute(spec: str) -> str:
    """The spec of a file as processes in other folders read it."""
    return str(Path(spec).expanduser().absolute())


def format_error(error: BaseException | None) -> str:
    """Return type and first line of an error."""
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}{': ' if first else ''}{first}"


def resolve_target(value: Any) -> Target:
    """Return the target for a `module:name`, a graph, a factory or an application. Raises `InvalidValue`."""
    if isinstance(value, str):
        return load_target(value)
    name = getattr(value, "__qualname__", None) or getattr(value, "name", None) or type(value).__name__
    return _make_target(value, str(name), _find_spec(value), None)


def _make_target(value: Any, label: str, spec: str | None, key: str | None) -> Target:
    if isinstance(value, Pregel | Mapping):
        return Target(label, "graph", value, spec, key)
    if not callable(value):
        raise InvalidValue("target", f"{label} is a {type(value).__name__}: neither a graph nor a function")
    parameters = _parameters(value)
    required = [each for each in parameters if each.kind in POSITIONAL and each.default is each.empty]
    if "checkpointer" in [each.name for each in parameters] or not required:
        return Target(label, "factory", value, spec, key)
    if len(required) == 2:
        called = value if inspect.isroutine(value) else value.__call__
        return Target(label, "chat", value, spec, is_async=inspect.iscoroutinefunction(called))
    raise InvalidValue(
        "target", f"{label} is neither a factory (checkpointer=) nor an application (user, text) -> reply"
    )


def _select_graph(graphs: Mapping[Any, Any], key: str | None, label: str) -> Any:
    if key is None and len(graphs) == 1:
        return next(iter(graphs.values()))
    if key not in graphs:
        known = ", ".join(map(str, graphs))
        form = "module:name[KEY]" if SPEC.fullmatch(label) else f"{label}[KEY]"
        raise InvalidValue("target", f"{label} has several graphs, say which: {form} with {known}")
    return graphs[key]


def _find_spec(value: Any) -> str | None:
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "<")
    if module is None or module == "__main__" or "<" in name:
        return None
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return f"{module}:{name}" if found is value else None


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []


def _takes(function: Callable[..., Any], name: str) -> bool:
    return any(each.name == name or each.kind is each.VAR_KEYWORD for each in _parameters(function))


def _is_bundled(factory: Callable[..., Any]) -> bool:
    """Return whether a factory is the built-in assistant or of the clone's `agent`: they need no key."""
    code = getattr(inspect.unwrap(factory), "__code__", None)
    package = Path(threads.__file__).parent
    bundled = (package / "assistant.py", package.parent / "agent")
    return code is not None and any(map(Path(code.co_filename).is_relative_to, bundled))
