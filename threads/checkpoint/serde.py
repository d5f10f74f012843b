"""Reading stored values with LangGraph's strict allow-list, always; pickle never.

The stock serialiser imports and calls whatever a blob names, unless an allow-list is given; with
one, a blocked type silently comes back as a dict, which the next turn would then store for good.
Here the checkpointer reads with `StrictSerializer`: a blocked type is an error that names it.
Titles and messages are read with `LenientSerializer`: what is blocked stays raw data there, is not shown
and never written back.

Neither takes an interrupt for damage: see `threads.checkpoint.msgpack`.
"""

from __future__ import annotations

import importlib
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from threads.background import is_main_thread
from threads.checkpoint.msgpack import MsgpackDecoder
from threads.checkpoint.reducer import must_be_raised
from threads.errors import KindNotAllowed, StateDamaged, StateUnreadable, ThreadsError, TypeNotAllowed

AllowedType = type | tuple[str, str]
"""A type, or its module and name."""


class LenientSerializer(JsonPlusSerializer):
    """A serialiser for looking only: a blocked type stays the raw data it was stored as."""

    def __init__(self, types: Iterable[AllowedType] = ()) -> None:
        super().__init__(pickle_fallback=False, allowed_msgpack_modules=tuple(types))

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """As the stock one, to which a value seems to have no form if Ctrl+C is pressed meanwhile."""
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
        """The value; `blocked` gets the types in it that are not allowed."""
        kind, blob = data
        if kind != "msgpack":
            return super().loads_typed(data)
        allowed = self._allowed_msgpack_modules
        return MsgpackDecoder(allowed if isinstance(allowed, set) else (), blocked).decode(blob)

    def _revive_lc2(self, value: dict[str, Any]) -> Any:
        """As the stock one, for which a lack of memory is a value of None; langgraph-checkpoint 4.3.2."""
        self._check_allowed_json_modules(value)
        [*module, name] = value["id"]
        try:
            kind = getattr(importlib.import_module(".".join(module)), name)
            if isinstance(kind, type) and issubclass(kind, BaseException):
                return None
            return kind(*(value.get("args") or ()), **(value.get("kwargs") or {}))
        except (MemoryError, RecursionError):
            raise
        except Exception as error:  # noqa: BLE001  whatever a constructor says of arguments not its own
            failed = type(error).__name__
            logging.getLogger(__name__).warning("%s.%s cannot be read: %s", ".".join(module), name, failed)
            return None


class StrictSerializer(LenientSerializer):
    """LangGraph's serialiser, with its allow-list on; raises `StateUnreadable` instead of guessing."""

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        blocked: list[str] = []
        try:
            value = self._decoded(data, blocked)
        except NotImplementedError as error:  # pickled, or one of LangChain's constructors in JSON
            raise KindNotAllowed(str(error)) from error
        except Exception as error:  # what a decoder says of bytes that it does not know
            if must_be_raised(error):
                raise
            if not blocked:
                raise StateDamaged(str(error) or type(error).__name__) from error
        if blocked:
            raise TypeNotAllowed(list(dict.fromkeys(blocked)))
        return value


@contextmanager
def naming(thread_id: str) -> Iterator[None]:
    """What cannot be read in this block belongs to this thread, and the error says so."""
    try:
        yield
    except StateUnreadable as error:
        raise error.with_thread(thread_id) from error.__cause__
    except (ThreadsError, sqlite3.Error):
        raise
    except Exception as error:  # what another program stored shows only where something is done with it
        if must_be_raised(error):
            raise
        raise StateDamaged(str(error) or type(error).__name__).with_thread(thread_id) from error
