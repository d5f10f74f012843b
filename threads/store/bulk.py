"""Bulk changes: one thread of many at a time, in the transaction of all of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Literal

from threads.errors import InvalidValue, ThreadBusy
from threads.store import validation
from threads.store.deletion import delete_thread
from threads.store.leases import check_free
from threads.store.tags import TagTable
from threads.store.threads import ThreadRecord, ThreadTable, merge_metadata

Outcome = Literal["changed", "unchanged", "missing", "busy"]


class BulkChanges:
    """Changes of one of many threads within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def apply(self, thread_id: str, changes: Mapping[str, Any]) -> Outcome:
        """Apply checked changes to a thread; raises `InvalidValue` where it would have too many tags."""
        threads, tags = ThreadTable(self._connection), TagTable(self._connection)
        record = threads.find(thread_id)
        if record is None:
            return "missing"
        before = self._connection.total_changes
        try:
            if changes.get("delete"):
                delete_thread(self._connection, thread_id)
            else:
                threads.set_columns(thread_id, self._changed_columns(record, changes))
        except ThreadBusy:
            return "busy"
        for tag in changes.get("untag", ()):
            tags.remove(thread_id, tag)
        for tag in changes.get("tag", ()):
            tags.add(thread_id, tag)
        if tags.count(thread_id) > validation.MAX_TAGS:
            raise InvalidValue("tag", f"thread {thread_id!r} would have more than {validation.MAX_TAGS} tags")
        return "changed" if self._connection.total_changes > before else "unchanged"

    def _changed_columns(self, record: ThreadRecord, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The columns whose value changes; raises `ThreadBusy`."""
        wanted = {name: changes[name] for name in ("owner", "agent_id") if name in changes}
        wanted |= {name: int(changes[name]) for name in ("pinned", "archived") if name in changes}
        columns = {name: value for name, value in wanted.items() if getattr(record, name) != value}
        if "trashed" in changes and (record.trashed_at is not None) != changes["trashed"]:
            check_free(self._connection, record.thread_id)
            columns["trashed_at"] = changes["now"] if changes["trashed"] else None
        if "metadata" in changes:
            metadata = merge_metadata(record.metadata, changes["metadata"])
            if metadata != record.metadata_json:
                columns["metadata"] = metadata
        return columns
