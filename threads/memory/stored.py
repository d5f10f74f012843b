"""Checkpoints and writes as they are stored, read row by row."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

from langgraph.checkpoint.base import writes_sort_key
from langgraph.checkpoint.serde.base import SerializerProtocol

from threads.database.statements import statements
from threads.memory.fold import Undecodable


class Unreadable(Undecodable):
    """A stored value cannot be read at all."""


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
        self, connection: sqlite3.Connection, at: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        row = connection.execute(self._sql["checkpoint"], at).fetchone()
        if row is None:
            raise Undecodable("there is no such checkpoint")
        checkpoint = self._load(row["type"], row["checkpoint"])
        if not isinstance(checkpoint, dict):
            raise Undecodable("what is stored is no checkpoint")
        return checkpoint, metadata_of(row["metadata"])

    def _writes(self, rows: Any) -> list[Any]:
        return [value for _, value in self._read(rows)]

    def _read(self, rows: Any) -> Iterator[tuple[sqlite3.Row, Any]]:
        """Rows of `writes` with their values, in LangGraph's order."""
        ordered = sorted(rows, key=lambda row: writes_sort_key(row["task_path"], row["task_id"], row["idx"]))
        return ((row, self._load(row["type"], row["value"])) for row in ordered)

    def _load(self, kind: str, data: bytes) -> Any:
        try:
            return self._serde.loads_typed((kind, data))
        except (ValueError, TypeError, NotImplementedError) as error:
            raise Unreadable(str(error)) from error


def metadata_of(stored: bytes | None) -> dict[str, Any]:
    """A checkpoint's metadata; empty where it is not readable."""
    try:
        metadata = json.loads(stored) if stored else {}
    except ValueError:
        return {}
    return metadata if isinstance(metadata, dict) else {}
