"""Decoding of stored values, which any program may have written, with LangGraph's strict allow-list.

The stock serializer imports and calls whatever a blob names, unless an allow-list is given; with one, a
blocked type silently becomes a dict, which the next run would then store for good. Here the checkpointer
reads with `StrictSerializer`: a blocked type is an error that names it. Titles and messages are read with
`LenientSerializer`: what is blocked stays raw data there, is not shown and never written back. Pickle is
never read.

`ormsgpack` converts whatever is raised in its callbacks to one `ValueError` without a cause, and the stock
hook returns None, or the raw data, for a nested value that raised it. So Ctrl+C or a lack of memory while a
message is decoded would look like a damaged message, and the state would be stored without it. Here what
must not be lost is saved where it is raised, and raised again outside of `ormsgpack`. A signal that arrives
while `ormsgpack` itself works is raised before the first line of the callback, where nothing can save it. It
is recognised by decoding the same bytes once more: then that succeeds. `tests/checkpoint/test_decoding.py`
compares with the stock hook.

Readers that can do without a value catch `Undecodable`. The checkpointer raises `StateUnreadable` with the
thread's id, see `name_thread_in_errors`.
"""

from __future__ import annotations

import copy
import importlib
import json
import logging
import sqlite3
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple, Self

import ormsgpack
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.event_hooks import emit_serde_event
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from threads.background import is_main_thread
from threads.errors import KindNotAllowed, StateDamaged, StateUnreadable, ThreadsError, TypeNotAllowed
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

AllowedType = type | tuple[str, str]
"""A type, or its module and name."""
CheckpointKey = tuple[str, str, str]
"""Thread id, namespace, checkpoint id: the primary key of `checkpoints`."""
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


class RawExtension(NamedTuple):
    """A value of a type of its own in msgpack, not decoded."""

    kind: int
    data: bytes


class LenientSerializer(JsonPlusSerializer):
    """Serializer for readers that never write: a blocked type stays the raw data it was stored as."""

    def __init__(self, types: Iterable[AllowedType] = ()) -> None:
        super().__init__(pickle_fallback=False, allowed_msgpack_modules=tuple(types))
        self._shared: dict[tuple[int, bytes], Any] | None = None

    def sharing(self) -> Self:
        """Return a serializer that makes one object of the same bytes, however often: never change these."""
        sharing = copy.copy(self)
        sharing._shared = {}
        return sharing

    def allow(self, types: Iterable[tuple[str, ...]]) -> None:
        """Add types, by module and name, that a graph of this process has in its state."""
        self._allowed_msgpack_modules = {*self._allowed(), *types}

    def _allowed(self) -> Collection[tuple[str, ...]]:
        allowed = self._allowed_msgpack_modules
        return allowed if isinstance(allowed, set) else ()

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

    def loads_raw(self, value: RawExtension) -> Any:
        """Return a value of a type of its own, decoded."""
        return self.loads_typed(("msgpack", ormsgpack.packb(ormsgpack.Ext(*value))))

    def _decoded(self, data: tuple[str, bytes], blocked: list[str]) -> Any:
        """The value; the types in it that are not allowed are added to `blocked`."""
        kind, blob = data
        if kind != "msgpack":
            return super().loads_typed(data)
        return MsgpackDecoder(self._allowed(), blocked, self._shared).decode(blob)

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


class RawSerializer(LenientSerializer):
    """Serializer for copies: what has a type of its own keeps its bytes, and nothing is made of it."""

    def __init__(self, serde: SerializerProtocol) -> None:
        """`serde` reads what is not stored as msgpack, or says why it may not be read."""
        super().__init__()
        self._serde = serde

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        kind, blob = data
        if kind != "msgpack":
            return self._serde.loads_typed(data)
        return ormsgpack.unpackb(blob, ext_hook=ormsgpack.Ext, option=ormsgpack.OPT_NON_STR_KEYS)


