"""Checks of what stands in the tables of checkpoints and writes, which any program may have written.

Readers that can do without a value catch `Undecodable`. The checkpointer raises `StateUnreadable` with the
thread's id, see `name_thread_in_errors`.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from threads.db.queries import statements
from threads.errors import StateDamaged, StateUnreadable, ThreadsError

CheckpointKey = tuple[str, str, str]
"""Thread id, namespace, checkpoint id: the primary key of `checkpoints`."""


class Undecodable(Exception):
    """Stored values hold no messages that can be read without the graph."""


class Unreadable(Undecodable):
    """A stored value cannot be decoded at all."""


def must_propagate(error: BaseException) -> bool:
    """Whether an error comes from the process's situation and not from the value that was being decoded.

    That is a lack of memory, or of stack where the caller has used most of it. A value that is nested too
    deeply uses up the stack by itself.
    """
    if isinstance(error, RecursionError):
        try:
            return sys._getframe(sys.getrecursionlimit() // 2) is not None
        except ValueError:  # there are not so many frames
            return False
    return isinstance(error, MemoryError)


@contextmanager
def raise_unreadable() -> Iterator[None]:
    """Raise `Unreadable` for any other error in this block, which handles stored values."""
    try:
        yield
    except (Undecodable, ThreadsError, sqlite3.Error):
        raise
    except Exception as error:
        if must_propagate(error):
            raise
        raise Unreadable(str(error) or type(error).__name__) from error


@contextmanager
def name_thread_in_errors(thread_id: str) -> Iterator[None]:
    """Raise `StateUnreadable` with this thread's id for errors in this block, which handles its values."""
    try:
        yield
    except StateUnreadable as error:
        raise error.with_thread(thread_id) from error.__cause__
    except (ThreadsError, sqlite3.Error):
        raise
    except Exception as error:  # the value may be decoded, and fail only where it is used
        if must_propagate(error):
            raise
        raise StateDamaged(str(error) or type(error).__name__).with_thread(thread_id) from error


def find_damage(checkpoint: Any) -> str | None:
    """Return what is wrong with a decoded checkpoint; None if it is complete."""
    if not isinstance(checkpoint, dict):
        return "what is stored is no checkpoint"
    if not isinstance(checkpoint.get("id"), str):
        return "a checkpoint has no id"
    for part in ("channel_values", "channel_versions", "versions_seen"):
        if not isinstance(checkpoint.get(part) or {}, dict):
            return f"the {part} of a checkpoint are no mapping"
    return None


def verify_checkpoint(checkpoint: Any, metadata: Any) -> dict[str, Any]:
    """Check a decoded checkpoint and its stored metadata; return these. Raises `StateDamaged`."""
    if why := find_damage(checkpoint):
        raise StateDamaged(why)
    return checked_metadata(metadata)


def checked_metadata(stored: Any) -> dict[str, Any]:
    """Return a checkpoint's metadata. Raises `StateDamaged` if no checkpointer can have stored them so."""
    try:
        metadata = {} if stored is None else json.loads(stored)
    except (ValueError, TypeError, RecursionError) as error:
        if must_propagate(error):
            raise
        raise StateDamaged(f"the metadata of a checkpoint are no JSON: {error}") from error
    if not isinstance(metadata, dict):
        raise StateDamaged("the metadata of a checkpoint are no JSON object")
    if not isinstance(metadata.get("counters_since_delta_snapshot") or {}, dict):
        raise StateDamaged("the metadata of a checkpoint do not tell its delta channels")
    return metadata


def parse_metadata(stored: Any) -> dict[str, Any]:
    """Return a checkpoint's metadata; an empty dict where they are not readable."""
    try:
        metadata = json.loads(stored) if stored else {}
    except (ValueError, TypeError, RecursionError):
        return {}
    return metadata if isinstance(metadata, dict) else {}


def delta_channels(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the delta channels that have no snapshot in a checkpoint, as its metadata count them."""
    counted = metadata.get("counters_since_delta_snapshot")
    return counted if isinstance(counted, dict) else {}


def ancestors(
    connection: sqlite3.Connection, key: CheckpointKey, *, with_metadata: bool = False
) -> Iterator[tuple[str, str | None, Any]]:
    """Yield a checkpoint and its ancestors, newest first: id, parent's id, metadata (None unless requested).

    Rows are read one by one, so a caller that stops early pays for what it has read. A loop in the stored
    parents ends where it would begin again.
    """
    visited: set[str] = set()
    for checkpoint_id, parent_id, metadata in connection.execute(_ancestors_sql(with_metadata), key):
        if checkpoint_id in visited:
            return
        visited.add(checkpoint_id)
        yield checkpoint_id, parent_id, metadata


@cache
def _ancestors_sql(with_metadata: bool) -> str:
    # metadata stand behind the checkpoint in the row: they are read only where needed
    return statements("checkpoints")["ancestors"].format(metadata="c.metadata" if with_metadata else "NULL")
