"""`RetentionService`: retention rules, and the cleanup that applies them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from threads.db.migrations import Progress
from threads.errors import InvalidValue, StateUnreadable
from threads.models import Action, Cleaned, Rule
from threads.registry.bulk import MAX_CHANGED, BulkService
from threads.registry.context import RegistryContext
from threads.registry.threads import ProjectionRefresher
from threads.store.retention import checked_rule
from threads.store.transaction import Transaction

BATCH_SIZE = 100
"""Threads that a cleanup changes in one transaction."""
TRASH_CHECK_INTERVAL = 3_600_000
"""Milliseconds between two looks for threads that were in the trash for too long."""
CHANGES: dict[Action, str] = {"archive": "archived", "trash": "trashed", "delete": "delete"}
"""The bulk change that an action stands for."""
Due = tuple[Rule, list[str]]
"""A rule, and the threads that it applies to."""


class RetentionService:
    """Stores retention rules and applies them."""

    def __init__(self, context: RegistryContext, projections: ProjectionRefresher, bulk: BulkService) -> None:
        self._context = context
        self._database, self._store = context.database, context.store
        self._projections = projections
        self._bulk = bulk
        self._trash_checked_at = 0

    def rules(self) -> list[Rule]:
        """Return the stored rules; see `Registry.rules`."""
        with self._store.read() as tx:
            self._context.check_has_tables(tx)
            return tx.retention.list()

    def set_rule(self, rule: Rule) -> Rule:
        """Store a rule; see `Registry.set_rule`."""
        rule = checked_rule(rule)
        self._store.write(lambda tx: tx.retention.set(rule))
        return rule

    def remove_rule(self, name: str) -> None:
        """Remove a rule; see `Registry.remove_rule`."""
        if not self._store.write(lambda tx: tx.retention.remove(name)):
            raise InvalidValue("name", f"there is no rule {name!r}")

    def cleanup(self, dry_run: bool, progress: Progress | None) -> list[Cleaned]:
        """Apply all rules; see `Registry.cleanup`."""
        self._context.flush()
        if not self._database.read_only:
            self._projections.refresh_all(progress=progress)
        now = self._context.now()
        with self._store.read() as tx:
            self._context.check_has_tables(tx)
            due = [(rule, self._with_effect(tx, rule, ids)) for rule, ids in tx.retention.list_due(now)]
        if not dry_run:
            due = self._apply_all(due, now, progress)
        return [Cleaned(rule.name, rule.action, tuple(ids)) for rule, ids in due if ids]

    def empty_trash(self, stop: Callable[[], bool]) -> None:
        """Apply the rules on threads in the trash, at most once in `TRASH_CHECK_INTERVAL`; an idle task."""
        now = self._context.now()
        if stop() or now - self._trash_checked_at < TRASH_CHECK_INTERVAL:
            return
        self._trash_checked_at = now
        with self._store.read() as tx:
            due = [(rule, ids) for rule, ids in tx.retention.list_due(now) if rule.trashed is not None]
        for rule, ids in due:
            self._apply(rule, ids[:MAX_CHANGED], now)

    def _with_effect(self, tx: Transaction, rule: Rule, ids: Sequence[str]) -> list[str]:
        """Return those of the matching threads that the rule would change."""
        if rule.action != "prune":
            return list(ids)
        return [id for id in ids if _if_readable(partial(self._prune, tx, id, dry_run=True))]

    def _apply_all(self, due: Sequence[Due], now: int, progress: Progress | None) -> list[Due]:
        """Apply the rules in batches; return the threads that each of them changed."""
        total, done = sum(len(ids) for _, ids in due), 0
        applied: list[Due] = []
        for rule, ids in due:
            changed: list[str] = []
            for start in range(0, len(ids), BATCH_SIZE):
                batch = ids[start : start + BATCH_SIZE]
                changed += self._apply(rule, batch, now)
                done += len(batch)
                if progress:
                    progress("cleaning up", done, total)
            applied.append((rule, changed))
        return applied

    def _apply(self, rule: Rule, ids: Sequence[str], now: int) -> Sequence[str]:
        """Apply the rule to those of the threads that still match it; return the changed ones."""
        if rule.action == "prune":
            pruned = [id for id in ids if self._prune_if_due(rule, id, now)]
            self._database.purge_deleted_text()
            return pruned
        return self._bulk.change_chosen(
            lambda tx: tx.retention.recheck(rule, now, ids), {CHANGES[rule.action]: True}
        ).changed

    def _prune_if_due(self, rule: Rule, id: str, now: int) -> bool:
        def prune_due(tx: Transaction) -> bool:
            return bool(tx.retention.recheck(rule, now, [id])) and self._prune(tx, id)

        return _if_readable(lambda: self._store.write(prune_due))

    def _prune(self, tx: Transaction, id: str, *, dry_run: bool = False) -> bool:
        """Delete all but the newest checkpoint of a thread; return whether there were others."""
        from threads.checkpoint.pruning import prune_thread

        serde, decoder = self._context.checkpointer.serde, self._context.decoder
        return prune_thread(tx.connection, id, 1, serde, decoder, dry_run=dry_run).checkpoints > 0


def _if_readable(prune: Callable[[], bool]) -> bool:
    """Return the result of `prune`; False for a thread whose state cannot be read: it is never pruned."""
    try:
        return prune()
    except StateUnreadable:
        return False
