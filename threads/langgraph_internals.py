"""Private names of LangGraph and pydantic that this project relies on, and nowhere else.

An object is imported at its first use: LangGraph takes a second. Each name was checked on the versions in
`CHECKED_ON`; `tests/checkpoint/test_langgraph_internals.py` has one test per name that fails if it changes
its meaning. `langgraph_internals.pyi` has the types.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

CHECKED_ON: Mapping[str, str] = {
    "langgraph": "1.2.24",
    "langgraph-checkpoint": "4.3.2",
    "langgraph-checkpoint-sqlite": "3.1.2",
    "pydantic": "2.14.4",
}
"""Distributions and the versions with which all names in this module were checked."""

_MODULES = {
    # a node's runnable with a sync and an async function, without a tracing step of its own
    "RunnableCallable": "langgraph._internal._runnable",
    # a node of a compiled graph, and how its writers read the state and what a node returned
    "ChannelRead": "langgraph.pregel._read",
    "PregelNode": "langgraph.pregel._read",
    "ChannelWrite": "langgraph.pregel._write",
    "ChannelWriteTupleEntry": "langgraph.pregel._write",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
