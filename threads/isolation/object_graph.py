"""Where a program keeps something: a walk through closures, globals and objects, from an agent's functions.

Only what the agent itself can reach is looked at; what belongs to libraries, to a checkpointer or a store is
left out, since that is where words may be.
"""

from __future__ import annotations

import functools
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.store.base import BaseStore

VISITS = 100_000
LIBRARIES = frozenset({"langgraph", "langchain_core", "langchain", "builtins", "asyncio", "concurrent"})
"""Whose classes and globals are no place of the agent's own; their instances are walked through."""
LEAVES = (int, float, complex, bool, bytes, bytearray, type(None), types.ModuleType)


@dataclass(frozen=True)
class Found:
    """`kind` tells whose it is: a module's, or a closure's or object's."""

    kind: Literal["module", "closure"]
    label: str
    value: Any


def held(root: Any, wanted: Callable[[Any], bool], *, into_savers: bool = False) -> Found | None:
    """The nearest place that `root` can reach and that holds what is wanted."""
    queue: deque[tuple[Any, Found]] = deque([(root, Found("closure", _name(root), root))])
    seen: set[int] = set()
    while queue and len(seen) < VISITS:
        value, place = queue.popleft()
        if wanted(value):
            return Found(place.kind, place.label, value)
        if id(value) in seen or isinstance(value, (*LEAVES, str)):
            continue
        seen.add(id(value))
        if into_savers or not isinstance(value, BaseCheckpointSaver | BaseStore):
            queue.extend(_next(value, place))
    return None


def _next(value: Any, place: Found) -> Iterator[tuple[Any, Found]]:
    if isinstance(value, Mapping):
        yield from ((each, place) for each in _parts(value.items()))
        return
    if isinstance(value, list | tuple | set | frozenset | deque):
        yield from ((each, place) for each in _parts(value))
        return
    if isinstance(value, types.MethodType):
        yield from ((each, place) for each in (value.__func__, value.__self__))
    elif isinstance(value, functools.partial):
        yield from ((each, place) for each in (value.func, value.args, value.keywords))
    elif isinstance(value, ContextVar):
        with suppress(LookupError):  # neither a value nor a default
            yield value.get(), place
    elif isinstance(value, types.FunctionType):
        yield from _function(value)
    elif isinstance(value, type):
        yield from _class(value)
    else:
        kind = type(value)
        yield from ((each, _at(place, f"{kind.__name__}.{name}", kind)) for name, each in _attributes(value))
        yield from _class(kind)


def _class(kind: type) -> Iterator[tuple[Any, Found]]:
    """What an application's own class keeps for all of its objects."""
    if _root(kind) in LIBRARIES:
        return
    label = f"{kind.__module__}.{kind.__qualname__}"
    for name, each in _parts(vars(kind).items()):
        held_in_class = each.__func__ if isinstance(each, staticmethod | classmethod) else each
        yield held_in_class, Found("module", f"{label}.{name}", each)


def _function(function: types.FunctionType) -> Iterator[tuple[Any, Found]]:
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    yield from ((each, Found("closure", _name(function), each)) for each in defaults)
    for name, each in _parts(vars(function).items()):
        yield each, Found("module", f"{function.__module__}.{_name(function)}.{name}", each)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            content = cell.cell_contents
        except ValueError:  # a name that is not bound yet
            continue
        yield content, Found("closure", f"{name} in {_name(function)}", content)
    if _root(function) in LIBRARIES:
        return
    for code in _codes(function.__code__):
        for name in code.co_names:
            if name in function.__globals__:
                yield from _global(name, function, code)


def _global(name: str, function: types.FunctionType, code: types.CodeType) -> Iterator[tuple[Any, Found]]:
    """A name of the module; of another module that is named, what is used of it."""
    content = function.__globals__[name]
    if not isinstance(content, types.ModuleType):
        yield content, Found("module", f"{function.__module__}.{name}", content)
    elif content.__name__.partition(".")[0] not in LIBRARIES:
        for used in code.co_names:
            if used in vars(content):
                each = vars(content)[used]
                yield each, Found("module", f"{content.__name__}.{used}", each)


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """A function's code, and that of the functions in it."""
    yield code
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _codes(each)


def _attributes(value: Any) -> list[tuple[str, Any]]:
    slots = [name for kind in type(value).__mro__ for name in _slots(kind) if name != "__dict__"]
    found = [(name, getattr(value, name, None)) for name in slots]
    return found + _parts(getattr(value, "__dict__", {}).items())


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _parts(values: Iterable[Any]) -> list[Any]:
    """A copy; nothing of what another thread is changing meanwhile."""
    try:
        return list(values)
    except RuntimeError:
        return []


def _at(place: Found, label: str, kind: type) -> Found:
    own = _root(kind) not in LIBRARIES and place.kind == "closure"
    return Found(place.kind, label if own else place.label, None)


def _root(value: Any) -> str:
    return str(getattr(value, "__module__", "") or "").partition(".")[0]


def _name(value: Any) -> str:
    return str(getattr(value, "__qualname__", type(value).__name__))
