"""Keeping a database small, safe and true: prune, compact, back up, verify, repair."""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from threads.db.migrations import Progress
from threads.db.open import back_up
from threads.db.queries import statements
from threads.errors import InvalidValue, StateUnreadable, ThreadBusy, ThreadNotFound, ThreadTrashed
from threads.models import Problem, Pruned
from threads.registry.context import Opened
from threads.store import threads as thread_table
from threads.store.leases import check_free


class Upkeep(Opened):
    """Looks after the database as a whole."""

    def prune(
        self,
        ids: Iterable[str] | None = None,
        *,
        keep: int = 1,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Pruned:
        """Let old checkpoints go; what is remembered stays as it is. All threads, unless `ids` are given.

        Keeps the newest `keep` of each thread and what they are made of. Threads in the trash are left
        alone, and so are busy ones, and those whose state cannot be read (`skipped`), unless they
        are named: then `ThreadBusy`, `StateUnreadable`. `dry_run` only reads and tells what would go. Raises
        `ThreadNotFound`, `ThreadTrashed`, `InvalidValue`.
        """
        from threads.checkpoint.pruning import keep_count, prune_thread

        if isinstance(ids, str):
            raise InvalidValue("ids", f"a list of ids is needed, not {ids!r}")
        keep_count("keep_n", keep)
        serde, decoder, pruned = self.checkpointer.serde, self._decoder(), Pruned()
        self._flush()

        def prune_one(connection: Any, id: str) -> Pruned:
            row = self._visible(thread_table.get(connection, id))
            check_free(connection, row["thread_id"])
            return prune_thread(connection, row["thread_id"], keep, serde, decoder, dry_run=dry_run)

        chosen = self._prunable() if ids is None else builtins.list(ids)
        for done, id in enumerate(chosen, start=1):
            try:
                if dry_run:
                    with self._database.read() as connection:
                        pruned += prune_one(connection, id)
                else:
                    pruned += self._database.write(partial(prune_one, id=id))
            except (ThreadNotFound, ThreadTrashed, ThreadBusy):
                if ids is not None:  # else somebody took it away meanwhile
                    raise
            except StateUnreadable:
                if ids is not None:
                    raise
                pruned += Pruned(skipped=(id,))
            if progress:
                progress("pruning", done, len(chosen))
        if not dry_run:
            self._database.scrub()
        return pruned

    def compact(self) -> None:
        """Give the room of what was deleted or pruned back to the file system; others wait meanwhile."""
        self._database.compact()

    def backup(self, target: str | os.PathLike[str], *, progress: Progress | None = None) -> Path:
        """Copy all to a new file while runs go on; returns its path. Raises `UsageError` if it exists."""
        self._flush()
        return back_up(self._database, target, progress)

    def verify(self, *, progress: Progress | None = None) -> builtins.list[Problem]:
        """Where registry and memory disagree, which must be nowhere: then the list is empty."""
        from threads.store import integrity

        return integrity.verify(self._database, self._decoder, progress)

    def repair(self, *, progress: Progress | None = None) -> builtins.list[Problem]:
        """Make registry and memory agree; returns what had to be mended."""
        from threads.store import integrity

        return integrity.repair(self._database, self._decoder, progress)

    def _prunable(self) -> builtins.list[str]:
        with self._database.read() as connection:
            found = connection.execute(statements("pruning")["threads"])
            return [row[0] for row in found if isinstance(row[0], str)]
