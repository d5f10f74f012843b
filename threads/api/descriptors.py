"""File descriptors: raising their limit, and loading modules and files before none is left."""

from __future__ import annotations

import importlib
import pkgutil
from contextlib import suppress

from langchain_core.messages import AIMessage
from langgraph.graph import START, MessagesState, StateGraph

import threads
from threads.db.queries import load_all

PACKAGES = ("db", "store", "search", "checkpoint", "registry", "runs", "api")
"""Packages whose modules a server uses; some of them are imported lazily."""
THIRD_PARTY = ("anyio._backends._asyncio", "difflib", "hashlib", "secrets")
"""Modules that the standard library and anyio import lazily, besides those that a run imports."""
OPEN_MAX = 10_240
"""The limit of macOS where it reports none."""


def raise_descriptor_limit() -> int | None:
    """Raise the soft limit of this process to the hard one; return the new limit, None for no limit."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, OPEN_MAX):
        if soft != resource.RLIM_INFINITY and (wanted == resource.RLIM_INFINITY or wanted > soft):
            with suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
                break
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def preload() -> None:
    """Import modules and read files that would be opened lazily, when too many files may be open."""
    load_all()
    for package in PACKAGES:
        folder = importlib.import_module(f"{threads.__name__}.{package}").__path__
        for module in pkgutil.walk_packages(folder, f"{threads.__name__}.{package}."):
            importlib.import_module(module.name)
    for name in THIRD_PARTY:
        importlib.import_module(name)
    _run_once()


def _run_once() -> None:
    """Run one message through a graph, with which LangGraph and LangChain import their lazy parts."""
    builder = StateGraph(MessagesState)
    builder.add_node("model", lambda state: {"messages": [AIMessage("*hello*")]})
    builder.add_edge(START, "model")
    with threads.open(":memory:") as registry, threads.Runner(registry, builder.compile()) as runner:
        runner.start("first", "hello", if_not_exists="create").result()
        registry.list(limit=1)
