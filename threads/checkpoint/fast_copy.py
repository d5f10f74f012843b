"""Copies of cached values that share nothing which can be changed.

What a run gets of a long conversation must be its own: a node may change a message in place, and the next
run must not see that. So all of it is copied for every run, and this is quick rather than general. Texts
and numbers are shared, messages and plain containers are put together again from their parts, and anything
else goes through pickle. `copy.deepcopy` takes 22 ms for a thousand messages, pickle 4 and this 1.
"""

from __future__ import annotations

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

from threads.langgraph_internals import DeltaSnapshot, pydantic_setters

CopyPlan = tuple[Callable[[Any], Any], Any]
"""How a copy is made, and of what: `make(of)`."""

IMMUTABLE_TYPES = frozenset((str, int, float, bool, bytes, type(None)))
MESSAGE_TYPES = frozenset(
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
"""Types of messages that consist of their fields alone; a program's own types go through pickle."""
PART_SIZE = 80
"""Bytes of the tuple for a part that each copy has for itself."""
COPY_ERRORS = (pickle.PicklingError, TypeError, AttributeError, RecursionError)
"""What `plan_copy` raises for a value that pickle cannot copy either, or that is nested too deeply for it."""


class MessageParts(NamedTuple):
    """What copies of a message are made of."""

    kind: type[BaseMessage]
    shared: dict[str, Any]
    """The fields, with None for those that each copy has for itself."""
    own: tuple[tuple[str, Callable[[Any], Any], Any], ...]
    """Name of each, how it is copied, and of what."""
    extra: CopyPlan
    names: frozenset[str]
    """Of the fields that were set; pydantic keeps them."""


_new = object.__new__
_set_fields, _set_names, _set_extra, _set_private = pydantic_setters(BaseMessage)


def plan_copy(value: Any) -> CopyPlan:
    """Return how to copy `value`, which must not be changed from now on. Raises one of `COPY_ERRORS`."""
    kind = type(value)
    if kind in IMMUTABLE_TYPES:
        return _itself, value
    if kind is list:
        if IMMUTABLE_TYPES.issuperset(map(type, value)):
            return list.copy, value
        if MESSAGE_TYPES.issuperset(map(type, value)):
            return _messages, [_parts(message) for message in value]
        return _list, [plan_copy(item) for item in value]
    if kind is dict and IMMUTABLE_TYPES.issuperset(map(type, value)):
        if IMMUTABLE_TYPES.issuperset(map(type, value.values())):
            return dict.copy, value
        return _dict, [(key, *plan_copy(item)) for key, item in value.items()]
    if kind in MESSAGE_TYPES:
        return _message, _parts(value)
    if kind is DeltaSnapshot:
        return _snapshot, plan_copy(value.value)
    return pickle.loads, pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)


def no_copy(value: Any) -> CopyPlan:
    """Return the plan for a value that cannot be copied: it may be used once."""
    return _itself, value


def plan_size(plan: CopyPlan) -> int:
    """Return about how many bytes a plan takes, with the values that it holds."""
    make, of = plan
    size = sys.getsizeof(of)
    if make is _message:
        size += sys.getsizeof(of.shared) + sum(map(sys.getsizeof, of.shared.values())) + plan_size(of.extra)
        return size + sum(PART_SIZE + plan_size((make, of)) for _, make, of in of.own)
    if make is _messages:
        return size + sum(plan_size((_message, parts)) for parts in of)
    if make is _list:
        return size + sum(map(plan_size, of))
    if make is _dict:
        return size + sum(sys.getsizeof(key) + plan_size((make, of)) for key, make, of in of)
    if make is _snapshot:
        return size + plan_size(of)
    if isinstance(of, dict):
        return size + sum(map(sys.getsizeof, of)) + sum(map(sys.getsizeof, of.values()))
    return size + sum(map(sys.getsizeof, of)) if isinstance(of, list) else size


def _itself(value: Any) -> Any:
    return value


def _list(items: list[CopyPlan]) -> list[Any]:
    return [make(of) for make, of in items]


def _dict(items: list[tuple[Any, Callable[[Any], Any], Any]]) -> dict[Any, Any]:
    return {key: make(of) for key, make, of in items}


def _snapshot(value: CopyPlan) -> DeltaSnapshot:
    make, of = value
    return DeltaSnapshot(make(of))


def _parts(message: BaseMessage) -> MessageParts:
    shared, own = message.__dict__.copy(), []
    for name, part in message.__dict__.items():
        if type(part) not in IMMUTABLE_TYPES:
            shared[name] = None
            own.append((name, *plan_copy(part)))
    names = _same(frozenset(message.__pydantic_fields_set__))
    return MessageParts(type(message), shared, tuple(own), plan_copy(message.__pydantic_extra__), names)


@lru_cache
def _same(names: frozenset[str]) -> frozenset[str]:
    """One set for all messages that have these names, nearly always."""
    return names


def _message(parts: MessageParts) -> BaseMessage:
    return _messages([parts])[0]


def _messages(several: list[MessageParts]) -> list[BaseMessage]:
    """Copies; those that are made together share the set of their fields' names."""
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
