"""Serializers that read stored values with LangGraph's strict allow-list, always; pickle never.

The stock serializer imports and calls whatever a blob names, unless an allow-list is given; with one, a
blocked type silently becomes a dict, which the next run would then store for good. Here the checkpointer
reads with `StrictSerializer`: a blocked type is an error that names it. Titles and messages are read with
`LenientSerializer`: what is blocked stays raw data there, is not shown and never written back.

Neither takes an interrupt for damage: see `threads.checkpoint.msgpack`.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterable
from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from threads.background import is_main_thread
from threads.checkpoint.msgpack import MsgpackDecoder
from threads.checkpoint.stored_values import must_propagate
from threads.errors import KindNotAllowed, StateDamaged, TypeNotAllowed

AllowedType = type | tuple[str, str]
"""A type, or its module and name."""


class LenientSerializer(JsonPlusSerializer):
    """Serializer for readers that never write: a blocked type stays the raw data it was stored as."""

    def __init__(self, types: Iterable[AllowedType] = ()) -> None:
        super().__init__(pickle_fallback=False, allowed_msgpack_modules=tuple(types))

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Serialize like the stock one, which raises `TypeError` where Ctrl+C is pressed meanwhile."""
        try:
            return super().dumps_typed(obj)
        except TypeError:
            stored = super().dumps_typed(obj)  # raises it again where the value is to blame
        if is_main_thread():
            raise KeyboardInterrupt
        return stored

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        return self._decoded(data, [])

    def _decoded(self, data: tuple[str, bytes], blocked: list[str]) -> Any:
        """The value; the types in it that are not allowed are added to `blocked`."""
        kind, blob = data
        if kind != "msgpack":
            return super().loads_typed(data)
        allowed = self._allowed_msgpack_modules
        return MsgpackDecoder(allowed if isinstance(allowed, set) else (), blocked).decode(blob)

    def _revive_lc2(self, value: dict[str, Any]) -> Any:
        """Like the stock method, which returns None for a lack of memory."""
        self._check_allowed_json_modules(value)
        [*module, name] = value["id"]
        try:
            kind = getattr(importlib.import_module(".".join(module)), name)
            if isinstance(kind, type) and issubclass(kind, BaseException):
                return None
            return kind(*(value.get("args") or ()), **(value.get("kwargs") or {}))
        except (MemoryError, RecursionError):
            raise
        except Exception as error:  # noqa: BLE001  a constructor may raise anything
            failed = type(error).__name__
            logging.getLogger(__name__).warning("%s.%s cannot be read: %s", ".".join(module), name, failed)
            return None


class StrictSerializer(LenientSerializer):
    """Serializer of the checkpointer: raises `StateUnreadable` where a value cannot be decoded as stored."""

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        blocked: list[str] = []
        try:
            value = self._decoded(data, blocked)
        except NotImplementedError as error:  # pickled, or one of LangChain's constructors in JSON
            raise KindNotAllowed(str(error)) from error
        except Exception as error:  # a decoder may raise anything for unknown bytes
            if must_propagate(error):
                raise
            if not blocked:
                raise StateDamaged(str(error) or type(error).__name__) from error
        if blocked:
            raise TypeNotAllowed(list(dict.fromkeys(blocked)))
        return value
