"""Analytics: how much went on, when, and with whom."""

from __future__ import annotations

from datetime import date

from threads.models import Measured, Stats
from threads.registry.search import PATIENCE, Searching, after

LAST_DAY = 2**31


class Measuring(Searching):
    """Adds up what went on."""

    def stats(
        self,
        *,
        by: Measured | None = "day",
        agent_id: str | None = None,
        owner: str | None = None,
        tag: str | None = None,
        since: date | None = None,
        until: date | None = None,
        patience: float | None = PATIENCE,
    ) -> Stats:
        """Threads begun, messages, tokens, runs, failures and latency, by day, agent, owner or tag.

        `by=None`: all together. Days are UTC days: `since` and `until` are a date, which means that UTC
        day, or a datetime with a time zone, which means the UTC day it is in. The day of `until` is not
        included. Archived and trashed threads count, erased ones do not.
        What was said a moment ago is read first, for `patience` seconds. Raises `InvalidValue`.
        """
        from threads.store import projection
        from threads.store import stats as usage_stats

        said = {"agent_id": agent_id, "owner": owner, "tag": tag}
        usage_stats.checked(by, said)
        days = (usage_stats.day_of("since", since, 0), usage_stats.day_of("until", until, LAST_DAY))
        if not self._database.read_only:
            self._refresh_for_search(after(patience), owner)
        with self._database.read() as connection:
            self._adopted(connection)
            found = usage_stats.stats(connection, by, said, days)
            left = projection.stale_count(connection, owner)
        return Stats(tuple(found), None, lambda: len(found), left)