class MsgpackDecoder:
    """Decoder of one value. Types are those that LangGraph has as safe, and `allowed` ones."""

    def __init__(
        self,
        allowed: Collection[tuple[str, ...]],
        blocked: list[str],
        shared: dict[tuple[int, bytes], Any] | None = None,
    ) -> None:
        """Names of types that are not allowed are added to `blocked`; their values stay raw data.

        `shared`: objects made before, by extension type and bytes, to be used again; new ones are added.
        """
        self._allowed = allowed
        self._blocked = blocked
        self._shared = shared
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
                return self._shared_or_new(code, data)
            return msgpack_ext_hook(code, data)
        except BaseException as error:
            if self._raised is None:
                self._raised = error
            raise

    def _shared_or_new(self, code: int, data: bytes) -> Any:
        if self._shared is None:
            return self._construct(code, self.decode(data))
        if (code, data) not in self._shared:
            self._shared[code, data] = self._construct(code, self.decode(data))
        return self._shared[code, data]

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


class Undecodable(Exception):
    """Stored values hold no messages that can be read without the graph."""


class Unreadable(Undecodable):
    """A stored value cannot be decoded at all."""


def must_propagate(error: BaseException) -> bool:
    """Whether an error comes from the process's situation and not from the value that was being decoded.

    That is a lack of memory, or of stack where the caller has used most of it. A value that is nested too
    deeply uses up the stack by itself.
    """
    if isinstance(error, RecursionError):
        try:
            return sys._getframe(sys.getrecursionlimit() // 2) is not None
        except ValueError:  # there are not so many frames
            return False
    return isinstance(error, MemoryError)


@contextmanager
def raise_unreadable() -> Iterator[None]:
    """Raise `Unreadable` for any other error in this block, which handles stored values."""
    try:
        yield
    except (Undecodable, ThreadsError, sqlite3.Error):
        raise
    except Exception as error:
        if must_propagate(error):
            raise
        raise Unreadable(str(error) or type(error).__name__) from error


@contextmanager
def name_thread_in_errors(thread_id: str) -> Iterator[None]:
    """Raise `StateUnreadable` with this thread's id for errors in this block, which handles its values."""
    try:
        yield
    except StateUnreadable as error:
        raise error.with_thread(thread_id) from error.__cause__
    except (ThreadsError, sqlite3.Error):
        raise
    except Exception as error:  # the value may be decoded, and fail only where it is used
        if must_propagate(error):
            raise
        raise StateDamaged(str(error) or type(error).__name__).with_thread(thread_id) from error


def find_damage(checkpoint: Any) -> str | None:
    """Return what is wrong with a decoded checkpoint; None if it is complete."""
    if not isinstance(checkpoint, dict):
        return "what is stored is no checkpoint"
    if not isinstance(checkpoint.get("id"), str):
        return "a checkpoint has no id"
    for part in ("channel_values", "channel_versions", "versions_seen"):
        if not isinstance(checkpoint.get(part) or {}, dict):
            return f"the {part} of a checkpoint are no mapping"
    return None


def verify_checkpoint(checkpoint: Any, metadata: Any) -> dict[str, Any]:
    """Check a decoded checkpoint and its stored metadata; return these. Raises `StateDamaged`."""
    if why := find_damage(checkpoint):
        raise StateDamaged(why)
    return checked_metadata(metadata)


def checked_metadata(stored: Any) -> dict[str, Any]:
    """Return a checkpoint's metadata. Raises `StateDamaged` if no checkpointer can have stored them so."""
    try:
        metadata = {} if stored is None else json.loads(stored)
    except (ValueError, TypeError, RecursionError) as error:
        if must_propagate(error):
            raise
        raise StateDamaged(f"the metadata of a checkpoint are no JSON: {error}") from error
    if not isinstance(metadata, dict):
        raise StateDamaged("the metadata of a checkpoint are no JSON object")
    if not isinstance(metadata.get("counters_since_delta_snapshot") or {}, dict):
        raise StateDamaged("the metadata of a checkpoint do not tell its delta channels")
    return metadata


def parse_metadata(stored: Any) -> dict[str, Any]:
    """Return a checkpoint's metadata; an empty dict where they are not readable."""
    try:
        metadata = json.loads(stored) if stored else {}
    except (ValueError, TypeError, RecursionError):
        return {}
    return metadata if isinstance(metadata, dict) else {}
