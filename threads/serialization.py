"""Values as JSON, for the API, the command line and events; and a canonical form, for comparing requests."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any


def to_jsonable(value: Any) -> Any:
    """Return `value` as dicts, lists and scalars that JSON has.

    Dataclasses and pydantic models become dicts of their fields, LangChain messages their type, content and
    id, times ISO 8601 in UTC, durations seconds, anything else its `repr`.
    """
    try:
        return _converted(value)
    except (TypeError, ValueError, RecursionError):  # it contains itself, or cannot be dumped
        return repr(value)


def _converted(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {_key(key): _converted(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_converted(each) for each in value]
    if isinstance(value, set | frozenset):
        return [_converted(each) for each in sorted(value, key=repr)]
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _converted(getattr(value, each.name)) for each in fields(value)}
    if _is_message(value):
        return {"type": value.type, "content": _converted(value.content), "id": value.id}
    if hasattr(value, "model_dump") and not isinstance(value, type):
        return _converted(value.model_dump())
    return repr(value)


def _key(key: Any) -> str:
    """A mapping's key as `json.dumps` has it; any other than a scalar as its text."""
    return json.dumps(key) if key is None or isinstance(key, bool) else str(key)


def _utc(time: datetime) -> str:
    try:
        return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):  # a year at the edge of the calendar, without a time zone
        return time.isoformat()


def _is_message(value: Any) -> bool:
    """Whether it is a LangChain message: none can exist before their module is imported."""
    messages = sys.modules.get("langchain_core.messages.base")
    return messages is not None and isinstance(value, messages.BaseMessage)


def to_canonical(value: Any) -> Any:
    """Return `value` in a form that is equal for equal values, whatever order their parts are in.

    Unlike JSON it loses nothing: objects keep the name of their class, and keys and scalars their type.
    """
    if isinstance(value, Mapping):
        return {key: to_canonical(value[key]) for key in sorted(value, key=repr)}
    if isinstance(value, (list, tuple)):
        return [to_canonical(each) for each in value]
    if isinstance(value, (set, frozenset)):
        return {"set of": [to_canonical(each) for each in sorted(value, key=repr)]}
    if hasattr(type(value), "model_fields"):  # a pydantic model, such as a LangChain message
        return {"a": type(value).__qualname__, "with": to_canonical(dict(value))}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {each.name: getattr(value, each.name) for each in fields(value)}
        return {"a": type(value).__qualname__, "with": to_canonical(parts)}
    return value
