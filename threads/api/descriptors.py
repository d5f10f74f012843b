"""File descriptors: how many the server may have, and what has to be open before none is left."""

from __future__ import annotations

import importlib
import pkgutil
from contextlib import suppress

from langchain_core.messages import AIMessage
from langgraph.graph import START, MessagesState, StateGraph

import threads
from threads.db.queries import load_all

PACKAGES = ("db", "store", "search", "checkpoint", "registry", "runs", "api")
"""The packages of ours whose modules a server uses; some are imported when they are needed."""
OTHERS = ("anyio._backends._asyncio", "difflib", "hashlib", "secrets")
"""Modules of others that are imported when they are needed, besides those that a run needs."""
OPEN_MAX = 10_240
"""What macOS allows where it says that there is no limit."""


def raise_limit() -> int | None:
    """Raise the limit of this process to what it may have; the limit then, None where there is none."""
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


def open_early() -> None:
    """Import and read what would be opened later only, when too many files may be open for it."""
    load_all()
    for package in PACKAGES:
        folder = importlib.import_module(f"{threads.__name__}.{package}").__path__
        for module in pkgutil.walk_packages(folder, f"{threads.__name__}.{package}."):
            importlib.import_module(module.name)
    for name in OTHERS:
        importlib.import_module(name)
    _run_once()


def _run_once() -> None:
    """Let one message through a graph: LangGraph and LangChain import a part of themselves then."""
    builder = StateGraph(MessagesState)
    builder.add_node("model", lambda state: {"messages": [AIMessage("*hello*")]})
    builder.add_edge(START, "model")
    with threads.open(":memory:") as registry, threads.Runner(registry, builder.compile()) as runner:
        runner.start("first", "hello", if_not_exists="create").result()
        registry.list(limit=1)
