"""Reading stored values with LangGraph's strict allow-list, always; pickle never.

The stock serialiser imports and calls whatever a blob names, unless an allow-list is given; with
one, a blocked type silently comes back as a dict, which the next turn would then store for good.
Here the checkpointer reads with `StrictSerializer`: a blocked type is an error that names it.
Titles and messages are read with `lenient`: what is blocked stays raw data there, is not shown and
never written back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from langgraph.checkpoint.serde.event_hooks import SerdeEvent, register_serde_event_listener
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from threads.errors import KindNotAllowed, StateDamaged, StateUnreadable, TypeNotAllowed

AllowedType = type | tuple[str, str]
"""A type, or its module and name."""


class StrictSerializer(JsonPlusSerializer):
    """LangGraph's serialiser, with its allow-list on; raises `StateUnreadable` instead of guessing."""

    def __init__(self, types: Iterable[AllowedType] = ()) -> None:
        super().__init__(pickle_fallback=False, allowed_msgpack_modules=tuple(types))
        _listen()

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        blocked: list[str] = []
        token = _blocked.set(blocked)
        try:
            value = super().loads_typed(data)
        except NotImplementedError as error:  # pickled, or one of LangChain's constructors in JSON
            raise KindNotAllowed(str(error)) from error
        except (ValueError, TypeError) as error:  # what a decoder says of bytes that it does not know
            raise StateDamaged(str(error)) from error
        finally:
            _blocked.reset(token)
        if blocked:
            raise TypeNotAllowed(list(dict.fromkeys(blocked)))
        return value


@contextmanager
def naming(thread_id: str) -> Iterator[None]:
    """What cannot be read in this block belongs to this thread, and the error says so."""
    try:
        yield
    except StateUnreadable as error:
        raise error.found_in(thread_id) from error.__cause__


def lenient(types: Iterable[AllowedType] = ()) -> JsonPlusSerializer:
    """A serialiser for looking only: a blocked type stays the raw data it was stored as."""
    return JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=tuple(types))


_blocked: ContextVar[list[str] | None] = ContextVar("threads_blocked", default=None)


@cache
def _listen() -> None:
    """LangGraph tells its listeners, not its caller, what it blocked; one listener is enough."""
    register_serde_event_listener(_note)


def _note(event: SerdeEvent) -> None:
    blocked = _blocked.get()
    if blocked is not None and event["kind"] in ("msgpack_blocked", "msgpack_method_blocked"):
        blocked.append(f"{event['module']}.{event['name']}")
