"""`StatsService`: usage statistics by day, agent, owner or tag."""

from __future__ import annotations

from datetime import date

from threads.models import Measured, Stats
from threads.registry.context import RegistryContext
from threads.registry.threads import ProjectionRefresher, deadline_after
from threads.store.stats import check_arguments, day_of

LAST_DAY = 2**31


class StatsService:
    """Reads the sums that projections keep up to date."""

    def __init__(self, context: RegistryContext, projections: ProjectionRefresher) -> None:
        self._context = context
        self._database, self._store = context.database, context.store
        self._projections = projections

    def stats(
        self,
        by: Measured | None,
        agent_id: str | None,
        owner: str | None,
        tag: str | None,
        since: date | None,
        until: date | None,
        patience: float | None,
    ) -> Stats:
        """Return usage statistics; see `Registry.stats`."""
        filters = {"agent_id": agent_id, "owner": owner, "tag": tag}
        check_arguments(by, filters)
        days = (day_of("since", since, 0), day_of("until", until, LAST_DAY))
        if not self._database.read_only:
            self._projections.refresh_index(deadline_after(patience), owner)
        with self._store.read() as tx:
            self._context.check_has_tables(tx)
            found = tx.statistics.list(by, filters, days)
            stale = tx.projections.count_stale(owner)
        return Stats(tuple(found), None, lambda: len(found), stale)
