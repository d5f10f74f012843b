"""Searching the closures, globals and attributes that an agent can reach for a value.

Only what the agent can reach is searched. Globals of libraries, checkpointers and stores are skipped: a
checkpointer and a store are where words belong. Objects may raise anything when they are looked at, such as
proxies outside of their context; what cannot be looked at is passed over.
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

MAX_VISITS = 100_000
LIBRARIES = frozenset({"langgraph", "langchain_core", "langchain", "builtins", "asyncio", "concurrent"})
"""Packages whose classes and globals are not the agent's own; their instances are searched."""
LEAVES = (int, float, complex, bool, bytes, bytearray, type(None), types.ModuleType)


@dataclass(frozen=True)
class Reference:
    """A place in the program that refers to `value`: in a module, or in a closure or object."""

    kind: Literal["module", "closure"]
    label: str
    value: Any


def find_reference(root: Any, matches: Callable[[Any], bool]) -> Reference | None:
    """Return the nearest reference, reachable from `root`, to a value that matches; None if there is none."""
    queue: deque[tuple[Any, Reference]] = deque([(root, Reference("closure", _name(root), root))])
    seen: dict[int, Any] = {}  # with the object itself: the id of one that is freed may be another's
    while queue and len(seen) < MAX_VISITS:
        value, place = queue.popleft()
        with suppress(Exception):
            if matches(value):
                return Reference(place.kind, place.label, value)
            if id(value) in seen or isinstance(value, (*LEAVES, str)):
                continue
            seen[id(value)] = value
            if not isinstance(value, BaseCheckpointSaver | BaseStore):
                queue.extend(_references(value, place))
    return None


def _references(value: Any, place: Reference) -> Iterator[tuple[Any, Reference]]:
    if isinstance(value, Mapping):
        yield from ((each, place) for item in _copy(value.items()) for each in item)
        return
    if isinstance(value, list | tuple | set | frozenset | deque):
        yield from ((each, place) for each in _copy(value))
        return
    if isinstance(value, types.MethodType):
        yield from ((each, place) for each in (value.__func__, value.__self__))
    elif isinstance(value, functools.partial):
        yield from ((each, place) for each in (value.func, value.args, value.keywords))
    elif isinstance(value, ContextVar):
        with suppress(LookupError):  # neither a value nor a default
            yield value.get(), place
    elif isinstance(value, types.FunctionType):
        yield from _function_references(value)
    elif isinstance(value, type):
        yield from _class_references(value)
    else:
        kind = type(value)
        yield from (
            (each, _attribute_place(place, f"{kind.__name__}.{name}", kind))
            for name, each in _attributes(value)
        )
        yield from _class_references(kind)


def _class_references(kind: type) -> Iterator[tuple[Any, Reference]]:
    """Yield the attributes that a class of the application shares between its instances."""
    if _package(kind) in LIBRARIES:
        return
    label = f"{kind.__module__}.{kind.__qualname__}"
    for name, each in _copy(vars(kind).items()):
        content = each.__func__ if isinstance(each, staticmethod | classmethod) else each
        yield content, Reference("module", f"{label}.{name}", each)


def _function_references(function: types.FunctionType) -> Iterator[tuple[Any, Reference]]:
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    yield from ((each, Reference("closure", _name(function), each)) for each in defaults)
    for name, each in _copy(vars(function).items()):
        yield each, Reference("module", f"{function.__module__}.{_name(function)}.{name}", each)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            content = cell.cell_contents
        except ValueError:  # a name that is not bound yet
            continue
        yield content, Reference("closure", f"{name} in {_name(function)}", content)
    if _package(function) in LIBRARIES:
        return
    for code in _nested_codes(function.__code__):
        for name in code.co_names:
            if name in function.__globals__:
                yield from _global_references(name, function, code)


def _global_references(
    name: str, function: types.FunctionType, code: types.CodeType
) -> Iterator[tuple[Any, Reference]]:
    """Yield a global of the module; for an imported module, the attributes of it that the code uses."""
    content = function.__globals__[name]
    if not isinstance(content, types.ModuleType):
        yield content, Reference("module", f"{function.__module__}.{name}", content)
    elif content.__name__.partition(".")[0] not in LIBRARIES:
        for used in code.co_names:
            if used in vars(content):
                each = vars(content)[used]
                yield each, Reference("module", f"{content.__name__}.{used}", each)


def _nested_codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield the code of a function and of the functions defined in it."""
    yield code
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _nested_codes(each)


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the slots and the `__dict__` of an object, past its own `__getattr__` and `__getattribute__`."""
    for kind in type(value).__mro__:
        for name, slot in _copy(vars(kind).items()):
            if isinstance(slot, types.MemberDescriptorType):
                with suppress(AttributeError):  # it is not set
                    yield name, slot.__get__(value)
    with suppress(Exception):
        yield from _copy(object.__getattribute__(value, "__dict__").items())


def _copy(values: Iterable[Any]) -> list[Any]:
    """Return a copy, or [] if another thread changes the container meanwhile."""
    try:
        return list(values)
    except RuntimeError:
        return []


def _attribute_place(place: Reference, label: str, kind: type) -> Reference:
    own = _package(kind) not in LIBRARIES and place.kind == "closure"
    return Reference(place.kind, label if own else place.label, None)


def _package(value: Any) -> str:
    """Return the package of a class or a function."""
    return str(getattr(value, "__module__", "") or "").partition(".")[0]


def _name(value: Any) -> str:
    with suppress(Exception):
        return str(value.__qualname__)
    return type(value).__name__
