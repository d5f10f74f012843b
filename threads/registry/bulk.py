"""`BulkService`: tags, changes to many threads in one transaction, and unread counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args

from threads import ids as thread_ids
from threads.errors import InvalidValue
from threads.models import Report, Tag
from threads.registry.context import RegistryContext
from threads.registry.threads import ProjectionRefresher
from threads.store import validation
from threads.store.bulk import Outcome
from threads.store.filters import MOST_AT_ONCE, Filters
from threads.store.threads import given
from threads.store.transaction import Transaction

MAX_CHANGED = 10_000
"""Threads that one call changes at most."""


class BulkService:
    """Works on many threads at once."""

    def __init__(self, context: RegistryContext, projections: ProjectionRefresher) -> None:
        self._context = context
        self._store = context.store
        self._projections = projections

    def tags(self, filters: Filters) -> list[Tag]:
        """Return the tags of the threads that match; see `Registry.tags`."""
        with self._store.read() as tx:
            return tx.tags.list(filters)

    def rename_tag(self, old: str, new: str) -> int:
        """Rename a tag on all threads; see `Registry.rename_tag`."""
        [before], [after] = validation.checked_tags([old]), validation.checked_tags([new])
        return self._store.write(lambda tx: tx.tags.rename(before, after))

    def change(
        self, ids: Sequence[str], tag: Sequence[str], untag: Sequence[str], delete: bool, **fields: Any
    ) -> Report:
        """Change or delete these threads; see `Registry.bulk`."""
        chosen = list(dict.fromkeys(map(thread_ids.text_of, _checked_ids(ids))))
        delete = validation.checked_flag("delete", delete)
        changes = _checked_changes(given(fields), tag, untag, delete)
        return self.change_chosen(lambda _: chosen, changes)

    def change_chosen(
        self, choose: Callable[[Transaction], Iterable[str]], changes: Mapping[str, Any]
    ) -> Report:
        """Change the threads whose ids `choose` returns, in the same transaction."""
        changes, delete = {**changes, "now": self._context.now()}, changes.get("delete", False)

        def change_all(tx: Transaction) -> dict[str, Outcome]:
            return {id: tx.bulk.apply(id, changes) for id in choose(tx)}

        if delete:
            self._context.flush()
        outcomes = self._store.write(change_all)
        report = {
            name: tuple(id for id, outcome in outcomes.items() if outcome == name)
            for name in get_args(Outcome)
        }
        if delete:
            self._context.release_deleted(report["changed"])
        return Report(**report)

    def mark_read(self, id: str, user: str, upto: str | None) -> int | None:
        """Note how far a user has read; see `Registry.mark_read`."""
        reader = _checked_reader(user)
        self._projections.refresh_threads([id])

        def set_mark(tx: Transaction) -> int | None:
            thread_id = tx.threads.get_visible(id).thread_id
            tx.read_marks.set(thread_id, reader, upto)
            return tx.read_marks.count_unread([thread_id], reader)[thread_id]

        return self._store.write(set_mark)

    def unread(self, ids: Sequence[str], user: str) -> dict[str, int | None]:
        """Count unread messages by thread; see `Registry.unread`."""
        reader = _checked_reader(user)
        if len(_checked_ids(ids)) > MOST_AT_ONCE:
            raise InvalidValue("ids", f"must be at most {MOST_AT_ONCE} ids")
        self._projections.refresh_threads(ids)
        with self._store.read() as tx:
            self._context.check_has_tables(tx)
            return tx.read_marks.count_unread(ids, reader)


def _checked_reader(user: str) -> str:
    reader = validation.checked_name("user", user)
    if reader is None:
        raise InvalidValue("user", "is required")
    return reader


def _checked_ids(ids: Sequence[str]) -> Sequence[str]:
    if isinstance(ids, str) or not isinstance(ids, Sequence):
        raise InvalidValue("ids", f"must be a list of ids, not {ids!r}")
    if len(ids) > MAX_CHANGED:
        raise InvalidValue("ids", f"must be at most {MAX_CHANGED} ids, not {len(ids)}")
    return ids


def _checked_changes(
    fields: Mapping[str, Any], tag: Sequence[str], untag: Sequence[str], delete: bool
) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, value in fields.items():
        if name in ("owner", "agent_id"):
            changes[name] = validation.checked_name(name, value)
        elif name == "metadata":
            changes[name] = validation.checked_metadata(value)
        else:
            changes[name] = validation.checked_flag(name, value)
    changes |= {"tag": validation.checked_tags(tag), "untag": validation.checked_tags(untag)}
    if delete and (fields or changes["tag"] or changes["untag"]):
        raise InvalidValue("delete", "cannot be combined with other changes")
    return changes | {"delete": delete}
