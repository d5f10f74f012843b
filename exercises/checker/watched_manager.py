"""The learner's manager and agent, opened for a check, and a wrapper that records how the manager is used."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from checker.findings import CheckFailed
from checker.learner import Learner, name_of


class WatchedManager:
    """The learner's manager, with a record of the ids that it created and refused."""

    def __init__(self, manager: Any) -> None:
        self.manager = manager
        self.customers: dict[str, str] = {}
        self.opened: list[str] = []
        self.refused: list[Any] = []

    def create_thread(self, customer: str, thread_id: str | None = None) -> Any:
        thread = self.manager.create_thread(customer, thread_id)
        self.customers[thread.thread_id] = customer
        self.opened.append(customer)
        return thread

    def get_thread_info(self, thread_id: str) -> Any:
        return self._call(self.manager.get_thread_info, thread_id)

    def update_thread_activity(self, thread_id: str) -> Any:
        return self._call(self.manager.update_thread_activity, thread_id)

    def _call(self, method: Callable[[str], Any], thread_id: str) -> Any:
        try:
            return method(thread_id)
        except Exception:
            self.refused.append(thread_id)
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self.manager, name)


def find_registry_path(manager: Any) -> Path | None:
    """Return the file of the manager's registry, taken from its `repr`; None if it is in memory."""
    found = re.fullmatch(r"threads\.open\((.+)\)", repr(getattr(manager, "registry", None)))
    return Path(literal_eval(found[1])) if found and ":memory:" not in found[1] else None


@contextmanager
def open_manager(learner: Learner) -> Iterator[tuple[Any, Any]]:
    """Yield a new manager and its agent, made by the learner's functions."""
    function = learner.create_thread_manager
    manager = learner.made(function(), function)
    if not hasattr(manager, "create_thread"):
        raise CheckFailed("no-manager", f"create_thread_manager returned {name_of(manager)}", function)
    if isinstance(registry := getattr(manager, "registry", None), str | Path):
        raise CheckFailed("no-registry", f"the manager was given {name_of(registry)}", function)
    try:
        agent = learner.create_multi_thread_agent(manager)
        yield manager, learner.made(agent, learner.create_multi_thread_agent)
    finally:
        if hasattr(manager, "close"):
            manager.close()
