"""Checkpoints and writes as they are stored, read row by row."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from langgraph.checkpoint.base import writes_sort_key
from langgraph.checkpoint.serde.base import SerializerProtocol

from threads.checkpoint.reducer import Undecodable, must_be_raised
from threads.db.queries import statements
from threads.errors import StateDamaged, ThreadsError


class Unreadable(Undecodable):
    """A stored value cannot be read at all."""


@contextmanager
def decoding() -> Iterator[None]:
    """Whatever else goes wrong in this block with a stored value, that value is `Unreadable`.

    Another program may have stored anything: what it is shows only where something is done with it.
    """
    try:
        yield
    except (Undecodable, ThreadsError, sqlite3.Error):
        raise
    except Exception as error:
        if must_be_raised(error):
            raise
        raise Unreadable(str(error) or type(error).__name__) from error


def damage(checkpoint: Any) -> str | None:
    """What is wrong with a checkpoint as it was decoded; None if it is whole."""
    if not isinstance(checkpoint, dict):
        return "what is stored is no checkpoint"
    if not isinstance(checkpoint.get("id"), str):
        return "a checkpoint has no id"
    for part in ("channel_values", "channel_versions", "versions_seen"):
        if not isinstance(checkpoint.get(part) or {}, dict):
            return f"the {part} of a checkpoint are no mapping"
    return None


def checked_metadata(stored: Any) -> dict[str, Any]:
    """The metadata of a checkpoint; `StateDamaged` if they are not what a checkpointer stores."""
    try:
        metadata = {} if stored is None else json.loads(stored)
    except (ValueError, TypeError, RecursionError) as error:
        if must_be_raised(error):
            raise
        raise StateDamaged(f"the metadata of a checkpoint are no JSON: {error}") from error
    if not isinstance(metadata, dict):
        raise StateDamaged("the metadata of a checkpoint are no JSON object")
    if not isinstance(metadata.get("counters_since_delta_snapshot") or {}, dict):
        raise StateDamaged("the metadata of a checkpoint do not tell its delta channels")
    return metadata


def whole(checkpoint: Any, stored: Any) -> dict[str, Any]:
    """The metadata of a checkpoint that was decoded; `StateDamaged` if it or they are not whole."""
    if why := damage(checkpoint):
        raise StateDamaged(why)
    return checked_metadata(stored)


class StoredReader:
    """Reads what the checkpointer stored, with `serde`; raises `Undecodable` where that cannot be."""

    def __init__(self, serde: SerializerProtocol) -> None:
        self._serde = serde
        self._sql = statements("checkpoints")

    def _ancestors(self, connection: sqlite3.Connection, at: dict[str, Any]) -> Iterator[str]:
        """The checkpoint and those it came from, newest first; a loop ends where it would begin again."""
        deepest = connection.execute(self._sql["size"], at).fetchone()[0]
        seen: set[str] = set()
        for row in connection.execute(self._sql["ancestors"], {**at, "deepest": deepest}):
            if row[0] in seen:
                return
            seen.add(row[0])
            yield row[0]

    def _checkpoint(
        self, connection: sqlite3.Connection, at: Mapping[str, Any]
    ) -> tuple[dict[str, Any], Any]:
        """A checkpoint and its metadata as they are stored, which may be anything."""
        row = connection.execute(self._sql["checkpoint"], at).fetchone()
        if row is None:
            raise Undecodable("there is no such checkpoint")
        checkpoint = self._load(row["type"], row["checkpoint"])
        if why := damage(checkpoint):
            raise Unreadable(why)
        return checkpoint, row["metadata"]

    def _writes(self, rows: Iterable[Any]) -> list[Any]:
        return [value for _, value in self._read(rows)]

    def _read(self, rows: Iterable[Any]) -> Iterator[tuple[sqlite3.Row, Any]]:
        """Rows of `writes` with their values, in LangGraph's order."""
        return ((row, self._load(row["type"], row["value"])) for row in _in_order(rows))

    def _readable_writes(self, rows: Iterable[Any]) -> Iterator[Any]:
        """Those of the writes that can be read."""
        for row in _in_order(rows):
            with suppress(Undecodable):
                yield self._load(row["type"], row["value"])

    def _load(self, kind: Any, data: Any) -> Any:
        with decoding():
            return self._serde.loads_typed((kind, data))


def _in_order(rows: Iterable[Any]) -> list[Any]:
    with decoding():
        return sorted(rows, key=lambda row: writes_sort_key(row["task_path"], row["task_id"], row["idx"]))


def metadata_of(stored: Any) -> dict[str, Any]:
    """A checkpoint's metadata; empty where it is not readable."""
    try:
        metadata = json.loads(stored) if stored else {}
    except (ValueError, TypeError, RecursionError):
        return {}
    return metadata if isinstance(metadata, dict) else {}


def counted_in(metadata: dict[str, Any]) -> dict[str, Any]:
    """The delta channels that have no snapshot in a checkpoint, by its metadata."""
    counted = metadata.get("counters_since_delta_snapshot")
    return counted if isinstance(counted, dict) else {}
