"""LangGraph agents with memory per thread: `build_agent` and `load_model`.

Importing the package does no work: LangGraph, which takes seconds, is imported at the first use of a name.
`__init__.pyi` says the same to type checkers.
"""

import importlib
from typing import Any

__all__ = ["ModelUnavailable", "build_agent", "load_model"]

_MODULES = {"build_agent": "agent.graph", "load_model": "agent.models", "ModelUnavailable": "agent.models"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
