"""What happens inside a turn: the inputs of model, nodes and tools, and the results of tools.

A LangChain callback handler sees all of it without a change of the agent. A graph gets the handler in its
config; an application, which takes only user and text, gets it by a context variable that LangChain reads.
The same handler injects failures: a callback that raises ends the turn like a model that raises.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.tracers.context import register_configure_hook

from threads.isolation.observations import Observations

MODEL_INPUT, NODE_INPUT, TOOL_ARGUMENTS, TOOL_RESULT = (
    "what the model was handed",
    "what a node was handed",
    "tool arguments",
    "tool results",
)
INPUT_SURFACES = (MODEL_INPUT, NODE_INPUT, TOOL_ARGUMENTS, TOOL_RESULT)
MAX_OBJECT_DEPTH = 3
"""Levels of nested objects whose attributes are read because their `repr` shows nothing."""
CALLBACK_LOGGER = "langchain_core.callbacks.manager"


class InjectedFailure(Exception):
    """Raised to make a turn fail on purpose."""


class AuditCallbackHandler(BaseCallbackHandler):
    """Observes one turn of `speaker`, and calls `inject_fault` once after `fault_after` failure points."""

    raise_error = True
    run_inline = True

    def __init__(
        self,
        speaker: int,
        observations: Observations,
        inject_fault: Callable[[], None] | None = None,
        fault_after: int = 0,
    ) -> None:
        self.speaker = speaker
        self.started: list[str] = []
        """What started in this turn: `model` and the names of nodes."""
        self.failure_points = 0
        """How many times a node or the model started or ended; a turn can fail at each of these points."""
        self._observations = observations
        self._inject_fault, self._fault_after = inject_fault, fault_after
        self._node_runs: set[UUID] = set()

    def on_chain_start(
        self,
        serialized: dict[str, Any],
        inputs: Any,
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **rest: Any,
    ) -> None:
        metadata = metadata or {}
        if "thread_id" in metadata:
            self._observations.record_thread_id(self.speaker, str(metadata["thread_id"]))
        node = metadata.get("langgraph_node")
        if node is not None and node == rest.get("name") and not node.startswith("__"):
            self._node_runs.add(run_id)
            self._on_start(str(node), NODE_INPUT, inputs)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **rest: Any) -> None:
        if run_id in self._node_runs:
            self._reach_failure_point()

    def on_llm_end(self, response: Any, *, run_id: UUID, **rest: Any) -> None:
        self._reach_failure_point()

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], *, run_id: UUID, **rest: Any
    ) -> None:
        self._on_start("model", MODEL_INPUT, messages)

    def on_llm_start(
        self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **rest: Any
    ) -> None:
        self._on_start("model", MODEL_INPUT, prompts)

    def on_tool_start(self, serialized: dict[str, Any], input_str: str, *, run_id: UUID, **rest: Any) -> None:
        self._observations.search_text(self.speaker, TOOL_ARGUMENTS, input_str)

    def on_tool_end(self, output: Any, *, run_id: UUID, **rest: Any) -> None:
        self._observations.search_text(self.speaker, TOOL_RESULT, extract_text(output))

    def _on_start(self, name: str, surface: str, inputs: Any) -> None:
        self.started.append(name)
        self._observations.search_text(self.speaker, surface, extract_text(inputs))
        self._reach_failure_point()

    def _reach_failure_point(self) -> None:
        self.failure_points += 1
        if self._inject_fault is not None and self.failure_points > self._fault_after:
            inject_fault, self._inject_fault = self._inject_fault, None
            inject_fault()


def raise_injected_failure() -> None:
    """Make the current turn fail."""
    raise InjectedFailure("this turn was to fail")


@contextmanager
def suppress_injected_failure_logs() -> Iterator[None]:
    """Drop the warning that LangChain logs for each injected failure. Other records are logged as usual."""
    logger = logging.getLogger(CALLBACK_LOGGER)
    logger.addFilter(_is_no_injected_failure)
    try:
        yield
    finally:
        logger.removeFilter(_is_no_injected_failure)


def _is_no_injected_failure(record: logging.LogRecord) -> bool:
    return InjectedFailure.__name__ not in record.getMessage()


def extract_text(value: Any) -> str:
    """Return all text in a value: messages, mappings, lists, attributes, or the `repr` of other objects."""
    return "\n".join(_texts(value))


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    with suppress(Exception):  # objects of the agent may raise anything when they are looked at
        yield from _texts_inside(value, depth)


def _texts_inside(value: Any, depth: int) -> Iterator[str]:
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
    elif depth < MAX_OBJECT_DEPTH and _has_default_repr(value):
        yield from _texts(getattr(value, "__dict__", {}), depth + 1)
    elif value is not None and not isinstance(value, bool | int | float):
        yield repr(value)


def _has_default_repr(value: object) -> bool:
    return type(value).__repr__ is object.__repr__


@contextmanager
def callback_context(handler: AuditCallbackHandler) -> Iterator[None]:
    """Attach the handler to every LangChain run that is started in this context."""
    variable = _handler_variable()
    token = variable.set(handler)
    try:
        yield
    finally:
        variable.reset(token)


@functools.cache
def _handler_variable() -> ContextVar[AuditCallbackHandler | None]:
    """Register the variable on first use, not at import: LangChain reads it in every run from then on."""
    variable: ContextVar[AuditCallbackHandler | None] = ContextVar("threads_isolation_handler", default=None)
    register_configure_hook(variable, inheritable=True)
    return variable
