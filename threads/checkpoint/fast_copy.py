"""Values that stay in memory, and copies of them that share nothing which can be changed.

What a turn gets of a long conversation must be its own: a node may change a message in place, and
the next turn must not see that. So all of it is copied at every turn, and this is quick rather
than general. Texts and numbers are shared, messages and plain containers are put together again from
their parts, and anything else goes through pickle. A thousand messages take `copy.deepcopy` 22 ms,
pickle 4 and this 1.
"""

from __future__ import annotations

import inspect
import pickle
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langgraph.checkpoint.serde.types import _DeltaSnapshot

Frozen = tuple[Callable[[Any], Any], Any]
"""How a copy is made and what of: `make(of)`."""

SHARED = frozenset((str, int, float, bool, bytes, type(None)))
"""Types of values that nobody can change."""
MESSAGES = frozenset(
    kind
    for kind in (
        AIMessage,
        ChatMessage,
        FunctionMessage,
        HumanMessage,
        RemoveMessage,
        SystemMessage,
        ToolMessage,
    )
    if not kind.__private_attributes__
)
"""Types of messages that are their fields and nothing else; those of a user's own go through pickle."""
OWN = 80
"""Bytes of the tuple for a part that each copy has for itself."""
UNCOPYABLE = (pickle.PicklingError, TypeError, AttributeError, RecursionError)
"""What `frozen` raises at a value that not even pickle can copy, or that is nested too deep for it."""


class Parts(NamedTuple):
    """What copies of a message are made of."""

    kind: type[BaseMessage]
    shared: dict[str, Any]
    """The fields, with None for those that each copy has for itself."""
    own: tuple[tuple[str, Callable[[Any], Any], Any], ...]
    """Those: name, and how they are made."""
    extra: Frozen
    names: frozenset[str]
    """Of the fields that were set."""


_new = object.__new__
_set_fields, _set_names, _set_extra, _set_private = (
    inspect.getattr_static(BaseMessage, slot).__set__
    for slot in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
)
"""What pydantic's own `__copy__` sets."""


def frozen(value: Any) -> Frozen:
    """How to make copies of `value`, which must not be changed from now on; raises `UNCOPYABLE`."""
    kind = type(value)
    if kind in SHARED:
        return _itself, value
    if kind is list:
        if SHARED.issuperset(map(type, value)):
            return list.copy, value
        if MESSAGES.issuperset(map(type, value)):
            return _messages, [_parts(message) for message in value]
        return _list, [frozen(item) for item in value]
    if kind is dict and SHARED.issuperset(map(type, value)):
        if SHARED.issuperset(map(type, value.values())):
            return dict.copy, value
        return _dict, [(key, *frozen(item)) for key, item in value.items()]
    if kind in MESSAGES:
        return _message, _parts(value)
    if kind is _DeltaSnapshot:
        return _snapshot, frozen(value.value)
    return pickle.loads, pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)


def once(value: Any) -> Frozen:
    """For a value that cannot be copied: it may be handed out once."""
    return _itself, value


def weight(kept: Frozen) -> int:
    """About how many bytes this takes, what it holds included."""
    make, of = kept
    size = sys.getsizeof(of)
    if make is _message:
        size += sys.getsizeof(of.shared) + sum(map(sys.getsizeof, of.shared.values())) + weight(of.extra)
        return size + sum(OWN + weight((make, of)) for _, make, of in of.own)
    if make is _messages:
        return size + sum(weight((_message, parts)) for parts in of)
    if make is _list:
        return size + sum(map(weight, of))
    if make is _dict:
        return size + sum(sys.getsizeof(key) + weight((make, of)) for key, make, of in of)
    if make is _snapshot:
        return size + weight(of)
    if isinstance(of, dict):
        return size + sum(map(sys.getsizeof, of)) + sum(map(sys.getsizeof, of.values()))
    return size + sum(map(sys.getsizeof, of)) if isinstance(of, list) else size


def _itself(value: Any) -> Any:
    return value


def _list(items: list[Frozen]) -> list[Any]:
    return [make(of) for make, of in items]


def _dict(items: list[tuple[Any, Callable[[Any], Any], Any]]) -> dict[Any, Any]:
    return {key: make(of) for key, make, of in items}


def _snapshot(value: Frozen) -> _DeltaSnapshot:
    make, of = value
    return _DeltaSnapshot(make(of))


def _parts(message: BaseMessage) -> Parts:
    shared, own = message.__dict__.copy(), []
    for name, part in message.__dict__.items():
        if type(part) not in SHARED:
            shared[name] = None
            own.append((name, *frozen(part)))
    names = _same(frozenset(message.__pydantic_fields_set__))
    return Parts(type(message), shared, tuple(own), frozen(message.__pydantic_extra__), names)


@lru_cache
def _same(names: frozenset[str]) -> frozenset[str]:
    """One set for all messages that have these names, nearly always."""
    return names


def _message(parts: Parts) -> BaseMessage:
    return _messages([parts])[0]


def _messages(several: list[Parts]) -> list[BaseMessage]:
    """Copies, of which those that were made together share the set of their fields' names."""
    messages, names_of = [], {}
    for kind, shared, own, (make_extra, extra), names in several:
        fields = shared.copy()
        for name, make, of in own:
            fields[name] = make(of)
        if names not in names_of:
            names_of[names] = set(names)
        message = _new(kind)
        _set_fields(message, fields)
        _set_names(message, names_of[names])
        _set_extra(message, make_extra(extra))
        _set_private(message, None)
        messages.append(message)
    return messages
