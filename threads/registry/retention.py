"""Retention: rules for threads that grow old, and cleaning up by them."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from threads.db.migrations import Progress
from threads.errors import InvalidValue, StateUnreadable
from threads.models import Action, Cleaned, Rule
from threads.registry.bulk import MOST_CHANGED, Organising
from threads.registry.maintenance import Upkeep
from threads.store import retention as retention_table

CLEANED_AT_ONCE = 100
Due = tuple[Rule, builtins.list[str]]
"""A rule, and the threads that it takes."""
CHANGES: dict[Action, str] = {"archive": "archived", "trash": "trashed", "delete": "delete"}
"""What an action makes true of a thread."""
EMPTIED_EVERY = 3_600_000
"""Milliseconds between two looks at what is in the trash for too long."""


class Keeping(Organising, Upkeep):
    """Keeps threads for as long as rules say."""

    _emptied_at = 0

    def rules(self) -> builtins.list[Rule]:
        """The rules by name."""
        with self._database.read() as connection:
            self._adopted(connection)
            return retention_table.rules(connection)

    def set_rule(
        self,
        name: str,
        action: Action,
        *,
        thread_id: str | None = None,
        tag: str | None = None,
        agent_id: str | None = None,
        owner: str | None = None,
        abandoned: bool = False,
        inactive: timedelta | None = None,
        age: timedelta | None = None,
        trashed: timedelta | None = None,
    ) -> Rule:
        """Store a rule for `cleanup`, under a name; one of that name is replaced.

        `action`: `keep`, `prune` (to the latest checkpoint), `archive`, `trash` or `delete` the threads
        that fit all that is said: so long `inactive`, begun so long ago (`age`), so long in the trash;
        `abandoned`: no agent ever answered. Pinned threads are exempt. What is too long in the trash goes
        by itself too, while nothing else is done. Raises `InvalidValue`, `ThreadNotFound`.
        """
        rule = retention_table.checked_rule(
            Rule(name, action, thread_id, tag, agent_id, owner, abandoned, inactive, age, trashed)
        )
        self._database.write(lambda connection: retention_table.set_rule(connection, rule))
        return rule

    def remove_rule(self, name: str) -> None:
        """Drop a rule; `InvalidValue` if there is none of that name."""
        if not self._database.write(lambda connection: retention_table.remove_rule(connection, name)):
            raise InvalidValue("name", f"there is no rule {name!r}")

    def cleanup(self, *, dry_run: bool = False, progress: Progress | None = None) -> builtins.list[Cleaned]:
        """Do what the rules say, and tell what was done; `dry_run` only tells.

        A thread is taken by one rule only, the gravest action first. What is pinned, what a rule says to
        keep, and where a run is going on or waits for its turn stay as they are, even if they have become so
        only meanwhile.
        """
        self._flush()
        if not self._database.read_only:
            self._refresh_all(progress=progress)
        now = self._now()
        with self._database.read() as connection:
            self._adopted(connection)
            due = [
                (rule, self._undone(connection, rule, ids))
                for rule, ids in retention_table.due(connection, now)
            ]
        if not dry_run:
            due = self._clean_all(due, now, progress)
        return [Cleaned(rule.name, rule.action, tuple(ids)) for rule, ids in due if ids]

    def _at_rest(self, stop: Callable[[], bool]) -> None:
        """Empties the trash as well, where a rule says after which time."""
        super()._at_rest(stop)
        now = self._now()
        if stop() or now - self._emptied_at < EMPTIED_EVERY:
            return
        self._emptied_at = now
        with self._database.read() as connection:
            due = [
                (rule, found)
                for rule, found in retention_table.due(connection, now)
                if rule.trashed is not None
            ]
        for rule, found in due:
            self._clean(rule, found[:MOST_CHANGED], now)

    def _undone(self, connection: Any, rule: Rule, ids: Sequence[str]) -> builtins.list[str]:
        """Those of the threads that fit in which there is something to do."""
        if rule.action != "prune":
            return builtins.list(ids)
        return [id for id in ids if self._if_readable(partial(self._prune_one, connection, id, dry_run=True))]

    def _clean_all(self, due: Sequence[Due], now: int, progress: Progress | None) -> builtins.list[Due]:
        """Do what the rules say, some threads at a time; the threads in which something was done."""
        total, looked_at = sum(len(ids) for _, ids in due), 0
        cleaned: builtins.list[Due] = []
        for rule, ids in due:
            done: builtins.list[str] = []
            for start in range(0, len(ids), CLEANED_AT_ONCE):
                some = ids[start : start + CLEANED_AT_ONCE]
                done += self._clean(rule, some, now)
                looked_at += len(some)
                if progress:
                    progress("cleaning up", looked_at, total)
            cleaned.append((rule, done))
        return cleaned

    def _clean(self, rule: Rule, ids: Sequence[str], now: int) -> Sequence[str]:
        """Do what the rule says with those of the threads that it still takes, and tell with which."""
        if rule.action == "prune":
            pruned = [id for id in ids if self._prune_by(rule, id, now)]
            self._database.scrub()
            return pruned
        changes = {CHANGES[rule.action]: True}
        return self._change(
            lambda connection: retention_table.still_due(connection, rule, now, ids), changes
        ).changed

    def _prune_by(self, rule: Rule, id: str, now: int) -> bool:
        def work(connection: Any) -> bool:
            return bool(retention_table.still_due(connection, rule, now, [id])) and self._prune_one(
                connection, id
            )

        return self._if_readable(lambda: self._database.write(work))

    def _if_readable(self, prune: Callable[[], bool]) -> bool:
        """Whether something was let go; not where the state cannot be read, which `prune` would tell."""
        try:
            return prune()
        except StateUnreadable:
            return False

    def _prune_one(self, connection: Any, id: str, *, dry_run: bool = False) -> bool:
        """Let go of old checkpoints of a thread; whether there are any."""
        from threads.checkpoint.pruning import prune_thread

        serde, decoder = self.checkpointer.serde, self._decoder()
        return prune_thread(connection, id, 1, serde, decoder, dry_run=dry_run).checkpoints > 0
