"""Private names of LangGraph and pydantic that this project relies on, and nowhere else.

Each was checked on the versions in `CHECKED_ON`; `tests/checkpoint/test_langgraph_internals.py` has a test
for each that fails if its meaning changes, named at the name here. Objects are imported at their first use,
because LangGraph takes a second and reading a file needs few of them; `langgraph_internals.pyi` has their
types.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

CHECKED_ON: Mapping[str, str] = {
    "langgraph": "1.2.24",
    "langgraph-checkpoint": "4.3.2",
    "langgraph-checkpoint-sqlite": "3.1.2",
    "langgraph-prebuilt": "1.1.3",
    "langchain-core": "1.8.3",
    "pydantic": "2.14.4",
    "ormsgpack": "1.13.1",
}
"""Distributions and the versions with which all names in this module were checked."""

# langgraph._internal._constants

RUNTIME_KEY = "__pregel_runtime"
"""Key in `configurable` of every config that LangGraph makes for a run, and of no other; its `control` is one
object for a run and its subgraphs. Tests: `test_runtime_key_*`."""
REPLAY_STATE_KEY = "__pregel_replay_state"
"""Key in `configurable`: the root was sent back to an old checkpoint, and its subgraphs with it. Test:
`test_replay_state_key_is_set_for_subgraphs_of_a_replay`."""
TASKS_CHANNEL = "__pregel_tasks"
"""Channel of what was sent to nodes (`Send`) and is due. Test: `test_due_nodes_show_in_the_channels`."""
NULL_TASK_ID = "00000000-0000-0000-0000-000000000000"
"""Task id of writes to a checkpoint by no task: they are part of its state. Test: `test_constants`."""
TASK_SEPARATOR = ":"
"""In a namespace: what follows is the id of the task that a subgraph runs in. Test: `test_constants`."""
NAMESPACE_SEPARATOR = "|"
"""Between the levels of a namespace. Test: `test_constants`."""

# langgraph.graph.state

NODE_DUE_PREFIXES = ("branch:to:", "__start__")
"""How the channels are called that a `StateGraph` holds while a node is due. Test:
`test_due_nodes_show_in_the_channels`."""

_OBJECTS: Mapping[str, str] = {
    # a node's runnable with a sync and an async function, without a tracing step of its own
    "RunnableCallable": "langgraph._internal._runnable:RunnableCallable",
    # a node of a compiled graph; how its writers read the state, and what a node returned
    "ChannelRead": "langgraph.pregel._read:ChannelRead",
    "PregelNode": "langgraph.pregel._read:PregelNode",
    "ChannelWrite": "langgraph.pregel._write:ChannelWrite",
    "ChannelWriteTupleEntry": "langgraph.pregel._write:ChannelWriteTupleEntry",
    # the types of state schemas and channels, as `StateGraph.compile` collects them for a checkpointer
    "build_serde_allowlist": "langgraph._internal._serde:build_serde_allowlist",
    # the reducer of messages for delta channels
    "messages_delta_reducer": "langgraph.graph.message:_messages_delta_reducer",
    # the id of a task's nth interrupt
    "interrupt_id": "langgraph.types:_interrupt_id",
    # the stored form of a `DeltaChannel`'s value
    "DeltaSnapshot": "langgraph.checkpoint.serde.types:_DeltaSnapshot",
    # the safe types of msgpack, the codes of its extension types, and the stock hook for them
    "SAFE_MSGPACK_METHODS": "langgraph.checkpoint.serde._msgpack:SAFE_MSGPACK_METHODS",
    "SAFE_MSGPACK_TYPES": "langgraph.checkpoint.serde._msgpack:SAFE_MSGPACK_TYPES",
    "EXT_CONSTRUCTOR_KW_ARGS": "langgraph.checkpoint.serde.jsonplus:EXT_CONSTRUCTOR_KW_ARGS",
    "EXT_CONSTRUCTOR_POS_ARGS": "langgraph.checkpoint.serde.jsonplus:EXT_CONSTRUCTOR_POS_ARGS",
    "EXT_CONSTRUCTOR_SINGLE_ARG": "langgraph.checkpoint.serde.jsonplus:EXT_CONSTRUCTOR_SINGLE_ARG",
    "EXT_DELTA_SNAPSHOT": "langgraph.checkpoint.serde.jsonplus:EXT_DELTA_SNAPSHOT",
    "EXT_METHOD_SINGLE_ARG": "langgraph.checkpoint.serde.jsonplus:EXT_METHOD_SINGLE_ARG",
    "EXT_NUMPY_ARRAY": "langgraph.checkpoint.serde.jsonplus:EXT_NUMPY_ARRAY",
    "EXT_PYDANTIC_V1": "langgraph.checkpoint.serde.jsonplus:EXT_PYDANTIC_V1",
    "EXT_PYDANTIC_V2": "langgraph.checkpoint.serde.jsonplus:EXT_PYDANTIC_V2",
    "msgpack_ext_hook": "langgraph.checkpoint.serde.jsonplus:_msgpack_ext_hook",
    "send_from_args": "langgraph.checkpoint.serde.jsonplus:_send_from_args",
}


def __getattr__(name: str) -> Any:
    if name not in _OBJECTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _OBJECTS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


# pydantic

_PYDANTIC_SLOTS = ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")


def pydantic_setters(model: type) -> tuple[Callable[[Any, Any], None], ...]:
    """Return the setters of the four slots that make up a pydantic object, as its own `__copy__` sets them.

    In this order: fields, names of the fields that were set, extra fields, private attributes. Test:
    `test_pydantic_objects_consist_of_four_slots`.
    """
    return tuple(inspect.getattr_static(model, slot).__set__ for slot in _PYDANTIC_SLOTS)
