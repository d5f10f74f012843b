"""What goes on inside a turn: what the model, the nodes and the tools are handed, and what tools answer.

A LangChain callback handler sees all of it without touching the agent. A graph gets it in its config; an
application that takes only user and text gets it by a context variable, which LangChain looks at. The
same handler lets a turn fail, the way a model that raises does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.tracers.context import register_configure_hook

from threads.isolation.observations import Sightings

MODEL, NODE, TOOL_CALL, TOOL_RESULT = (
    "what the model was handed",
    "what a node was handed",
    "tool arguments",
    "tool results",
)
DEPTH = 3
"""How far objects in objects are looked into, of which `repr` tells nothing."""
HANDED = (MODEL, NODE, TOOL_CALL, TOOL_RESULT)


class FailedOnPurpose(Exception):
    """The audit let this turn fail."""


class Watcher(BaseCallbackHandler):
    """Watches one turn of conversation `who`; `meddle` is called once, after so many points of it."""

    raise_error = True
    run_inline = True

    def __init__(
        self, who: int, sightings: Sightings, meddle: Callable[[], None] | None = None, after: int = 0
    ) -> None:
        self.who = who
        self.began: list[str] = []
        """What was seen to begin in this turn: `model` and the nodes."""
        self.points = 0
        """How often a node or the model began or ended; any of these is a point to fail at."""
        self._sightings = sightings
        self._meddle, self._after = meddle, after
        self._nodes: set[UUID] = set()

    def on_chain_start(
        self,
        serialized: dict[str, Any],
        inputs: Any,
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **rest: Any,
    ) -> None:
        told = metadata or {}
        if "thread_id" in told:
            self._sightings.ran_with(self.who, str(told["thread_id"]))
        node = told.get("langgraph_node")
        if node is not None and node == rest.get("name") and not node.startswith("__"):
            self._nodes.add(run_id)
            self._begin(str(node), NODE, inputs)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **rest: Any) -> None:
        if run_id in self._nodes:
            self._point()

    def on_llm_end(self, response: Any, *, run_id: UUID, **rest: Any) -> None:
        self._point()

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], *, run_id: UUID, **rest: Any
    ) -> None:
        self._begin("model", MODEL, messages)

    def on_llm_start(
        self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **rest: Any
    ) -> None:
        self._begin("model", MODEL, prompts)

    def on_tool_start(self, serialized: dict[str, Any], input_str: str, *, run_id: UUID, **rest: Any) -> None:
        self._sightings.look(self.who, TOOL_CALL, input_str)

    def on_tool_end(self, output: Any, *, run_id: UUID, **rest: Any) -> None:
        self._sightings.look(self.who, TOOL_RESULT, text_of(output))

    def _begin(self, what: str, surface: str, handed: Any) -> None:
        self.began.append(what)
        self._sightings.look(self.who, surface, text_of(handed))
        self._point()

    def _point(self) -> None:
        self.points += 1
        if self._meddle is not None and self.points > self._after:
            meddle, self._meddle = self._meddle, None
            meddle()


def fail() -> None:
    """What lets a turn fail."""
    raise FailedOnPurpose("this turn was to fail")


def text_of(value: Any) -> str:
    """All the text in a value: messages, mappings, lists, objects by their parts, others by `repr`."""
    return "\n".join(_texts(value))


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, BaseMessage):
        yield from _texts(value.content)
        yield from _texts([value.additional_kwargs, getattr(value, "tool_calls", None), value.name])
        yield from _texts(getattr(value, "artifact", None))
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield str(key)
            yield from _texts(each, depth)
    elif isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes | bytearray):
        for each in value:
            yield from _texts(each, depth)
    elif depth < DEPTH and _says_nothing(value):
        yield from _texts(getattr(value, "__dict__", {}), depth + 1)
    elif value is not None and not isinstance(value, bool | int | float):
        yield repr(value)


def _says_nothing(value: object) -> bool:
    return type(value).__repr__ is object.__repr__


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Let every LangChain run in this context be watched, whoever begins it."""
    variable = _hook()
    token = variable.set(watcher)
    try:
        yield
    finally:
        variable.reset(token)


@functools.cache
def _hook() -> ContextVar[Watcher | None]:
    """Registered once, and only when an application is audited: LangChain looks at it in every run."""
    variable: ContextVar[Watcher | None] = ContextVar("threads_isolation_watcher", default=None)
    register_configure_hook(variable, inheritable=True)
    return variable
