"""`MaintenanceService`: prune, compact, back up, verify and repair a whole database."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from threads.db.migrations import Progress
from threads.db.open import back_up
from threads.errors import InvalidValue, StateUnreadable, ThreadBusy, ThreadNotFound, ThreadTrashed
from threads.models import Problem, Pruned
from threads.registry.context import RegistryContext
from threads.store.transaction import Transaction


class MaintenanceService:
    """Operations on the database as a whole."""

    def __init__(self, context: RegistryContext) -> None:
        self._context = context
        self._database, self._store = context.database, context.store

    def prune(self, ids: Iterable[str] | None, keep: int, dry_run: bool, progress: Progress | None) -> Pruned:
        """Delete old checkpoints; see `Registry.prune`."""
        from threads.checkpoint.pruning import keep_count, prune_thread

        if isinstance(ids, str):
            raise InvalidValue("ids", f"must be a list of ids, not {ids!r}")
        keep_count("keep_n", keep)
        serde, decoder, pruned = self._context.checkpointer.serde, self._context.decoder, Pruned()
        self._context.flush()

        def prune_one(tx: Transaction, id: str) -> Pruned:
            thread_id = tx.threads.get_visible(id).thread_id
            tx.threads.check_free(thread_id)
            return prune_thread(tx.connection, thread_id, keep, serde, decoder, dry_run=dry_run)

        chosen = self._prunable_ids() if ids is None else list(ids)
        for done, id in enumerate(chosen, start=1):
            try:
                if dry_run:
                    with self._store.read() as tx:
                        pruned += prune_one(tx, id)
                else:
                    pruned += self._store.write(partial(prune_one, id=id))
            except (ThreadNotFound, ThreadTrashed, ThreadBusy):
                if ids is not None:  # otherwise the thread changed after the ids were read
                    raise
            except StateUnreadable:
                if ids is not None:
                    raise
                pruned += Pruned(skipped=(id,))
            if progress:
                progress("pruning", done, len(chosen))
        if not dry_run:
            self._database.purge_deleted_text()
        return pruned

    def compact(self) -> None:
        """Shrink the file; see `Registry.compact`."""
        self._store.write(lambda tx: tx.projections.index_titles())  # drops threads that others deleted
        self._database.compact()

    def backup(self, target: str | os.PathLike[str], progress: Progress | None) -> Path:
        """Copy the database to a new file; see `Registry.backup`."""
        self._context.flush()
        return back_up(self._database, target, progress)

    def verify(self, progress: Progress | None) -> list[Problem]:
        """Return the inconsistencies in the file; see `Registry.verify`."""
        from threads.store import integrity

        return integrity.verify(self._database, self._context.load_decoder, progress)

    def repair(self, progress: Progress | None) -> list[Problem]:
        """Repair the inconsistencies in the file; see `Registry.repair`."""
        from threads.store import integrity

        return integrity.repair(self._database, self._context.load_decoder, progress)

    def _prunable_ids(self) -> list[str]:
        with self._store.read() as tx:
            return tx.threads.list_prunable()
