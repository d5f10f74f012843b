"""Retention: rules for threads that grow old, and cleaning up by them."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from datetime import timedelta

from threads.bootstrap.organising import MOST_CHANGED, Organising
from threads.bootstrap.upkeep import Upkeep
from threads.database.migrations import Progress
from threads.errors import InvalidValue
from threads.models import Action, Cleaned, Rule
from threads.registry import rules

CLEANED_AT_ONCE = 100
EMPTIED_EVERY = 3_600_000
"""Milliseconds between two looks at what is in the trash for too long."""


class Keeping(Organising, Upkeep):
    """Keeps threads for as long as rules say."""

    _emptied_at = 0

    def rules(self) -> builtins.list[Rule]:
        """The rules by name."""
        with self._database.read() as connection:
            self._adopted(connection)
            return rules.rules(connection)

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
        rule = rules.checked_rule(
            Rule(name, action, thread_id, tag, agent_id, owner, abandoned, inactive, age, trashed)
        )
        self._database.write(lambda connection: rules.set_rule(connection, rule))
        return rule

    def remove_rule(self, name: str) -> None:
        """Drop a rule; `InvalidValue` if there is none of that name."""
        if not self._database.write(lambda connection: rules.remove_rule(connection, name)):
            raise InvalidValue("name", f"there is no rule {name!r}")

    def cleanup(self, *, dry_run: bool = False, progress: Progress | None = None) -> builtins.list[Cleaned]:
        """Do what the rules say, and tell what was done; `dry_run` only tells.

        A thread is taken by one rule only, the gravest action first. What is pinned, what a rule says to
        keep, and where a run is going on stay as they are.
        """
        self._flush()
        if not self._database.read_only:
            self._refresh_all(progress=progress)
        with self._database.read() as connection:
            self._adopted(connection)
            due = builtins.list(rules.due(connection, self._now()))
        if not dry_run:
            total, done = sum(len(found) for _, found in due), 0
            for rule, found in due:
                for start in range(0, len(found), CLEANED_AT_ONCE):
                    self._clean(rule.action, found[start : start + CLEANED_AT_ONCE])
                    done += len(found[start : start + CLEANED_AT_ONCE])
                    if progress:
                        progress("cleaning up", done, total)
        return [Cleaned(rule.name, rule.action, tuple(found)) for rule, found in due]

    def _at_rest(self, stop: Callable[[], bool]) -> None:
        """Empties the trash as well, where a rule says after which time."""
        super()._at_rest(stop)
        now = self._now()
        if stop() or now - self._emptied_at < EMPTIED_EVERY:
            return
        self._emptied_at = now
        with self._database.read() as connection:
            due = [found for rule, found in rules.due(connection, now) if rule.trashed is not None]
        for found in due:
            self.bulk(found[:MOST_CHANGED], delete=True)

    def _clean(self, action: Action, ids: builtins.list[str]) -> None:
        if action == "prune":
            self.prune(ids)
        elif action == "archive":
            self.bulk(ids, archived=True)
        elif action == "trash":
            self.bulk(ids, trashed=True)
        else:
            self.bulk(ids, delete=True)
