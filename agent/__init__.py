"""LangGraph agents with a memory of their threads: `build_agent` and `load_model`.

Importing the package does no work: LangGraph, which takes seconds, is loaded by the first use of a name.
`__init__.pyi` says the same to type checkers.
"""

import importlib
from typing import Any

__all__ = ["build_agent", "load_model"]

_HOMES = {"build_agent": "agent.graph", "load_model": "agent.models"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
