"""Decoder of LangGraph's msgpack extension types in which an interrupt is raised, and never taken for damage.

`ormsgpack` converts whatever is raised in its callbacks to one `ValueError` without a cause, and the stock
hook returns None, or the raw data, for a nested value that raised it. So Ctrl+C or a lack of memory while a
message is decoded would look like a damaged message, and the state would be stored without it. Here what
must not be lost is saved where it is raised, and raised again outside of `ormsgpack`.

A signal that arrives while `ormsgpack` itself works is raised before the first line of the callback, where
nothing can save it. It is recognised by decoding the same bytes once more: then that succeeds.

`tests/checkpoint/test_decoding.py` compares with the stock hook.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Collection
from functools import cache
from typing import Any

import ormsgpack
from langgraph.checkpoint.serde.event_hooks import emit_serde_event

from threads.background import is_main_thread
from threads.langgraph_internals import (
    EXT_CONSTRUCTOR_KW_ARGS,
    EXT_CONSTRUCTOR_POS_ARGS,
    EXT_CONSTRUCTOR_SINGLE_ARG,
    EXT_DELTA_SNAPSHOT,
    EXT_METHOD_SINGLE_ARG,
    EXT_NUMPY_ARRAY,
    EXT_PYDANTIC_V1,
    EXT_PYDANTIC_V2,
    SAFE_MSGPACK_METHODS,
    SAFE_MSGPACK_TYPES,
    DeltaSnapshot,
    msgpack_ext_hook,
    send_from_args,
)

CONSTRUCTOR_TYPES = frozenset(
    (
        EXT_CONSTRUCTOR_SINGLE_ARG,
        EXT_CONSTRUCTOR_POS_ARGS,
        EXT_CONSTRUCTOR_KW_ARGS,
        EXT_METHOD_SINGLE_ARG,
        EXT_PYDANTIC_V1,
        EXT_PYDANTIC_V2,
    )
)
"""Extension types that name what is called: module, name, arguments."""


class MsgpackDecoder:
    """Decoder of one value. Types are those that LangGraph has as safe, and `allowed` ones."""

    def __init__(self, allowed: Collection[tuple[str, ...]], blocked: list[str]) -> None:
        """Names of types that are not allowed are added to `blocked`; their values stay raw data."""
        self._allowed = allowed
        self._blocked = blocked
        self._raised: BaseException | None = None

    def decode(self, data: bytes) -> Any:
        """Return the value. Raises what was raised while it was made, and `ValueError` for damaged bytes."""
        try:
            return self._unpack(data)
        except ValueError as error:
            self._raise_saved()
            value = self._unpack_again(data, error)
        if is_main_thread():
            self._raised = KeyboardInterrupt()
            raise self._raised
        return value

    def _unpack(self, data: bytes) -> Any:
        return ormsgpack.unpackb(data, ext_hook=self._hook, option=ormsgpack.OPT_NON_STR_KEYS)

    def _unpack_again(self, data: bytes, error: ValueError) -> Any:
        """Decode what failed without a known cause once more; raise `error` if it fails again."""
        try:
            return self._unpack(data)
        except ValueError:
            self._raise_saved()
            self._raised = error  # no need to try it again further out
            raise error from None

    def _raise_saved(self) -> None:
        if self._raised is not None:
            raise self._raised

    def _hook(self, code: int, data: bytes) -> Any:
        try:
            if code == EXT_DELTA_SNAPSHOT:
                return DeltaSnapshot(self.decode(data))
            if code == EXT_NUMPY_ARRAY:
                return self._array(data)
            if code in CONSTRUCTOR_TYPES:
                return self._construct(code, self.decode(data))
            return msgpack_ext_hook(code, data)
        except BaseException as error:
            if self._raised is None:
                self._raised = error
            raise

    def _construct(self, code: int, named: Any) -> Any:
        """Return what the named constructor makes; its arguments as they are where it is blocked or fails."""
        module, name, arguments, *method = named
        if not self._is_allowed(code, module, name, *method):
            return arguments
        try:
            return _call_constructor(code, module, name, arguments, *method)
        except (MemoryError, RecursionError):
            raise
        except Exception as error:  # noqa: BLE001  a constructor may raise anything
            _warn_once(str(module), str(name), type(error).__name__)
            return arguments

    def _is_allowed(self, code: int, module: Any, name: Any, method: Any = None) -> bool:
        if code == EXT_METHOD_SINGLE_ARG:
            kind, is_allowed = "msgpack_method_blocked", (module, name, method) in SAFE_MSGPACK_METHODS
        else:
            kind = "msgpack_blocked"
            is_allowed = (module, name) in SAFE_MSGPACK_TYPES or (module, name) in self._allowed
        if not is_allowed:
            self._blocked.append(f"{module}.{name}")
            event: Any = {"kind": kind, "module": module, "name": name}
            if code == EXT_METHOD_SINGLE_ARG:
                event["method"] = method
            emit_serde_event(event)
        return is_allowed

    def _array(self, data: bytes) -> Any:
        import numpy

        dtype, shape, order, buffer = self.decode(data)
        return numpy.frombuffer(buffer, dtype=numpy.dtype(dtype)).reshape(shape, order=order)


def _call_constructor(code: int, module: str, name: str, arguments: Any, method: Any = None) -> Any:
    if code == EXT_CONSTRUCTOR_POS_ARGS and (module, name) == ("langgraph.types", "Send"):
        return send_from_args(arguments)
    kind = getattr(sys.modules.get(module) or importlib.import_module(module), name)
    if code == EXT_METHOD_SINGLE_ARG:
        return getattr(kind, method)(arguments)
    if code == EXT_CONSTRUCTOR_SINGLE_ARG:
        return kind(arguments)
    if code == EXT_CONSTRUCTOR_POS_ARGS:
        return kind(*arguments)
    if code == EXT_CONSTRUCTOR_KW_ARGS:
        return kind(**arguments)
    try:
        return kind(**arguments)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001  as the stock hook: without its validation
        return (kind.construct if code == EXT_PYDANTIC_V1 else kind.model_construct)(**arguments)


@cache
def _warn_once(module: str, name: str, error: str) -> None:
    logging.getLogger(__name__).warning("%s.%s cannot be made again: %s", module, name, error)
