"""`RunnerContext`: what all parts of a runner share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from threads.registry import Registry
from threads.registry.event_poller import Tail
from threads.store.transaction import Store


@dataclass(frozen=True, slots=True)
class RunnerContext:
    """A registry, and what is behind its facade."""

    registry: Registry
    store: Store
    checkpointer: Any
    decoder: Any
    """Reads messages and interrupts from checkpoints."""
    poller: Tail
    """Wakes the subscribers of events."""
    now: Callable[[], int]
    """Milliseconds since 1970."""

    @classmethod
    def of(cls, registry: Registry) -> RunnerContext:
        """Return the context of an open registry; loads its checkpointer."""
        inside = registry._inside()
        store = Store(inside.database)
        return cls(registry, store, inside.checkpointer, inside.decoder, inside.tail, inside.now)
